"""COCO's JSON against pycocotools, and what is wrong with files of strangers."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as oracle

from masktrack_core.arrays import Size
from masktrack_core.datasets.coco import polygon_mask, read_coco, run_lengths, segmentation_mask
from masktrack_core.datasets.index import index_video, list_sequences
from masktrack_core.datasets.layouts import VideoLayout
from masktrack_core.datasets.videos import check_video, open_video
from masktrack_core.errors import InputError
from masktrack_core.files import io

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZE = Size(20, 30)
SQUARE = [4, 5, 14, 5, 14, 15, 4, 15]


@pytest.mark.parametrize("step", [None, 1.0, 0.5])
def test_polygons_have_the_pixels_of_pycocotools(step):
    rng = np.random.default_rng(0)
    for _ in range(60):
        height, width = map(int, rng.integers(5, 60, 2))
        corners = (rng.random((rng.integers(3, 9), 2)) * 1.4 - 0.2) * [width, height]
        corners = corners if step is None else np.round(corners / step) * step
        polygon = corners.ravel().tolist()
        expected = oracle.decode(oracle.frPyObjects([polygon], height, width))[..., 0]
        assert np.array_equal(polygon_mask(polygon, Size(height, width)), expected)


def test_run_lengths_have_the_pixels_of_pycocotools():
    rng = np.random.default_rng(1)
    for share in (0.0, 0.02, 0.5, 0.98, 1.0):
        mask = rng.random(SIZE) < share
        text = oracle.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
        for counts in (text, run_lengths(text)):
            given = segmentation_mask({"size": [*SIZE], "counts": counts}, SIZE)
            assert np.array_equal(given, mask)


def test_a_square_is_itself_and_polygons_are_joined():
    mask = np.zeros(SIZE, np.bool_)
    mask[5:15, 4:14] = True
    assert np.array_equal(segmentation_mask([SQUARE], SIZE), mask)
    mask[16:18, 20:25] = True
    both = [SQUARE, [20, 16, 25, 16, 25, 18, 20, 18]]
    assert np.array_equal(segmentation_mask(both, SIZE), mask)


WRONG = [
    [[1, 2, 3, 4]],
    [[1, 2, 3, 4, 5, 6, 7]],
    [[0, 0, 1e9, 0, 1e9, 1e9]],
    [[0, 0, float("nan"), 0, 5, 5]],
    {"size": [20, 31], "counts": [600]},
    {"size": [20, 30], "counts": [601]},
    {"size": [20, 30], "counts": [-1, 601]},
    {"size": [20, 30], "counts": "PP"},
    {"size": [20, 30], "counts": "~"},
    {"size": [20, 30]},
    "text",
    5,
]


@pytest.mark.parametrize("segmentation", WRONG)
def test_a_segmentation_that_makes_no_sense_is_named(tmp_path, segmentation):
    path = write(tmp_path / "a.json", [("0.jpg", [(3, segmentation)])])
    with pytest.raises(InputError, match=r"a\.json: object 3 of 0\.jpg: expected polygons"):
        read_coco(path).mask(Path("0.jpg"), 3)


def write(path, pictures):
    """Write a file of pictures: name, and (track id or None, segmentation) of each object."""
    images, annotations = [], []
    for number, (name, objects) in enumerate(pictures):
        images.append({"id": number, "file_name": name, "height": 20, "width": 30})
        for label, segmentation in objects:
            track = {} if label is None else {"attributes": {"track_id": label}}
            annotations.append({"image_id": number, "segmentation": segmentation} | track)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


PICTURE = """{"images": [{"id": 1, "file_name": "a.jpg", "height": HEIGHT, "width": 9}],
              "annotations": []}"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "annotations"),
        ("[" * 100_000, "RecursionError"),
        (PICTURE.replace("HEIGHT", "1e9"), "pixels"),
        (PICTURE.replace("HEIGHT", "0"), "pixels"),
    ],
)
def test_what_is_no_coco_is_said(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=rf"a\.json: expected annotations in COCO.*{message}"):
        read_coco(tmp_path / "a.json")
    with pytest.raises(InputError, match="no such file"):
        read_coco(tmp_path / "b.json")


def test_objects_that_cannot_be_told_apart_are_refused(tmp_path):
    path = write(tmp_path / "a.json", [("0.jpg", [(None, [SQUARE]), (None, [SQUARE])])])
    with pytest.raises(InputError, match="which object is which"):
        read_coco(path)
    path = write(tmp_path / "a.json", [("0.jpg", []), ("0.png", [])])
    with pytest.raises(InputError, match="twice"):
        read_coco(path)


LAYOUT = {"frames": "clips/{sequence}/*.png", "encoding": "coco"}


@pytest.fixture
def root(tmp_path):
    for sequence in ("one", "two"):
        for t in range(3):
            path = tmp_path / "clips" / sequence / f"{t}.png"
            io.write_frame(path, np.full((*SIZE, 3), 9 * t, np.uint8))
    return tmp_path


def test_one_file_for_all_sequences_and_one_for_each(root):
    one = [(f"{t}.png", [(2, [SQUARE])]) for t in range(3)]
    two = [(f"{t}.png", [(None, [SQUARE])]) for t in range(3)]
    write(root / "truth" / "one.json", one)
    write(root / "truth" / "two.json", two)
    both = [(f"{name}/{file}", objects) for name, rows in (("one", one), ("two", two))
            for file, objects in rows]  # fmt: skip
    write(root / "all.json", both)
    for truth in ("truth/{sequence}.json", "all.json"):
        layout = LAYOUT | {"truth": truth}
        assert list_sequences(root, layout) == [("one", 2), ("two", 1)]
        index = index_video(root, layout, "one", [2])
        assert check_video(index) == []
        assert open_video(index, 2).truth(1).sum() == 100
    write(root / "all.json", one)  # of which sequence?
    with pytest.raises(InputError, match="got none"):
        index_video(root, LAYOUT | {"truth": "all.json"}, "one", [2])


def test_a_picture_without_annotations_is_empty_and_a_frame_not_listed_has_no_truth(root):
    path = write(root / "truth" / "one.json", [("0.png", [(1, [SQUARE])]), ("1.png", [])])
    layout = LAYOUT | {"truth": "truth/{sequence}.json"}
    with pytest.raises(InputError, match="expected a truth for each of 3 frames"):
        index_video(root, layout, "one", [1])
    video = open_video(index_video(root, layout | {"sparse": True}, "one", [1]), 1)
    assert [video.has_truth(t) for t in range(3)] == [True, True, False]
    assert video.truth(0).sum() == 100 and not video.truth(1).any()
    content = json.loads(path.read_text())
    content["images"][0]["width"] = 32
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="expected the size of its frame"):
        video.truth(0)
    with pytest.raises(InputError, match=r"the objects there are \[1\]"):
        index_video(root, layout | {"sparse": True}, "one", [5])


@pytest.mark.parametrize("truth", ["truth/{frame}.json", "{object}.json", ["a.json", "b.json"], []])
def test_a_layout_of_coco_has_one_file_a_sequence_or_set(truth):
    with pytest.raises(InputError, match=r"layout\.truth: expected one pattern"):
        VideoLayout(**(LAYOUT | {"truth": truth}))
