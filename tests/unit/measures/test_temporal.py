"""T: against a slow implementation from the definition, written here, and by its invariants.

No published result masks are at hand, so agreement with the toolbox is shown part by part (this
slow copy) and in the mean (true masks of the stable sequences: 0.095 over all 27).
"""

import heapq
import math
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from real_data import real_data

from masktrack_core.errors import InputError
from masktrack_core.measures import temporal
from masktrack_core.measures.contours import closed_contours, longest_polygon
from masktrack_core.measures.temporal import (
    chi_square_costs,
    instability_of_steps,
    matching_costs,
    temporal_instability,
    temporal_mean,
)

REPOSITORY = Path(__file__).resolve().parents[3]
REAL = real_data()


def slow_loops(mask):
    """Closed crack contours on the half-pixel grid (x, y doubled), by linking edges in a dict."""
    height, width = mask.shape
    inside = {(x, y) for y in range(height) for x in range(width) if mask[y, x]}
    links = {}
    for x, y in inside:
        sides = {(x - 1, y): ((x, y), (x, y + 1)), (x + 1, y): ((x + 1, y + 1), (x + 1, y))}
        sides |= {(x, y + 1): ((x, y + 1), (x + 1, y + 1)), (x, y - 1): ((x + 1, y), (x, y))}
        for neighbour, (start, end) in sides.items():
            if neighbour not in inside:
                assert start not in links, "this slow copy knows no corners of four edges"
                links[start] = end
    loops = []
    while links:  # object on the left: outer contours run down first, like the toolbox
        first = min(links, key=lambda corner: (corner[1], corner[0]))
        loop = [first]
        while links[loop[-1]] != first:
            loop.append(links[loop[-1]])
        for corner in loop:
            del links[corner]
        loop.append(first)
        is_hole = loop[1][0] != first[0]
        loop = loop[::-1] if is_hole else loop
        loops.append(([(2 * x, 2 * y) for x, y in loop], is_hole))
    return loops


def slow_distance2(p, a, b):
    (px, py), (ax, ay), (bx, by) = p, a, b
    along = (px - ax) * (bx - ax) + (py - ay) * (by - ay)
    length2 = (bx - ax) ** 2 + (by - ay) ** 2
    if along <= 0:
        return (px - ax) ** 2 + (py - ay) ** 2
    if length2 <= along:
        return (px - bx) ** 2 + (py - by) ** 2
    fraction = float(np.float32(along) / np.float32(length2))
    return (px - ax - fraction * (bx - ax)) ** 2 + (py - ay - fraction * (by - ay)) ** 2


def slow_simplify(points, tolerance):
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) >= tolerance:
            kept.append(point)
    kept.append(points[-1])

    def split(first, last):
        key, far = None, 0
        for index in range(first + 1, last):
            distance2 = slow_distance2(kept[index], kept[first], kept[last])
            if distance2 >= far:
                key, far = index, distance2
        if key is None or far <= tolerance**2:
            return []
        return [*split(first, key), key, *split(key, last)]

    return [kept[index] for index in [0, *split(0, len(kept) - 1), len(kept) - 1]]


def slow_polygon(mask):
    best = []
    for loop, is_hole in slow_loops(mask):
        points = slow_simplify(slow_simplify(loop, 0.1), 3)
        turn = sum((b[1] - a[1]) * (a[0] + b[0]) for a, b in pairwise(points))
        if (turn > 0) == is_hole:
            points.reverse()
        if len(points) > 3 and len(points) > len(best):
            best = points
    return [(x / 2, y / 2) for x, y in best]


def slow_contexts(polygon):
    points = [polygon[0]]
    for (ax, ay), (bx, by) in pairwise(polygon):
        parts = max(math.ceil(math.hypot(bx - ax, by - ay) / 3), 1)
        points += [
            (ax + (bx - ax) * k / parts, ay + (by - ay) * k / parts) for k in range(1, parts)
        ]
        points.append((bx, by))
    mean = sum(math.dist(p, q) for p in points for q in points) / len(points) ** 2
    contexts = []
    for p in points:
        bins = np.zeros((12, 5))
        for q in points:
            distance = math.dist(p, q) / mean
            ring = sum(distance < edge for edge in (1 / 8, 1 / 4, 1 / 2, 1, 2))
            if ring:
                angle = math.atan2(q[1] - p[1], q[0] - p[0]) % (2 * math.pi)
                bins[int(angle / (math.pi / 6)), ring - 1] += 1
        contexts.append(bins.ravel() / bins.sum())
    return contexts


