"""What real data look like: one test an oddity that is tested nowhere else.

Elsewhere: alpha in a mask, 16-bit and 1-bit PNGs, graded masks, EXIF, grey frames, palettes,
all-zero truth (test_io); JPEG truth of another size, bmp and png mixed, gaps in numbers, linked
roots, names (test_datasets); videos (test_video_files).
"""

import os
import stat
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from masktrack_core.datasets.index import index_video, list_sequences
from masktrack_core.datasets.layouts import VideoLayout
from masktrack_core.datasets.sources import check_sources, find_root, read_sequences, source
from masktrack_core.datasets.stills import index_stills
from masktrack_core.datasets.video_files import Clip
from masktrack_core.datasets.videos import FrameFolder, check_video, open_video
from masktrack_core.errors import InputError
from masktrack_core.files import io
from masktrack_core.files.unpacking import unpack

LAYOUT = VideoLayout(frames="{sequence}/*.png", truth="truth/{sequence}/{frame}.png")


def write(root, count, shape=(12, 16)):
    for t in range(count):
        io.write_frame(root / f"a/{t}.png", np.full((*shape, 3), t % 256, np.uint8))
        mask = np.zeros(shape, np.bool_)
        mask[2:5, 3:6] = True
        io.write_mask(root / f"truth/a/{t}.png", mask)
    return root


def test_a_sequence_of_one_frame(tmp_path):
    index = index_video(write(tmp_path, 1), LAYOUT, "a", [1])
    assert check_video(index) == []
    assert len(open_video(index, 1)) == 1


def test_a_sequence_of_two_thousand_frames_is_in_order_and_lazy(tmp_path):
    write(tmp_path, 1)
    for t in range(1, 2000):
        for folder in ("a", "truth/a"):
            os.link(tmp_path / folder / "0.png", tmp_path / folder / f"{t}.png")
    tracemalloc.start()
    video = open_video(index_video(tmp_path, LAYOUT, "a", [1]), 1)
    assert [int(name) for name in video.frame_names] == list(range(2000))
    assert video.truth(1999).sum() == 9
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # bytes; the frames alone would be more at any real size


def test_frames_of_4k_are_read_one_at_a_time(tmp_path):
    Image.new("RGB", (3840, 2160)).save(tmp_path / "0.png", compress_level=1)
    for t in range(1, 30):
        os.link(tmp_path / "0.png", tmp_path / f"{t}.png")
    tracemalloc.start()
    clip = Clip(tmp_path)
    for t in range(len(clip)):
        assert clip[t].shape == (2160, 3840, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2160 * 3840 * 3  # bytes: a few copies of one frame, not 30 frames


def test_a_root_that_cannot_be_written_is_only_read(tmp_path):
    write(tmp_path / "root", 2)
    folders = [tmp_path / "root", tmp_path / "root/a", tmp_path / "root/truth/a"]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        before = sorted(path.name for path in (tmp_path / "root").rglob("*"))
        assert check_video(index_video(tmp_path / "root", LAYOUT, "a", [1])) == []
        assert sorted(path.name for path in (tmp_path / "root").rglob("*")) == before
    finally:
        for folder in folders:
            folder.chmod(stat.S_IRWXU)


def test_linked_files_and_sequences_are_followed(tmp_path):
    write(tmp_path / "disk", 3)
    root = tmp_path / "root"
    (root / "truth").mkdir(parents=True)
    (root / "a").symlink_to(tmp_path / "disk/a")
    (root / "truth/a").symlink_to(tmp_path / "disk/truth/a")
    assert list_sequences(root, LAYOUT) == [("a", 1)]
    assert check_video(index_video(root, LAYOUT, "a", [1])) == []


def test_a_broken_link_is_a_missing_frame(tmp_path, caplog):
    write(tmp_path, 3)
    (tmp_path / "a/1.png").unlink()
    (tmp_path / "a/1.png").symlink_to("/nowhere.png")
    assert list(index_video(tmp_path, LAYOUT, "a", [1]).frame) == ["0", "2"]
    assert "1 truths have no frame and are left out" in caplog.text


@pytest.mark.parametrize("suffix", ["JPG", "Png", "TIF"])
def test_suffixes_in_capitals_are_suffixes(tmp_path, suffix):
    picture = Image.new("RGB", (8, 8))
    for t in range(2):
        picture.save(tmp_path / f"{t}.{suffix}")
    assert len(FrameFolder(tmp_path)) == 2
    any_suffix = VideoLayout(frames="{sequence}/{frame}.*")
    assert len(index_video(tmp_path.parent, any_suffix, tmp_path.name, [1])) == 2


def test_another_shot_than_the_listed_one_is_named(tmp_path):
    shot = tmp_path / "youtube_masks/cow/data/0003/shots/004"
    io.write_frame(shot / "images/frame0001.jpg", np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(InputError, match=r"'cow-0003-001'.*such as \['cow-0003-004'\]"):
        index_video(tmp_path, "youtube_objects", "cow-0003-001", [1])


# --- lists


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lists_of_any_system_are_read(tmp_path, ends, mark):
    path = tmp_path / "list.csv"
    path.write_bytes((mark + ends.join(["sequence,object", "bear,1", "mein Hund,2", ""])).encode())
    table = read_sequences(str(path))
    assert table["sequence"].tolist() == ["bear", "mein Hund"]
    assert table["object"].tolist() == [1, 2]


def test_names_in_lists_stay_text(tmp_path):
    (tmp_path / "list.csv").write_text("sequence,object\n0012,1\nNA,1\n1e3,1\n")
    names = read_sequences(str(tmp_path / "list.csv"))["sequence"].tolist()
    assert names == ["0012", "NA", "1e3"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sequence\na\n",
        "object\n1\n",
        "sequence,object\na,x\n",
        "sequence,object\n",
        "sequence,object\na,1\na,1\n",
        "sequence,object\na,0\n",
    ],
)
def test_unusable_lists_are_named(tmp_path, text):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=r"list\.csv: expected"):
        read_sequences(str(tmp_path / "list.csv"))


