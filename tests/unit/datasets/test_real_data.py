"""On the real data sets, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest
from real_data import real_data

from masktrack_core.datasets.index import index_video, list_sequences, read_facts
from masktrack_core.datasets.protocol import PROTOCOLS
from masktrack_core.datasets.stills import drop_empty, index_stills, read_still
from masktrack_core.datasets.videos import check_video, open_video
from masktrack_core.files.io import read_mask

REAL = real_data()

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REAL.is_dir(), reason="no real data: set MASKTRACK_REAL to its folder"),
]

STILLS = [
    ("ECSSD", "ecssd", 1000, []),
    ("PASCAL-S", "pascal_s", 850, ["359", "408", "424", "460", "622"]),
    ("SOD", "sod", 300, []),
]


def test_davis_sequences_have_the_published_numbers_of_frames():
    published = read_facts("davis2016").set_index("sequence")["num_frames"]
    pairs = list_sequences(REAL / "DAVIS", "davis")
    assert pairs and {name for name, _ in pairs} <= set(published.index)
    for sequence, object_id in pairs:
        video = open_video(index_video(REAL / "DAVIS", "davis", sequence, [object_id]), object_id)
        assert len(video) == published[sequence], sequence
        assert all(video.has_truth(t) for t in range(len(video)))
        assert video.frame(0).shape == (*video.size, 3)
        assert video.truth(0).any()


def test_the_davis_truth_with_an_alpha_channel_is_like_its_neighbours():
    video = open_video(index_video(REAL / "DAVIS", "davis", "bear", [1]), 1)
    before, strange = video.truth(76), video.truth(77)
    assert strange.shape == video.size
    assert (before & strange).sum() / (before | strange).sum() > 0.8


def counts(root, name):
    """Return (sequence, object) → how many frames with truth a protocol counts."""
    rules, found = PROTOCOLS[name], {}
    for sequence, number in list_sequences(root, rules.layout):
        video = open_video(index_video(root, rules.layout, sequence, [number]), number)
        counted = video.counted(rules.skip, before=rules.before, after=rules.after)
        found[sequence, number] = sum(map(video.has_truth, counted))
    return found


def test_protocols_count_the_frames_that_are_published():
    """No masks of others are at hand: what is checked is which frames and objects count."""
    facts = read_facts("davis2016").set_index("sequence")["num_frames"]
    davis = counts(REAL / "DAVIS", "davis2016")
    assert davis == {(name, 1): facts[name] - 2 for name, _ in davis}
    assert counts(REAL / "YouTubeObjects", "youtube_objects")["aeroplane-0001-001", 1] == 6
    segtrack = counts(REAL / "SegTrackv2", "segtrack_v2")
    published = read_facts("segtrack_v2")[["sequence", "object"]].itertuples(index=False, name=None)
    assert segtrack and set(segtrack) <= set(published)


@pytest.mark.slow
def test_davis_is_sound():
    for sequence, _ in list_sequences(REAL / "DAVIS", "davis"):
        assert check_video(index_video(REAL / "DAVIS", "davis", sequence, [1])) == []


def test_segtrack_girl_is_read_from_grey_stored_as_colour():
    assert ("girl", 1) in list_sequences(REAL / "SegTrackv2", "segtrack_v2")
    index = index_video(REAL / "SegTrackv2", "segtrack_v2", "girl", [1])
    assert len(index) == index.truth_path.ne("").sum() > 1
    assert check_video(index) == []
    assert 0.05 < open_video(index, 1).truth(0).mean() < 0.5


def test_the_youtube_shot_has_truth_every_tenth_frame():
    root = REAL / "YouTubeObjects"
    assert ("aeroplane-0001-001", 1) in list_sequences(root, "youtube_objects")
    index = index_video(root, "youtube_objects", "aeroplane-0001-001", [1])
    assert len(index) == 61
    video = open_video(index, 1)
    assert [t for t in range(len(video)) if video.has_truth(t)] == list(range(0, 61, 10))
    assert check_video(index) == []


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "layout", "count", "empty"), STILLS)
def test_saliency_sets_are_complete(folder, layout, count, empty):
    index = index_stills(REAL / folder, layout)
    assert len(index) == count
    kept = drop_empty(index)
    assert sorted(set(index["name"]) - set(kept["name"])) == empty


@pytest.mark.parametrize(("folder", "layout", "count", "empty"), STILLS)
def test_stills_and_masks_have_one_size(folder, layout, count, empty):
    for _, row in index_stills(REAL / folder, layout).iloc[:: count // 20].iterrows():
        frame, mask = read_still(row)
        assert frame.shape[:2] == mask.shape


def test_empty_masks_of_pascal_s_are_graded_not_black():
    index = index_stills(REAL / "PASCAL-S", "pascal_s").set_index("name")
    for name in STILLS[1][3]:
        path = Path(index.loc[name, "mask_path"])
        assert not read_mask(path).any()
        assert np.any(read_mask(path, threshold=20))
