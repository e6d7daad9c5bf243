from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from masktrack_core.datasets.external import external_masks
from masktrack_core.datasets.mask_folders import find_masks, find_objects
from masktrack_core.errors import InputError
from masktrack_core.files.io import write_labels, write_mask

NAMES = tuple(str(number) for number in range(1, 13))


def write(folder):
    """Twelve label pictures without leading zeros; object 2 is there from frame 2 on."""
    for name in NAMES:
        labels = np.zeros((6, 8), np.uint8)
        labels[1, 2:5] = 1
        labels[3, 1:4] = 2 if int(name) >= 2 else 0
        write_labels(folder / f"{name}.png", labels)


def test_masks_are_in_the_order_of_their_numbers(tmp_path):
    write(tmp_path)
    assert tuple(find_masks(tmp_path, 1).paths) == NAMES
    for number in (1, 2):
        write(tmp_path / "each" / str(number))
    assert tuple(find_masks(tmp_path / "each", 2).paths) == NAMES


def test_an_object_first_appears_in_the_first_frame_by_number_that_holds_it(tmp_path):
    write(tmp_path)
    assert find_objects(tmp_path).first == {1: "1", 2: "2"}


def test_masks_named_like_the_files_of_the_frames_are_taken(tmp_path):
    """As `segment` writes them, of a layout whose frames have numbers for names."""
    video = SimpleNamespace(
        frame_names=("0007", "0008"),
        frame_paths=(Path("walk_0007.jpg"), Path("walk_0008.jpg")),
        object_id=1,
        has_truth=lambda t: True,
    )
    for value, stem in enumerate(("walk_0007", "walk_0008"), 1):
        mask = np.zeros((4, 5), np.bool_)
        mask[:value] = True
        write_mask(tmp_path / "walk" / f"{stem}.png", mask)
    files = external_masks(tmp_path, "walk", video, objects=1, counted=range(2))
    assert [int(files.read(name).sum()) for name in video.frame_names] == [5, 10]
    (tmp_path / "walk" / "walk_0008.png").unlink()
    with pytest.raises(InputError, match=r"1 are missing.*0008"):
        external_masks(tmp_path, "walk", video, objects=1, counted=range(2))
