"""What holds for every input: seeded random ones against naive answers, and there and back."""

import math
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from masktrack_core.arrays import Size
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.experiment.results import sequence_table
from masktrack_core.files.archives import (
    MaskArchive,
    ProbArchive,
    write_mask_archive,
    write_prob_archive,
)
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.regions import CropParams, Window, crop_mask, paste_prob
from masktrack_core.masks.warp import (
    affine_map,
    fit_thin_plate,
    invert_affine,
    similarity,
    transform_points,
    warp_mask,
)
from masktrack_core.measures.metrics import contour_accuracy, region_similarity
from masktrack_core.measures.scoring import ScoringRules, score
from masktrack_core.training.batches import batches
from masktrack_core.training.examples import StillExamples, Stills

#: The same draws in every run, and few.
seeded = settings(derandomize=True, max_examples=30, deadline=None, database=None)
few = settings(seeded, max_examples=6)

shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=11)


def masks_of(shape):
    """Masks of every extent: noise, boxes, nothing, everything."""
    noise = arrays(np.bool_, shape)
    empty, full = (st.just(np.full(shape, value)) for value in (False, True))
    return noise | st.tuples(noise, noise).map(lambda two: two[0] & two[1]) | empty | full


pairs = shapes.flatmap(lambda shape: st.tuples(masks_of(shape), masks_of(shape)))


# --- measures


@seeded
@given(pairs)
def test_j_is_the_share_of_two_sets_of_pixels(pair):
    pred, truth = ({tuple(place) for place in np.argwhere(mask)} for mask in pair)
    naive = len(pred & truth) / len(pred | truth) if pred | truth else 1.0
    assert region_similarity(pair[0][None], pair[1][None]).tolist() == [naive]


def naive_boundary(mask):
    """Pixels that differ from one to the right, below, or both; the last ones look back at none."""
    height, width = mask.shape
    return [
        (y, x)
        for y in range(height)
        for x in range(width)
        if any(
            mask[y, x] != mask[min(y + down, height - 1), min(x + right, width - 1)]
            for down, right in ((0, 1), (1, 0), (1, 1))
        )
    ]


def naive_f(pred, truth, radius):
    edges = [naive_boundary(mask) for mask in (pred, truth)]
    if not all(edges):
        return float(not any(edges))
    precision, recall = (
        sum(any(math.dist(place, other) <= radius for other in others) for place in edge)
        / len(edge)
        for edge, others in (edges, edges[::-1])
    )
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@seeded
@given(pairs, st.sampled_from([1, 2, 3, 5]))
def test_f_counts_boundary_pixels_that_have_one_of_the_other_within_the_radius(pair, radius):
    pred, truth = pair
    measured = contour_accuracy(pred[None], truth[None], bound=radius)
    assert measured.tolist() == pytest.approx([naive_f(pred, truth, radius)])


@seeded
@given(pairs)
def test_both_measures_are_symmetric_in_one_and_perfect_for_equal_masks(pair):
    pred, truth = (mask[None] for mask in pair)
    for measure in (region_similarity, contour_accuracy):
        assert measure(pred, truth).tolist() == measure(truth, pred).tolist()
        assert 0 <= measure(pred, truth)[0] <= 1 and measure(pred, pred).tolist() == [1.0]


# --- there and back


@seeded
@given(
    arrays(np.bool_, (9, 12)),
    st.integers(-5, 5),
    st.integers(-5, 5),
    st.booleans(),
    st.integers(0, 1),
)
def test_a_mask_that_is_moved_mirrored_and_turned_comes_back(mask, right, down, flip, turn):
    size = Size(40, 44)
    whole = np.zeros(size, np.bool_)
    whole[15:24, 15:27] = mask
    there = similarity((21, 20), scale=1.0, angle_deg=180.0 * turn, flip=flip)
    there[:, 2] += (right, down)
    moved = warp_mask(whole, affine_map(there, size))
    assert moved.sum() == mask.sum()
    assert np.array_equal(warp_mask(moved, affine_map(invert_affine(there), size)), whole)


@seeded
@given(
    arrays(np.float64, (5, 2), elements=st.floats(-100, 100)),
    st.floats(0.2, 5),
    st.floats(-180, 180),
    st.booleans(),
)
def test_points_come_back_from_any_similarity(points, scale, angle, flip):
    there = similarity((3.0, -7.0), scale=scale, angle_deg=angle, flip=flip)
    back = transform_points(invert_affine(there), transform_points(there, points))
    assert np.allclose(back, points, atol=1e-3)


@seeded
@given(arrays(np.float64, (4, 2), elements=st.floats(-3, 3)))
def test_a_thin_plate_moves_its_points_there_and_the_one_of_the_way_back_here(shift):
    corners = np.array([[5, 5], [60, 8], [9, 50], [55, 47]], np.float32)
    moved = (corners + shift).astype(np.float32)
    there, back = fit_thin_plate(corners, moved), fit_thin_plate(moved, corners)
    assert np.allclose(there(corners), moved, atol=1e-2)
    assert np.allclose(back(there(corners)), corners, atol=2e-2)


