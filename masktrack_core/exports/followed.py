"""A clip whose objects have been followed: what every form is written from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from masktrack_core.arrays import Labels, Mask, Prob
from masktrack_core.datasets.video_files import Clip
from masktrack_core.files.archives import frame_key
from masktrack_core.masks.elementary import merge_objects


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A clip with the probabilities of its objects, read frame by frame when asked for."""

    clip: Clip
    #: Object id → archive of the object's probability in each frame, named by `frame_key`.
    tracks: Mapping[int, Mapping[str, Prob]]
    #: Object id → frame → pixels that annotations give to others.
    others: Mapping[int, Mapping[int, Mask]]
    #: Object id → frames from which it is absent, whatever its track says.
    absent: Mapping[int, Collection[int]] = field(default_factory=dict)
    #: Probability above which a pixel belongs to an object.
    threshold: float = 0.5
    #: The frames that are written; None for all.
    only: tuple[int, ...] | None = None

    @property
    def times(self) -> tuple[int, ...]:
        """Return the frames that are written, in order."""
        return tuple(range(len(self.clip))) if self.only is None else self.only

    def sample(self, count: int) -> "Followed":
        """Return the same with at most ``count`` frames, spread over the clip."""
        places = np.linspace(0, len(self.clip) - 1, min(count, len(self.clip)))
        return replace(self, only=tuple(sorted({round(place) for place in places})))

    def probs(self, t: int) -> dict[int, Prob]:
        """Return each object's probability in a frame, 0 where an annotation says it is another."""
        # The CRF, and equal probabilities, know nothing of annotations.
        found = {}
        for label, track in self.tracks.items():
            taken = self.others[label].get(t)
            prob = track[frame_key(t)]
            if t in self.absent.get(label, ()):
                prob = np.zeros_like(prob)
            found[label] = prob if taken is None else np.where(taken, np.float32(0), prob)
        return found

    def labels(self, t: int) -> Labels:
        """Return the object ids of a frame: each pixel to the object of highest probability."""
        return merge_objects(self.probs(t), threshold=self.threshold)

    def masks(self, t: int) -> dict[int, Mask]:
        """Return the pixels of each object in a frame; of each pixel one object at most."""
        labels = self.labels(t)
        return {label: labels == label for label in self.tracks}
