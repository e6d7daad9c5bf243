import os
import shutil

import numpy as np
import pytest

from masktrack_core.datasets.contents import contents_digest, with_contents
from masktrack_core.datasets.index import folder_fingerprint, index_video
from masktrack_core.datasets.stills import index_stills
from masktrack_core.errors import InputError
from masktrack_core.files import io
from masktrack_core.files.archives import MaskArchive, write_mask_archive
from masktrack_core.tables import STILLS
from masktrack_core.training.stills import open_stills

LAYOUT = {"images": "images/{name}.png", "masks": "masks/{name}.png"}


def mask(shift):
    drawn = np.zeros((8, 10), np.bool_)
    drawn[2:5, 1 + shift : 4 + shift] = True
    return drawn


@pytest.fixture
def stills(tmp_path):
    """Two stills on disk."""
    for number in range(2):
        frame = np.full((8, 10, 3), 40 * number, np.uint8)
        io.write_frame(tmp_path / f"set/images/{number}.png", frame)
        io.write_mask(tmp_path / f"set/masks/{number}.png", mask(number))
    return tmp_path / "set"


def indexed(root):
    return with_contents(index_stills(root, LAYOUT))


def test_a_digest_is_that_of_the_bytes_wherever_and_whenever_they_were_written(stills, tmp_path):
    before = indexed(stills)
    assert before.digest.nunique() == 2 and before.digest.str.fullmatch("[0-9a-f]{12}").all()
    shutil.copytree(stills, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*.png"):
        os.utime(path, (1, 1))
    assert indexed(tmp_path / "copy").digest.tolist() == before.digest.tolist()
    assert contents_digest(indexed(tmp_path / "copy")) == contents_digest(before)


def test_a_changed_mask_changes_the_digest_of_its_still_alone(stills):
    before = indexed(stills)
    io.write_mask(stills / "masks/1.png", ~mask(1))
    after = indexed(stills)
    assert after.digest[0] == before.digest[0] and after.digest[1] != before.digest[1]
    assert contents_digest(after) != contents_digest(before)


def test_a_file_that_serves_many_frames_is_read_for_each_and_none_is_empty(tmp_path):
    for t in range(2):
        io.write_frame(tmp_path / f"frames/a/{t}.png", np.zeros((4, 4, 3), np.uint8))
    index = index_video(tmp_path, {"frames": "frames/{sequence}/*.png"}, "a", [1])
    assert index.digest.tolist() == ["", ""]  # no file was opened for it
    digests = with_contents(index).digest
    assert digests[0] == digests[1] != ""


def test_a_renamed_file_has_another_fingerprint(tmp_path):
    (tmp_path / "a.png").write_bytes(b"1")
    before = folder_fingerprint([tmp_path / "a.png"])
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    assert folder_fingerprint([tmp_path / "b.png"]) != before


def test_deformed_masks_of_other_stills_are_refused(stills, tmp_path):
    index, archive = tmp_path / "stills.csv", tmp_path / "deformed.zip"
    io.write_table(index, indexed(stills), STILLS)
    masks = [(f"set/{number}/0", mask(number)) for number in range(2)]
    write_mask_archive(archive, masks, made_of=contents_digest(indexed(stills)))
    opened = open_stills(["set"], [index], [archive], masks_per_image=1)
    assert np.array_equal(opened.deformed["set/1/0"], mask(1))
    io.write_mask(stills / "masks/1.png", ~mask(1))
    io.write_table(index, indexed(stills), STILLS)
    with pytest.raises(InputError, match=r"deformed\.zip: expected masks deformed from the stills"):
        open_stills(["set"], [index], [archive], masks_per_image=1)


def test_an_archive_says_what_it_was_made_of_and_without_a_word_nothing(tmp_path):
    write_mask_archive(tmp_path / "a.zip", [("x", mask(0))], made_of="some stills, é")
    write_mask_archive(tmp_path / "b.zip", [("x", mask(0))])
    assert MaskArchive(tmp_path / "a.zip").made_of == "some stills, é"
    assert MaskArchive(tmp_path / "b.zip").made_of == ""
    assert np.array_equal(MaskArchive(tmp_path / "a.zip")["x"], mask(0))