@seeded
@given(arrays(np.bool_, (14, 17)), st.integers(-6, 14), st.integers(-6, 11), st.integers(1, 20))
def test_what_is_cropped_and_pasted_is_the_mask_inside_the_window_and_nothing_outside(
    mask, x, y, side
):
    window = Window(x, y, side)
    crop = crop_mask(mask, window, side)
    pasted = paste_prob(crop.astype(np.float32), window, Size(*mask.shape))
    inside = np.zeros_like(mask)
    inside[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)] = True
    assert np.array_equal(pasted > 0.5, mask & inside)
    assert not pasted[~inside].any() and crop.sum() == (mask & inside).sum()


names = st.lists(
    st.text("abcxyz019_-", min_size=1, max_size=8), min_size=1, max_size=5, unique_by=str.lower
)


@few
@given(names, shapes, st.data())
def test_archives_give_back_names_in_order_and_masks_as_they_were(
    tmp_path_factory, names, shape, data
):
    path = tmp_path_factory.mktemp("archive") / "masks.zip"
    masks = {name: data.draw(arrays(np.bool_, shape)) for name in names}
    write_mask_archive(path, masks.items())
    read = MaskArchive(path)
    assert list(read) == names
    assert all(np.array_equal(read[name], masks[name]) for name in reversed(names))
    again = path.with_name("again.zip")
    write_mask_archive(again, masks.items())
    assert path.read_bytes() == again.read_bytes()


@few
@given(st.data(), shapes)
def test_archived_probabilities_are_off_by_half_a_step_and_on_their_side_of_a_half(
    tmp_path_factory, data, shape
):
    path = tmp_path_factory.mktemp("archive") / "probs.zip"
    prob = data.draw(arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    write_prob_archive(path, [("a", prob)])
    read = ProbArchive(path)["a"]
    assert np.abs(read - prob).max() <= 1 / 510 + 1e-6
    assert np.array_equal(read > 0.5, prob > 0.5)


# --- order does not matter


def still_examples():
    """Three stills of one square each; every draw is on."""
    rng = np.random.default_rng(4)
    pictures = {f"s{i}": rng.integers(0, 256, (36, 40, 3), np.uint8) for i in range(3)}
    masks = {name: np.eye(36, 40, 3 * i, np.bool_) for i, name in enumerate(pictures)}
    stills = Stills(
        names=list(pictures),
        read=lambda name: (pictures[name], masks[name]),
        deformed={f"{name}/{k}": np.roll(masks[name], k + 1) for name in masks for k in range(2)},
        digest=lambda: "noise",
    )
    return StillExamples(stills, CropParams(size=33), augmentation=AugmentationParams(), seed=3)


@few
@given(st.permutations(range(13)))
def test_examples_are_the_same_in_any_order(order):
    known = [still_examples()[number] for number in range(13)]
    examples = still_examples()
    for number in order:
        pairs = zip(examples[number], known[number], strict=True)
        assert all(np.array_equal(mine, right) for mine, right in pairs)


@pytest.mark.parametrize(("size", "workers"), [(1, 0), (2, 2), (3, 0), (4, 1), (12, 0)])
def test_examples_are_the_same_in_any_batch_and_from_any_number_of_workers(size, workers):
    examples = still_examples()
    made = list(batches(examples, size, range(12 // size), workers=workers))
    for part in range(3):
        joined = np.concatenate([batch[part].numpy() for batch in made])
        assert np.array_equal(joined, np.stack([examples[n][part] for n in range(12)]))


def test_scores_do_not_depend_on_the_order_of_files(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    for folder in ("truth", "masks"):
        for name in ("b", "a"):
            (tmp_path / folder / name).mkdir(parents=True)
            for t in rng.permutation(11):  # as a copy may write them
                mask = rng.random((12, 15)) < 0.1 * (t + 1)
                Image.fromarray(mask).save(tmp_path / folder / name / f"{t}.png")

    rules = ScoringRules(before="skipped")  # the object's first frame then counts

    def measured():
        scores = score(tmp_path / "truth", tmp_path / "masks", rules=rules, temporal="none")
        return [(one.sequence, one.frames, *one.j, *one.f) for one in scores]

    known = measured()
    assert [one[0] for one in known] == ["a", "b"]
    assert known[0][1] == tuple(str(t) for t in range(1, 10))
    assert len({*known[0][2:20]}) > 15  # hardly two frames alike
    dealer = random.Random(1)
    for method in ("glob", "rglob", "iterdir"):
        plain = getattr(Path, method)

        def shuffled(path, *given, plain=plain):
            found = list(plain(path, *given))
            dealer.shuffle(found)
            return iter(found)

        monkeypatch.setattr(Path, method, shuffled)
    assert all(measured() == known for _ in range(3))


@few
@given(st.permutations(range(8)))
def test_a_table_does_not_depend_on_the_order_of_its_scores(order):
    where = {"variant": "v", "annotation": "first", "dataset": "d", "object": 1, "scored": True}
    both = [
        pd.DataFrame({"sequence": name, "t": range(4), "J": [start, 0.7, 0.2, 0.4], **where})
        for name, start in (("a", 0.9), ("b", 0.1))
    ]
    scores = pd.concat(both, ignore_index=True)
    scores["F"] = scores.J / 2
    row = TableRow(method="M", variant="v", annotation="first")
    key = ["dataset", "sequence", "object"]
    known, mixed = (
        sequence_table(table, [row]).sort_values(key).reset_index(drop=True)
        for table in (scores, scores.iloc[list(order)])
    )
    pd.testing.assert_frame_equal(mixed, known)