# --- sources


def test_a_set_has_one_source():
    assert source("datasets.a", {"root": "x", "rendered": None, "archives": None}) == "root"
    for row in ({}, {"root": "x", "rendered": "davis"}, {"rendered": 3, "archives": ["a.zip"]}):
        with pytest.raises(InputError, match=r"datasets\.a: expected exactly one of root"):
            source("datasets.a", row)


def test_two_sets_do_not_share_a_folder():
    row = {"rendered": 3}
    with pytest.raises(InputError, match=r"stills\.a: .*'a' is datasets\.a"):
        check_sources({"datasets": {"a": row}, "stills": {"a": row}})
    with pytest.raises(InputError, match="the downloads"):
        check_sources({"datasets": {"archives": row}, "stills": {}})


def test_a_set_is_found_below_folders_that_hold_nothing_else(tmp_path):
    write(tmp_path / "top" / "inner", 1)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "README").write_text("hello")
    assert find_root(tmp_path, "{sequence}/{frame}.png") == tmp_path / "top" / "inner"
    with pytest.raises(InputError, match="other archives"):
        find_root(tmp_path, "{sequence}/{frame}.bmp")


def test_what_the_chooser_refuses_leaves_nothing(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/y.txt", "text")
    with pytest.raises(InputError, match="other archives"):
        unpack(tmp_path / "a.zip", tmp_path / "new", choose=lambda made: find_root(made, "{a}.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_stills_by_pattern_and_as_pascal_s_is_published(tmp_path):
    for number in (1, 2):
        io.write_frame(
            tmp_path / f"datasets/imgs/pascal/{number}.jpg", np.zeros((4, 5, 3), np.uint8)
        )
        io.write_mask(tmp_path / f"datasets/masks/pascal/{number}.png", np.ones((4, 5), np.bool_))
    patterns = {"images": "datasets/imgs/pascal/{name}.jpg"}
    patterns["masks"] = "datasets/masks/pascal/{name}.png"
    assert index_stills(tmp_path, "salobj").equals(index_stills(tmp_path, patterns))
    with pytest.raises(InputError, match=r"expected the keys \['images', 'masks'\]"):
        index_stills(tmp_path, {"images": "{name}.jpg"})
