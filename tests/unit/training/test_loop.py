import logging
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from multiprocessing.util import register_after_fork
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from masktrack_core import progress
from masktrack_core.errors import InputError
from masktrack_core.networks.network import (
    MaskTrackNet,
    NetworkSpec,
    build_network,
    parameter_groups,
)
from masktrack_core.seeds import numpy_rng, torch_generator
from masktrack_core.training import loop
from masktrack_core.training.examples import Example
from masktrack_core.training.loop import (
    RunParams,
    TrainingDivergedError,
    TrainingInterruptedError,
    TrainParams,
    poly_lr,
    train,
)
from masktrack_core.training.optimisers import (
    RunningMean,
    build_optimiser,
    segmentation_loss,
    set_learning_rate,
)
from masktrack_core.training.state import previous_state, read_state, remove_state, write_state

SIZE = 33
PARAMS = TrainParams(iterations=6, batch_size=2, learning_rate=1e-3, ema=0.9)


class Squares:
    """A bright square on noise; calls back before an example, to break in at will."""

    def __init__(self, count: int = 8, *, before=lambda number: None):
        self.count, self.before = count, before

    def __len__(self) -> int:
        return self.count

    def digest(self) -> str:
        return f"squares {self.count}"

    def __getitem__(self, number: int) -> Example:
        self.before(number)
        rng = numpy_rng(0, number)
        target = np.zeros((SIZE, SIZE), np.uint8)
        x, y = rng.integers(0, SIZE - 12, 2)
        target[y : y + 12, x : x + 12] = 1
        image = rng.integers(0, 90, (3, SIZE, SIZE), dtype=np.uint8) + 120 * target[None]
        prior = np.roll(target, 2, axis=0)[None] == 1
        target[:, -1] = 255
        return Example(image, prior, target)


def network(head: str = "largefov", seed: int = 1) -> MaskTrackNet:
    spec = NetworkSpec(backbone="slim", head=head)
    return build_network(spec, generator=torch_generator(seed))


def weights(net: MaskTrackNet) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def identical(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def trained(params: TrainParams = PARAMS, *, examples=None, **run) -> dict[str, torch.Tensor]:
    net = network()
    train(net, Squares() if examples is None else examples, params, seed=1, run=RunParams(**run))
    return weights(net)


pytestmark = pytest.mark.usefixtures("one_thread", "bf16")


@pytest.fixture(scope="module")
def uninterrupted() -> dict[str, torch.Tensor]:
    return trained()


def test_learning_rate_follows_the_poly_policy():
    params = TrainParams()
    assert poly_lr(0, params) == 1e-3
    assert poly_lr(10_000, params) == pytest.approx(1e-3 * 0.5**0.9)
    assert 0 < poly_lr(19_999, params) < 1e-6


def test_warm_up_grows_linearly():
    params = TrainParams(iterations=1000, warmup=10, power=0)
    assert [poly_lr(i, params) for i in (0, 4, 9, 500)] == pytest.approx([1e-4, 5e-4, 1e-3, 1e-3])


def test_loss_at_scores_is_cross_entropy_with_deeplab_shrinking():
    logits = torch.randn(2, 2, 5, 5, generator=torch_generator(0))
    target = torch.from_numpy(numpy_rng(0).choice([0, 1, 255], (2, 33, 33)))
    expected = F.cross_entropy(logits, target[:, ::8, ::8], ignore_index=255)
    assert torch.allclose(segmentation_loss(logits, target, at="scores"), expected)


def test_loss_at_pixels_is_cross_entropy_of_enlarged_scores():
    logits = torch.randn(2, 2, 5, 5, generator=torch_generator(0))
    target = torch.from_numpy(numpy_rng(0).choice([0, 1, 255], (2, 33, 33)))
    enlarged = F.interpolate(logits, size=(33, 33), mode="bilinear", align_corners=True)
    expected = F.cross_entropy(enlarged, target, ignore_index=255)
    assert torch.allclose(segmentation_loss(logits, target, at="pixels"), expected, atol=1e-6)


def test_loss_ignores_the_padding_of_pictures_that_are_no_multiple_of_the_stride():
    logits = torch.randn(1, 2, 6, 6, generator=torch_generator(0))
    target = torch.ones(1, 38, 38, dtype=torch.uint8)
    expected = F.cross_entropy(logits[..., :5, :5], torch.ones(1, 5, 5, dtype=torch.long))
    assert torch.allclose(segmentation_loss(logits, target, at="scores"), expected)


@pytest.mark.parametrize("size", [(33, 49), (38, 50)])
def test_loss_at_scores_shrinks_rows_and_columns_apart(size):
    cells = -(-(size[0] - 1) // 8) + 1, -(-(size[1] - 1) // 8) + 1
    logits = torch.randn(2, 2, *cells, generator=torch_generator(0))
    target = torch.from_numpy(numpy_rng(0).choice([0, 1, 255], (2, *size)))
    shrunk = target[:, ::8, ::8]
    shown = logits[..., : shrunk.shape[1], : shrunk.shape[2]]
    expected = F.cross_entropy(shown, shrunk, ignore_index=255)
    assert torch.allclose(segmentation_loss(logits, target, at="scores"), expected)


@pytest.mark.parametrize("at", ["scores", "pixels"])
def test_a_single_known_pixel_is_the_whole_loss(at):
    target = torch.full((1, 33, 33), 255)
    target[0, 8, 16] = 1
    logits = torch.zeros(1, 2, 5, 5)
    logits[0, 1] = 2
    loss = segmentation_loss(logits, target, at=at)
    assert loss.item() == pytest.approx(np.log1p(np.exp(-2)))


def test_without_a_known_pixel_the_loss_is_zero():
    logits = torch.randn(1, 2, 5, 5, requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 33, 33), 255), at="pixels")
    loss.backward()
    assert loss == 0 and not logits.grad.any()


