"""How weights move: the loss, DeepLabv2's learning rates, SGD or AdamW, the running mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masktrack_core.arrays import Size
from masktrack_core.masks.elementary import VOID
from masktrack_core.networks.network import MaskTrackNet, grid_stride, parameter_groups, upsample
from masktrack_core.ranges import (
    BETWEEN_0_AND_1,
    COUNT,
    COUNT_FROM_0,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    check_fields,
    optional,
)
from masktrack_core.registry import check_name, find


@dataclass(frozen=True, kw_only=True)
class TrainParams:
    """How weights are learned. Defaults: the paper's offline training (§4), that of DeepLabv2.

    Online training is the same with ``iterations=200``.
    """

    iterations: int = 20_000
    """Number of steps (§4: 20k offline, 200 online)."""
    batch_size: int = 10
    """Examples a step (§4)."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD (§4); AdamW is ours."""
    learning_rate: float = 1e-3
    """First learning rate of weights (§4)."""
    power: float = 0.9
    """Exponent of the polynomial decay (DeepLabv2)."""
    momentum: float = 0.9
    """Of SGD (§4)."""
    weight_decay: float = 5e-4
    """Of weights, not of biases (§4)."""
    bias_multiplier: float = 2.0
    """Learning rate of biases over that of weights (DeepLabv2)."""
    head_multiplier: float = 10.0
    """Learning rate of the layers without pretrained weights over the others' (DeepLabv2)."""
    first_multiplier: float = 1.0
    """Learning rate of the layer that sees the mask over the others'."""
    warmup: int = 0
    """Steps of linear growth of the learning rate; ours."""
    clip_norm: float | None = None
    """Largest norm of the gradient; ours."""
    ema: float | None = None
    """Decay a step of the running mean of the weights that training returns; ours."""
    loss_at: Literal["scores", "pixels"] = "scores"
    """Where the loss is taken: at the cells of the scores with the target shrunk to them
    (DeepLabv2), or at every pixel with the scores enlarged; ours."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the activations; weights stay float32. ``bf16`` is float32 on a device without it."""
    loss: str = "cross_entropy"
    """Loss of a batch, by its name in the registry: cross_entropy (DeepLabv2) | balanced; ours."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning with ``InputError``."""
        check_fields(
            "train",
            self,
            iterations=COUNT,
            batch_size=COUNT,
            optimizer=("sgd", "adamw"),
            learning_rate=POSITIVE,
            power=NOT_NEGATIVE,
            momentum=FRACTION,
            weight_decay=NOT_NEGATIVE,
            bias_multiplier=POSITIVE,
            head_multiplier=POSITIVE,
            first_multiplier=POSITIVE,
            warmup=COUNT_FROM_0,
            clip_norm=optional(POSITIVE),
            ema=optional(BETWEEN_0_AND_1),
            loss_at=("scores", "pixels"),
            precision=("fp32", "bf16"),
        )
        check_name("train.loss", "loss", self.loss)


def poly_lr(iteration: int, params: TrainParams) -> float:
    """Return the learning rate of a step, from 0: lr × (1 − iteration / iterations)^power.

    DeepLabv2's "poly" policy; during warm-up, if any, it is multiplied by a growing fraction.
    """
    decay = (1 - iteration / params.iterations) ** params.power
    growth = min(1.0, (iteration + 1) / params.warmup) if params.warmup else 1.0
    return float(params.learning_rate * decay * growth)


def segmentation_loss(
    logits: Tensor,
    target: Tensor,
    *,
    at: Literal["scores", "pixels"],
    loss: str = "cross_entropy",
) -> Tensor:
    """Return the loss of that name of the scores ``(B, 2, h, w)`` over known pixels.

    ``target``: ``(B, H, W)`` of 1 object, 0 background, 255 ignored. Without a known pixel the
    loss is 0.
    """
    margin = (logits[:, 1:] - logits[:, :1]).float()
    size = Size(*target.shape[-2:])
    if at == "pixels":
        margin = upsample(margin, size)
    else:
        stride = grid_stride(margin.shape[-2:], size)
        rows, columns = ((cells - 1) * stride + 1 for cells in margin.shape[-2:])
        # Cell i is centred on pixel stride × i: DeepLab's nearest shrinking. Cells beyond the
        # picture are padding.
        target = F.pad(target, (0, columns - size.width, 0, rows - size.height), value=VOID)
        target = target[:, ::stride, ::stride]
    known = (target != VOID).float()
    truth = (target == 1).float()
    value: Tensor = find("loss", loss)(margin[:, 0], truth, known)
    return value


def cross_entropy(margin: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Return the mean cross-entropy over known pixels (DeepLabv2's softmax of two classes)."""
    # The softmax of two scores is the sigmoid of their difference: half the work.
    losses = F.binary_cross_entropy_with_logits(margin, truth, weight=known, reduction="sum")
    return losses / known.sum().clamp(min=1)


def balanced(margin: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Return the cross-entropy in which object and background of a batch count alike; ours.

    HED's loss (Xie & Tu, ICCV 2015, eq. 2), which OSVOS (Caelles et al., CVPR 2017) takes for
    masks: for objects that are small in their crop.
    """
    share = (truth * known).sum() / known.sum().clamp(min=1)
    weight = known * (truth * (1 - share) + (1 - truth) * share)
    losses = F.binary_cross_entropy_with_logits(margin, truth, weight=weight, reduction="sum")
    return losses / known.sum().clamp(min=1)


def build_optimiser(network: MaskTrackNet, params: TrainParams) -> torch.optim.Optimizer:
    """Return the optimiser over DeepLabv2's groups of parameters, each with its own rate."""
    groups = parameter_groups(
        network,
        learning_rate=1.0,
        weight_decay=params.weight_decay,
        bias_multiplier=params.bias_multiplier,
        head_multiplier=params.head_multiplier,
        first_multiplier=params.first_multiplier,
    )
    for group in groups:
        group["multiplier"] = group["lr"]
    groups = [group for group in groups if group["params"]]
    if params.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=params.learning_rate, fused=True)
    # Paper: Caffe's solver, whose buffer of momentum holds rate × gradient; PyTorch's holds the
    # gradient, so that a falling rate slows what is left of earlier steps too.
    return torch.optim.SGD(groups, lr=params.learning_rate, momentum=params.momentum, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the rate of every group: its multiplier × ``learning_rate``."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * group["multiplier"]


class RunningMean:
    """The exponential mean of a network's weights over the steps.

    The decay of step t is min(decay, (1 + t) / (10 + t)), so that a short training, as the
    online one, does not return mostly the weights that it began with.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Begin with the weights as they are."""
        self._decay = decay
        self.weights: dict[str, Tensor] = {
            name: weight.detach().clone() for name, weight in network.named_parameters()
        }

    @torch.no_grad()
    def update(self, network: nn.Module, iteration: int) -> None:
        """Take in the weights after step ``iteration``, from 0."""
        decay = min(self._decay, (1 + iteration) / (10 + iteration))
        for name, weight in network.named_parameters():
            self.weights[name].lerp_(weight, 1 - decay)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from means that were saved."""
        for name, weight in self.weights.items():
            weight.copy_(weights[name])

    @torch.no_grad()
    def copy_to(self, network: nn.Module) -> None:
        """Give the network the mean weights."""
        for name, weight in network.named_parameters():
            weight.copy_(self.weights[name])
