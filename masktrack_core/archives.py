"""Many small pictures in one file: deformed masks, annotations, probabilities of a video.

The deformed masks of a training set are two per still, some 20 000: one file is kinder to a file
system, to Snakemake and to a copy than 20 000. The file is a plain zip of PNGs, stored without
further compression, so that anyone can look inside. It is written one picture at a time: memory
does not grow with the video.
"""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masktrack_core.arrays import Mask, Prob
from masktrack_core.decoding import describe
from masktrack_core.errors import InputError
from masktrack_core.io import atomic_path

#: What damaged files raise; found by damaging files at random.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,  # zipfile: encrypted; NotImplementedError: a compression it does not know
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)

#: How far interpolation may carry a probability beyond [0, 1].
_ROUNDING = 1e-5

Picture = TypeVar("Picture", bound=NDArray[Any])


def frame_key(t: int) -> str:
    """Return the name of frame ``t`` in an archive: five digits."""
    return f"{t:05d}"


def write_mask_archive(path: Path, masks: Iterable[tuple[str, Mask]]) -> None:
    """Write named masks into one file, in the order given, as 1-bit PNGs.

    A name may have folders (``ecssd/0001-a``). Equal masks give equal bytes. The masks are taken
    one at a time and may come from a generator; if it raises, no file is left. Raises `InputError`
    for a doubled or unsafe name and for what is not a bool ``(H, W)`` array.
    """
    _write(path, masks, np.bool_, lambda mask: mask)


def write_prob_archive(path: Path, probs: Iterable[tuple[str, Prob]]) -> None:
    """Write named foreground probabilities into one file as 8-bit PNGs: steps of 1/255.

    Otherwise as `write_mask_archive`; what is not float32 ``(H, W)`` in [0, 1] is refused. A
    probability above one half stays above it.
    """

    def encode(prob: Prob) -> NDArray[np.uint8]:
        if not (prob.min() >= -_ROUNDING and prob.max() <= 1 + _ROUNDING):  # also refuses NaN
            raise InputError(
                f"{path}: expected probabilities in [0, 1], got {prob.min()} … {prob.max()}"
            )
        return np.ceil(prob.clip(0, 1) * 255 - 0.5).astype(np.uint8)

    _write(path, probs, np.float32, encode)


class _Archive(Mapping[str, Picture], Generic[Picture]):
    """The pictures of one archive, read by name.

    Opens the file at the first look, once per process: an instance may be pickled, or inherited by
    forked data-loader workers, and every worker reads through its own handle. Threads may share it.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; the file is opened at the first look."""
        self.path = Path(path)
        self._handle: tuple[int, zipfile.ZipFile] | None = None  # process id, open file

    @staticmethod
    def _decoded(picture: Image.Image) -> Picture:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        """Return the names, in the order they were written."""
        return (entry.removesuffix(".png") for entry in self._opened().namelist())

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._opened().namelist())

    def __contains__(self, name: object) -> bool:
        """Return whether a picture of this name is in the archive."""
        return f"{name}.png" in self._opened().NameToInfo

    def __getitem__(self, name: str) -> Picture:
        """Return the picture of this name; raise `InputError` when it is missing or damaged."""
        if name not in self:
            raise InputError(
                f"{self.path}: expected a picture named {name!r}, got {len(self)} others; make "
                "the archive again"
            )
        try:
            png = self._opened().read(f"{name}.png")
            with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
                return self._decoded(picture)
        except _DAMAGE as error:
            raise InputError(
                f"{self.path}: expected a whole picture under {name!r}, got {describe(error)}; "
                "make the archive again"
            ) from error

    def __getstate__(self) -> dict[str, Path]:
        """Return the path alone: a handle does not travel between processes."""
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        """Remember the path; the file is opened at the first look."""
        _Archive.__init__(self, state["path"])

    def _opened(self) -> zipfile.ZipFile:
        # A forked worker inherits the handle *and its file position*: two processes seeking in it
        # would read each other's pictures, so a handle of another process is left alone.
        if self._handle is None or self._handle[0] != os.getpid():
            try:
                self._handle = os.getpid(), zipfile.ZipFile(self.path)
            except _DAMAGE as error:
                raise InputError(
                    f"{self.path}: expected an archive of pictures, got {describe(error)}; make "
                    "it again"
                ) from error
        return self._handle[1]


class MaskArchive(_Archive[Mask]):
    """The masks that `write_mask_archive` wrote, by name; each read when it is asked for."""

    @staticmethod
    def _decoded(picture: Image.Image) -> Mask:
        return np.array(picture, dtype=np.bool_)


class ProbArchive(_Archive[Prob]):
    """The probabilities that `write_prob_archive` wrote, by name, to 1/510."""

    @staticmethod
    def _decoded(picture: Image.Image) -> Prob:
        return np.array(picture, dtype=np.float32) / np.float32(255)


class Archives(Mapping[str, Picture], Generic[Picture]):
    """Several archives as one mapping; the first that has a name answers."""

    def __init__(self, archives: Sequence[_Archive[Picture]]) -> None:
        """Take the archives, at least one."""
        self._archives = tuple(archives)

    def __iter__(self) -> Iterator[str]:
        """Return the names, archive by archive."""
        return (name for archive in self._archives for name in archive)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return sum(len(archive) for archive in self._archives)

    def __getitem__(self, name: str) -> Picture:
        """Return the picture of this name; raise `InputError` where no archive has it."""
        holder = next((one for one in self._archives if name in one), self._archives[-1])
        return holder[name]


def read_annotations(path: Path) -> dict[int, Mask]:
    """Return the annotated masks of a video by frame number, from an archive of them."""
    archive = MaskArchive(path)
    return {int(name): archive[name] for name in archive}


def _write(
    path: Path,
    pictures: Iterable[tuple[str, Picture]],
    dtype: type[np.generic],
    encode: Callable[[Picture], NDArray[Any]],
) -> None:
    seen: set[str] = set()
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, picture in pictures:
            _check_name(path, name, seen)
            if picture.ndim != 2 or picture.dtype != dtype or picture.size == 0:
                raise InputError(
                    f"{path}: {name!r}: expected a {np.dtype(dtype)} array of shape (H, W), got "
                    f"{picture.dtype} {picture.shape}; convert it first"
                )
            seen.add(name)
            png = io.BytesIO()
            encoded = np.ascontiguousarray(encode(picture))
            Image.fromarray(encoded).save(png, format="PNG", compress_level=1)
            archive.writestr(zipfile.ZipInfo(f"{name}.png"), png.getvalue())  # dated 1980


def _check_name(path: Path, name: str, seen: set[str]) -> None:
    pure = PurePosixPath(name)
    if name in seen or not name or pure.is_absolute() or ".." in pure.parts or "\\" in name:
        raise InputError(
            f"{path}: expected distinct relative names of pictures, got {name!r}"
            f"{' twice' if name in seen else ''}; rename it"
        )