def test_rates_of_groups_are_those_of_the_network_times_the_schedule():
    net = network()
    optimiser = build_optimiser(net, TrainParams())
    expected = {
        id(parameter): (group["lr"] / 0.001, group["weight_decay"])
        for group in parameter_groups(net, learning_rate=0.001)
        for parameter in group["params"]
    }
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            got = (group["multiplier"], group["weight_decay"])
            assert got == pytest.approx(expected.pop(id(parameter)))
    assert not expected


def test_each_group_has_its_own_multiplier_and_the_optimiser_what_it_is_told():
    net = network("decoder")
    own = {"bias_multiplier": 3.0, "head_multiplier": 7.0, "first_multiplier": 11.0}
    chosen = TrainParams(weight_decay=0.25, momentum=0.5, **own)
    sgd = build_optimiser(net, chosen)
    assert isinstance(sgd, torch.optim.SGD)
    assert {group["momentum"] for group in sgd.param_groups} == {0.5}
    got = {
        id(one): (group["multiplier"], group["weight_decay"])
        for group in sgd.param_groups
        for one in group["params"]
    }
    expected = {
        id(one): (group["lr"], group["weight_decay"])
        for group in parameter_groups(net, learning_rate=1.0, weight_decay=0.25, **own)
        for one in group["params"]
    }
    assert got == expected and len({rate for rate, _ in got.values()}) > 3
    adamw = build_optimiser(net, replace(chosen, optimizer="adamw"))
    assert isinstance(adamw, torch.optim.AdamW)
    set_learning_rate(adamw, 0.5)
    assert {group["lr"] for group in adamw.param_groups} == {
        0.5 * rate for rate, _ in expected.values()
    }


def test_the_defaults_are_the_paper_s_and_those_of_deeplab():
    assert asdict(TrainParams()) == {
        "iterations": 20_000,
        "batch_size": 10,
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "power": 0.9,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "bias_multiplier": 2,
        "head_multiplier": 10,
        "first_multiplier": 1,
        "warmup": 0,
        "clip_norm": None,
        "ema": None,
        "loss_at": "scores",
        "precision": "fp32",
        "loss": "cross_entropy",
    }


