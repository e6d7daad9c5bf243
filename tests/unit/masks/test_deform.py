import dataclasses

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.masks.deform import (
    Deformation,
    DeformationParams,
    apply_deformation,
    as_prior,
    sample_deformation,
)
from masktrack_core.masks.warp import (
    between_nodes,
    fit_thin_plate,
    invert_affine,
    map_nodes,
    similarity,
    transform_points,
    warp_mask,
)
from masktrack_core.seeds import numpy_rng

NOTHING = DeformationParams(scale=0, shift=0, control_points=0, margin=0, dilation_radius=0)
SHARP = DeformationParams(smoothing=0, dilation_radius=0)
ONLY_SHAPE = dataclasses.replace(DeformationParams(), dilation_radius=0)


def disk(size: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2


MASK = disk((90, 120), (60, 45), 20)
ENDS = "source", "target"


def deformed(mask: np.ndarray, params: DeformationParams, item: int = 0) -> np.ndarray:
    rng = numpy_rng(1, "deform", item)
    return apply_deformation(mask, sample_deformation(mask, params, rng=rng))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_everything_zero_is_the_identity_exactly():
    noise = np.random.default_rng(0).random((50, 70)) < 0.3
    for mask in (MASK, noise):
        assert np.array_equal(deformed(mask, NOTHING), mask)


@pytest.mark.parametrize("off", ["control_points", "margin"])
def test_no_control_points_or_no_margin_is_no_bending(off):
    deformation = sample_deformation(
        MASK, dataclasses.replace(DeformationParams(), **{off: 0}), rng=numpy_rng(1)
    )
    assert deformation.source == deformation.target == ()


def test_only_dilation_is_the_true_disk():
    grown = deformed(MASK, dataclasses.replace(NOTHING, dilation_radius=5))
    assert np.array_equal(grown, distance_transform_edt(~MASK) <= 5)


def test_shift_and_scale_move_the_box_as_drawn():
    params = dataclasses.replace(NOTHING, scale=0.05, shift=0.10)
    deformation = sample_deformation(MASK, params, rng=numpy_rng(3))
    rows, columns = np.nonzero(apply_deformation(MASK, deformation))
    assert abs(columns.mean() - (60 + deformation.shift[0])) < 0.3
    assert abs(rows.mean() - (45 + deformation.shift[1])) < 0.3
    assert abs(len(rows) / MASK.sum() - deformation.scale**2) < 0.03


def is_uniform(values, end):
    """Return whether values fill ``-end`` to ``end`` evenly, as far as 400 draws can tell."""
    values = np.asarray(values) / end
    return (
        -1 <= values.min() < -0.95
        and 0.95 < values.max() <= 1
        and abs(values.mean()) < 0.1
        and abs(values.std() - 3**-0.5) < 0.05
    )


@pytest.mark.parametrize(("height", "width"), [(10, 60), (60, 10)])
def test_draws_fill_the_margins_of_the_paper_to_both_ends_along_both_axes(height, width):
    """Shift and margin are fractions of the width along x, of the height along y."""
    bar = np.zeros((90, 120), bool)
    bar[20 : 20 + height, 30 : 30 + width] = True
    drawn = [sample_deformation(bar, DeformationParams(), rng=numpy_rng(0, i)) for i in range(400)]
    assert is_uniform([one.scale - 1 for one in drawn], 0.05)
    assert {one.centre for one in drawn} == {(29.5 + width / 2, 19.5 + height / 2)}
    shifts = np.array([one.shift for one in drawn])
    sources, targets = (np.array([getattr(one, end) for one in drawn]) for end in ENDS)
    assert sources.shape == (400, 5, 2)
    for axis, extent in enumerate((width, height)):
        assert is_uniform(shifts[:, axis], 0.10 * extent)
        for point in range(5):
            moved = (targets - sources)[:, point, axis]
            assert is_uniform(moved / (1 + 1e-4), 0.10 * extent)


def test_shifts_scale_and_points_are_drawn_apart():
    drawn = [sample_deformation(MASK, DeformationParams(), rng=numpy_rng(0, i)) for i in range(400)]
    numbers = [
        [one.scale, *one.shift, *np.subtract(one.target, one.source).ravel()] for one in drawn
    ]
    correlation = np.corrcoef(np.array(numbers).T) - np.eye(13)
    assert np.abs(correlation).max() < 0.2


def test_control_points_lie_just_outside_the_object():
    drawn = sample_deformation(
        MASK, dataclasses.replace(DeformationParams(), scale=0, shift=0), rng=numpy_rng(0)
    )
    outside = distance_transform_edt(~MASK)
    assert all(outside[round(y), round(x)] == 1 for x, y in drawn.source)


def test_control_points_are_drawn_without_replacement():
    drawn = [sample_deformation(MASK, DeformationParams(), rng=numpy_rng(0, i)) for i in range(99)]
    assert {len(set(one.source)) for one in drawn} == {5}
    pixel = np.zeros((20, 30), bool)
    pixel[7, 11] = True
    still = dataclasses.replace(DeformationParams(), scale=0, shift=0)
    points = {tuple(np.round(p)) for p in sample_deformation(pixel, still, rng=numpy_rng(0)).source}
    assert points == {(10, 7), (12, 7), (11, 6), (11, 8)}  # five are asked for


def test_a_mask_grows_about_the_centre_of_its_box_before_it_is_shifted():
    bar = np.zeros((40, 60), bool)
    bar[10:20, 20:40] = True
    twice = Deformation(
        centre=(29.5, 14.5),
        scale=2.0,
        shift=(3.0, -2.0),
        source=(),
        target=(),
        smoothing=0.0,
        dilation_radius=0.0,
    )
    expected = np.zeros_like(bar)
    expected[5 - 2 : 25 - 2, 10 + 3 : 50 + 3] = True
    assert np.array_equal(apply_deformation(bar, twice), expected)


def test_the_defaults_are_the_paper_s_and_an_empty_mask_has_no_deformation():
    paper = {"scale": 0.05, "shift": 0.1, "control_points": 5, "margin": 0.1}
    assert dataclasses.asdict(DeformationParams()) == paper | {
        "smoothing": 1.0,
        "dilation_radius": 5.0,
    }
    nothing = sample_deformation(np.zeros((9, 9), bool), DeformationParams(), rng=numpy_rng(0))
    ends = {"source": (), "target": (), "smoothing": 0, "dilation_radius": 0}
    assert dataclasses.asdict(nothing) == {"centre": (0, 0), "scale": 1, "shift": (0, 0)} | ends


def test_control_points_arrive_where_they_were_sent():
    object_at = disk((100, 100), (50, 50), 25)
    drawn = sample_deformation(object_at, SHARP, rng=numpy_rng(5))
    bent = apply_deformation(object_at, drawn)
    edge = np.minimum(distance_transform_edt(bent), 99) + distance_transform_edt(~bent)
    assert max(edge[round(y), round(x)] for x, y in drawn.target) < 3


def test_the_deformed_mask_is_imperfect_but_near():
    scores = [iou(deformed(MASK, DeformationParams(), item), MASK) for item in range(30)]
    assert 0.5 < np.mean(scores) < 0.8
    assert min(scores) > 0.3


def test_same_seed_gives_the_same_mask_and_another_another():
    assert np.array_equal(deformed(MASK, DeformationParams()), deformed(MASK, DeformationParams()))
    assert not np.array_equal(
        deformed(MASK, DeformationParams(), 0), deformed(MASK, DeformationParams(), 1)
    )


def test_smoothing_keeps_points_that_lie_close_together_from_bending_wildly():
    worst = {}
    for params in (SHARP, ONLY_SHAPE):
        worst[params] = min(iou(deformed(MASK, params, item), MASK) for item in range(60))
    assert worst[ONLY_SHAPE] > worst[SHARP]


def test_empty_mask_stays_empty():
    assert not deformed(np.zeros((20, 30), bool), DeformationParams()).any()


@pytest.mark.parametrize("at", [(0, 0), (19, 29), (10, 0), (10, 15)])
def test_one_pixel_never_vanishes(at):
    mask = np.zeros((20, 30), bool)
    mask[at] = True
    for item in range(20):
        assert deformed(mask, ONLY_SHAPE, item).any()


@pytest.mark.parametrize("bent", [False, True])
def test_a_mask_that_would_leave_the_picture_is_only_dilated(bent):
    mask = np.zeros((20, 30), bool)
    mask[8, 4:7] = True
    ends = ((3.0, 8.0), (7.0, 8.0), (5.0, 7.0))
    away = Deformation(
        centre=(5.0, 8.0),
        scale=1.0,
        shift=(-40.0, 0.0),
        source=ends if bent else (),
        target=ends if bent else (),
        smoothing=0.0,
        dilation_radius=2.0,
    )
    assert not apply_deformation(mask, dataclasses.replace(away, shift=(-6.0, 0.0)))[:, 4:].any()
    assert np.array_equal(apply_deformation(mask, away), distance_transform_edt(~mask) <= 2)


def test_full_mask_and_object_at_the_border_are_deformed():
    full = np.ones((20, 30), bool)
    assert deformed(full, DeformationParams()).mean() > 0.5
    corner = disk((60, 80), (0, 0), 20)
    assert iou(deformed(corner, DeformationParams()), corner) > 0.3


def test_arguments_are_not_modified():
    mask = MASK.copy()
    deformed(mask, DeformationParams())
    assert np.array_equal(mask, MASK)


def test_a_deformation_is_plain_numbers_for_the_log():
    drawn = sample_deformation(MASK, DeformationParams(), rng=numpy_rng(7))
    assert drawn == Deformation(**dataclasses.asdict(drawn))
    assert "np." not in repr(drawn)


def test_prior_is_the_mask_its_box_or_nothing():
    two = np.zeros((10, 12), bool)
    two[2, 3] = two[6, 8] = True
    box = as_prior(two, "box")
    assert box.sum() == 5 * 6 and box[2:7, 3:9].all()
    assert np.array_equal(as_prior(two, "mask"), two)
    assert not as_prior(two, "none").any()
    assert not as_prior(np.zeros((4, 4), bool), "box").any()
    with pytest.raises(InputError, match="'mask', 'box' or 'none'"):
        as_prior(two, "segment")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"scale": -0.1}, {"scale": 1.0}, {"margin": float("nan")}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match="deformation"):
        DeformationParams(**bad)


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
@pytest.mark.parametrize(
    "mask",
    [MASK, disk((90, 121), (3, 80), 14), disk((41, 37), (20, 20), 22), disk((70, 70), (9, 9), 2)],
)
def test_looking_around_the_object_only_is_the_whole_map_bit_by_bit(mask, smoothing):
    params = DeformationParams(shift=0.4, margin=0.5, smoothing=smoothing, dilation_radius=0)
    for item in range(20):
        drawn = sample_deformation(mask, params, rng=numpy_rng(1, "whole", item))
        spline = fit_thin_plate(
            np.array(drawn.target, np.float32),
            np.array(drawn.source, np.float32),
            smoothing=smoothing,
        )
        placed = similarity(drawn.centre, scale=drawn.scale)
        placed[:, 2] += drawn.shift
        back = invert_affine(placed)
        size = Size(*mask.shape)
        nodes = map_nodes(
            lambda points, back=back, spline=spline: transform_points(back, spline(points)), size
        )
        whole = between_nodes(nodes, slice(0, size.height), slice(0, size.width))
        expected = warp_mask(mask, whole)
        got = apply_deformation(mask, drawn)
        assert np.array_equal(got, expected if expected.any() else mask)