def slow_path(costs):
    """Dijkstra with a heap; the cell reached first keeps its predecessor on a tie."""
    n, m = costs.shape
    distance, parent, heap = {(0, 0): 0.0}, {}, [(0.0, 0, 0)]
    while heap:
        reached, i, j = heapq.heappop(heap)
        if reached > distance[i, j]:
            continue
        for cell in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
            if cell[0] < n and cell[1] < m:
                total = reached + costs[cell]
                if total < distance.get(cell, math.inf):
                    distance[cell], parent[cell] = total, (i, j)
                    heapq.heappush(heap, (total, *cell))
    path = [(n - 1, m - 1)]
    while path[-1] != (0, 0):
        path.append(parent[path[-1]])
    return path


def slow_matching_cost(costs):
    n, m = costs.shape
    best = min(slow_path(costs)[:-1], key=lambda cell: costs[cell])
    shifted = np.array(
        [[costs[(i + best[0] + 1) % n, (j + best[1] + 1) % m] for j in range(m)] for i in range(n)]
    )
    pairs = [((i + best[0] + 1) % n, (j + best[1] + 1) % m) for i, j in slow_path(shifted)]
    for side in (0, 1):
        ids = sorted({pair[side] for pair in pairs})
        pairs = [
            min((pair for pair in pairs if pair[side] == wanted), key=lambda pair: costs[pair])
            for wanted in ids
        ]
    return sum(costs[pair] for pair in pairs) / len(pairs)


def slow_t(now, later):
    a, b = slow_contexts(slow_polygon(now)), slow_contexts(slow_polygon(later))
    costs = [[0.5 * np.sum((p - q) ** 2 / (p + q + 2.2204e-16)) for q in b] for p in a]
    return 5 * slow_matching_cost(np.array(costs))


def wobbly(seed, size=(90, 110), holes=True):
    """Two masks of a wobbling blob, without corners of four contour edges."""
    rng = np.random.default_rng(seed)
    masks = []
    radius = rng.uniform(18, 30)
    waves = rng.uniform(-3, 3, (2, 5))
    for _ in range(2):
        waves = waves + rng.normal(0, 0.6, waves.shape)
        rows, columns = np.indices(size)
        angle = np.arctan2(rows - 45, columns - 55)
        rim = radius + sum(
            waves[0, k] * np.cos((k + 2) * angle) + waves[1, k] * np.sin((k + 2) * angle)
            for k in range(5)
        )
        distance = np.hypot(rows - 45, columns - 55)
        mask = distance < rim
        if holes and seed % 2:
            mask &= distance > radius / 3
        mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((2, 2), np.uint8))
        masks.append(mask > 0)
    return np.stack(masks)


@pytest.mark.parametrize("seed", range(6))
def test_polygon_is_the_slow_one(seed):
    for mask in wobbly(seed):
        np.testing.assert_array_equal(longest_polygon(mask), slow_polygon(mask))


@pytest.mark.parametrize("seed", range(6))
def test_instability_is_the_slow_one(seed):
    masks = wobbly(seed)
    assert temporal_instability(masks)[0] == pytest.approx(slow_t(*masks), abs=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 3), (9, 14)])
def test_matching_is_the_slow_one_on_random_costs(shape):
    for seed in range(5):
        costs = np.random.default_rng(seed).random(shape)
        if shape == (1, 1):
            assert matching_costs([costs]) == [costs[0, 0]]
        else:
            slow = slow_matching_cost(costs)
            assert matching_costs([costs]) == [pytest.approx(slow, abs=1e-15)]


