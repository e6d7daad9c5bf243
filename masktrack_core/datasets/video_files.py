"""A person's clip, whatever it is stored as: a film or a folder of frames."""

import copy
import hashlib
import logging
import re
from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from masktrack_core.arrays import Frame, Size
from masktrack_core.datasets.videos import FrameFolder
from masktrack_core.errors import InputError
from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import Sound
from masktrack_core.files.io import file_digest

log = logging.getLogger(__name__)

#: Rate of what has none of its own, frames a second.
_RATE = 25.0


class Footage(Protocol):
    """Frames with their names, read when they are asked for."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the frames' names."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def __getitem__(self, t: int, /) -> Frame:
        """Return frame ``t``."""


class Clip:
    """A person's clip: a video file or a folder of frames, all of one size, or some of them.

    Raises `InputError` for a path that is neither.
    """

    def __init__(self, path: Path) -> None:
        """Open the file or the folder."""
        self.path = Path(path)
        if not self.path.exists():
            raise InputError(f"{path}: expected a video or a folder of frames, got nothing there")
        is_file = self.path.is_file()
        self.footage: Footage = VideoFile(self.path) if is_file else FrameFolder(self.path)
        self.rate: float = getattr(self.footage, "rate", _RATE)
        self.size = Size(*self.footage[0].shape[:2])
        #: The frames' names: of the files, or the numbers from 0.
        self.names: tuple[str, ...] = self.footage.names
        #: Of each frame, the number from 0 by which every command knows it: its place in the file
        #: or the folder, also where the clip is some of its frames.
        self.numbers: Sequence[int] = range(len(self.footage))

    def cut(self, numbers: Sequence[int], *, rate: float | None = None) -> "Clip":
        """Return a clip of some of the frames, which keep their names and numbers.

        ``numbers``: rising numbers of the frames. ``rate``: frames a second of the clip of them,
        where it has no times. Raises `InputError` for no frames.
        """
        if not numbers:
            raise InputError(f"{self.path}: expected at least one frame to be left, got none")
        place_of = {number: place for place, number in enumerate(self.numbers)}
        places = [place_of[number] for number in numbers]
        clip = copy.copy(self)
        clip.rate = self.rate if rate is None else rate
        clip.numbers = tuple(numbers)
        clip.names = tuple(self.names[place] for place in places)
        return clip

    @property
    def film(self) -> VideoFile | None:
        """Return the film that the clip is; None for a folder of frames."""
        return self.footage if isinstance(self.footage, VideoFile) else None

    @property
    def times(self) -> tuple[Fraction, ...] | None:
        """Return when each frame is shown, seconds from the first; None where only a rate is."""
        if self.film is None:
            return None
        times = self.film.times
        return tuple(times[number] - times[self.numbers[0]] for number in self.numbers)

    @property
    def sound(self) -> Sound | None:
        """Return the sound from the first frame on; None for a folder of frames."""
        return None if self.film is None else Sound(self.path, self.film.times[self.numbers[0]])

    def file(self, t: int) -> Path | None:
        """Return the file of frame ``t``; None where it is one of a film's."""
        footage = self.footage
        return footage.paths[self.numbers[t]] if isinstance(footage, FrameFolder) else None

    def numbered(self, numbers: Collection[int]) -> dict[int, int]:
        """Return the frames that a person means by numbers: those with them in their names.

        Where a number is in no name, all are places from 0; what is not the same is logged. Raises
        `InputError` where they are neither.
        """
        named: dict[int, int] = {}
        for t, name in enumerate(self.names):
            digits = re.search("[0-9]+$", name)
            if digits:
                named.setdefault(int(digits[0]), t)
        if numbers and all(number in named for number in numbers):
            frames = {number: named[number] for number in numbers}
        elif all(number < len(self) for number in numbers):
            frames = {number: number for number in numbers}
        else:
            raise InputError(
                f"{self.path}: expected frames 0 … {len(self) - 1}, or the numbers in the names "
                f"{self.names[0]} … {self.names[-1]}, got {sorted(numbers)}; correct the numbers"
            )
        for number, t in frames.items():
            if named.get(number) != number:
                log.info("annotation %d: %s, frame %d from 0", number, self.names[t], t)
        return frames

    def digest(self) -> str:
        """Return a SHA-256 of what is read: the frames' names and files, not where or when."""
        files = [self.file(t) for t in range(len(self))] if self.film is None else [self.path]
        paths = [path for path in files if path is not None]
        parts = [*self.names, *map(file_digest, paths)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.numbers)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` for damage and for another size than frame 0."""
        frame = self.footage[self.numbers[t]]
        if frame.shape[:2] != self.size:
            raise InputError(
                f"{self.path}: frame {self.names[t]}: expected the size of the first frame, "
                f"{tuple(self.size)}, got {frame.shape[:2]}; a clip has one size"
            )
        return frame
