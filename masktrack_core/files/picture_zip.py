"""A zip of PNGs: written one picture at a time, read by name.

What the pictures mean is `masktrack_core.files.archives`' business.
"""

import io
import os
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masktrack_core.errors import InputError, describe
from masktrack_core.files.io import atomic_path

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

#: Pictures that wait to be written while the next is computed.
_WAITING = 2

#: In the comment of an archive, before what its pictures were made of.
_MADE_OF = b", made of "

Picture = TypeVar("Picture", bound=NDArray[Any])


class PictureZip(Mapping[str, Picture], Generic[Picture]):
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

    @property
    def made_of(self) -> str:
        """Return the word of what the pictures were made of; empty where the writer gave none."""
        return self._opened().comment.partition(_MADE_OF)[2].decode()

    def __getstate__(self) -> dict[str, Path]:
        """Return the path alone: a handle does not travel between processes."""
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        """Remember the path; the file is opened at the first look."""
        PictureZip.__init__(self, state["path"])

    def _opened(self) -> zipfile.ZipFile:
        # A forked worker inherits the handle *and its file position*: two processes seeking in it
        # would read each other's pictures, so a handle of another process is left alone.
        if self._handle is None or self._handle[0] != os.getpid():
            try:
                archive = zipfile.ZipFile(self.path)
                self._handle = os.getpid(), archive
                if archive.comment.partition(_MADE_OF)[0] != _contents(archive):
                    raise zipfile.BadZipFile("a list of pictures that is not the written one")
            except _DAMAGE as error:
                raise InputError(
                    f"{self.path}: expected an archive of pictures, got {describe(error)}; make "
                    "it again"
                ) from error
        return self._handle[1]


def write_pictures(
    path: Path,
    pictures: Iterable[tuple[str, Picture]],
    dtype: type[np.generic],
    encode: Callable[[Picture], NDArray[Any]],
    *,
    made_of: str = "",
) -> None:
    """Write named pictures as PNGs, each while the next is taken from the iterable.

    ``encode`` turns a picture of ``dtype`` into what the PNG holds. ``made_of`` is kept beside
    them. Raises `InputError` for a
    doubled or unsafe name and another dtype; then, and if the iterable raises, no file is left.
    """
    seen: set[str] = set()
    waiting: deque[Future[None]] = deque()
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
        ThreadPoolExecutor(max_workers=1) as writer,
    ):
        for name, picture in pictures:
            _check_name(path, name, seen)
            if picture.ndim != 2 or picture.dtype != dtype or picture.size == 0:
                raise InputError(
                    f"{path}: {name!r}: expected a {np.dtype(dtype)} array of shape (H, W), got "
                    f"{picture.dtype} {picture.shape}; convert it first"
                )
            seen.add(name)
            waiting.append(writer.submit(_store, archive, name, picture, encode))
            if len(waiting) > _WAITING:
                waiting.popleft().result()
        for written in waiting:
            written.result()
        archive.comment = _contents(archive) + (_MADE_OF + made_of.encode() if made_of else b"")


def _contents(archive: zipfile.ZipFile) -> bytes:
    """Return what an archive says of its pictures: how many, and a CRC of their names and CRCs.

    A zip knows when a picture is damaged, not when its list lost some.
    """
    listed = "".join(f"{entry.filename} {entry.CRC:08x}\n" for entry in archive.infolist())
    return f"{len(archive.infolist())} pictures, {zlib.crc32(listed.encode()):08x}".encode()


def _store(
    archive: zipfile.ZipFile,
    name: str,
    picture: Picture,
    encode: Callable[[Picture], NDArray[Any]],
) -> None:
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
