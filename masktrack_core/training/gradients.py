"""Whether gradients are what they ought to be: bf16 beside float32, taps that get none, the norm.

A step of training cannot tell a gradient from garbage: clipped, garbage looks like any other step.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from masktrack_core.errors import InputError

_LOG = logging.getLogger(__name__)

LEAST_COSINE, LARGEST_RATIO = 0.98, 1.1
"""What a layer's bf16 gradients must have in common with those of float32, and by how much they may
be longer or shorter. Right layers have 0.9999 and 1.003 or better, the wrong ones of
docs/bf16-depthwise.md a cosine near 0."""

RECENT, JUMP, STRIKES = 100, 1000.0, 3
"""A gradient is out of bounds above `JUMP` times the median norm of the `RECENT` steps before it;
so many of them among as many steps end a training."""
_FEWEST = 10
"""Norms that are needed before one more can be called large."""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A gradient of one layer, bf16 beside float32."""

    name: str
    """Of the parameter, or of the layer with `` input`` for what goes on to the layer before."""
    cosine: float
    """Between the two; 1 where both are alike."""
    ratio: float
    """Of the norms, bf16 over float32."""

    @property
    def bad(self) -> bool:
        """Return whether this is more than rounding; so is what is no number."""
        alike = self.cosine >= LEAST_COSINE
        return not (alike and 1 / LARGEST_RATIO <= self.ratio <= LARGEST_RATIO)


@dataclass(eq=False)
class _Seen:
    """What passed through a layer in one step."""

    layer: nn.Module
    x: Tensor
    given: Tensor | None = None
    """Gradient of what the layer returned."""
    passed: Tensor | None = None
    """Gradient that the layer passes on to what came in; None for the first layer."""


