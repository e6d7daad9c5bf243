"""A person's mask files: the objects in them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from masktrack_core.arrays import Mask
from masktrack_core.errors import InputError
from masktrack_core.files.decoding import read_picture, read_size
from masktrack_core.files.io import read_labels, read_mask
from masktrack_core.masks.elementary import VOID, split_objects


class AnnotationFile(NamedTuple):
    """A mask file that annotates a frame: whatever objects it shows, or one that it is told."""

    t: int
    path: Path
    #: Whose mask it is; None for the ids in the file.
    object_id: int | None = None


def read_annotation(file: AnnotationFile) -> dict[int, Mask]:
    """Return the objects that an annotation shows by their id; a mask of its own may be empty.

    Raises what `read_objects` does, and `InputError` for several objects in one of its own.
    """
    found = read_objects(file.path)
    if file.object_id is None:
        return found
    if len(found) > 1:
        raise InputError(
            f"{file.path}: expected the mask of object {file.object_id} alone, got the objects "
            f"{sorted(found)}; give it as {file.t}={file.path.name}"
        )
    nothing = np.zeros(read_size(file.path), np.bool_)
    return {file.object_id: next(iter(found.values()), nothing)}


def read_objects(path: Path) -> dict[int, Mask]:
    """Return the objects in a person's mask file by their id; a mask of one object has id 1.

    A coloured palette, and greys that are small ids (1, 2, 3 …), are labels, 255 void. Anything
    else is one object, read as `masktrack_core.files.io.read_mask`. Empty where there is none.
    Raises `InputError` for unreadable files, for colours, and for greys that could be either.
    """
    picture = read_picture(path)
    values = picture.coloured if picture.grey_palette else picture.values
    if picture.palette is not None and not picture.grey_palette:
        if set(np.unique(values).tolist()) <= {0, VOID}:
            return _one(np.asarray(values > 0))
        return split_objects(read_labels(path))
    if values.ndim == 3:
        hues = np.unique(values.reshape(-1, 3), axis=0) if picture.lossless else values[:0, 0]
        if len(hues) > 2 and not (values == values[..., :1]).all():
            raise InputError(
                f"{path}: expected one object, or several in a palette PNG, got {len(hues)} "
                "colours; save it with a palette, or in one colour on black"
            )
        return _one(read_mask(path))
    ids = [int(i) for i in np.unique(values) if i] if picture.lossless else []
    if len(ids) == 1:
        return _one(np.asarray(values > 0))
    small = [i for i in ids if i < 32]
    if not small:
        return _one(read_mask(path))
    if len(small) == len(ids):
        return split_objects(values.astype(np.uint8))
    if set(ids) - set(small) == {VOID} and len(ids) <= 8:
        raise InputError(
            f"{path}: expected object ids or a mask, got the greys {ids}, which could be either; "
            "save ids as a palette PNG, or a mask as 0 and 255 alone"
        )
    return _one(read_mask(path))


def _one(mask: Mask) -> dict[int, Mask]:
    return {1: mask} if mask.any() else {}
