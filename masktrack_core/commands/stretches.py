"""Which frames of a clip are followed: from a frame to a frame, all or every Nth."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from masktrack_core.arrays import Mask
from masktrack_core.commands.moments import Moment, frames_at
from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person asks for; a moment of None is the clip's first or last frame."""

    start: Moment | None = None
    end: Moment | None = None
    #: Every so many frames, from ``start`` on.
    every: int = 1
    #: Whether the frames between are filled afterwards, or left out.
    fill: bool = False


class Stretch:
    """The frames of a clip that are followed, by their numbers.

    Raises `InputError` for moments that are none of the clip's, or end before they start.
    """

    def __init__(self, clip: Clip, wanted: Wanted) -> None:
        """Find the frames in the clip, a whole one."""
        self._clip, self._wanted = clip, wanted
        first, last = wanted.start, wanted.end
        self.start = 0 if first is None else frames_at(clip, [first])[0]
        self.end = len(clip) - 1 if last is None else frames_at(clip, [last])[0]
        if self.end < self.start:
            raise InputError(
                f"--end: expected a frame from --start on, got {self._named(self.end)}, before "
                f"{self._named(self.start)}; correct one of them"
            )

    def check(self, annotated: Collection[int]) -> None:
        """Raise `InputError` for an annotated frame outside."""
        outside = sorted(t for t in annotated if not self.start <= t <= self.end)
        if outside:
            named = ", ".join(map(self._named, outside))
            raise InputError(
                f"annotations: expected frames from --start to --end, {self._named(self.start)} to "
                f"{self._named(self.end)}, got {named}; annotate a frame there, or move the ends"
            )

    def cut(self, objects: Mapping[int, Mapping[int, Mask]]) -> "Cut":
        """Return the clip of these frames, and annotations by their places there.

        ``objects``: object id → frame number → mask; annotated frames are always followed.
        """
        annotated = {t for masks in objects.values() for t in masks}
        self.check(annotated)
        every = self._wanted.every
        marks = sorted({*range(self.start, self.end + 1, every), *annotated})
        frames = range(self.start, self.end + 1) if self._wanted.fill else marks
        place = {number: t for t, number in enumerate(frames)}
        rate = self._clip.rate if self._wanted.fill else self._clip.rate / every
        return Cut(
            clip=self._clip.cut(frames, rate=rate),
            objects={
                label: {place[t]: mask for t, mask in masks.items()}
                for label, masks in objects.items()
            },
            marks=tuple(place[t] for t in marks) if len(marks) < len(frames) else (),
        )

    def _named(self, t: int) -> str:
        return self._clip.names[t]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A clip of some frames, its annotations, and the places of the frames followed first."""

    clip: Clip
    objects: Mapping[int, Mapping[int, Mask]]
    #: Places in the clip; the frames between them are filled. Empty where all are followed.
    marks: tuple[int, ...]
