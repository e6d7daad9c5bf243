import numpy as np
import pytest
from PIL import Image

from masktrack_core.datasets.index import index_video
from masktrack_core.datasets.stills import read_still
from masktrack_core.datasets.video_stills import stills_of_videos


@pytest.fixture
def indexes(tmp_path):
    """A sequence of two objects, and one annotated every other frame at half the size."""
    for t in range(3):
        frame = np.full((20, 30, 3), 10 * t, np.uint8)
        for folder, name in (("both", f"{t}.png"),):
            path = tmp_path / "segtrack" / "JPEGImages" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(frame).save(path)
        for number in (1, 2):
            truth = np.zeros((20, 30), np.uint8)
            if (number, t) != (2, 1):  # object 2 is hidden in frame 1
                truth[2 + number : 8 + number, 5:15] = 255
            path = tmp_path / "segtrack" / "GroundTruth" / "both" / str(number) / f"{t}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(truth).save(path)
    shot = tmp_path / "youtube" / "youtube_masks" / "car" / "data" / "0001" / "shots" / "001"
    for folder in ("images", "labels"):
        (shot / folder).mkdir(parents=True)
    for t in range(3):
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(
            shot / "images" / f"frame{t + 1:04d}.jpg"
        )
        if t % 2 == 0:
            truth = np.zeros((10, 15), np.uint8)
            truth[2:6, 3:9] = 255
            Image.fromarray(truth).save(shot / "labels" / f"{t + 1:05d}.jpg", quality=95)
    return {
        "seg/both": index_video(tmp_path / "segtrack", "segtrack_v2", "both", [1, 2]),
        "yt/car": index_video(tmp_path / "youtube", "youtube_objects", "car-0001-001", [1]),
    }


def test_each_object_of_each_annotated_frame_is_a_still(indexes, tmp_path):
    stills = stills_of_videos(indexes, tmp_path / "masks")
    assert stills.name.tolist() == [
        "seg-both-1-0",
        "seg-both-1-1",
        "seg-both-1-2",
        "seg-both-2-0",
        "seg-both-2-2",
        "yt-car-1-0001",
        "yt-car-1-0003",
    ]


def test_a_still_is_the_frame_and_its_own_objects_mask_at_the_frames_size(indexes, tmp_path):
    stills = stills_of_videos(indexes, tmp_path / "masks")
    frame, mask = read_still(stills.iloc[4])
    assert (frame == 20).all()
    expected = np.zeros((20, 30), np.bool_)
    expected[4:10, 5:15] = True
    assert np.array_equal(mask, expected)
    frame, mask = read_still(stills.iloc[5])
    expected = np.zeros((20, 30), np.bool_)
    expected[4:12, 6:18] = True
    assert frame.shape[:2] == mask.shape == (20, 30)
    assert np.array_equal(mask, expected)