def test_the_defaults_of_a_run_write_no_state_and_show_no_bar():
    assert asdict(RunParams()) == {
        "state": None,
        "code": "",
        "save_every_s": 300,
        "workers": 0,
        "progress": None,
    }


def test_the_log_says_the_loss_of_ten_steps(caplog):
    params = TrainParams(iterations=25, batch_size=1)
    with caplog.at_level(logging.INFO):
        losses = train(network("decoder"), Squares(), params, seed=1).loss
    said = [one.getMessage() for one in caplog.records if "of 25: loss" in one.getMessage()]
    steps = (3, 5, 8, 10, 13, 15, 18, 20, 23, 25)
    assert said == [f"step {step} of 25: loss {losses[step - 1]:.4f}" for step in steps]


@pytest.mark.parametrize(
    ("words", "level", "disable"),
    [(None, "INFO", True), ("learn", "INFO", None), ("learn", "WARNING", True)],
)
def test_a_bar_is_shown_to_a_terminal_where_it_has_words_and_the_log_is_not_quiet(
    monkeypatch, caplog, words, level, disable
):
    caplog.set_level(level, logger="masktrack_core")
    asked = []

    def bar(**options):
        asked.append(options)
        return progress.bar(**options)

    monkeypatch.setattr(loop, "bar", bar)
    trained(TrainParams(iterations=1, batch_size=1), progress=words)
    expected = {"words": words or "", "total": 1, "unit": "step", "initial": 0, "leave": False}
    assert asked == [expected | {"disable": disable}]


def test_one_step_of_sgd_is_weight_minus_rate_times_gradient():
    net, twin = network("decoder"), network("decoder")
    params = TrainParams(iterations=1, batch_size=1, weight_decay=0, momentum=0)
    train(net, Squares(), params, seed=1)
    image, prior, target = (torch.from_numpy(part)[None] for part in Squares()[0])
    segmentation_loss(twin.train()(image, prior), target, at="scores").backward()
    for group in parameter_groups(twin, learning_rate=1e-3):
        for parameter in group["params"]:
            parameter.data -= group["lr"] * parameter.grad
    for name, expected in twin.state_dict().items():
        assert torch.allclose(net.state_dict()[name], expected, atol=1e-6), name