def test_matchings_side_by_side_are_those_of_each_alone():
    rng = np.random.default_rng(5)
    shapes = [(7, 9), (1, 5), (12, 3), (2, 2), (30, 31)]
    costs = [rng.random(shape) for shape in shapes]
    assert matching_costs(costs) == [matching_costs([each])[0] for each in costs]


@pytest.mark.parametrize("at_a_time", [2048, 50])
def test_costs_have_every_digit_of_a_sum_bin_after_bin(at_a_time, monkeypatch):
    monkeypatch.setattr(temporal, "_VALUES", at_a_time)
    rng = np.random.default_rng(6)
    now, later = (rng.integers(0, 4, (n, 60)) / rng.integers(90, 93, (n, 1)) for n in (70, 130))
    costs = np.zeros((70, 130))
    for a, b in zip(now.T, later.T, strict=True):
        costs += (a[:, None] - b) ** 2 / (a[:, None] + b + np.finfo(np.float64).eps)
    np.testing.assert_array_equal(chi_square_costs(now, later), costs * 0.5)


def test_a_long_sequence_is_matched_in_parts_of_alike_work(monkeypatch):
    masks = np.concatenate([wobbly(seed, holes=False) for seed in range(4)])
    whole = temporal_instability(masks)
    matched, at_once = temporal.matching_costs, []
    monkeypatch.setattr(
        temporal, "matching_costs", lambda costs: at_once.append(len(costs)) or matched(costs)
    )
    monkeypatch.setattr(temporal, "_CELLS", 10_000)  # two pairs at a time, or one
    np.testing.assert_array_equal(temporal_instability(masks), whole)
    assert len(set(whole.tolist())) == 7
    assert set(at_once) == {1, 2} and sum(at_once) == 7


def test_identical_masks_have_no_instability():
    masks = wobbly(0)[[0, 0, 0]]
    assert temporal_instability(masks).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (7, -9)])
def test_instability_ignores_translation(shift):
    now = wobbly(2)[0]
    assert temporal_instability(np.stack([now, np.roll(now, shift, axis=(0, 1))])).tolist() == [0.0]


def test_steps_lead_from_the_true_first_mask_and_from_frame_to_next_frame_only():
    masks = np.concatenate([wobbly(seed, holes=False) for seed in (2, 4)])
    first, *results = masks
    there = temporal_instability(masks)
    assert len(set(there)) == 3 and not np.isnan(there).any()
    steps = instability_of_steps(first, np.stack(results), (1, 2, 4), start=0)
    np.testing.assert_array_equal(steps, [there[0], there[1], np.nan])
    late = instability_of_steps(first, np.stack(results), (3, 4, 5), start=2)
    np.testing.assert_array_equal(late, there)
    alone = instability_of_steps(None, masks, (2, 3, 4, 5), start=2)
    np.testing.assert_array_equal(alone, [np.nan, *there])  # the first is scored itself


def test_instability_grows_with_the_deformation():
    rows, columns = np.indices((120, 120))
    masks = [(rows - 60) ** 2 / a**2 + (columns - 60) ** 2 / 40**2 < 1 for a in (40, 38, 30, 12)]
    values = [temporal_instability(np.stack([masks[0], other]))[0] for other in masks[1:]]
    assert 0 < values[0] < values[1] < values[2] < 5
    assert values[0] < 0.3


def test_instability_is_undefined_where_a_mask_is_empty_or_one_pixel():
    masks = np.repeat(wobbly(0)[:1], 5, axis=0)
    masks[1] = False
    masks[4] = False
    masks[4, 9, 9] = True
    values = temporal_instability(masks)
    assert np.isnan(values).tolist() == [True, True, False, True]
    assert temporal_mean(values) == 0.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3)])
def test_a_mask_whose_contour_has_two_corners_left_has_no_polygon(shape):
    """Two points and the first again are a line: T of a mask of two pixels is no number."""
    masks = np.zeros((2, 9, 9), bool)
    masks[:, 4 : 4 + shape[0], 4 : 4 + shape[1]] = True
    assert longest_polygon(masks[0]) is None
    assert np.isnan(temporal_instability(masks)).all()