class Witness:
    """Compares the gradients of each layer of one step with those that float32 gives.

    Layer by layer, each with the input and the incoming gradient that it had: the rounding of
    one does not add up with that of all before it, which makes the gradients of a deep network
    without pretrained weights differ at will in bf16, though every layer is right.
    """

    def __init__(self, network: nn.Module) -> None:
        """Take the network; nothing is watched yet."""
        self._network = network
        self._seen: dict[str, _Seen] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what passes through the layers inside the block; forward and backward belong there.

        Values stay what they are, bit by bit. Each layer is expected to be run once.
        """
        # Of layers, and of the tensors of the step: their hooks lead back to them through autograd,
        # where Python's collector does not look, and would keep the whole step for ever.
        handles: list[RemovableHandle] = []
        for name, layer in self._network.named_modules():
            if next(layer.parameters(recurse=False), None) is not None:
                self._watch(name, layer, handles)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _watch(self, name: str, layer: nn.Module, handles: list[RemovableHandle]) -> None:
        def before(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor]:
            x = inputs[0].view_as(inputs[0])  # its gradient is what this layer alone passes on
            seen = self._seen[name] = _Seen(layer, x)
            if x.requires_grad:
                handles.append(x.register_hook(partial(setattr, seen, "passed")))
            return (x,)

        def after(_: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
            # A ReLU in place would take the hook from a view.
            output = output.clone() if output._is_view() else output
            note = partial(setattr, self._seen[name], "given")
            handles.append(output.register_hook(note))  # type: ignore[no-untyped-call]
            return output

        handles += [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]

    def deviations(self) -> list[Deviation]:
        """Return how each gradient of the step compares; to be asked before the optimiser's step.

        Gradients that are zero in both are left out. What was noted is forgotten.
        """
        compared: dict[str, Tensor] = {}
        for name, seen in self._seen.items():
            if seen.given is not None:
                compared |= _compared(name, seen, seen.given)
        self._seen.clear()
        if not compared:
            return []
        # One look for all layers: each waits for a GPU.
        rows = torch.stack([*compared.values()]).tolist()
        return [
            _deviation(name, low, right, cosine)
            for name, (low, right, cosine) in zip(compared, rows, strict=True)
            if low or right
        ]


def _compared(name: str, seen: _Seen, given: Tensor) -> dict[str, Tensor]:
    """Return norm in bf16, norm in float32 and the cosine between them of each gradient."""
    x = seen.x.detach().float().requires_grad_(seen.passed is not None)
    parameters = dict(seen.layer.named_parameters(prefix=name, recurse=False))
    got = {key: parameter.grad for key, parameter in parameters.items()}
    wanted = dict(parameters)
    if seen.passed is not None:
        got[f"{name} input"], wanted[f"{name} input"] = seen.passed, x  # type: ignore[assignment]
    exact = torch.autograd.grad(seen.layer(x), tuple(wanted.values()), given.float())
    rows = {}
    for key, right in zip(wanted, exact, strict=True):
        low = got[key]
        if low is not None:
            a, b = low.detach().double().flatten(), right.double().flatten()
            norms = a.norm(), b.norm()
            rows[key] = torch.stack([*norms, (a / norms[0]) @ (b / norms[1])])
    return rows


def _deviation(name: str, low: float, right: float, cosine: float) -> Deviation:
    if not all(0 < norm < math.inf for norm in (low, right)):
        return Deviation(name=name, cosine=math.nan, ratio=math.nan)
    return Deviation(name=name, cosine=cosine, ratio=low / right)


def refuse_deviations(deviations: Sequence[Deviation], crop: int) -> None:
    """Raise ``InputError`` where a layer's gradients in bf16 are not those of float32.

    ``crop``: side of the examples, pixels, for the message.
    """
    bad = [one for one in deviations if one.bad]
    if not bad:
        return
    shown = ", ".join(f"{one.name} ({one.cosine:.2g}, {one.ratio:.2g})" for one in bad[:4])
    raise InputError(
        f"train.precision: expected bf16 gradients like those of float32, got others in "
        f"{len(bad)} of {len(deviations)} on crops of {crop} px: {shown} (cosine, ratio of the "
        "norms); this machine computes these layers wrongly in bf16, set `precision: fp32`"
    )


def taught_nothing(network: nn.Module) -> dict[str, float]:
    """Return the parameters of which a part has no gradient after a step, with that part's share.

    The parts of a convolution's weights are its taps, each over all channels; other parameters
    are one part.
    """
    taught = {}
    for name, parameter in network.named_parameters():
        grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        taps = (grad != 0).flatten(0, 1).any(0) if grad.ndim == 4 else (grad != 0).any()
        taught[name] = taps.float().mean()
    shares = torch.stack([*taught.values()]).tolist()  # one look for all
    return {name: 1 - share for name, share in zip(taught, shares, strict=True) if share < 1}


def warn_of_untaught(shares: Mapping[str, float], crop: int) -> None:
    """Say in the log which parameters learn nothing, if any; ``crop`` as in `refuse_deviations`."""
    if shares:
        _LOG.warning(
            "on crops of %d px nothing is learnt by %s; what is not learnt stays as it was drawn "
            "and acts on larger pictures all the same: taps that see only padding want smaller "
            "network.dilations or a larger crop",
            crop,
            ", ".join(f"{name} ({share:.0%})" for name, share in shares.items()),
        )


def clip_gradient(parameters: Iterable[nn.Parameter], largest: float | None) -> Tensor:
    """Return the norm of the gradient, after shortening it to ``largest`` where that is given."""
    parameters = list(parameters)
    if largest is not None:
        return torch.nn.utils.clip_grad_norm_(parameters, largest)
    return torch.nn.utils.get_total_norm(one.grad for one in parameters if one.grad is not None)


def out_of_bounds(norms: Sequence[float]) -> str | None:
    """Return what is wrong with the last norm of a gradient, given those of the steps before it.

    None where nothing is: it is a number, and at most `JUMP` times the median of the last
    `RECENT`.
    """
    before = [norm for norm in norms[-RECENT - 1 : -1] if math.isfinite(norm)]
    if not math.isfinite(norms[-1]):
        return f"{norms[-1]}"
    usual = median(before) if len(before) >= _FEWEST else 0.0
    if usual and norms[-1] > JUMP * usual:
        return f"{norms[-1]:.3g}, {norms[-1] / usual:.0f} times the median of the steps before"
    return None
