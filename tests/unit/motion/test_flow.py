import cv2
import numpy as np
import pytest
from real_data import real_data

from masktrack_core.errors import InputError
from masktrack_core.motion.flow import (
    FlowImageParams,
    FlowParams,
    consistent_matches,
    dense_flow,
    flow_image,
    flow_images,
)

REAL = real_data()
METHODS = ["dis", "epic", "farneback"]
PLAIN = FlowImageParams(remove_median=False, smallest_scale=1e-6)


def texture(height=96, width=128, *, seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    stretched = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return (255 * stretched).astype(np.uint8)


def constant(dx, dy, size=(4, 6)):
    return np.broadcast_to(np.float32([dx, dy]), (*size, 2)).copy()


@pytest.mark.parametrize("method", METHODS)
def test_flow_points_to_where_the_pixel_goes(method):
    big = texture(120, 160)
    frame, moved = big[10:106, 10:138], big[8:104, 5:133]  # content moves 5 right, 2 down
    flow = dense_flow(frame, moved, FlowParams(method=method))
    assert flow.dtype == np.float32 and flow.shape == (96, 128, 2)
    error = np.hypot(*(flow[12:-12, 12:-12] - (5, 2)).transpose(2, 0, 1))
    assert error.mean() < 0.5


@pytest.mark.parametrize("method", METHODS)
def test_still_scene_has_no_flow(method):
    flow = dense_flow(texture(), texture(), FlowParams(method=method))
    assert np.abs(flow[10:-10, 10:-10]).max() < 0.05  # Farnebäck drifts at the border


def test_dense_inverse_search_is_the_same_at_any_number_of_threads():
    before = cv2.getNumThreads()
    flows = []
    for threads in (1, 2, 4):
        cv2.setNumThreads(threads)
        flows.append(dense_flow(texture(), texture(seed=1), FlowParams()))
    cv2.setNumThreads(before)
    np.testing.assert_array_equal(flows[0], flows[1])
    np.testing.assert_array_equal(flows[0], flows[2])


@pytest.mark.parametrize("method", METHODS)
def test_views_and_read_only_frames_are_taken_and_left_alone(method):
    frame, moved = texture(), np.roll(texture(), 2, axis=1)
    expected = dense_flow(frame, moved, FlowParams(method=method))
    reversed_frame = frame[..., ::-1].copy()
    reversed_frame.flags.writeable = moved.flags.writeable = False
    flow = dense_flow(reversed_frame[..., ::-1], moved, FlowParams(method=method))
    np.testing.assert_allclose(flow, expected, atol=1e-3)
    np.testing.assert_array_equal(reversed_frame[..., ::-1], frame)


def test_colours_are_read_as_rgb():
    """Red moves right, blue moves left; grey weighs red 0.299 and blue 0.114."""
    red, blue = texture(seed=1)[..., 0], texture(seed=2)[..., 0]
    green = np.zeros_like(red)
    frame = np.stack([red, green, blue], -1)
    moved = np.stack([np.roll(red, 2, 1), green, np.roll(blue, -2, 1)], -1)
    assert np.median(dense_flow(frame, moved, FlowParams())[..., 0]) > 1


def test_match_that_does_not_lead_back_is_dropped():
    forward, backward = constant(2, 0, (16, 16)), constant(-2, 0, (16, 16))
    backward[:, 8:] = (3, 0)
    there, arrived = consistent_matches(forward, backward, FlowParams(match_step=4))
    assert set(there[:, 0]) == {2.0}  # 6 lands on 8, 10 on 12, 14 outside
    assert set(there[:, 1]) == {2.0, 6.0, 10.0, 14.0}
    np.testing.assert_array_equal(arrived - there, np.tile(np.float32([2, 0]), (4, 1)))


def test_match_error_is_a_limit_in_pixels():
    forward, backward = constant(1, 0, (16, 16)), constant(-1, 0.75, (16, 16))
    count = [
        len(consistent_matches(forward, backward, FlowParams(match_error=limit))[0])
        for limit in (0.7, 0.8)
    ]
    assert count == [0, 16]


def test_grid_of_matches_stays_below_the_limit_of_opencv():
    size = (1080, 1920)
    there, _ = consistent_matches(constant(0, 0, size), constant(0, 0, size), FlowParams())
    assert 20_000 < len(there) <= 32_766


def test_epic_without_any_consistent_match_refines_the_search_alone():
    flow = dense_flow(texture(), texture(seed=9), FlowParams(method="epic", match_error=0.0))
    assert np.isfinite(flow).all()


def test_epic_names_the_wheel_that_lacks_its_parts(monkeypatch):
    monkeypatch.delattr(cv2.ximgproc, "createEdgeAwareInterpolator")
    with pytest.raises(InputError, match="reinstall opencv-contrib-python-headless"):
        dense_flow(texture(), texture(), FlowParams(method="epic"))


class Shifter:
    def estimate(self, frame, next_frame, *, iterations=12):
        return constant(iterations, 0, frame.shape[:2])


def test_learned_flow_is_asked_with_its_iterations():
    params = FlowParams(method="raft_small", iterations=7)
    assert dense_flow(texture(), texture(), params, model=Shifter())[0, 0, 0] == 7


@pytest.mark.parametrize(
    ("frames", "params", "message"),
    [
        (
            (texture(), texture()),
            {"method": "flownet"},
            r"flow\.method: .*, raft_small, got",
        ),
        ((texture(), texture()), {"preset": "slow"}, r"flow\.preset: expected one of"),
        ((texture(), texture()), {"method": "raft_small"}, "model: 'raft_small' needs"),
        ((texture(), texture(48, 64)), {}, r"next_frame: expected shape \(96, 128, 3\)"),
        ((texture(), texture() / 255), {}, "next_frame: expected RGB uint8"),
        ((texture(12, 40), texture(12, 40)), {}, "sides of 16 px or more"),
    ],
)
def test_bad_input_is_named(frames, params, message):
    with pytest.raises(InputError, match=message):
        dense_flow(*frames, FlowParams(**params))


def test_smallest_frames_have_a_flow():
    for method in METHODS:
        small = texture(16, 16)
        assert dense_flow(small, small, FlowParams(method=method)).shape == (16, 16, 2)


def test_flow_image_is_the_scaled_magnitude_in_three_channels():
    flow = constant(0, 0)
    flow[1, 2], flow[3, 5], flow[0, 0] = (3, 4), (0, -10), (0.0, 2.51)
    picture = flow_image(flow, None, PLAIN)
    expected = np.zeros((4, 6), np.uint8)
    expected[1, 2], expected[3, 5], expected[0, 0] = 128, 255, 64  # 127.5 to even, 64.005
    assert picture.dtype == np.uint8
    for channel in range(3):
        np.testing.assert_array_equal(picture[..., channel], expected)


def test_median_motion_of_each_direction_is_removed():
    forward, backward = constant(7, -3), constant(-5, 2)
    forward[2, 2] += (6, 8)
    backward[2, 2] += (0, 20)
    picture = flow_image(forward, backward, FlowImageParams(scale="fixed", full_scale=30))
    assert np.flatnonzero(picture[..., 0]).tolist() == [2 * 6 + 2]
    assert picture[2, 2, 0] == round(255 * (10 + 20) / 2 / 30)


def test_magnitudes_are_averaged_and_not_the_flows():
    params = FlowImageParams(remove_median=False, scale="fixed", full_scale=10)
    picture = flow_image(constant(4, 0), constant(-2, 0), params)
    assert (picture == round(255 * 3 / 10)).all()


@pytest.mark.parametrize("missing", ["forward", "backward"])
def test_one_direction_stands_alone_at_the_ends_of_a_sequence(missing):
    given = {"forward": constant(0, 4), "backward": constant(0, 4), missing: None}
    picture = flow_image(**given, params=FlowImageParams(remove_median=False, scale="fixed"))
    assert (picture == round(255 * 4 / 20)).all()


def test_without_forward_backward_only_the_forward_flow_counts():
    params = FlowImageParams(
        remove_median=False, forward_backward=False, scale="fixed", full_scale=8
    )
    assert (flow_image(constant(4, 0), constant(8, 0), params) == 128).all()
    assert (flow_image(None, constant(8, 0), params) == 255).all()


def test_percentile_saturates_what_is_larger():
    flow = constant(0, 0, (10, 10))
    flow[..., 0] = np.arange(100).reshape(10, 10)
    params = FlowImageParams(remove_median=False, scale="per_frame_percentile", percentile=50)
    picture = flow_image(flow, None, params)[..., 0].ravel()
    assert (picture[50:] == 255).all() and picture[25] == round(255 * 25 / 49.5)


def test_scene_without_motion_is_dark():
    noise = np.random.default_rng(0).normal(0, 0.01, (20, 20, 2)).astype(np.float32)
    assert flow_image(noise, None, FlowImageParams()).max() < 16
    assert flow_image(constant(3, 3), None, FlowImageParams()).max() == 0
    assert flow_image(noise, None, FlowImageParams(smallest_scale=1e-6)).max() == 255


def test_flow_image_refuses_what_is_not_a_flow():
    with pytest.raises(InputError, match="expected a flow"):
        flow_image(None, None, FlowImageParams())
    with pytest.raises(InputError, match="backward: expected shape"):
        flow_image(constant(0, 0), constant(0, 0, (2, 2)), FlowImageParams())
    with pytest.raises(InputError, match="not finite"):
        flow_image(constant(np.nan, 0), None, FlowImageParams())
    with pytest.raises(InputError, match=r"flow image\.scale: expected"):
        flow_image(constant(1, 0), None, FlowImageParams(scale="per_video"))
    for wrong in ({"percentile": 101}, {"full_scale": 0}, {"smallest_scale": 0}):
        with pytest.raises(InputError, match=f"flow image.{next(iter(wrong))}: expected above 0"):
            FlowImageParams(**wrong)


class Counter:
    """Flows that say which pair they come from; frame t is filled with t."""

    def __init__(self):
        self.pairs = []

    def estimate(self, frame, next_frame, *, iterations=12):
        here, there = int(frame[0, 0, 0]), int(next_frame[0, 0, 0])
        self.pairs.append((here, there))
        return constant(10 * here + there, 0, frame.shape[:2])


def numbered(count):
    return [np.full((16, 16, 3), t, np.uint8) for t in range(count)]


def shown(count, *, forward_backward=True):
    model = Counter()
    params = FlowImageParams(
        remove_median=False, forward_backward=forward_backward, scale="fixed", full_scale=255
    )
    pictures = flow_images(
        iter(numbered(count)), FlowParams(method="raft_small"), params, model=model
    )
    return [int(picture[0, 0, 0]) for picture in pictures], model.pairs


def test_each_frame_averages_its_own_two_flows_and_each_flow_is_computed_once():
    values, pairs = shown(4)
    assert values == [1, (12 + 10) // 2, (23 + 21) // 2, 32]
    assert sorted(pairs) == [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)]


def test_forward_alone_computes_half_the_flows():
    values, pairs = shown(4, forward_backward=False)
    assert values == [1, 12, 23, 32]
    assert sorted(pairs) == [(0, 1), (1, 2), (2, 3), (3, 2)]


def test_shortest_sequences():
    assert shown(0) == ([], [])
    assert shown(1) == ([0], [])
    assert shown(2) == ([1, 10], [(0, 1), (1, 0)])


def test_flow_images_are_streamed():
    def endless():
        yield from numbered(3)
        raise AssertionError("the fourth frame was asked for too early")

    pictures = flow_images(endless(), FlowParams(), FlowImageParams())
    assert next(pictures).shape == next(pictures).shape == (16, 16, 3)


@pytest.mark.real
@pytest.mark.parametrize("method", METHODS[:2])
def test_flow_explains_the_next_real_frame(method):
    folder = REAL / "DAVIS" / "JPEGImages" / "480p" / "bear"
    if not folder.is_dir():
        pytest.skip(f"no DAVIS below {REAL}")
    frame, following = (
        cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)[::2, ::2]
        for name in ("00010.jpg", "00011.jpg")
    )
    flow = dense_flow(frame, following, FlowParams(method=method))
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    back = cv2.remap(following, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    error, still = (np.abs(other.astype(float) - frame).mean() for other in (back, following))
    assert error < 0.6 * still
