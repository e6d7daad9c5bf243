"""One loop for offline (§3.1) and online training (§3.2): DeepLabv2's, on examples of masks."""

import logging
import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from masktrack_core.devices import in_bf16
from masktrack_core.errors import InputError
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.progress import bar, is_quiet
from masktrack_core.seeds import torch_scope, torch_seed
from masktrack_core.training.batches import Batch, batches
from masktrack_core.training.examples import Examples
from masktrack_core.training.gradients import (
    RECENT,
    STRIKES,
    Witness,
    clip_gradient,
    out_of_bounds,
    refuse_deviations,
    taught_nothing,
    warn_of_untaught,
)
from masktrack_core.training.optimisers import (
    RunningMean,
    TrainParams,
    build_optimiser,
    poly_lr,
    segmentation_loss,
    set_learning_rate,
)
from masktrack_core.training.state import (
    State,
    all_finite,
    noted_stop,
    read_state,
    training_digest,
    write_state,
)

if TYPE_CHECKING:
    from pandas import DataFrame
    from tqdm import tqdm

__all__ = [
    "RunParams",
    "TrainParams",
    "TrainingDivergedError",
    "TrainingInterruptedError",
    "poly_lr",
    "train",
]

_LOG = logging.getLogger(__name__)

_LOSSES_AT_ONCE = 20
"""Steps between two looks at loss and gradient on a GPU, each of which waits for it."""

_SAID = 10
"""Steps of which the log says the loss."""


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
    """Training was asked to stop (SIGTERM, Ctrl-C); its state is saved."""


class TrainingDivergedError(ArithmeticError):
    """Loss, weights or gradients are no longer usable numbers; the last good state is kept."""


def train(
    network: MaskTrackNet,
    examples: Examples,
    params: TrainParams,
    *,
    seed: int,
    run: RunParams | None = None,
) -> "DataFrame":
    """Train the network in place, on the device of its parameters; return the loss of each step.

    Columns ``iteration``, ``learning_rate``, ``loss``, ``gradient_norm`` (before clipping). Batch
    ``t`` holds the examples ``t × batch_size`` and following; dropout is seeded by ``(seed, t)``:
    the same seed gives the same weights for any number of workers and interruptions (bit by bit
    on the CPU). The network is left in evaluation mode, with the running mean of its weights if
    ``params.ema`` is set.

    The first step of a training in bf16 takes the time of two to five: its gradients are compared
    with float32's, layer by layer, which changes nothing of it.

    Raises ``InputError`` for no examples, for a state of another training and for a layer whose
    bf16 gradients are wrong, ``TrainingInterruptedError`` on SIGTERM and Ctrl-C after saving,
    ``TrainingDivergedError`` on a NaN and where gradients jump again and again.
    """
    from pandas import DataFrame

    run = run or RunParams()
    if not len(examples):
        raise InputError("examples: expected at least one, got none; check the stills or frames")
    loop = _Loop(network, params, seed)
    network.train()
    scope = torch_scope(seed, "train", device=loop.device)
    deterministic = torch.are_deterministic_algorithms_enabled()
    # The fastest of its algorithms is found by trying, and may be another one the next time.
    tried = torch.backends.cudnn.flags(
        enabled=True, benchmark=not deterministic, deterministic=deterministic
    )
    with scope, tried:
        _work(loop, examples, run)
    loop.finish()
    rates = [poly_lr(iteration, params) for iteration in range(params.iterations)]
    steps = {"iteration": range(params.iterations), "learning_rate": rates}
    return DataFrame(steps | {"loss": loop.losses, "gradient_norm": loop.norms})


