"""One loop for offline (§3.1) and online training (§3.2): DeepLabv2's, on examples of masks."""

import math
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor
from tqdm import tqdm

from masktrack_core.batches import Batch, batches
from masktrack_core.errors import InputError
from masktrack_core.examples import Examples
from masktrack_core.network import MaskTrackNet
from masktrack_core.optimisers import (
    RunningMean,
    TrainParams,
    build_optimiser,
    poly_lr,
    segmentation_loss,
    set_learning_rate,
)
from masktrack_core.seeds import torch_scope, torch_seed
from masktrack_core.training_state import (
    State,
    all_finite,
    noted_stop,
    read_state,
    training_digest,
    write_state,
)

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "RunParams",
    "TrainParams",
    "TrainingDivergedError",
    "TrainingInterruptedError",
    "poly_lr",
    "train",
]

_LOSSES_AT_ONCE = 20
"""Steps between two looks at the loss on a GPU, each of which waits for it."""


@dataclass(frozen=True, kw_only=True)
class RunParams:
    """How a training is run; nothing here changes the weights that come out."""

    state: Path | None = None
    """File to go on from after an interruption; None to start anew and write nothing."""
    code: str = ""
    """What tells this version of the code from others: a state of another one is refused."""
    save_every_s: float = 300.0
    """Seconds from one state to the next; a training that is over sooner writes none."""
    workers: int = 0
    """Processes that make examples; 0 makes them between the steps."""
    progress: str | None = None
    """Words before the progress bar on the standard error; None for no bar."""


class TrainingInterruptedError(RuntimeError):
    """Training was asked to stop (SIGTERM); its state is saved."""


class TrainingDivergedError(ArithmeticError):
    """The loss or the weights are no longer numbers; the last good state is kept."""


def train(
    network: MaskTrackNet,
    examples: Examples,
    params: TrainParams,
    *,
    seed: int,
    run: RunParams | None = None,
) -> "DataFrame":
    """Train the network in place, on the device of its parameters; return the loss of each step.

    Columns ``iteration``, ``learning_rate``, ``loss``. Batch ``t`` holds the examples
    ``t × batch_size`` and following; dropout is seeded by ``(seed, t)``: the same seed gives the
    same weights for any number of workers and interruptions (bit by bit on the CPU). The network
    is left in evaluation mode, with the running mean of its weights if ``params.ema`` is set.

    Raises ``InputError`` for no examples and for a state of another training,
    ``TrainingInterruptedError`` on SIGTERM after saving, ``TrainingDivergedError`` on a NaN.
    """
    from pandas import DataFrame

    run = run or RunParams()
    if not len(examples):
        raise InputError("examples: expected at least one, got none; check the stills or frames")
    loop = _Loop(network, params, seed)
    network.train()
    with torch_scope(seed, "train"), torch.backends.cudnn.flags(enabled=True, benchmark=True):
        _work(loop, examples, run)
    loop.finish()
    rates = [poly_lr(iteration, params) for iteration in range(params.iterations)]
    table = {"iteration": range(params.iterations), "learning_rate": rates, "loss": loop.losses}
    return DataFrame(table)


