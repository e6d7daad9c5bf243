"""The masks of followed objects as pictures, one a frame."""

from collections.abc import Sequence
from pathlib import Path

from masktrack_core.exports.followed import Followed
from masktrack_core.files.io import write_labels, write_mask
from masktrack_core.progress import bar


def write_masks(followed: Followed, paths: Sequence[Path]) -> None:
    """Write a mask a frame: object 1 alone as 0 and 255, other objects as label pictures."""
    is_one = set(followed.tracks) == {1}
    for t, path in enumerate(bar(paths, "write masks", unit="frame")):
        labels = followed.labels(t)
        if is_one:
            write_mask(path, labels > 0)
        else:
            write_labels(path, labels)
