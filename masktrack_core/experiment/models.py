"""A trained network together with how it wants to be used: one call to load, one to segment."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from masktrack_core.arrays import Mask
from masktrack_core.experiment.usage import Usage, read_usage
from masktrack_core.networks.included import included_file
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.networks.weights import load_network
from masktrack_core.tracking.annotations import ObjectAnnotations
from masktrack_core.tracking.propagation import FrameSequence
from masktrack_core.tracking.segmentation import segment_together, segment_video


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network and its usage: of propagation, and of the training on the annotated frames."""

    network: MaskTrackNet
    usage: Usage

    def segment(
        self,
        frames: FrameSequence,
        annotations: Mapping[int, Mask],
        *,
        finetune: bool = True,
        others: Mapping[int, Mask] | None = None,
        seed: int = 0,
    ) -> Iterator[tuple[int, Mask]]:
        """Return ``(t, mask)`` of every frame of a video, as `segment_video` does.

        With the settings of the network's file, as ``masktrack segment`` has them; ``finetune``
        False leaves out the training on the annotated frames, and guards against changing objects
        (`tracking.guard`). The network stays as it is: a copy is trained.
        """
        usage = self.usage if finetune else self.usage.untaught()
        return segment_video(
            copy.deepcopy(self.network),
            frames,
            annotations,
            finetuning=usage.finetuning,
            propagation=usage.propagation,
            others=others,
            seed=seed,
        )

    def segment_together(
        self,
        frames: FrameSequence,
        objects: ObjectAnnotations,
        *,
        finetune: bool = True,
        seed: int = 0,
    ) -> Iterator[tuple[int, int, Mask]]:
        """Return ``(t, object, mask)`` of several objects side by side, as `segment_together` does.

        ``objects``: object → frame → mask (`annotations_by_object`); all else as in `segment`.
        """
        usage = self.usage if finetune else self.usage.untaught()
        return segment_together(
            self.network,
            frames,
            objects,
            finetuning=usage.finetuning,
            propagation=usage.propagation,
            seed=seed,
        )


def load(where: str | Path) -> Model:
    """Return a trained network with its usage: ``included:mask`` (box, objects), or a file.

    Where a file says nothing of its use, that of `usage.read_usage`. It is on the CPU; move
    ``model.network`` for another device. Raises `InputError` for what is no network of ours.
    """
    path = included_file(str(where)) or Path(where)
    network, record = load_network(path)
    return Model(network=network, usage=read_usage(record, where=str(path)))