@pytest.mark.parametrize(("steps", "share"), [(200, 0.9235), (20_000, 0.9991)])
def test_momentum_under_a_falling_rate_carries_less_far_than_caffes(steps, share):
    """The number in docs/reproduction/departures.md: a constant gradient of one."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimiser = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    params, caffe, buffer = TrainParams(iterations=steps, learning_rate=1.0), 0.0, 0.0
    weight.grad = torch.ones_like(weight)
    for iteration in range(steps):
        rate = poly_lr(iteration, params)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
        buffer = 0.9 * buffer + rate
        caffe += buffer
    assert -weight.item() / caffe == pytest.approx(share, abs=1e-4)


def test_running_mean_of_constant_weights_is_the_weights_and_it_follows_slowly():
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.0)
    mean = RunningMean(layer, 0.9)
    layer.weight.data.fill_(1.0)
    mean.update(layer, 0)
    assert mean.weights["weight"].item() == pytest.approx(0.9)  # decay 1 / 10 at the first step
    mean.update(layer, 10_000)
    assert mean.weights["weight"].item() == pytest.approx(0.91)
    mean.update(layer, 5)
    assert mean.weights["weight"].item() == pytest.approx(1 - 0.09 * 6 / 15)


def test_a_gradient_longer_than_clip_norm_is_shortened_to_it_and_a_shorter_one_is_not():
    plain = TrainParams(iterations=1, batch_size=1, weight_decay=0, momentum=0)
    begin, steps = network("decoder").state_dict(), {}
    norm = train(network("decoder"), Squares(), plain, seed=1).gradient_norm[0]
    for largest in (None, norm / 4, 4 * norm):
        net = network("decoder")
        losses = train(net, Squares(), replace(plain, clip_norm=largest), seed=1)
        assert losses.gradient_norm.tolist() == [norm]  # what is recorded is not clipped
        steps[largest] = {name: now - begin[name] for name, now in net.state_dict().items()}
    for name, step in steps[None].items():
        torch.testing.assert_close(steps[norm / 4][name], step / 4, rtol=1e-4, atol=1e-7)
        assert torch.equal(steps[4 * norm][name], step)


class Dropped:
    """What the dropouts of a network drop, call by call."""

    def __init__(self, net):
        self.calls = []
        net.head.dropout.register_forward_hook(self)

    def __call__(self, _layer, given, answer):
        self.calls.append(((answer == 0) & (given[0] != 0)).numpy().copy())


def test_every_step_drops_other_values_and_a_seed_the_same_ones_again():
    class One(Squares):
        def __getitem__(self, number):
            return super().__getitem__(0)

    params = TrainParams(iterations=4, batch_size=1, learning_rate=1e-12, weight_decay=0)

    def dropped(seed):
        net = network("largefov")
        watched = Dropped(net)
        train(net, One(), params, seed=seed)
        return [call.tobytes() for call in watched.calls[::2]]  # after fc6, of each step

    assert len(set(dropped(1))) == 4
    assert dropped(1) == dropped(1) and not set(dropped(1)) & set(dropped(2))


FALLING = TrainParams(iterations=25, batch_size=4, learning_rate=5e-3)


@pytest.mark.parametrize(
    "params",
    [
        FALLING,
        replace(FALLING, optimizer="adamw", learning_rate=1e-3),
        replace(FALLING, loss_at="pixels"),
        replace(FALLING, precision="bf16"),
        replace(FALLING, warmup=5),
        replace(FALLING, clip_norm=5.0),
        replace(FALLING, ema=0.9),
    ],
    ids=["default", "adamw", "pixels", "bf16", "warmup", "clip_norm", "ema"],
)
def test_the_loss_falls(params):
    net = network("decoder")
    losses = train(net, Squares(), params, seed=1)
    assert list(losses.columns) == ["iteration", "learning_rate", "loss", "gradient_norm"]
    assert len(losses) == 25
    assert losses.loss[-5:].mean() < 0.6 * losses.loss[:5].mean()
    assert not net.training


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_weights(uninterrupted, workers):
    assert identical(trained(workers=workers), uninterrupted)


def test_the_seed_decides(uninterrupted):
    assert identical(trained(), uninterrupted)
    net = network()
    train(net, Squares(), PARAMS, seed=2)
    assert not identical(weights(net), uninterrupted)


def test_the_callers_random_numbers_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    trained()
    assert torch.equal(torch.rand(3), expected)


class CrashError(Exception):
    pass


def breaking_in(at: int, do):
    return Squares(before=lambda number: do() if number == at else None)


def crash():
    raise CrashError


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("at", [2, 7, 11])
def test_resuming_after_a_crash_gives_the_same_bits(tmp_path, at, optimizer):
    params = TrainParams(iterations=6, batch_size=2, optimizer=optimizer, ema=0.9)
    state = tmp_path / "state"
    with pytest.raises(CrashError):
        trained(params, examples=breaking_in(at, crash), state=state, save_every_s=0)
    assert identical(trained(params, state=state, save_every_s=0), trained(params))


def test_a_finished_training_is_not_repeated(tmp_path, uninterrupted):
    state = tmp_path / "state"
    assert identical(trained(state=state, save_every_s=0), uninterrupted)
    looked_at = []
    again = trained(examples=Squares(before=looked_at.append), state=state)
    assert identical(again, uninterrupted)
    assert looked_at == []
    remove_state(state)
    assert not list(tmp_path.iterdir())


def test_losses_before_the_interruption_are_in_the_table(tmp_path):
    whole = train(network(), Squares(), PARAMS, seed=1)
    run = RunParams(state=tmp_path / "state", save_every_s=0)
    with pytest.raises(CrashError):
        train(network(), breaking_in(9, crash), PARAMS, seed=1, run=run)
    assert train(network(), Squares(), PARAMS, seed=1, run=run).equals(whole)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_ctrl_c_save_the_state_and_raise(tmp_path, uninterrupted, sent):
    state, before = tmp_path / "state", signal.getsignal(sent)
    examples = breaking_in(7, lambda: os.kill(os.getpid(), sent))
    with pytest.raises(TrainingInterruptedError, match=f"by {sent.name} after 3 of 6 steps"):
        trained(examples=examples, state=state)
    assert signal.getsignal(sent) == before
    assert identical(trained(state=state), uninterrupted)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_every_process_of_a_job_saves_the_state_too(tmp_path, uninterrupted, sent):
    def cancel():  # in a worker: first itself, then the training
        os.kill(os.getpid(), sent)
        os.kill(os.getppid(), sent)

    state = tmp_path / "state"
    with pytest.raises(TrainingInterruptedError, match=rf"by {sent.name} after \d of 6 steps"):
        trained(examples=breaking_in(7, cancel), state=state, workers=1)
    assert identical(trained(state=state), uninterrupted)


def test_a_signal_in_the_last_step_lets_the_training_end(tmp_path, uninterrupted):
    net, passes = network(), []

    def stop(*_):
        passes.append(None)
        if len(passes) == PARAMS.iterations:
            os.kill(os.getpid(), signal.SIGTERM)

    net.register_forward_hook(stop)
    train(net, Squares(), PARAMS, seed=1, run=RunParams(state=tmp_path / "state"))
    assert len(passes) == PARAMS.iterations and identical(weights(net), uninterrupted)


class Early:
    """What `register_after_fork` holds on to."""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_a_worker_that_has_only_just_begun_is_left_to_the_training(uninterrupted, sent):
    early = Early()  # before the loader's own lines in the process
    register_after_fork(early, lambda _: os.kill(os.getpid(), sent))
    assert identical(trained(workers=1), uninterrupted)


def test_sigterm_after_another_signal_or_itself_loses_nothing(tmp_path):
    def several():
        for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), sent)

    with pytest.raises(TrainingInterruptedError, match="by SIGINT after 3 of 6 steps"):
        trained(examples=breaking_in(7, several), state=tmp_path / "state")


TWICE = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.training.test_loop import breaking_in, trained
def twice():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
trained(examples=breaking_in(3, twice), state=Path({state!r}))
"""