class _Loop:
    """What changes during a training, and the steps that change it."""

    def __init__(self, network: MaskTrackNet, params: TrainParams, seed: int) -> None:
        self.network, self.params, self.seed = network, params, seed
        self.device = next(network.parameters()).device
        self.optimiser = build_optimiser(network, params)
        self.mean = RunningMean(network, params.ema) if params.ema is not None else None
        self.iteration = 0
        self.losses: list[float] = []
        self._pending: list[Tensor] = []

    def step(self, batch: Batch) -> None:
        """Learn from one batch."""
        torch.manual_seed(torch_seed(self.seed, "train", self.iteration))
        set_learning_rate(self.optimiser, poly_lr(self.iteration, self.params))
        image, prior, target = (part.to(self.device, non_blocking=True) for part in batch)
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.params.precision == "bf16"
        ):
            logits = self.network(image, prior)
        loss = segmentation_loss(logits, target, at=self.params.loss_at)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.params.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.params.clip_norm)
        self.optimiser.step()
        if self.mean is not None:
            self.mean.update(self.network, self.iteration)
        self.iteration += 1
        self._pending.append(loss.detach())
        # Reading a loss waits for the GPU; on the CPU it is there.
        if self.device.type == "cpu" or len(self._pending) >= _LOSSES_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Read the losses of the last steps; raise if one is no number."""
        if not self._pending:
            return
        values = torch.stack(self._pending).tolist()
        self._pending.clear()
        for value in values:
            if not math.isfinite(value):
                raise self.diverged(f"the loss of step {len(self.losses)} is {value}")
            self.losses.append(value)

    def diverged(self, what: str) -> TrainingDivergedError:
        """Return the error that says what is no number and what to do."""
        return TrainingDivergedError(
            f"training: {what} (learning_rate {self.params.learning_rate:g}); lower it, or set "
            "clip_norm or warmup; the last good state, if a file was given, is kept"
        )

    def check_weights(self) -> None:
        """Raise if the last step left weights that are no numbers."""
        if not all_finite(self.network.parameters()):
            raise self.diverged(f"weights after step {self.iteration} are not finite")

    def state(self, digest: str) -> State:
        """Return all that a later process needs to go on; raise if it is not good."""
        self.settle()
        self.check_weights()
        return {
            "digest": digest,
            "iteration": self.iteration,
            "network": self.network.state_dict(),
            "mean": self.mean.weights if self.mean else None,
            "optimiser": self.optimiser.state_dict(),
            "losses": self.losses,
        }

    def resume(self, state: State) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.mean is not None:
            self.mean.load(state["mean"])
        self.iteration, self.losses = state["iteration"], state["losses"]

    def finish(self) -> None:
        """Leave the network as it is to be used; raise if it is not good."""
        self.settle()
        self.check_weights()
        if self.mean is not None:
            self.mean.copy_to(self.network)
        self.network.eval()


def _work(loop: _Loop, examples: Examples, run: RunParams) -> None:
    """Take the steps that are left, saving the state as told."""
    params = loop.params
    digest = ""
    if run.state is not None:
        digest = _digest(loop, examples, run.code)
        state = read_state(run.state, digest)
        if state is not None:
            loop.resume(state)
    loop.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = range(loop.iteration, params.iterations)
    feed = batches(
        examples, params.batch_size, steps, workers=run.workers, pin=loop.device.type == "cuda"
    )
    saved = time.monotonic()
    with noted_stop(run.state is not None) as stop, _bar(loop, run.progress) as bar:
        for batch in feed:
            if not stop.is_set():
                loop.step(batch)
                bar.update()
            if run.state is not None and (
                stop.is_set() or time.monotonic() - saved >= run.save_every_s
            ):
                write_state(run.state, loop.state(digest))
                saved = time.monotonic()
            if stop.is_set() and loop.iteration < params.iterations:
                raise TrainingInterruptedError(
                    f"training: stopped by SIGTERM after {loop.iteration} of "
                    f"{params.iterations} steps; run again to go on from {run.state}"
                )


def _digest(loop: _Loop, examples: Examples, code: str) -> str:
    """Return what tells this training from another, the look of its first example included."""
    facts = {
        **asdict(loop.params),
        "seed": loop.seed,
        "code": code,
        "examples": len(examples),
        "first": [zlib.crc32(part.tobytes()) for part in examples[0]],
    }
    return training_digest(loop.network, facts)


def _bar(loop: _Loop, words: str | None) -> "tqdm[NoReturn]":
    """Return a progress bar with rate and remaining time, on the standard error."""
    return tqdm(
        desc=words,
        initial=loop.iteration,
        total=loop.params.iterations,
        mininterval=1.0,
        disable=words is None,
    )
