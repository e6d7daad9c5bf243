import logging

import numpy as np
import pytest
from PIL import Image

from masktrack_core.datasets.contents import contents_digest, with_contents
from masktrack_core.datasets.layouts import STILL_LAYOUTS, StillLayout
from masktrack_core.datasets.stills import drop_empty, index_stills, read_still
from masktrack_core.errors import InputError
from masktrack_core.files import io
from masktrack_core.files.archives import write_mask_archive
from masktrack_core.tables import STILLS
from masktrack_core.training.stills import open_stills


def write_stills(root, layout, values=(255, 106, 255)):
    for i, value in enumerate(values):
        name = f"ä {9 + i}"
        io.write_frame(root / layout.images.format(name=name), np.full((4, 5, 3), i, np.uint8))
        grey = np.zeros((4, 5), np.uint8)
        grey[1, 2], grey[2, 2] = value, 43
        path = root / layout.masks.format(name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey).save(path)
    return root


@pytest.mark.parametrize("name", sorted(STILL_LAYOUTS))
def test_pictures_meet_their_masks_in_every_layout(tmp_path, name):
    index = index_stills(write_stills(tmp_path, STILL_LAYOUTS[name]), name)
    assert index["name"].tolist() == ["ä 9", "ä 10", "ä 11"]
    frame, mask = read_still(index.iloc[2])
    assert (frame == 2).all()
    assert np.argwhere(mask).tolist() == [[1, 2]]


def test_own_patterns_are_a_layout(tmp_path):
    layout = StillLayout(images="{name}.*", masks="masks/{name}.png")
    write_stills(tmp_path, StillLayout(images="{name}.JPG", masks="masks/{name}.png"))
    assert len(index_stills(tmp_path, layout)) == 3


def test_graded_masks_below_the_threshold_are_dropped_and_named(tmp_path, caplog):
    index = index_stills(write_stills(tmp_path, STILL_LAYOUTS["pascal_s"]), "pascal_s")
    assert not read_still(index.iloc[1])[1].any()
    with caplog.at_level(logging.WARNING):
        kept = drop_empty(index)
    assert kept["name"].tolist() == ["ä 9", "ä 11"]
    assert kept.index.tolist() == [0, 1]
    assert "1 of 3 stills have an empty mask: ['ä 10']" in caplog.text


def test_a_picture_or_a_mask_alone_is_an_error(tmp_path):
    write_stills(tmp_path, STILL_LAYOUTS["sod"])
    (tmp_path / "GT/ä 9.png").unlink()
    with pytest.raises(InputError, match=r"3 pictures, 2 masks and 1 names .*\['ä 9'\]"):
        index_stills(tmp_path, "sod")
    with pytest.raises(InputError, match="0 pictures"):
        index_stills(tmp_path, "ecssd")
    with pytest.raises(InputError, match="known are"):
        index_stills(tmp_path, "sodd")
    with pytest.raises(InputError, match="no such folder"):
        index_stills(tmp_path / "absent", "sod")


def test_a_mask_of_another_size_is_an_error(tmp_path):
    index = index_stills(write_stills(tmp_path, STILL_LAYOUTS["sod"]), "sod")
    io.write_mask(tmp_path / "GT/ä 9.png", np.ones((8, 10), np.bool_))
    with pytest.raises(InputError, match=r"ä 9\.png: .*\(4, 5\), got \(8, 10\)"):
        read_still(index.iloc[0])


def test_the_digest_of_opened_stills_is_that_of_every_picture_mask_and_deformed_mask(tmp_path):
    root, layout = write_stills(tmp_path / "set", STILL_LAYOUTS["ecssd"]), STILL_LAYOUTS["ecssd"]
    index, deformed = tmp_path / "index.csv", tmp_path / "deformed.zip"

    def digest(shown=2, **more):
        stills = with_contents(index_stills(root, "ecssd"))
        io.write_table(index, stills, STILLS)
        masks = [(f"set/ä {9 + i}/0", np.full((4, 5), i < shown)) for i in range(3)]
        write_mask_archive(deformed, masks, made_of=contents_digest(stills))
        return open_stills(["set"], [index], [deformed], masks_per_image=1, **more).digest()

    before = digest()
    assert digest() == before
    assert digest(shown=1) != before
    assert digest(limit=2) != before
    for pattern in (layout.images, layout.masks):
        path = next(root.glob(pattern.format(name="ä 11")))
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"x")
        assert digest() != before
        path.write_bytes(whole)
    assert digest() == before
