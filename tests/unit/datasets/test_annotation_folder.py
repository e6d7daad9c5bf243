import numpy as np
import pytest

from masktrack_core.datasets.annotation_folder import annotation_files, write_annotated_frame
from masktrack_core.datasets.object_masks import read_annotation_files
from masktrack_core.errors import InputError

SIZE = (6, 9)
NAMES = ("a1", "a2", "a3")


def mask(*columns):
    made = np.zeros(SIZE, np.bool_)
    made[:, list(columns)] = True
    return made


def read(folder):
    files = annotation_files(folder, NAMES)
    return [
        (file.t, file.object_id, {n: m.sum() for n, m in found.items()})
        for file, found in zip(files, read_annotation_files(files), strict=True)
    ]


def test_what_is_written_is_read_back_and_an_empty_mask_says_not_here(tmp_path):
    write_annotated_frame(tmp_path, "a3", {1: mask(0), 4: mask(5, 6), 2: mask()}, SIZE)
    write_annotated_frame(tmp_path, "a1", {1: mask(2)}, SIZE)
    assert read(tmp_path) == [(0, None, {1: 6}), (2, None, {1: 6, 4: 12}), (2, 2, {2: 0})]


def test_a_frame_that_is_written_again_leaves_nothing_of_before(tmp_path):
    write_annotated_frame(tmp_path, "a1", {1: mask(0), 2: mask()}, SIZE)
    write_annotated_frame(tmp_path, "a1", {1: mask()}, SIZE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a1.object1.png"]
    write_annotated_frame(tmp_path, "a1", {}, SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_no_frame_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected label pictures such as a1\.png, got none"):
        annotation_files(tmp_path, NAMES)
    write_annotated_frame(tmp_path, "b7", {1: mask(0)}, SIZE)
    with pytest.raises(InputError, match=r"b7\.png: expected a name of a frame, such as a1\.png"):
        annotation_files(tmp_path, NAMES)
