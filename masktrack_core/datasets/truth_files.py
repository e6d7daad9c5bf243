"""One truth file of a video data set, and one object in it."""

from pathlib import Path

from masktrack_core.arrays import Mask
from masktrack_core.datasets.coco import read_coco
from masktrack_core.datasets.layouts import NUMBERED, VALUES
from masktrack_core.datasets.object_masks import (
    SequenceKind,
    numbered_object,
    only_object,
    read_found,
)
from masktrack_core.errors import InputError
from masktrack_core.files.io import read_mask


def read_truth(
    path: Path, encoding: str, object_id: int, *, frame: Path, kind: SequenceKind | None = None
) -> Mask:
    """Return an object's pixels in a truth file, at the file's size; empty where it is not there.

    ``encoding`` is that of `layouts.VideoLayout`; ``frame`` is the frame of the truth, which COCO's
    JSON names; ``kind`` is that of the files of the sequence that were read. Raises `InputError`
    for a missing or damaged file, and for values that could mean something else than the encoding
    or other files of the sequence say.
    """
    if encoding == "coco":
        return read_coco(path).mask(frame, object_id)
    if encoding not in VALUES:
        return read_mask(path)
    try:
        found = read_found(path, VALUES[encoding])
        if encoding in NUMBERED:
            return numbered_object(path, found, object_id, VALUES[encoding])
        if kind is not None:
            kind.check(path, found, VALUES[encoding])
        return only_object(path, found, object_id=object_id)
    except InputError as error:
        if "--mask-values" not in str(error):
            raise
        raise InputError(
            f"{error} (in a configuration: the layout's encoding, labels, palette or bright)"
        ) from error
