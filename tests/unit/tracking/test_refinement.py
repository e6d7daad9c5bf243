from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from masktrack_core.arrays import Size
from masktrack_core.datasets.videos import Video
from masktrack_core.files.archives import ProbArchive, frame_key, write_prob_archive
from masktrack_core.tracking.crf import CrfParams, refine
from masktrack_core.tracking.refinement import TrackedObject, refined_probs

SIZE = Size(24, 32)
PARAMS = CrfParams(bilateral_sxy=6, bilateral_srgb=10, gaussian_sxy=1, iterations=3)
EMPTY = 2


@pytest.fixture
def tracked(tmp_path):
    """Four noisy frames with a square, its two tracks; frame 2 has no object."""
    rng = np.random.default_rng(0)
    frames, probs = [], ([], [])
    for t in range(4):
        frame = np.full((*SIZE, 3), 90, np.uint8)
        frame[8:16, 8 + t : 18 + t] = (200, 60, 40)
        frame += rng.integers(0, 12, frame.shape, dtype=np.uint8)
        path = tmp_path / f"{t}.png"
        Image.fromarray(frame).save(path)
        frames.append(path)
        for track in probs:
            prob = np.zeros(SIZE, np.float32)
            if t != EMPTY:
                prob[7:17, 6 + t : 18 + t] = rng.uniform(0.4, 0.9, (10, 12))
            track.append((frame_key(t), prob))
    archives = []
    for name, track in zip("ab", probs, strict=True):
        write_prob_archive(tmp_path / f"{name}.zip", track)
        archives.append(ProbArchive(tmp_path / f"{name}.zip"))
    video = Video(
        frame_names=tuple("0123"),
        frame_paths=tuple(frames),
        truth_paths=(None,) * 4,
        object_id=1,
        encoding="binary",
        size=SIZE,
    )
    return TrackedObject(video=video, tracks=archives)


def test_the_average_of_the_tracks_is_refined(tracked):
    first, second = (track[frame_key(1)] for track in tracked.tracks)
    assert np.allclose(tracked.prob(1), (first + second) / 2)
    expected = refine(tracked.video[1], tracked.prob(1), PARAMS)
    assert np.array_equal(tracked.refined(1, PARAMS), expected)
    assert not np.array_equal(expected, tracked.prob(1))


def test_any_number_of_processes_gives_the_same_bytes_in_order(tracked):
    one, two = (list(refined_probs(tracked, PARAMS, processes=n)) for n in (1, 2))
    assert [t for t, _ in one] == [t for t, _ in two] == [0, 1, 2, 3]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, two, strict=True))


def test_a_frame_without_the_object_passes_through(tracked):
    assert not tracked.refined(EMPTY, PARAMS).any()
    assert not tracked.refined(EMPTY, replace(PARAMS, region_margin=2)).any()


def test_nothing_changes_outside_the_region(tracked):
    refined = tracked.refined(0, replace(PARAMS, region_margin=2))
    outside = np.ones(SIZE, np.bool_)
    outside[5:19, 4:20] = False
    assert np.array_equal(refined[outside], tracked.prob(0)[outside])
    assert not np.array_equal(refined, tracked.prob(0))
