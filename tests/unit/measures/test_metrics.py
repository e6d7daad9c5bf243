"""J, F and summaries against the official definition, written out here without our code."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from real_data import real_data
from skimage.morphology import dilation, disk

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.measures.metrics import (
    contour_accuracy,
    contour_tolerance,
    region_similarity,
    summarize,
)

REPOSITORY = Path(__file__).resolve().parents[3]
REAL = real_data()
FACTS = REPOSITORY / "masktrack_core" / "facts"


def official_boundary(mask):
    east, south, corner = mask.copy(), mask.copy(), mask.copy()
    east[:, :-1], south[:-1], corner[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    edge = (mask ^ east) | (mask ^ south) | (mask ^ corner)
    edge[-1] = mask[-1] ^ east[-1]
    edge[:, -1] = mask[:, -1] ^ south[:, -1]
    edge[-1, -1] = False
    return edge


def official_f(pred, truth, bound=0.008):
    radius = bound if bound >= 1 else math.ceil(bound * np.linalg.norm(pred.shape))
    edge_pred, edge_truth = official_boundary(pred), official_boundary(truth)
    count_pred, count_truth = edge_pred.sum(), edge_truth.sum()
    if count_pred == 0 and count_truth == 0:
        return 1.0
    if count_pred == 0 or count_truth == 0:
        return 0.0
    near_pred = dilation(edge_pred.astype(np.uint8), disk(radius))
    near_truth = dilation(edge_truth.astype(np.uint8), disk(radius))
    precision = (edge_pred * near_truth).sum() / count_pred
    recall = (edge_truth * near_pred).sum() / count_truth
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def random_masks(seed, count=6, size=(90, 160)):
    """Blobs of every extent, empty and full ones among them, that touch the borders."""
    rng = np.random.default_rng(seed)
    fields = [cv2.GaussianBlur(rng.random(size), (0, 0), rng.uniform(1, 9)) for _ in range(count)]
    masks = np.stack([field > np.quantile(field, rng.random()) for field in fields])
    masks[rng.integers(count)] = rng.random() > 0.5
    window = np.zeros(size, bool)
    window[rng.integers(60) :, rng.integers(100) :] = True
    return masks & window if seed % 2 else masks


def real_pairs(sequence):
    """Truth, and truth a frame later as the prediction."""
    files = sorted((REAL / "DAVIS" / "Annotations" / "480p" / sequence).glob("*.png"))[:8]
    truth = np.stack([np.asarray(Image.open(file).convert("L")) > 0 for file in files])
    return truth[1:], truth[:-1]


def test_jaccard_by_hand():
    pred = np.array([[[1, 1, 0]], [[0, 0, 0]], [[1, 0, 0]], [[0, 0, 0]]], bool)
    truth = np.array([[[0, 1, 1]], [[0, 0, 0]], [[0, 0, 0]], [[1, 1, 1]]], bool)
    assert region_similarity(pred, truth).tolist() == [1 / 3, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("seed", range(6))
def test_jaccard_is_intersection_over_union(seed):
    pred, truth = random_masks(seed), random_masks(seed + 100)
    union = (pred | truth).sum(axis=(1, 2))
    expected = np.where(union, (pred & truth).sum(axis=(1, 2)) / np.maximum(union, 1), 1)
    np.testing.assert_array_equal(region_similarity(pred, truth), expected)


@pytest.mark.parametrize("seed", range(12))
def test_contour_accuracy_is_the_official_one(seed):
    pred, truth = random_masks(seed), random_masks(seed + 100)
    expected = [official_f(p, t) for p, t in zip(pred, truth, strict=True)]
    np.testing.assert_allclose(contour_accuracy(pred, truth), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bound", [0, 0.02, 1, 3, 20])
def test_contour_accuracy_is_the_official_one_at_other_tolerances(bound):
    pred, truth = random_masks(3), random_masks(203)
    expected = [official_f(p, t, bound) for p, t in zip(pred, truth, strict=True)]
    np.testing.assert_allclose(contour_accuracy(pred, truth, bound=bound), expected, atol=1e-12)


@pytest.mark.real
@pytest.mark.skipif(not (REAL / "DAVIS").is_dir(), reason="DAVIS is not at hand (MASKTRACK_REAL)")
def test_measures_of_real_masks_are_the_official_ones():
    folders = sorted((REAL / "DAVIS" / "Annotations" / "480p").iterdir())
    for sequence in folders[:3]:
        pred, truth = real_pairs(sequence.name)
        expected = [official_f(p, t) for p, t in zip(pred, truth, strict=True)]
        np.testing.assert_allclose(contour_accuracy(pred, truth), expected, rtol=0, atol=1e-12)
        expected = [(p & t).sum() / (p | t).sum() for p, t in zip(pred, truth, strict=True)]
        np.testing.assert_array_equal(region_similarity(pred, truth), expected)


def test_contours_of_empty_masks():
    empty = np.zeros((1, 20, 20), bool)
    square = empty.copy()
    square[0, 5:9, 5:9] = True
    assert contour_accuracy(empty, empty).tolist() == [1.0]
    assert contour_accuracy(square, empty).tolist() == [0.0]
    assert contour_accuracy(empty, square).tolist() == [0.0]


def test_a_full_mask_has_no_contour_like_an_empty_one():
    full = np.ones((1, 20, 20), bool)
    assert contour_accuracy(full, ~full).tolist() == [1.0]


def test_a_contour_within_the_tolerance_is_a_full_match():
    truth = np.zeros((1, 60, 80), bool)
    truth[0, 20:40, 20:50] = True
    assert contour_tolerance(Size(60, 80)) == 1
    assert contour_accuracy(np.roll(truth, 1, axis=2), truth)[0] == 1
    assert contour_accuracy(np.roll(truth, 2, axis=2), truth)[0] < 1


def test_tolerance_at_480p_is_eight_pixels():
    assert contour_tolerance(Size(480, 854)) == 8


def test_contours_that_are_apart_or_touch_the_border_are_the_official_ones():
    """Each contour has a window of its own; these do not meet, meet in one axis, are cut off."""
    places = [
        np.s_[:6, :7],
        np.s_[30:40, 2:9],
        np.s_[28:38, 60:70],
        np.s_[55:, 70:],
        np.s_[3:9, :9],
    ]
    masks = np.zeros((len(places), 60, 80), np.bool_)
    for mask, place in zip(masks, places, strict=True):
        mask[place] = True
    for pred in masks:
        found = contour_accuracy(np.broadcast_to(pred, masks.shape).copy(), masks, bound=3)
        assert found == pytest.approx([official_f(pred, truth, bound=3) for truth in masks])


def test_measures_are_symmetric_and_one_for_equal_masks():
    pred, truth = random_masks(1), random_masks(101)
    for measure in (region_similarity, contour_accuracy):
        np.testing.assert_allclose(measure(pred, truth), measure(truth, pred), atol=1e-15)
        np.testing.assert_array_equal(measure(truth, truth), 1)


def test_measures_of_no_frames_are_empty():
    none = np.zeros((0, 4, 5), bool)
    assert region_similarity(none, none).shape == contour_accuracy(none, none).shape == (0,)


def test_masks_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"expected shape \(2, 4, 6\) like truth, got \(2, 4, 5\)"):
        region_similarity(np.zeros((2, 4, 5), bool), np.zeros((2, 4, 6), bool))
    with pytest.raises(InputError, match=r"truth: expected a bool array \(T, H, W\), got uint8"):
        contour_accuracy(np.zeros((2, 4, 5), bool), np.zeros((2, 4, 5), np.uint8))


@pytest.mark.parametrize("shape", [(4, 5), (1, 2, 4, 5)])
def test_what_is_no_stack_of_masks_is_refused(shape):
    for measure in (region_similarity, contour_accuracy):
        with pytest.raises(InputError, match=r"pred: expected a bool array \(T, H, W\), got bool"):
            measure(np.zeros(shape, bool), np.zeros(shape, bool))


def test_recall_counts_values_strictly_above_one_half():
    assert summarize(np.array([0.5, 0.5000001, 0.4, 1.0])).recall == 0.5


@pytest.mark.parametrize(
    ("values", "decay"),
    [
        ([0.7], 0.0),
        ([0.9, 0.1], 0.9 - 0.1),  # edges 1 1 2 2 2
        ([1, 0.5, 0], 0.75 - 0.0),  # edges 1 2 2 3 3: 1.5 and 2.5 go up
        ([1, 0.8, 0.6, 0.2, 0], 0.9 - 0.1),  # edges 1 2 3 4 5
        ([1, 0.8, 0.6, 0.4, 0.2, 0], 0.9 - 0.1),  # edges 1 2 4 5 6: 2.25, 3.5, 4.75
        ([1, 1, 0.7, 0.5, 0.4, 0.3, 0], 0.9 - (0.3 + 0) / 2),  # edges 1 3 4 6 7
    ],
)
def test_decay_by_hand(values, decay):
    assert summarize(np.array(values, float)).decay == pytest.approx(decay, abs=1e-15)


@pytest.mark.parametrize("count", [*range(1, 120), 255, 256, 257, 300, 1000, 65537])
def test_decay_has_the_rounded_edges_of_the_toolbox(count):
    values = np.random.default_rng(count).random(count)
    edges = np.floor(np.linspace(1, count, 5) + 0.5).astype(int) - 1
    bins = [values[edges[k] : edges[k + 1] + 1] for k in range(4)]
    assert summarize(values).decay == pytest.approx(bins[0].mean() - bins[3].mean(), abs=1e-14)


def test_decay_is_defined_for_sequences_longer_than_256_frames():
    values = np.linspace(1, 0, 300)
    assert summarize(values).decay == pytest.approx(224 / 299, abs=1e-12)


def test_a_mean_refuses_missing_frames():
    with pytest.raises(InputError, match=r"nan at scored frame 1 \(2 in all\)"):
        summarize(np.array([0.5, np.nan, 0.1, np.inf]))
    with pytest.raises(InputError, match="one value per frame"):
        summarize(np.array([]))


@pytest.mark.skipif(not FACTS.is_dir(), reason="the facts are not in this tree")
@pytest.mark.parametrize(
    ("measure", "technique", "mean"),
    [("J", "msk", 0.8031), ("J", "bvs", 0.6652), ("J", "nlc", 0.6413), ("F", "msk", 0.7582)],
)
def test_published_means_are_the_mean_of_the_sequences(measure, technique, mean):
    import pandas as pd

    table = pd.read_csv(FACTS / f"davis2016_published_{measure}.csv")
    assert len(table) == 50
    assert table[technique].mean() == pytest.approx(mean, abs=1e-4)
