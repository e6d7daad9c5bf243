"""Video files as frames, and frames as video files; a person's clip whatever it is stored as."""

import errno
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Collection, Iterable
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from masktrack_core.arrays import Frame, Size
from masktrack_core.datasets.videos import FrameFolder
from masktrack_core.errors import InputError, lacks_memory
from masktrack_core.files.archives import frame_key
from masktrack_core.files.decoding import MAX_PIXELS
from masktrack_core.files.download import file_digest
from masktrack_core.files.io import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

#: Bytes of decoded frames that are kept, so that going backwards does not decode all anew.
_KEPT_BYTES = 2**28
#: Frames decoded at a time at most.
_KEPT_FRAMES = 64
#: Rate of what has none of its own, frames a second.
_RATE = 25.0
#: Where and how the containers of films begin. FFmpeg reads playlists too, which name other files
#: and addresses: what begins otherwise is not shown to it.
_CONTAINERS = (
    (4, (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    (
        0,
        (
            b"\x1aE\xdf\xa3",
            b"RIFF",
            b"OggS",
            b"FLV",
            b"GIF8",
            b"\x00\x00\x01\xba",
            b"G@",
            b"0&\xb2u",
        ),
    ),
)
#: Codec of each container: VP9 where browsers look, which do not play MPEG-4 part 2.
_WRITERS = {".mp4": "vp09", ".mkv": "vp09", ".avi": "MJPG"}


class Footage(Protocol):
    """Frames with their names, read when they are asked for."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the frames' names."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def __getitem__(self, t: int, /) -> Frame:
        """Return frame ``t``."""


class VideoFile:
    """The frames of a video file, upright, by number; memory does not grow with the video.

    Frames are counted by decoding, not taken from the header, which may lie. Raises `InputError`
    for what is no video, and for frames larger than `masktrack_core.files.decoding.MAX_PIXELS`.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and count its frames."""
        self.path = Path(path)
        _check_container(self.path)
        self._lock = Lock()
        self._capture, self._next = self._opened(), 0
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS)) or _RATE
        self._length = self._counted()
        self._kept: dict[int, Frame] = {}
        self._rewind()
        nbytes = self[0].nbytes
        self._chunk = max(1, min(_KEPT_FRAMES, _KEPT_BYTES // nbytes))

    _chunk = 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the frames' names, their numbers from 0."""
        return tuple(frame_key(t) for t in range(len(self)))

    def __len__(self) -> int:
        """Return the number of frames that can be decoded."""
        return self._length

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` where it cannot be decoded."""
        if not 0 <= t < self._length:
            raise IndexError(t)
        with self._lock:
            if t not in self._kept:
                start = t - t % self._chunk
                self._kept = {}
                for number in range(start, min(start + self._chunk, self._length)):
                    self._kept[number] = self._decoded(number)
            return self._kept[t]

    def _opened(self) -> "cv2.VideoCapture":
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        with _video_errors(self.path):
            capture = cv2.VideoCapture(str(self.path.resolve()), cv2.CAP_FFMPEG)
            width, height = (
                capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
            )
        if not capture.isOpened() or not 0 < width * height <= MAX_PIXELS:
            raise InputError(
                f"{self.path}: expected a video of at most {MAX_PIXELS} pixels a frame, got "
                f"{width:.0f} x {height:.0f}; convert it to MP4, or give a folder of frames"
            )
        return capture

    def _counted(self) -> int:
        count = 0
        with _video_errors(self.path):
            while self._capture.grab():
                count += 1
            declared = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if not count:
            raise self._undecoded()
        if count < declared:
            log.warning("%s: %d of %d frames can be decoded", self.path, count, declared)
        return count

    def _undecoded(self) -> InputError:
        """Return the error for a video of which nothing can be decoded: damage or no decoder.

        A container that lists whole packets, and of what kind their pixels are, is not damaged.
        """
        codec = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1")
        known = self._capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT) > 0
        with _video_errors(self.path):
            undecoded = [cv2.CAP_PROP_FORMAT, -1]
            packets = cv2.VideoCapture(str(self.path.resolve()), cv2.CAP_FFMPEG, undecoded)
            whole = packets.grab()
        if known and whole:
            return InputError(
                f"{self.path}: expected a codec that this OpenCV decodes, got {codec!r}, for which "
                "it has no decoder; the file may be sound: convert it to H.264, or give a folder "
                "of frames"
            )
        return InputError(f"{self.path}: expected a video, got no frame; copy the file again")

    def _rewind(self) -> None:
        self._capture.release()
        self._capture, self._next = self._opened(), 0

    def _decoded(self, number: int) -> Frame:
        """Return a frame, decoding forwards to it from where the file stands, or from its start."""
        if number < self._next:
            self._rewind()
        with _video_errors(self.path):
            good = True
            while good and self._next <= number:
                good = self._capture.grab()
                self._next += 1
            good, picture = self._capture.retrieve() if good else (False, None)
        if not good or picture is None:
            raise InputError(f"{self.path}: frame {number} cannot be decoded; convert the video")
        return np.ascontiguousarray(picture[..., ::-1])


class Clip:
    """A person's clip: a video file or a folder of frames, all of one size.

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

    @property
    def names(self) -> tuple[str, ...]:
        """Return the frames' names: of the files, or the numbers from 0."""
        return self.footage.names

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
                f"annotations: expected frames 0 … {len(self) - 1}, or the numbers in the names "
                f"{self.names[0]} … {self.names[-1]}, got {sorted(numbers)}; correct the numbers"
            )
        for number, t in frames.items():
            if named.get(number) != number:
                log.info("annotation %d: %s, frame %d from 0", number, self.names[t], t)
        return frames

    def digest(self) -> str:
        """Return a SHA-256 of what is read: the frames' names and files, not where or when."""
        paths = self.footage.paths if isinstance(self.footage, FrameFolder) else (self.path,)
        parts = [*self.names, *map(file_digest, paths)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.footage)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` for damage and for another size than frame 0."""
        frame = self.footage[t]
        if frame.shape[:2] != self.size:
            raise InputError(
                f"{self.path}: frame {self.names[t]}: expected the size of the first frame, "
                f"{tuple(self.size)}, got {frame.shape[:2]}; a clip has one size"
            )
        return frame


def write_video(path: Path, frames: Iterable[Frame], *, rate: float) -> None:
    """Write frames as a video, whole or not at all; an odd height or width is made even.

    The suffix chooses the container: .mp4, .mkv or .avi. ``rate``: frames a second. Raises
    `InputError` for another suffix, and where the codec cannot be had.
    """
    path = Path(path)
    check_suffix(path)
    code = cv2.VideoWriter.fourcc(*_WRITERS[path.suffix.lower()])
    with atomic_path(path) as temporary:
        writer: Any = None
        count = 0
        for frame in frames:
            count += 1
            pad = [(0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)]
            even = np.pad(frame, pad, mode="edge")
            if writer is None:
                size = (even.shape[1], even.shape[0])
                writer = cv2.VideoWriter(str(temporary), cv2.CAP_FFMPEG, code, rate, size)
                if not writer.isOpened():
                    raise InputError(
                        f"{path}: expected an OpenCV that writes {path.suffix}, this one does not; "
                        "install opencv-contrib-python-headless from PyPI, or write .avi"
                    )
            writer.write(np.ascontiguousarray(even[..., ::-1]))
        if writer is None:
            raise InputError(f"{path}: expected at least one frame to write, got none")
        writer.release()
        _check_written(path, temporary, count)


def _check_written(path: Path, temporary: Path, count: int) -> None:
    """Raise OSError where a film on disk is not what was written: OpenCV itself raises nothing."""
    try:
        came = len(VideoFile(temporary))
    except InputError:
        came = 0
    if came != count:
        free = shutil.disk_usage(temporary.parent).free
        code = errno.ENOSPC if free < 2**20 else errno.EIO
        raise OSError(
            code,
            f"{os.strerror(code)}: of {count} frames that were written {came} come back, {free} "
            "bytes are free",
            str(path),
        )


def check_suffix(path: Path) -> None:
    """Raise `InputError` for a name that is no video's."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(
            f"{path}: expected a video's suffix, one of {', '.join(_WRITERS)}, got "
            f"'{path.suffix}'; rename it"
        )


def _check_container(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise InputError(f"{path}: expected a video file, got {type(error).__name__}") from error
    if not any(start[at:].startswith(words) for at, words in _CONTAINERS):
        raise InputError(
            f"{path}: expected a video (mp4, mov, mkv, webm, avi, mpeg, flv, ogg, gif), got a file "
            "that begins otherwise; convert it to MP4, or give a folder of frames"
        )


@contextmanager
def _video_errors(path: Path) -> "Iterator[None]":
    try:
        yield
    except cv2.error as error:
        if lacks_memory(error):
            raise InputError(
                f"{path}: expected memory for its frames, got none; the file may be sound: free "
                "memory, or give a smaller video"
            ) from error
        raise InputError(f"{path}: cannot be read as a video ({error.err}); convert it") from error
