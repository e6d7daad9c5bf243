"""One truth file of a video data set, and one object in it."""

from pathlib import Path

import numpy as np

from masktrack_core.arrays import Mask
from masktrack_core.datasets.coco import read_coco
from masktrack_core.files.io import read_labels, read_mask


def read_truth(path: Path, encoding: str, object_id: int, *, frame: Path) -> Mask:
    """Return an object's pixels in a truth file, at the file's size; empty where it is not there.

    ``encoding`` is that of `layouts.VideoLayout`; ``frame`` is the frame of the truth, which COCO's
    JSON names. Raises `InputError` for a missing or damaged file.
    """
    if encoding == "coco":
        return read_coco(path).mask(frame, object_id)
    if encoding == "labels":
        return np.asarray(read_labels(path) == object_id)
    return read_mask(path)
