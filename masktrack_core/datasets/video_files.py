"""A person's clip, whatever it is stored as: a film or a folder of frames."""

import copy
import hashlib
import logging
import re
from collections.abc import Collection
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
        self.size = Size(*self.footage[0].shape[:2])
        self._chosen = range(len(self.footage))
        #: The frames' names: of the files, or the numbers from 0.
        self.names: tuple[str, ...] = self.footage.names

    def cut(self, chosen: range) -> "Clip":
        """Return a clip of some of the frames, which keep their names; the others do not exist.

        ``chosen``: rising places in this clip. Raises `InputError` where there are none.
        """
        taken = self._chosen[chosen.start : chosen.stop : chosen.step]
        if not taken:
            raise InputError(f"{self.path}: expected at least one frame to be left, got none")
        clip = copy.copy(self)
        clip._chosen = taken
        clip.names = self.names[chosen.start : chosen.stop : chosen.step]
        return clip

    @property
    def rate(self) -> float:
        """Return frames a second."""
        rate: float = getattr(self.footage, "rate", _RATE)
        return rate / self._chosen.step

    @property
    def sound(self) -> "Sound | None":
        """Return the sound from the first frame on; None for a folder of frames."""
        film = self.film
        return None if film is None else Sound(self.path, film.times[self._chosen.start])

    @property
    def film(self) -> VideoFile | None:
        """Return the film that the clip is; None for a folder of frames."""
        return self.footage if isinstance(self.footage, VideoFile) else None

    @property
    def times(self) -> tuple[Fraction, ...] | None:
        """Return when each frame is shown, seconds from the first; None where only a rate is."""
        if self.film is None:
            return None
        times, chosen = self.film.times, self._chosen
        return tuple(times[t] - times[chosen.start] for t in chosen)

    def file(self, t: int) -> Path | None:
        """Return the file of frame ``t``; None where it is one of a film's."""
        footage = self.footage
        return footage.paths[self._chosen[t]] if isinstance(footage, FrameFolder) else None

    def numbered(self, numbers: Collection[int]) -> dict[int, int]:
        """Return the frames that a person means by numbers: those with them in their names.

        Where a number is in no name, all are places from 0; what is not the same is logged. A cut
        clip has the numbers of the whole one. Raises `InputError` where they are neither, and where
        a frame was cut out.
        """
        places = self._numbered(numbers)
        gone = sorted(number for number, t in places.items() if t not in self._chosen)
        if gone:
            raise InputError(
                f"{self.path}: expected frames {self.names[0]} to {self.names[-1]}"
                f"{f', every {self._chosen.step}th' if self._chosen.step > 1 else ''}, which were "
                f"chosen, got {gone}; choose these frames too, or annotate others"
            )
        return {number: self._chosen.index(t) for number, t in places.items()}

    def _numbered(self, numbers: Collection[int]) -> dict[int, int]:
        """Return the places of numbers in the whole clip."""
        names = self.footage.names
        named: dict[int, int] = {}
        for t, name in enumerate(names):
            digits = re.search("[0-9]+$", name)
            if digits:
                named.setdefault(int(digits[0]), t)
        if numbers and all(number in named for number in numbers):
            frames = {number: named[number] for number in numbers}
        elif all(number < len(names) for number in numbers):
            frames = {number: number for number in numbers}
        else:
            raise InputError(
                f"annotations: expected frames 0 … {len(names) - 1}, or the numbers in the names "
                f"{names[0]} … {names[-1]}, got {sorted(numbers)}; correct the numbers"
            )
        for number, t in frames.items():
            if named.get(number) != number:
                log.info("annotation %d: %s, frame %d from 0", number, names[t], t)
        return frames

    def digest(self) -> str:
        """Return a SHA-256 of what is read: the frames' names and files, not where or when."""
        files = [self.file(t) for t in range(len(self))] if self.film is None else [self.path]
        paths = [path for path in files if path is not None]
        parts = [*self.names, *map(file_digest, paths)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._chosen)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` for damage and for another size than frame 0."""
        frame = self.footage[self._chosen[t]]
        if frame.shape[:2] != self.size:
            raise InputError(
                f"{self.path}: frame {self.names[t]}: expected the size of the first frame, "
                f"{tuple(self.size)}, got {frame.shape[:2]}; a clip has one size"
            )
        return frame
