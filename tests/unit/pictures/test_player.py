"""The pictures of the page's player, and films of methods side by side."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from masktrack_core.arrays import Size
from masktrack_core.files.io import write_mask
from masktrack_core.pictures.compared_films import captioned, compared_frames, tiled
from masktrack_core.pictures.overlays import OBJECTS, TRUTH, layer, overlay
from masktrack_core.pictures.player import shown_size, shown_times, write_player

SIZE = Size(40, 500)
TRUE = np.zeros(SIZE, np.bool_)
TRUE[10:30, 100:300] = True


def video(*, truth=TRUE, length=3):
    return SimpleNamespace(
        size=SIZE,
        frame_names=[f"{t:05d}" for t in range(length)],
        frame=lambda t: np.full((*SIZE, 3), 40 * t, np.uint8),
        truth=lambda t: None if t == 1 else truth,
    )


@pytest.fixture
def masks(tmp_path):
    """Masks of frames 1 and 2 of two objects: the truth's right half, and nothing."""
    for t in (1, 2):
        half = TRUE.copy()
        half[:, :200] = False
        write_mask(tmp_path / f"masks/1/0000{t}.png", half)
        write_mask(tmp_path / f"masks/2/0000{t}.png", np.zeros(SIZE, np.bool_))
    return [tmp_path / "masks/1", tmp_path / "masks/2"]


def test_a_long_sequence_is_shown_at_equal_distances_and_never_more_than_asked_for():
    assert list(shown_times(5, 120)) == [0, 1, 2, 3, 4]
    assert list(shown_times(241, 120)) == list(range(0, 241, 3))
    assert len(shown_times(240, 120)) == 120


def test_large_frames_shrink_and_small_ones_grow_by_a_whole_factor():
    assert shown_size(Size(480, 854), 854) == (480, 854)
    assert shown_size(Size(1080, 1920), 854) == (480, 854)
    assert shown_size(Size(135, 240), 854) == (270, 480)
    assert shown_size(Size(135, 240), 300) == (168, 300)


def test_a_layer_over_a_frame_is_the_overlay():
    frame = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)
    over = layer(SIZE, [TRUE, ~TRUE])
    alpha = over[..., 3:] / 255
    composed = alpha * over[..., :3] + (1 - alpha) * frame
    assert np.abs(composed - overlay(frame, [TRUE, ~TRUE])).max() < 2


def test_the_player_has_a_frame_once_and_a_layer_where_there_are_masks(tmp_path, masks):
    videos = [video(), video(truth=~TRUE)]
    write_player(
        tmp_path / "out", videos, {"ours.first": masks}, [0, 1, 2], largest=854, quality=75
    )
    found = sorted(p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/*/*"))
    assert found == [
        *(f"frame/{t}.webp" for t in range(3)),
        *(f"ours.first/{t}.webp" for t in (1, 2)),
        *(f"truth/{t}.webp" for t in (0, 2)),
    ]
    with Image.open(tmp_path / "out/ours.first/1.webp") as picture:
        drawn = np.asarray(picture.convert("RGBA"))
    assert drawn.shape == (40, 500, 4)
    assert tuple(drawn[20, 250]) == (*OBJECTS[0], 76) and drawn[20, 150, 3] == 0
    with Image.open(tmp_path / "out/truth/0.webp") as picture:
        assert tuple(np.asarray(picture.convert("RGBA"))[20, 150]) == (*TRUTH, 76)
    with Image.open(tmp_path / "out/frame/2.webp") as picture:
        assert abs(int(np.asarray(picture.convert("RGB"))[20, 20, 0]) - 80) < 3


def test_a_film_has_the_truth_and_each_method_beside_it_with_its_j(tmp_path, masks, monkeypatch):
    texts = []

    def noted(frame, text):
        texts.append(text)
        return captioned(frame, text)

    monkeypatch.setattr("masktrack_core.pictures.compared_films.captioned", noted)
    methods = {"Ours": masks[:1], "Theirs": [tmp_path / "none"]}
    frames = list(compared_frames([video()], methods, truth=True))
    assert texts == [
        "truth, frame 00001", "Ours, frame 00001", "Theirs, frame 00001",
        "truth, frame 00002", "Ours, frame 00002, J 50.0", "Theirs, frame 00002",
    ]  # fmt: skip
    strip = captioned(np.zeros((*SIZE, 3), np.uint8), "Ours").shape[0] - SIZE.height
    assert [frame.shape for frame in frames] == [(40 + strip, 1500, 3)] * 2
    truth, ours, theirs = (tuple(frames[1][strip + 20, x]) for x in (250, 750, 1250))
    assert truth != ours != theirs == (80, 80, 80)


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (1, [[1]]),
        (3, [[1, 2, 3]]),
        (4, [[1, 2], [3, 4]]),
        (7, [[1, 2, 3], [4, 5, 6], [7, 0, 0]]),
    ],
)
def test_panels_stand_side_by_side_and_many_in_lines(count, places):
    panels = [np.full((4, 6, 3), n, np.uint8) for n in range(1, count + 1)]
    assert tiled(panels)[::4, ::6, 0].tolist() == places


@pytest.mark.parametrize("text", ["J 81.0", "MaskTrack without fine-tuning, frame 00012" * 2])
def test_a_caption_stands_whole_above_its_frame(text):
    frame = captioned(np.full((30, 480, 3), 200, np.uint8), text)
    strip = frame[:-30].max(axis=2) > 120
    across = np.flatnonzero(strip.any(axis=0))
    assert (frame[-30:] == 200).all()
    assert across[0] > 2 and across[-1] < 477 and strip.any(axis=1).sum() >= 5
