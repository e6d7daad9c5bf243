"""Masks on disk that anybody made: a folder or a zip in DAVIS layout, ``<sequence>/<frame>.png``.

The one place that says how such a file is read. Several objects come as label PNGs, one file a
frame, or as a folder an object, ``<sequence>/<object>/<frame>.png``, as this project writes them.
"""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from masktrack_core.arrays import Mask
from masktrack_core.datasets.patterns import natural_key
from masktrack_core.errors import InputError
from masktrack_core.files.io import read_labels, read_mask
from masktrack_core.files.unpacking import unpack
from masktrack_core.masks.elementary import split_objects


@dataclass(frozen=True, kw_only=True)
class MaskFiles:
    """The masks of one object of one sequence; read when they are asked for."""

    #: frame name → file, in natural order
    paths: Mapping[str, Path]
    #: Value of the object's pixels in label PNGs; None where a file shows one object.
    label: int | None = None

    def read(self, name: str) -> Mask:
        """Return the mask of a frame; raise `InputError` naming a missing or damaged file.

        A file of one object counts as DAVIS' ``db_read_result`` has it: {0, 1} and {0, 255} are
        foreground above 0, any other values above half of the file's largest.
        """
        if self.label is None:
            return read_mask(self.paths[name], threshold=None)
        return np.asarray(read_labels(self.paths[name]) == self.label)


@contextmanager
def opened_folder(path: Path) -> Iterator[Path]:
    """Give the folder itself, or a temporary one with the contents of a zip archive.

    Raises `InputError` for anything else, and for archives that `unpacking.unpack` refuses.
    """
    if path.is_dir():
        yield path
    elif path.is_file() and zipfile.is_zipfile(path):
        with TemporaryDirectory() as folder:
            yield unpack(path, Path(folder) / "masks")
    else:
        raise InputError(
            f"{path}: expected a folder or a zip archive of masks, found neither; check the path"
        )


def find_sequences(root: Path) -> dict[str, Path]:
    """Return the folders below ``root`` that hold masks, by name of the sequence, in order.

    ``root`` may be the root of DAVIS (its ``Annotations/480p`` is taken), a folder of sequences,
    a folder that holds only one such folder (as archives often do), or one sequence.
    """
    annotations = root / "Annotations" / "480p"
    folder = annotations if annotations.is_dir() else root
    for _ in range(4):
        if _pictures(folder):
            return {folder.name: folder}
        folders = _folders(folder)
        found = {entry.name: entry for entry in folders if _has_masks(entry)}
        if found:
            return found
        if len(folders) != 1:
            break
        folder = folders[0]
    raise InputError(
        f"{folder}: expected masks <sequence>/<frame>.png, found no PNG file; check the path"
    )


def find_masks(folder: Path | None, object_id: int | None = None) -> MaskFiles:
    """Return the masks of one object in the folder of a sequence; of none, where it is None.

    ``object_id`` None: files that show one object, or those of object 1 where each has a folder.
    """
    if folder is None:
        return MaskFiles(paths={})
    own = folder / str(object_id or 1)
    if own.is_dir() and not _pictures(folder):
        return MaskFiles(paths=_pictures(own))
    return MaskFiles(paths=_pictures(folder), label=object_id)


def find_objects(folder: Path) -> list[int]:
    """Return the object ids of a sequence: its numbered folders, or the labels of its first mask.

    Raises `InputError` where that file holds no labels.
    """
    files = _pictures(folder)
    if not files:
        return sorted(int(entry.name) for entry in _folders(folder) if entry.name.isdigit())
    return list(split_objects(read_labels(next(iter(files.values())))))


def _has_masks(folder: Path) -> bool:
    return bool(_pictures(folder)) or any(
        entry.name.isdigit() and _pictures(entry) for entry in _folders(folder)
    )


def _pictures(folder: Path) -> dict[str, Path]:
    """Return the PNG files of a folder by stem; macOS adds ``._`` files, which are none."""
    files = [path for path in folder.glob("*.png") if not path.name.startswith(".")]
    return {path.stem: path for path in sorted(files, key=lambda path: natural_key(path.name))}


def _folders(folder: Path) -> list[Path]:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    return sorted(entry for entry in entries if entry.is_dir())