def test_the_smallest_polygon_is_that_of_two_by_three_pixels():
    masks = np.zeros((2, 9, 9), bool)
    masks[:, 4:6, 4:7] = True
    assert longest_polygon(masks[0]).tolist() == [[4, 4], [7, 4], [7, 6], [4, 6], [4, 4]]
    assert temporal_instability(masks).tolist() == [0.0]


def test_the_mean_of_a_lost_object_is_not_a_number():
    assert math.isnan(temporal_mean(temporal_instability(np.zeros((4, 5, 5), bool))))


def test_one_mask_and_no_mask_have_no_pairs():
    assert temporal_instability(np.zeros((1, 5, 5), bool)).shape == (0,)
    assert temporal_instability(np.zeros((0, 5, 5), bool)).shape == (0,)


@pytest.mark.parametrize(
    "pred",
    [np.zeros((2, 5, 5), np.uint8), np.zeros((5, 5), bool), [np.zeros((5, 5), bool)]],
    ids=["labels", "one mask", "a list"],
)
def test_what_is_no_array_of_masks_is_refused(pred):
    with pytest.raises(InputError, match=r"pred: expected a bool array \(T, H, W\)"):
        temporal_instability(pred)


def test_a_rectangle_is_its_four_corners_clockwise_from_the_top_left():
    mask = np.zeros((20, 30), bool)
    mask[4:14, 6:26] = True
    assert longest_polygon(mask).tolist() == [[6, 4], [26, 4], [26, 14], [6, 14], [6, 4]]


def test_contours_reach_the_border_of_the_picture():
    assert longest_polygon(np.ones((8, 9), bool)).tolist() == [
        [0, 0],
        [9, 0],
        [9, 8],
        [0, 8],
        [0, 0],
    ]


def areas(mask):
    """Signed areas of the contours, doubled."""
    return sorted(
        abs(int(np.sum(c[:-1, 0] * c[1:, 1] - c[1:, 0] * c[:-1, 1]))) // 2
        for c in closed_contours(mask)
    )


def test_squares_that_touch_at_a_corner_are_two_contours():
    mask = np.zeros((10, 10), bool)
    mask[1:4, 1:4] = mask[4:8, 4:8] = True
    assert areas(mask) == [9, 16]


def test_a_ring_pinched_at_a_corner_is_an_outer_contour_and_a_hole():
    mask = np.ones((6, 6), bool)
    mask[0, 0] = False
    mask[1:4, 1:4] = False
    assert areas(mask) == [9, 35]


@pytest.mark.parametrize("seed", range(20))
def test_contours_of_noise_are_closed_simple_and_use_every_crack_once(seed):
    mask = np.random.default_rng(seed).random((14, 17)) > 0.5
    padded = np.pad(mask, 1)
    cracks = np.sum(padded[1:] ^ padded[:-1]) + np.sum(padded[:, 1:] ^ padded[:, :-1])
    walked = set()
    for contour in closed_contours(mask):
        corners = [tuple(corner) for corner in contour]
        assert corners[0] == corners[-1]
        assert len(set(corners)) == len(corners) - 1
        walked |= {frozenset(edge) for edge in pairwise(corners)}
        assert np.abs(np.diff(contour, axis=0)).sum(axis=1).tolist() == [1] * (len(contour) - 1)
    assert len(walked) == cracks == sum(len(contour) - 1 for contour in closed_contours(mask))


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not (REAL / "DAVIS").is_dir(), reason="DAVIS is not at hand (MASKTRACK_REAL)")
def test_true_masks_are_as_stable_as_published():
    """The paper's table gives T = 0.095 for the truth over the 27 stable sequences."""
    stable = ["car-turn", "drift-turn", "hockey", "mallard-water", "surf"]
    means = []
    for sequence in stable:
        folder = REAL / "DAVIS" / "Annotations" / "480p" / sequence
        files = sorted(folder.glob("*.png"))[:20]
        masks = np.stack([np.asarray(Image.open(file).convert("L")) > 0 for file in files])
        means.append(temporal_mean(temporal_instability(masks)))
    assert 0.06 < np.mean(means) < 0.14
