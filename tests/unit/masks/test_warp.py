import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.masks.warp import (
    affine_map,
    between_nodes,
    compose_affine,
    fit_thin_plate,
    invert_affine,
    map_nodes,
    similarity,
    transform_points,
    warp_mask,
)

SIZE = Size(24, 40)
CORNERS = np.array([[2, 3], [35, 4], [30, 20], [5, 18], [18, 11]], np.float32)
IDENTITY = np.eye(2, 3)


def one_pixel(x: int, y: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[y, x] = True
    return mask


def smooth_map(change, size: Size) -> np.ndarray:
    """The map of a smooth change at every pixel of a picture."""
    return between_nodes(map_nodes(change, size), slice(0, size.height), slice(0, size.width))


def naive_thin_plate(source, target, points):
    """Bookstein's linear system written out, float64, for points in general position."""

    def kernel(a, b):
        r = np.linalg.norm(a[:, None] - b[None], axis=-1)
        return np.where(r > 0, r**2 * np.log(np.maximum(r, 1e-300)), 0)

    n = len(source)
    source, target, points = (np.asarray(a, np.float64) for a in (source, target, points))
    plane = np.column_stack([np.ones(n), source])
    system = np.block([[kernel(source, source), plane], [plane.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.vstack([target, np.zeros((3, 2))]))
    return kernel(points, source) @ weights[:n] + weights[n] + points @ weights[n + 1 :]


def test_identity_map_changes_nothing():
    mask = np.random.default_rng(0).random(SIZE) < 0.5
    assert np.array_equal(warp_mask(mask, affine_map(IDENTITY, SIZE)), mask)


def test_affine_map_goes_from_output_to_input():
    shifted = affine_map(np.array([[1.0, 0, 3], [0, 1, -2]]), SIZE)
    assert tuple(shifted[10, 20]) == (23, 8)
    assert np.array_equal(warp_mask(one_pixel(23, 8), shifted), one_pixel(20, 10))


def test_single_pixel_is_mirrored_and_turned():
    mask = one_pixel(12, 7)
    turned = affine_map(similarity((19.5, 11.5), angle_deg=180, flip=True), SIZE)
    assert np.array_equal(warp_mask(mask, turned), one_pixel(12, 23 - 7))


def test_outside_the_frame_is_no_object():
    away = affine_map(np.array([[1.0, 0, 1000], [0, 1, 0]]), SIZE)
    assert not warp_mask(np.ones(SIZE, bool), away).any()


def test_positive_angle_turns_x_towards_y():
    moved = transform_points(similarity((10, 10), angle_deg=90), [15, 10])
    assert np.allclose(moved, [10, 15], atol=1e-5)


def test_inverse_undoes_and_composition_applies_inner_first():
    change = similarity((3, 4), scale=1.3, angle_deg=25, flip=True)
    assert np.allclose(compose_affine(invert_affine(change), change), np.eye(2, 3))
    shift = np.array([[1.0, 0, 5], [0, 1, 0]])
    both = transform_points(compose_affine(shift, change), CORNERS)
    assert np.allclose(both, transform_points(shift, transform_points(change, CORNERS)), atol=1e-4)


def test_singular_matrix_is_refused():
    with pytest.raises(InputError, match="invertible"):
        invert_affine(np.zeros((2, 3)))


def test_thin_plate_hits_its_points_and_equals_the_textbook_system():
    target = CORNERS + np.random.default_rng(1).uniform(-3, 3, CORNERS.shape).astype(np.float32)
    spline = fit_thin_plate(CORNERS, target)
    assert np.allclose(spline(CORNERS), target, atol=1e-3)
    points = np.random.default_rng(2).uniform(0, 40, (50, 2)).astype(np.float32)
    assert np.allclose(spline(points), naive_thin_plate(CORNERS, target, points), atol=1e-3)


def test_smoothing_is_that_of_matlabs_tpaps():
    target = CORNERS + np.random.default_rng(1).uniform(-3, 3, CORNERS.shape).astype(np.float32)
    points = np.random.default_rng(2).uniform(0, 40, (50, 2)).astype(np.float32)
    # MathWorks, tpaps: "(1 - p) / p equals the average of the diagonal entries of the matrix A".
    r = np.linalg.norm(CORNERS[:, None] - CORNERS[None], axis=-1).astype(np.float64)
    kernel = r**2 * np.log(np.maximum(r**2, 1e-300))
    q, _ = np.linalg.qr(np.column_stack([np.ones(5), CORNERS]), mode="complete")
    weight = np.trace(q[:, 3:].T @ kernel @ q[:, 3:]) / 2
    # SciPy's kernel is r² log r, half of ours.
    oracle = RBFInterpolator(CORNERS, target, smoothing=weight / 2, degree=1)
    spline = fit_thin_plate(CORNERS, target, smoothing=1)
    assert np.allclose(spline(points), oracle(points), atol=1e-3)


def test_smoothing_makes_the_spline_miss_and_much_of_it_makes_it_a_plane():
    target = CORNERS + np.random.default_rng(1).uniform(-3, 3, CORNERS.shape).astype(np.float32)
    missed = [
        np.abs(fit_thin_plate(CORNERS, target, smoothing=s)(CORNERS) - target).max()
        for s in (0, 1, 10)
    ]
    assert missed[0] < 1e-3 < missed[1] < missed[2]
    flat = fit_thin_plate(CORNERS, target, smoothing=1e9)
    along = flat(np.array([[0, 0], [10, 5], [20, 10]], np.float32))
    assert np.allclose(along[1] - along[0], along[2] - along[1], atol=1e-3)


def test_thin_plate_moves_the_pixel_of_the_source_point_to_the_target():
    source = np.array([[4, 4], [35, 4], [35, 20], [4, 20], [18, 12]], np.float32)
    target = source.copy()
    target[4, 0] += 5
    mask = np.zeros(SIZE, bool)
    mask[11:14, 17:20] = True
    warped = warp_mask(mask, smooth_map(fit_thin_plate(target, source), SIZE))
    assert warped[12, 23]
    assert not warped[12, 17]


def test_thin_plate_reproduces_an_affine_change():
    change = similarity((20, 10), scale=1.1, angle_deg=8)
    spline = fit_thin_plate(CORNERS, transform_points(change, CORNERS))
    points = np.random.default_rng(2).uniform(0, 40, (50, 2)).astype(np.float32)
    assert np.allclose(spline(points), transform_points(change, points), atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_thin_plate_of_few_points_hits_them(count):
    target = CORNERS[:count] + np.float32(2)
    assert np.allclose(fit_thin_plate(CORNERS[:count], target)(CORNERS[:count]), target, atol=1e-3)


def test_thin_plate_of_no_points_is_the_identity_and_of_one_a_shift():
    none = np.zeros((0, 2), np.float32)
    assert np.array_equal(fit_thin_plate(none, none)(CORNERS), CORNERS)
    shift = fit_thin_plate(CORNERS[:1], CORNERS[:1] + np.float32([3, -1]))
    assert np.allclose(shift(CORNERS), CORNERS + np.float32([3, -1]), atol=1e-4)


def test_thin_plate_of_points_on_a_line_hits_them_and_stays_finite():
    line = np.array([[5, 5], [10, 5], [20, 5], [30, 5]], np.float32)
    target = line + np.array([[1, 1], [-1, 2], [0, 0], [2, -1]], np.float32)
    spline = fit_thin_plate(line, target)
    assert np.allclose(spline(line), target, atol=1e-3)
    assert np.abs(spline(CORNERS) - CORNERS).max() < 10


def test_coinciding_points_move_by_the_mean_of_what_they_are_told():
    twice = np.array([[5, 5], [5, 5], [30, 5], [20, 20]], np.float32)
    target = twice + np.array([[2, 0], [4, 0], [0, 0], [0, 0]], np.float32)
    assert np.allclose(fit_thin_plate(twice, target)(twice[:1]), [[8, 5]], atol=1e-3)


def test_unpaired_points_are_refused():
    with pytest.raises(InputError, match="one target for each"):
        fit_thin_plate(CORNERS, CORNERS[:3])


@pytest.mark.parametrize("size", [Size(1, 1), Size(8, 8), Size(9, 15), Size(33, 50)])
def test_smooth_map_is_exact_for_an_affine_change(size):
    change = similarity((20, 10), scale=1.1, angle_deg=8)
    dense = smooth_map(lambda points: transform_points(change, points), size)
    assert dense.shape == (*size, 2)
    assert np.allclose(dense, affine_map(change, size), atol=1e-3)


def test_smooth_map_is_close_to_the_spline_at_every_pixel():
    size = Size(120, 160)
    source = CORNERS * 4
    target = source + np.random.default_rng(3).uniform(-10, 10, source.shape).astype(np.float32)
    spline = fit_thin_plate(target, source)
    every_pixel = spline(affine_map(IDENTITY, size).reshape(-1, 2))
    error = smooth_map(spline, size).reshape(-1, 2) - every_pixel
    assert np.abs(error).max() < 0.3


def test_empty_size_is_refused():
    with pytest.raises(InputError, match="height and width"):
        affine_map(np.eye(2, 3), Size(0, 4))


def test_a_mask_whose_true_is_not_the_byte_one_is_seen_alike():
    shades = np.zeros((9, 9), np.uint8)
    shades[2:6, 3:7] = 255
    mask = shades.view(np.bool_)
    assert np.array_equal(warp_mask(mask, affine_map(IDENTITY, Size(9, 9))), shades > 0)


@pytest.mark.parametrize(
    ("flip", "arrived"), [(False, [[10, 26], [4, 20]]), (True, [[10, 14], [4, 20]])]
)
def test_a_turn_goes_from_x_towards_y_about_its_centre_after_the_mirror(flip, arrived):
    turn = similarity((10, 20), scale=2, angle_deg=90, flip=flip)
    np.testing.assert_allclose(transform_points(turn, [[13, 20], [10, 23]]), arrived, atol=1e-4)
    assert transform_points(turn, [[10, 20]]).tolist() == [[10, 20]]


@pytest.mark.parametrize("size", [Size(50, 70), Size(48, 64), Size(9, 17)])
def test_a_window_between_nodes_is_that_part_of_the_whole(size):
    def bend(points):
        return points + 3 * np.sin(points[:, ::-1] / 20)

    nodes = map_nodes(bend, size)
    assert nodes.shape == (-(-size.height // 8) + 2, -(-size.width // 8) + 2, 2)
    whole = between_nodes(nodes, slice(0, size.height), slice(0, size.width))
    assert whole.shape == (*size, 2)
    for rows in (slice(0, 8), slice(1, 9), slice(3, size.height), slice(8, 9)):
        for columns in (slice(0, size.width), slice(8, 16), slice(7, 15), slice(9, size.width)):
            part = between_nodes(nodes, rows, columns)
            np.testing.assert_allclose(part, whole[rows, columns], atol=1e-4)


@pytest.mark.parametrize("shape", [(4, 1), (4, 3), (4,), (2, 2, 2)])
def test_points_that_are_no_pairs_of_x_and_y_are_refused(shape):
    points = np.zeros(shape, np.float32)
    with pytest.raises(InputError, match=r"\(N, 2\)"):
        fit_thin_plate(points, points)
