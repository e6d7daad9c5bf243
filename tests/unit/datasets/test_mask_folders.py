import numpy as np

from masktrack_core.datasets.mask_folders import find_masks, find_objects
from masktrack_core.files.io import write_labels

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
