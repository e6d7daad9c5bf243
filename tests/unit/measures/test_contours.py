"""Crack contours: each crack once, no crossing, outer ones clockwise and holes the other way."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from masktrack_core.measures.contours import closed_contours, longest_polygon


def noise(seed, size=(9, 13)):
    return np.random.default_rng(seed).random(size) > 0.45


def blobs(seed, size=(70, 40)):
    field = cv2.GaussianBlur(np.random.default_rng(seed).random(size), (0, 0), 3.0)
    return field > np.quantile(field, 0.5)


def cracks_of(mask):
    """Sides of pixels between object and background, as pairs of corners."""
    padded = np.pad(mask, 1).astype(int)
    right = np.argwhere(np.diff(padded, axis=1))  # between a pixel and the one to its right
    below = np.argwhere(np.diff(padded, axis=0))
    return {((x, y - 1), (x, y)) for y, x in right} | {((x - 1, y), (x, y)) for y, x in below}


@pytest.mark.parametrize("seed", range(12))
def test_contours_walk_every_crack_once_and_never_cross(seed):
    mask = noise(seed)
    cracks = cracks_of(mask)
    ends = [corner for crack in cracks for corner in crack]
    junctions = {corner for corner in ends if ends.count(corner) == 4}
    walked = []
    for contour in closed_contours(mask):
        corners = [tuple(corner) for corner in contour.tolist()]
        assert corners[0] == corners[-1] and len(set(corners)) == len(corners) - 1
        walked += [tuple(sorted(pair)) for pair in pairwise(corners)]
        for before, here, after in zip(contour, contour[1:], contour[2:], strict=False):
            if tuple(here.tolist()) in junctions:
                assert (here - before != after - here).any(), "straight on where four meet"
    assert len(walked) == len(set(walked)) and set(walked) == {tuple(sorted(c)) for c in cracks}


def is_clockwise(polygon):
    """On the screen, whose y goes down."""
    (x, y), (x1, y1) = polygon[:-1].T, polygon[1:].T
    return np.sum(x * y1 - x1 * y) > 0


def star(size=(60, 34)):
    """A plus low in a tall picture: twelve corners, more than any box has."""
    mask = np.zeros(size, bool)
    mask[40:54, 14:18] = mask[45:49, 9:24] = True
    return mask


HOLE = np.pad(~star((56, 30)), 2)
TOUCHING = star()
TOUCHING[30:40, 18:28] = True  # meets the plus in one corner
SHAPES = {"outer": (star(), True), "hole": (HOLE, False), "touching": (TOUCHING, True)}
SHAPES["hole that touches"] = (np.pad(~TOUCHING, 2), False)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("name", SHAPES)
def test_the_longest_polygon_of_an_object_is_clockwise_and_that_of_a_hole_is_not(name, turn):
    mask, is_outer = SHAPES[name]
    polygon = longest_polygon(np.rot90(mask, turn))
    assert len(polygon) == 13
    assert is_clockwise(polygon) is np.bool_(is_outer)


@pytest.mark.parametrize("seed", range(24))
def test_the_longest_polygon_has_the_object_on_its_right_whatever_the_mask(seed):
    mask = np.kron(noise(seed, (7, 9)), np.ones((7, 7), bool)) if seed % 2 else blobs(seed)
    polygon = longest_polygon(mask)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [np.round(polygon[:-1]).astype(np.int32)], 1)
    inside = cv2.erode(filled, np.ones((5, 5), np.uint8)) > 0  # away from what simplifying cut off
    contour_is_outer = mask[cv2.dilate(filled, np.ones((3, 3), np.uint8)) - filled > 0].mean() < 0.5
    if inside.sum() > 40:
        assert is_clockwise(polygon) == contour_is_outer