def test_a_second_ctrl_c_kills_at_once(tmp_path):
    root, state = str(Path(__file__).parents[3]), tmp_path / "state"
    script = TWICE.format(root=root, state=str(state))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=100)
    assert done.returncode == -signal.SIGINT and not state.exists()


STOPPED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.training.test_loop import breaking_in, trained
cancel = lambda: os.kill(os.getppid(), signal.SIGTERM)
trained(examples=breaking_in(3, cancel), state=Path({state!r}), workers=1)
"""


def test_a_training_that_was_stopped_takes_its_workers_with_it(tmp_path):
    root = str(Path(__file__).parents[3])
    script = STOPPED.format(root=root, state=str(tmp_path / "state"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=100)
    assert b"stopped by SIGTERM" in done.stderr and done.returncode == 1


def test_a_nan_stops_training_and_keeps_the_last_good_state(tmp_path):
    state = tmp_path / "state"
    params = TrainParams(iterations=50, batch_size=2, learning_rate=1e6)
    with pytest.raises(TrainingDivergedError, match="lower it"):
        trained(params, state=state, save_every_s=0)
    if state.exists():
        kept = torch.load(state, weights_only=True)
        assert all(tensor.isfinite().all() for tensor in kept["network"].values())


def test_a_loss_that_is_no_number_ends_a_training_on_the_cpu_in_its_step():
    net, passes = network(), []

    def spoilt(_net, _given, scores):
        passes.append(None)
        return scores * (math.nan if len(passes) == 3 else 1)

    net.register_forward_hook(spoilt)
    with pytest.raises(TrainingDivergedError, match="the loss of step 2 is nan"):
        train(net, Squares(), PARAMS, seed=1)
    assert len(passes) == 3


def test_a_last_step_that_spoils_the_weights_is_no_network():
    params = TrainParams(iterations=1, batch_size=2, learning_rate=1e38)
    with pytest.raises(TrainingDivergedError, match="weights after step 1 are not finite"):
        trained(params)


def test_a_training_that_is_soon_over_writes_no_state(tmp_path):
    trained(state=tmp_path / "state")
    assert not list(tmp_path.iterdir())


def test_a_state_is_written_as_often_as_it_is_told_by_a_clock_of_any_age(tmp_path, monkeypatch):
    now, written = [10.0], []

    def pass_time(number):
        now[0] += 10 if number % 2 else 0

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(loop, "write_state", lambda _, state: written.append(state["iteration"]))
    trained(examples=Squares(before=pass_time), state=tmp_path / "state", save_every_s=20)
    assert written == [2, 4, 6]


FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from masktrack_core.training.state import StateNotWrittenError, read_state, write_state
path, size = Path(sys.argv[1]), 100_000
state = {"digest": "d", "iteration": 1, "network": {"w": torch.zeros(size)}}
write_state(path, state)
resource.setrlimit(resource.RLIMIT_FSIZE, (2 * size, 2 * size))
try:
    write_state(path, state | {"iteration": 2})
except StateNotWrittenError as error:
    print(error)
assert read_state(path, "d")["iteration"] == 1
"""


