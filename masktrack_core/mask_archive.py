"""Many small masks in one file.

The deformed masks of a training set are two per still, some 20 000: one file is kinder to a file
system, to Snakemake and to a copy than 20 000. The file is a plain zip of 1-bit PNGs, stored
without further compression, so that anyone can look inside.
"""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from masktrack_core.arrays import Mask
from masktrack_core.decoding import describe
from masktrack_core.errors import InputError
from masktrack_core.io import atomic_path

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, zipfile.BadZipFile)


def write_mask_archive(path: Path, masks: Iterable[tuple[str, Mask]]) -> None:
    """Write named masks into one file, in the order given.

    A name may have folders (``ecssd/0001-a``). Equal masks give equal bytes. The masks are taken
    one at a time and may come from a generator; if it raises, no file is left. Raises `InputError`
    for a doubled or unsafe name and for what is not a bool ``(H, W)`` array.
    """
    seen: set[str] = set()
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, mask in masks:
            _check(path, name, mask, seen)
            seen.add(name)
            png = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(mask)).save(png, format="PNG")
            archive.writestr(zipfile.ZipInfo(f"{name}.png"), png.getvalue())  # dated 1980


class MaskArchive:
    """The masks of one archive, read by name.

    Opens the file at the first look, once per process: an instance may be pickled, or inherited by
    forked data-loader workers, and every worker reads through its own handle. Threads may share it.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; the file is opened at the first look."""
        self.path = Path(path)
        self._handle: tuple[int, zipfile.ZipFile] | None = None  # process id, open file

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the masks, in the order they were written."""
        return tuple(entry.removesuffix(".png") for entry in self._opened().namelist())

    def __len__(self) -> int:
        """Return the number of masks."""
        return len(self._opened().namelist())

    def __contains__(self, name: object) -> bool:
        """Return whether a mask of this name is in the archive."""
        return f"{name}.png" in self._opened().NameToInfo

    def __getitem__(self, name: str) -> Mask:
        """Return the mask of this name; raise `InputError` when it is missing or damaged."""
        try:
            png = self._opened().read(f"{name}.png")
            with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
                return np.array(picture, dtype=np.bool_)
        except KeyError as error:
            raise InputError(
                f"{self.path}: expected a mask named {name!r}, got {len(self)} others; make the "
                "archive again from the present list of stills"
            ) from error
        except _DAMAGE as error:
            raise InputError(
                f"{self.path}: expected a whole mask under {name!r}, got {describe(error)}; make "
                "the archive again"
            ) from error

    def __getstate__(self) -> dict[str, Path]:
        """Return the path alone: a handle does not travel between processes."""
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        """Remember the path; the file is opened at the first look."""
        MaskArchive.__init__(self, state["path"])

    def _opened(self) -> zipfile.ZipFile:
        # A forked worker inherits the handle *and its file position*: two processes seeking in it
        # would read each other's masks, so a handle of another process is left alone.
        if self._handle is None or self._handle[0] != os.getpid():
            try:
                self._handle = os.getpid(), zipfile.ZipFile(self.path)
            except (OSError, ValueError, zipfile.BadZipFile) as error:
                raise InputError(
                    f"{self.path}: expected an archive of masks, got {describe(error)}; make it "
                    "again"
                ) from error
        return self._handle[1]


def _check(path: Path, name: str, mask: Mask, seen: set[str]) -> None:
    pure = PurePosixPath(name)
    if name in seen or not name or pure.is_absolute() or ".." in pure.parts or "\\" in name:
        raise InputError(
            f"{path}: expected distinct relative names of masks, got {name!r}"
            f"{' twice' if name in seen else ''}; rename the still"
        )
    if mask.ndim != 2 or mask.dtype != np.bool_ or mask.size == 0:
        raise InputError(
            f"{path}: mask {name!r}: expected a bool array of shape (H, W), got {mask.dtype} "
            f"{mask.shape}; compare with a threshold first"
        )