class _Loop:
    """What changes during a training, and the steps that change it."""

    def __init__(self, network: MaskTrackNet, params: TrainParams, seed: int) -> None:
        self.network, self.params, self.seed = network, params, seed
        self.device = next(network.parameters()).device
        self.optimiser = build_optimiser(network, params)
        self.mean = RunningMean(network, params.ema) if params.ema is not None else None
        self.iteration = 0
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.strikes: list[int] = []
        self.inspected = False
        self._pending: list[Tensor] = []

    def step(self, batch: Batch) -> None:
        """Learn from one batch."""
        torch.manual_seed(torch_seed(self.seed, "train", self.iteration))
        set_learning_rate(self.optimiser, poly_lr(self.iteration, self.params))
        image, prior, target = (part.to(self.device, non_blocking=True) for part in batch)
        self.optimiser.zero_grad(set_to_none=True)
        low = in_bf16(self.params.precision, self.device)
        witness = Witness(self.network) if low and not self.inspected else None
        with witness.watching() if witness else nullcontext():
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low):
                logits = self.network(image, prior)
            loss = segmentation_loss(logits, target, at=self.params.loss_at, loss=self.params.loss)
            loss.backward()  # type: ignore[no-untyped-call]
        if not self.inspected:
            self._inspect(witness, crop=image.shape[-1])
        norm = clip_gradient(self.network.parameters(), self.params.clip_norm)
        self.optimiser.step()
        if self.mean is not None:
            self.mean.update(self.network, self.iteration)
        self.iteration += 1
        self._pending.append(torch.stack([loss.detach(), norm]))
        # Reading a loss waits for the GPU; on the CPU it is there.
        if self.device.type == "cpu" or len(self._pending) >= _LOSSES_AT_ONCE:
            self.settle()

    def _inspect(self, witness: Witness | None, *, crop: int) -> None:
        """Look at the gradients of a first step; raise ``InputError`` if a layer's are wrong."""
        if witness is not None:
            refuse_deviations(witness.deviations(), crop)
        untaught = taught_nothing(self.network)
        # A batch without a known pixel has no gradient at all: the next one tells.
        self.inspected = len(untaught) < len(list(self.network.parameters()))
        if self.inspected:
            warn_of_untaught(untaught, crop)

    def settle(self) -> None:
        """Read loss and gradient norm of the last steps; raise if one is no number."""
        if not self._pending:
            return
        values = torch.stack(self._pending).tolist()
        self._pending.clear()
        for loss, norm in values:
            if not math.isfinite(loss):
                raise self.diverged(f"the loss of step {len(self.losses)} is {loss}")
            self.losses.append(loss)
            self.norms.append(norm)
            self._note_loss()
            self._check_norm()

    def _note_loss(self) -> None:
        """Say the loss of the last step in the log, of ten steps in all."""
        taken, steps = len(self.losses), self.params.iterations
        if taken * _SAID // steps > (taken - 1) * _SAID // steps:
            _LOG.info("step %d of %d: loss %.4f", taken, steps, self.losses[-1])

    def _check_norm(self) -> None:
        """Say that the last gradient is out of bounds, if it is; raise where that repeats."""
        wrong, step = out_of_bounds(self.norms), len(self.norms) - 1
        if wrong is None:
            return
        _LOG.warning("step %d: the norm of the gradient is %s", step, wrong)
        self.strikes = [at for at in self.strikes if at > step - RECENT] + [step]
        if len(self.strikes) >= STRIKES:
            raise self.diverged(f"the gradients of steps {self.strikes} are out of bounds")

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
            "device": self.device.type,
            "iteration": self.iteration,
            "network": self.network.state_dict(),
            "mean": self.mean.weights if self.mean else None,
            "optimiser": self.optimiser.state_dict(),
            "losses": self.losses,
            "norms": self.norms,
            "strikes": self.strikes,
            "inspected": self.inspected,
        }

    def resume(self, state: State) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.mean is not None:
            self.mean.load(state["mean"])
        self.iteration, self.losses = state["iteration"], state["losses"]
        self.norms, self.strikes = state["norms"], state["strikes"]
        self.inspected = state["inspected"]

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
            _check_device(state, loop.device, run.state)
            loop.resume(state)
            _LOG.info("goes on after step %d of %d", loop.iteration, params.iterations)
    loop.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = range(loop.iteration, params.iterations)
    feed = batches(
        examples, params.batch_size, steps, workers=run.workers, pin=loop.device.type == "cuda"
    )
    saved = time.monotonic()
    with noted_stop(run.state is not None) as stop, _bar(loop, run.progress) as shown:
        for batch in feed:
            if stop.by is None:
                loop.step(batch)
                shown.update()
            if run.state is not None and (
                stop.by is not None or time.monotonic() - saved >= run.save_every_s
            ):
                write_state(run.state, loop.state(digest))
                saved = time.monotonic()
            if stop.by is not None and loop.iteration < params.iterations:
                raise TrainingInterruptedError(
                    f"training: stopped by {stop.by} after {loop.iteration} of "
                    f"{params.iterations} steps; run again to go on from {run.state}"
                )


def _check_device(state: State, device: torch.device, path: Path) -> None:
    """Raise ``InputError`` for a state of another kind of device."""
    came = state.get("device", device.type)
    if came != device.type:
        raise InputError(
            f"{path}: expected a state that was written on '{device.type}', got one of "
            f"'{came}': half a training on each could not be repeated; set `device` to go on "
            "there, or delete the file to begin anew"
        )


def _digest(loop: _Loop, examples: Examples, code: str) -> str:
    """Return what tells this training from another: all that decides the weights."""
    facts = {
        **asdict(loop.params),
        "seed": loop.seed,
        "code": code,
        "examples": examples.digest(),
    }
    return training_digest(loop.network, facts)


def _bar(loop: _Loop, words: str | None) -> "tqdm[Any]":
    """Return a progress bar with rate and remaining time, on the standard error."""
    return bar(
        words=words or "",
        total=loop.params.iterations,
        unit="step",
        initial=loop.iteration,
        disable=True if words is None or is_quiet() else None,  # None: only on a terminal
        leave=False,
    )
