"""The embedded sets on disk lie like the originals and are the same bytes for the same seed."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.rendered import layouts as rendered_layouts
from masktrack_core.rendered.clips import VIDEO_SETS
from masktrack_core.rendered.layouts import half_mask, soft_truth, write_stills, write_video_set
from masktrack_core.rendered.scenes import render_clip, render_still
from masktrack_core.rendered.scripts import DAVIS_ATTRIBUTES
from masktrack_core.seeds import numpy_rng


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def mode(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    root = tmp_path_factory.mktemp("rendered")
    for layout in VIDEO_SETS:
        write_video_set(root / layout, layout, seed=1)
    return root


def truth_of(layout: str, name: str) -> np.ndarray:
    script = next(script for script in VIDEO_SETS[layout] if script.name == name)
    return render_clip(script, rng=numpy_rng(1, "render", layout, name)).labels


def test_davis_has_grey_masks_of_0_and_255_beside_every_frame(roots):
    for script in VIDEO_SETS["davis"]:
        frames = sorted((roots / "davis/JPEGImages/480p" / script.name).iterdir())
        masks = sorted((roots / "davis/Annotations/480p" / script.name).iterdir())
        assert [path.name for path in frames] == [f"{t:05d}.jpg" for t in range(script.length)]
        assert [path.stem for path in masks] == [path.stem for path in frames]
        assert {mode(path) for path in masks} == {"L"}
        assert set(np.unique(picture(masks[0]))) == {0, 255}
        assert picture(frames[0]).shape == (108, 192, 3)


def test_davis_masks_are_the_exact_truth(roots):
    labels = truth_of("davis", "swallows")
    for t, truth in enumerate(labels):
        stored = picture(roots / f"davis/Annotations/480p/swallows/{t:05d}.png")
        np.testing.assert_array_equal(stored > 127, truth > 0)


def test_youtube_truth_is_every_tenth_frame_at_half_the_size_and_survives_jpeg(roots):
    for script in VIDEO_SETS["youtube_objects"]:
        name, video, shot = script.shot
        folder = roots / "youtube_objects/youtube_masks" / name / "data" / video / "shots" / shot
        assert script.name == f"{name}-{video}-{shot}"
        assert len(list((folder / "images").glob("frame00??.jpg"))) == script.length
        stored = sorted((folder / "labels").iterdir())
        assert [path.name for path in stored] == [f"{t:05d}.jpg" for t in (1, 11, 21, 31)]
        labels = truth_of("youtube_objects", script.name)
        for path in stored:
            assert mode(path) == "L"
            exact = half_mask(labels[int(path.stem) - 1] > 0)
            np.testing.assert_array_equal(picture(path) > 127, exact)


def test_segtrack_has_a_folder_an_object_only_where_there_are_several(roots):
    truth = roots / "segtrack_v2/GroundTruth"
    below = {
        folder.name: {path.name for path in folder.iterdir() if path.is_dir()}
        for folder in truth.iterdir()
    }
    assert below == {"dancers": {"1", "2"}, "squid_spider": {"1", "2"}, "sidewinder": set()}


def test_segtrack_mixes_bmp_and_png_in_frames_and_truth(roots):
    for part in ("JPEGImages", "GroundTruth"):
        folder = roots / "segtrack_v2" / part
        suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
        assert suffixes == {".bmp", ".png"}


def test_segtrack_truth_is_rgb_with_greys_and_its_threshold_is_exact(roots):
    labels = truth_of("segtrack_v2", "dancers")
    folder = roots / "segtrack_v2/GroundTruth/dancers"
    for k in (1, 2):
        paths = sorted((folder / str(k)).iterdir())
        for path, truth in zip(paths, labels, strict=True):
            stored = picture(path)
            assert stored.shape == (*truth.shape, 3)
            assert len(np.unique(stored)) > 2
            np.testing.assert_array_equal(stored[..., 0] > 127, truth == k)


def test_segtrack_lists_begin_with_a_header_then_name_every_frame(roots):
    for script in VIDEO_SETS["segtrack_v2"]:
        listing = roots / f"segtrack_v2/ImageSets/{script.name}.txt"
        header, *stems = listing.read_text().splitlines()
        frames = (roots / "segtrack_v2/JPEGImages" / script.name).iterdir()
        assert header == f"*{script.name}"
        assert stems == sorted(path.stem for path in frames)


@pytest.mark.parametrize("layout", sorted(VIDEO_SETS))
def test_attributes_csv_holds_what_the_scripts_declare(roots, layout):
    with (roots / layout / "attributes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sequence"] for row in rows] == [script.name for script in VIDEO_SETS[layout]]
    assert list(rows[0]) == ["sequence", *DAVIS_ATTRIBUTES]
    for row, script in zip(rows, VIDEO_SETS[layout], strict=True):
        assert tuple(code for code in DAVIS_ATTRIBUTES if row[code] == "1") == script.attributes


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(roots, tmp_path):
    write_video_set(tmp_path / "again", "segtrack_v2", seed=1)
    write_video_set(tmp_path / "other", "segtrack_v2", seed=2)
    again, other = contents(tmp_path / "again"), contents(tmp_path / "other")
    assert again == contents(roots / "segtrack_v2")
    assert again.keys() == other.keys() and again != other


def test_stills_lie_like_ecssd_and_a_larger_count_keeps_the_first(tmp_path):
    size = Size(48, 64)
    write_stills(tmp_path / "two", 2, size=size, seed=3)
    write_stills(tmp_path / "three", 3, size=size, seed=3)
    two, three = contents(tmp_path / "two"), contents(tmp_path / "three")
    assert sorted(two) == [
        "ground_truth_mask/0001.png", "ground_truth_mask/0002.png",
        "images/0001.jpg", "images/0002.jpg",
    ]  # fmt: skip
    assert two.items() <= three.items()
    _, mask = render_still(size=size, rng=numpy_rng(3, "still", 1))
    stored = picture(tmp_path / "two/ground_truth_mask/0002.png")
    np.testing.assert_array_equal(stored, mask.astype(np.uint8) * 255)


def test_soft_truth_keeps_a_single_pixel_and_a_single_hole():
    for background in (False, True):
        mask = np.full((7, 7), background)
        mask[3, 3] = not background
        np.testing.assert_array_equal(soft_truth(mask)[..., 0] > 127, mask)


def test_half_mask_keeps_a_pixel_where_two_of_four_are_set():
    mask = np.array([[1, 0, 1, 0], [0, 0, 0, 1]], bool)
    np.testing.assert_array_equal(half_mask(mask), [[False, True]])


def test_an_odd_mask_cannot_be_halved():
    with pytest.raises(InputError, match=re.escape("expected an even height and width")):
        half_mask(np.zeros((3, 4), bool))


def test_a_wrong_layout_or_count_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"layout: expected one of .*'davis'.*got 'kitti'"):
        write_video_set(tmp_path, "kitti", seed=1)
    with pytest.raises(InputError, match="count: expected at least 1 still, got 0"):
        write_stills(tmp_path, 0, size=Size(48, 64), seed=1)
    assert rendered_layouts.JPEG_QUALITY == 92