def test_a_full_disk_is_said_and_the_state_before_stays(tmp_path):
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "state")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "of step 2 could not be written (" in done.stdout
    assert "make room on the disk" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("once", [False, True])
def test_the_fastest_algorithm_is_looked_for_but_where_sums_have_one_order(once):
    flags, before = torch.backends.cudnn, torch.backends.cudnn.benchmark
    seen = []

    def look(_number):
        seen.append((flags.enabled, flags.benchmark, flags.deterministic))

    torch.set_deterministic_debug_mode("error" if once else "default")
    try:
        trained(examples=Squares(before=look))
    finally:
        torch.set_deterministic_debug_mode("default")
    assert set(seen) == {(True, not once, once)}
    assert flags.benchmark == before


def test_no_examples_are_refused():
    with pytest.raises(InputError, match="got none"):
        trained(examples=Squares(0))


def flip_a_bit(whole: bytes) -> bytes:
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], flip_a_bit])
def test_a_broken_state_falls_back_to_the_one_before(tmp_path, uninterrupted, caplog, damage):
    state = tmp_path / "state"
    with pytest.raises(CrashError):
        trained(examples=breaking_in(11, crash), state=state, save_every_s=0)
    assert previous_state(state).exists()
    state.write_bytes(damage(state.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert identical(trained(state=state), uninterrupted)
    assert "not a whole training state" in caplog.text


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"PK\x03\x04" + bytes(100)])
def test_with_nothing_but_broken_states_training_starts_anew(tmp_path, uninterrupted, rubbish):
    state = tmp_path / "state"
    state.write_bytes(rubbish)
    previous_state(state).write_bytes(rubbish)
    assert identical(trained(state=state), uninterrupted)


@pytest.mark.parametrize(
    "other",
    [
        {"params": TrainParams(iterations=7, batch_size=2, ema=0.9)},
        {"seed": 2},
        {"examples": Squares(9)},
        {"net": network(seed=2)},
    ],
)
def test_the_state_of_another_training_is_refused(tmp_path, other):
    run = RunParams(state=tmp_path / "state", save_every_s=0)
    first = {"net": network(), "examples": Squares(), "params": PARAMS, "seed": 1}
    for changes in ({}, other):
        chosen = {**first, **changes}
        seed = chosen.pop("seed")
        if not changes:
            train(*chosen.values(), seed=seed, run=run)
            first["net"] = network()
            continue
        with pytest.raises(InputError, match="delete the file"):
            train(*chosen.values(), seed=seed, run=run)


