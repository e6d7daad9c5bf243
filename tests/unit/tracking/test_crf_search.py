from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.files.archives import frame_key
from masktrack_core.tracking.crf import CrfParams, refine
from masktrack_core.tracking.crf_search import SearchParams, best_crf, search_crf, search_report
from masktrack_core.tracking.refinement import TrackedObject

SIZE = Size(20, 24)
GRID = {"bilateral_weight": [0.5, 3], "gaussian_weight": [0, 1]}
SEARCH = SearchParams(start=CrfParams(bilateral_sxy=5, bilateral_srgb=20, iterations=4), grid=GRID)


class Square:
    """A video of a bright square whose truth is known in all frames but one."""

    first = 0

    truth_paths = ("there", "there", None, "there")

    def __len__(self):
        return 4

    def has_truth(self, t):
        return self.truth_paths[t] is not None

    def truth(self, t):
        mask = np.zeros(SIZE, np.bool_)
        mask[5:13, 5 + t : 15 + t] = True
        return mask

    def __getitem__(self, t):
        return np.where(self.truth(t)[..., None], np.uint8(220), np.uint8(40)).repeat(3, axis=2)


def tracked(*, seed):
    """Rough probabilities: the truth behind noise that a CRF can remove."""
    rng, video = np.random.default_rng(seed), Square()
    noise = rng.uniform(-0.55, 0.55, (4, *SIZE)).astype(np.float32)
    probs = [np.clip(video.truth(t) * 0.4 + 0.3 + noise[t], 0, 1) for t in range(4)]
    return TrackedObject(
        video=video, tracks=[{frame_key(t): np.float32(p) for t, p in enumerate(probs)}]
    )


@pytest.fixture
def objects():
    return {"a/1": tracked(seed=1), "b/1": tracked(seed=2)}


def test_every_combination_is_measured_and_no_refinement_too(objects):
    trials = search_crf(objects, SEARCH)
    assert list(trials.columns) == ["candidate", *GRID, "J", "a/1", "b/1"]
    assert trials.candidate.tolist() == [-1, 0, 1, 2, 3]
    assert trials.bilateral_weight[1:].tolist() == [0.5, 0.5, 3, 3]
    assert trials.gaussian_weight[1:].tolist() == [0, 1, 0, 1]
    assert np.allclose(trials.J, (trials["a/1"] + trials["b/1"]) / 2)


def test_a_candidate_scores_what_refining_by_hand_scores(objects):
    trials = search_crf(objects, SEARCH)
    params, scores = SEARCH.candidates()[2], []
    for t in (1, 3):  # not the first frame, not the one without truth
        video = objects["a/1"].video
        mask = refine(video[t], objects["a/1"].prob(t), params) > 0.5
        scores.append((mask & video.truth(t)).sum() / (mask | video.truth(t)).sum())
    assert trials["a/1"][3] == pytest.approx(100 * np.mean(scores))


def test_a_long_sequence_counts_as_much_as_a_short_one():
    """J is the mean of the means of objects: by frames alone the long sequence would choose."""

    class Long(Square):
        truth_paths = ("there",) * 10

        def __len__(self):
            return 10

    short, long = tracked(seed=1), Long()
    sure = [np.float32(long.truth(t)) for t in range(10)]
    objects = {
        "short/1": short,
        "long/1": TrackedObject(
            video=long, tracks=[{frame_key(t): prob for t, prob in enumerate(sure)}]
        ),
    }
    search = replace(SEARCH, grid={"bilateral_weight": [3]})
    trials = search_crf(objects, search)
    assert trials["long/1"][0] == 100 and trials["short/1"][0] < 90
    assert trials.J[0] == pytest.approx((100 + trials["short/1"][0]) / 2)
    assert search_report(trials, search)["J_without"] == pytest.approx(trials.J[0], abs=1e-4)


@pytest.mark.parametrize(("every", "times"), [(1, [1, 3]), (2, [1])])
def test_every_so_many_frames_are_refined_the_first_after_the_given_one_always(every, times):
    seen = []

    class Watched(Square):
        def __getitem__(self, t):
            seen.append(t)
            return super().__getitem__(t)

    one = TrackedObject(video=Watched(), tracks=tracked(seed=1).tracks)
    search_crf({"a/1": one}, replace(SEARCH, grid={"bilateral_weight": [3]}, every=every))
    assert sorted(set(seen)) == times


def test_masks_are_cut_at_the_threshold_before_they_are_measured():
    half = [np.float32(0.6 * Square().truth(t)) for t in range(4)]
    one = TrackedObject(
        video=Square(), tracks=[{frame_key(t): prob for t, prob in enumerate(half)}]
    )
    search = replace(SEARCH, grid={"bilateral_weight": [3]})
    before = {
        cut: search_crf({"a/1": one}, replace(search, threshold=cut)).J[0] for cut in (0.5, 0.7)
    }
    assert before == {0.5: 100, 0.7: 0}


def test_the_best_is_chosen_and_beats_no_refinement_on_noise(objects):
    trials = search_crf(objects, SEARCH, processes=2)
    chosen = best_crf(trials, SEARCH)
    assert trials.J[SEARCH.candidates().index(chosen) + 1] == trials.J.max() > trials.J[0] + 5
    report = search_report(trials, SEARCH)
    assert CrfParams(**yaml.safe_load(yaml.safe_dump(report))["crf"]) == chosen
    assert report["measured_on"] == ["a/1", "b/1"] and "best of 4 candidates" in report["why"]


def test_no_refinement_is_kept_where_no_candidate_is_better():
    trials = pd.DataFrame({"candidate": [-1, 0, 1, 2, 3], "x": 0, "y": 0, "J": [9, 9, 8, 9, 1]})
    chosen = best_crf(trials, SEARCH)
    assert chosen.iterations == 0
    prob = np.random.default_rng(0).random(SIZE, np.float32)
    assert np.allclose(refine(np.zeros((*SIZE, 3), np.uint8), prob, chosen), prob, atol=2e-5)


def test_a_misspelt_parameter_is_named():
    search = SearchParams(start=CrfParams(), grid={"bilateral_sxi": [3]})
    with pytest.raises(InputError, match="bilateral_sxi"):
        search.candidates()


def test_an_object_without_truth_after_the_first_frame_is_refused():
    video = type("One", (Square,), {"__len__": lambda self: 1})()
    with pytest.raises(InputError, match="a/1: expected annotated frames after the first"):
        search_crf({"a/1": TrackedObject(video=video, tracks=[])}, SEARCH)
