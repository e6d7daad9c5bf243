import cv2
import numpy as np
import pytest
import torch
from real_data import real_data
from safetensors.torch import save_file

from masktrack_core.errors import InputError
from masktrack_core.motion.flow import FlowParams, dense_flow
from masktrack_core.motion.raft import (
    RaftSmall,
    correlation_pyramid,
    load_raft,
    raft_flow,
    read_windows,
)

REAL = real_data()
WEIGHTS = REAL / "weights" / "raft_small_fp32.safetensors"
DAVIS = REAL / "DAVIS" / "JPEGImages" / "480p"


@pytest.fixture(scope="module")
def trained():
    if not WEIGHTS.is_file():
        pytest.skip(f"no {WEIGHTS.name} below {REAL}")
    return load_raft(WEIGHTS)


def random_model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RaftSmall().eval()


def davis_frame(name):
    picture = cv2.imread(str(DAVIS / name))
    if picture is None:
        pytest.skip(f"no DAVIS below {REAL}")
    return np.ascontiguousarray(picture[::2, ::2, ::-1])


def test_number_of_parameters_is_the_published_one():
    assert sum(p.numel() for p in RaftSmall().parameters()) == 990_162


def test_correlation_is_the_scaled_inner_product_and_each_level_the_mean_of_four():
    rng = torch.Generator().manual_seed(0)
    first, second = (torch.rand(1, 6, 8, 16, generator=rng) for _ in range(2))
    levels = correlation_pyramid(first, second)
    assert [tuple(level.shape[-2:]) for level in levels] == [(8, 16), (4, 8), (2, 4), (1, 2)]
    cell = 3 * 16 + 5
    expected = (first[0, :, 3, 5] * second[0, :, 7, 2]).sum() / 6**0.5
    torch.testing.assert_close(levels[0][cell, 0, 7, 2], expected)
    torch.testing.assert_close(levels[1][cell, 0, 2, 1], levels[0][cell, 0, 4:6, 2:4].mean())


def test_window_is_read_column_by_column_around_the_point():
    """Values count the cells, so that each read value names its place; 0 beyond the border."""
    height, width = 16, 24
    cells = torch.arange(height * width, dtype=torch.float32).view(1, 1, height, width)
    pyramid = [cells.expand(height * width, -1, -1, -1)] * 4
    points = torch.full((1, 2, height, width), 0.0)
    points[:, 0], points[:, 1] = 8, 6  # x, y: level 0 reads around (8, 6), level 1 around (4, 3)
    read = read_windows(pyramid, points)[0, :, 0, 0]
    window = [float((6 + dy) * width + 8 + dx) for dx in range(-3, 4) for dy in range(-3, 4)]
    np.testing.assert_allclose(read[:49].numpy(), window, atol=1e-3)
    assert read[49 + 24] == pytest.approx(3 * width + 4, abs=1e-3)
    points[:, 0] = -10
    assert read_windows(pyramid, points)[0, :49].abs().max() == 0


def test_point_between_cells_is_interpolated():
    row = torch.arange(24, dtype=torch.float32).expand(1, 1, 16, 24)
    points = torch.full((1, 2, 1, 1), 9.25)
    assert read_windows([row] * 4, points)[0, 24, 0, 0] == pytest.approx(9.25, abs=1e-4)


@pytest.mark.parametrize("size", [(128, 128), (130, 141), (135, 160)])
def test_any_size_comes_back_and_padding_is_half_on_each_side(size):
    model = random_model()
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    flow = raft_flow(model, frame, frame[::-1], iterations=1)
    assert flow.shape == (*size, 2) and flow.dtype == np.float32 and flow.flags.c_contiguous
    height, width = (-(-side // 8) * 8 for side in size)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    spare = (top, height - size[0] - top), (left, width - size[1] - left), (0, 0)
    padded = raft_flow(
        model, np.pad(frame, spare, "edge"), np.pad(frame[::-1], spare, "edge"), iterations=1
    )
    cropped = padded[top : top + size[0], left : left + size[1]]
    np.testing.assert_allclose(flow, cropped, atol=1e-4)


def test_same_frames_give_the_same_bits_and_no_gradient():
    model = random_model()
    frames = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    first = raft_flow(model, *frames, iterations=2)
    np.testing.assert_array_equal(first, raft_flow(model, *frames, iterations=2))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_frames_of_unlike_or_small_size_are_refused():
    model, frame = random_model(), np.zeros((128, 136, 3), np.uint8)
    with pytest.raises(InputError, match="sides of 128 px or more"):
        raft_flow(model, frame, frame[:, :128])
    with pytest.raises(InputError, match="use method 'dis'"):
        raft_flow(model, frame[:120], frame[:120])


def test_saved_weights_come_back_and_others_are_refused(tmp_path):
    model = random_model()
    path = tmp_path / "raft.safetensors"
    save_file(model.state_dict(), path)
    loaded = load_raft(path)
    assert not loaded.training
    pairs = zip(model.parameters(), loaded.parameters(), strict=True)
    assert all(torch.equal(saved, read) for saved, read in pairs)
    save_file({"conv.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="expected the weights of RAFT-small"):
        load_raft(path)
    with pytest.raises(InputError, match="found no file"):
        load_raft(tmp_path / "absent")


@pytest.mark.real
def test_known_affine_motion_of_a_real_frame_is_found(trained):
    frame = davis_frame("bear/00010.jpg")
    height, width = frame.shape[:2]
    matrix = np.float64([[1.01, 0.02, 3.3], [-0.02, 1.0, -2.6]])
    moved = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    truth = np.stack([x, y, np.ones_like(x)], -1) @ matrix.T - np.stack([x, y], -1)
    error = np.hypot(*(raft_flow(trained, frame, moved) - truth).transpose(2, 0, 1))
    assert error[20:-20, 20:-20].mean() < 0.5


@pytest.mark.real
def test_learned_flow_explains_the_next_real_frame_and_agrees_with_the_classical_one(trained):
    frame, following = davis_frame("bear/00010.jpg"), davis_frame("bear/00011.jpg")
    flow = dense_flow(frame, following, FlowParams(method="raft_small"), model=trained)
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    back = cv2.remap(following, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    error, still = (np.abs(other.astype(float) - frame).mean() for other in (back, following))
    assert error < 0.6 * still
    classical = dense_flow(frame, following, FlowParams())
    assert np.median(np.hypot(*(flow - classical).transpose(2, 0, 1))) < 0.3


@pytest.mark.real
def test_more_iterations_bring_the_flow_nearer(trained):
    frame = davis_frame("bear/00010.jpg")
    moved = np.roll(frame, 12, axis=1)
    errors = [
        np.abs(raft_flow(trained, frame, moved, iterations=n)[20:-20, 20:-20, 0] - 12).mean()
        for n in (1, 4, 12)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.5


@pytest.mark.cuda
@pytest.mark.real
def test_device_is_that_of_the_network(trained):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    frame, following = davis_frame("bear/00010.jpg"), davis_frame("bear/00011.jpg")
    on_gpu = load_raft(WEIGHTS, device="cuda")
    difference = raft_flow(on_gpu, frame, following) - raft_flow(trained, frame, following)
    assert np.abs(difference).mean() < 0.05