def test_the_state_of_another_kind_of_device_is_refused(tmp_path):
    path = tmp_path / "state"
    trained(state=path, save_every_s=0)
    state = torch.load(path, weights_only=True)
    assert state["device"] == "cpu"
    torch.save(state | {"device": "cuda"}, path)
    with pytest.raises(InputError, match=r"written on 'cpu', got one of 'cuda'.*delete the file"):
        trained(state=path)


class Brighter(Squares):
    """As many squares, of which the first is the same and another is not."""

    def digest(self) -> str:
        return "brighter"

    def __getitem__(self, number: int) -> Example:
        example = super().__getitem__(number)
        return example if number == 0 else example._replace(image=example.image | 64)


def test_a_state_is_not_continued_on_other_examples_that_begin_alike(tmp_path):
    state = tmp_path / "state"
    trained(state=state, save_every_s=0)
    with pytest.raises(InputError, match="delete the file"):
        trained(examples=Brighter(), state=state)


def test_a_state_is_never_half_written(tmp_path):
    state = tmp_path / "deep" / "state"
    write_state(state, {"digest": "a", "iteration": 1})
    write_state(state, {"digest": "a", "iteration": 2})
    assert read_state(state, "a")["iteration"] == 2
    assert read_state(previous_state(state), "a")["iteration"] == 1
    state.unlink()  # killed between the two renames
    assert read_state(state, "a")["iteration"] == 1
    assert read_state(tmp_path / "none", "a") is None


@pytest.mark.parametrize(
    "bad",
    [
        {"iterations": 0},
        {"optimizer": "adam"},
        {"ema": 1.0},
        {"learning_rate": float("nan")},
        {"head_multiplier": -1},
        {"bias_multiplier": 0},
        {"first_multiplier": float("inf")},
        {"weight_decay": float("nan")},
        {"clip_norm": 0},
        {"batch_size": 2.5},
        {"batch_size": 0},
        {"ema": 0.0},
        {"momentum": 1.0},
        {"momentum": -0.1},
        {"power": -0.1},
        {"warmup": -1},
        {"loss_at": "cells"},
        {"precision": "fp16"},
    ],
)
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match=f"train.{next(iter(bad))}"):
        TrainParams(**bad)


TRAININGS = """
import os, sys, torch
from pathlib import Path
torch.set_num_threads(1)
sys.path[:0] = [{tests!r}, {root!r}]
from test_loop import RunParams, Squares, TrainParams, network, train
params = TrainParams(iterations=60, batch_size=2, optimizer="adamw", ema=0.9)
for name in map(str.strip, sys.stdin):
    child = os.fork()
    if not child:
        net = network()
        run = RunParams(state=Path(name + ".state"), save_every_s=0)
        train(net, Squares(), params, seed=1, run=run)
        torch.save(net.state_dict(), name)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
def test_killed_at_random_points_it_ends_with_the_same_bits(tmp_path):
    """Each training is a process, forked from one that has torch."""
    tests = Path(__file__).parent
    code = TRAININGS.format(tests=str(tests), root=str(tests.parents[2]))
    rng = numpy_rng(int(time.time()))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, **pipes) as server:

        def start(name: str) -> int:
            print(name, file=server.stdin, flush=True)
            return int(server.stdout.readline())

        def status() -> int:
            return int(server.stdout.readline())

        start("whole")
        assert status() == 0
        for _ in range(3):
            process = start("killed")
            while not (tmp_path / "killed.state").exists():  # the first may take long
                time.sleep(0.01)
            time.sleep(rng.uniform(0.05, 0.6))
            os.kill(process, signal.SIGKILL)
            assert status() == -signal.SIGKILL  # before its end
        assert not (tmp_path / "killed").exists()
        start("killed")
        assert status() == 0
        server.stdin.close()
    a, b = (torch.load(tmp_path / name, weights_only=True) for name in ("whole", "killed"))
    assert identical(a, b)
