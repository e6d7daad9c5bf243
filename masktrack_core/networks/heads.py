"""From a trunk's maps to two scores a cell: DeepLab's heads, and a light decoder."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masktrack_core.networks.backbones import Backbone, Features
from masktrack_core.networks.layers import Depthwise
from masktrack_core.registry import find

CLASSES = 2
"""Background and the object."""


class Head(nn.Module):
    """What `masktrack_core.networks.network` may ask of a head."""

    #: Pixels between neighbouring cells of the logits.
    stride: int
    #: Names of the children that no published checkpoint has (DeepLab's fc8).
    fresh: ClassVar[tuple[str, ...]]

    def classifiers(self) -> list[nn.Conv2d]:
        """Return the last layers, whose filters start at N(0, 0.01) and biases at 0."""
        raise NotImplementedError

    def forward(self, features: Features) -> Tensor:
        """Return two scores a cell, ``(B, 2, h, w)``."""
        raise NotImplementedError


def _total(maps: list[Tensor]) -> Tensor:
    return sum(maps[1:], maps[0])


class Dropout(nn.Dropout):
    """Dropout that draws one random byte a value: a fifth of the time of PyTorch's on a CPU.

    PyTorch draws a float each, one after the other: an eighth of a whole training step of
    DeepLabv2. The probability is rounded to 256ths, a half is exact. Drawn from the global
    generator like PyTorch's, so that `masktrack_core.seeds.torch_scope` repeats it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, dense, with values dropped and the others scaled up; in training only."""
        kept = 256 - round(256 * self.p)
        if not self.training or kept == 256:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
        noise = words.random_(-(2**63), None).view(torch.uint8)  # None: up to the largest int64
        keep = noise.as_strided(x.shape, x.stride()) < kept
        # Filled where it is: a number sent there would make the host wait.
        return x * (keep * torch.full((), 256 / max(kept, 1), dtype=x.dtype, device=x.device))


class DeepLabHead(Head):
    """DeepLabv2's parallel branches; their scores are **summed**.

    Branch k: fc6 3×3 with dilation k to 1024, ReLU, dropout 0.5; fc7 1×1 to 1024, ReLU, dropout
    0.5; fc8 1×1. ``aspp`` has the dilations 6, 12, 18, 24, ``largefov`` one branch of 12, both at
    stride 8 (`_REACHES`).
    """

    fresh = ("fc8",)

    def __init__(self, backbone: Backbone, *, dilations: Sequence[int], dropout: float) -> None:
        """Build the head at the stride of the trunk's last map."""
        super().__init__()
        width, channels = backbone.branch_width, backbone.channels[-1]
        self.stride = backbone.stride
        self.dilations = tuple(dilations)
        self.fc6 = nn.ModuleList(
            nn.Conv2d(channels, width, 3, padding=d, dilation=d) for d in self.dilations
        )
        self.fc7 = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in self.dilations)
        self.fc8 = nn.ModuleList(nn.Conv2d(width, CLASSES, 1) for _ in self.dilations)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = Dropout(dropout)

    def classifiers(self) -> list[nn.Conv2d]:
        """Return the fc8 of every branch."""
        return [layer for layer in self.fc8 if isinstance(layer, nn.Conv2d)]

    def forward(self, features: Features) -> Tensor:
        """Return the summed scores, ``(B, 2, h, w)``."""
        scores = []
        for fc6, fc7, fc8 in zip(self.fc6, self.fc7, self.fc8, strict=True):
            x = self.dropout(self.relu(fc6(features.deep)))
            x = self.dropout(self.relu(fc7(x)))
            scores.append(fc8(x))
        return _total(scores)


def _separable(channels: int, width: int) -> nn.Sequential:
    """Return a depthwise 3×3 and a pointwise convolution with ReLU."""
    return nn.Sequential(
        Depthwise(channels),
        nn.Conv2d(channels, width, 1),
        nn.ReLU(inplace=True),
    )


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Return ``x`` at the size of ``like``: cells stay centred on their pixels."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


class DecoderHead(Head):
    """Four dilated depthwise branches joined by the maps at strides 8 and 4; logits at stride 4."""

    # Paper: DeepLab's heads score at stride 8 without skips. This decoder is ours, for the small
    # trunks, whose deepest maps are too coarse or too narrow to draw an outline from.

    fresh = ("reduce", "branches", "mix", "skip8", "join8", "narrow", "skip4", "join4", "score")
    stride = 4

    def __init__(self, backbone: Backbone, *, dilations: Sequence[int]) -> None:
        """Build the head for the widths that the trunk states."""
        super().__init__()
        fine, middle, deep = backbone.channels
        width, fine_width = backbone.decoder_widths
        self.reduce = nn.Conv2d(deep, width, 1)
        self.branches = nn.ModuleList(Depthwise(width, dilation=d) for d in dilations)
        self.mix = nn.Conv2d(width, width, 1)
        self.skip8 = nn.Conv2d(middle, width, 1)
        self.join8 = _separable(width, width)
        self.narrow = nn.Conv2d(width, fine_width, 1)
        self.skip4 = nn.Conv2d(fine, fine_width, 1)
        self.join4 = _separable(fine_width, fine_width)
        self.score = nn.Conv2d(fine_width, CLASSES, 1)

    def classifiers(self) -> list[nn.Conv2d]:
        """Return the layer that scores."""
        return [self.score]

    def forward(self, features: Features) -> Tensor:
        """Return scores at stride 4, ``(B, 2, h, w)``."""
        x = torch.relu(self.reduce(features.deep))
        branches = [branch(x) for branch in self.branches]
        x = torch.relu(self.mix(torch.relu(_total(branches))))
        x = torch.relu(_enlarge(x, features.middle) + self.skip8(features.middle))
        x = self.narrow(self.join8(x))
        x = torch.relu(_enlarge(x, features.fine) + self.skip4(features.fine))
        scores: Tensor = self.score(self.join4(x))
        return scores


_REACHES = {"aspp": (48, 96, 144, 192), "largefov": (96,)}
"""How far DeepLab's branches look to either side, in pixels: their dilations at stride 8."""


def cells(backbone: Backbone, reaches: Sequence[int]) -> list[int]:
    """Return the dilations that reach so many pixels on a trunk, in cells of its last map."""
    return [max(1, reach // backbone.stride) for reach in reaches]


def aspp(
    backbone: Backbone, *, dilations: Sequence[int] | None = None, dropout: float = 0.5
) -> DeepLabHead:
    """Return DeepLabv2's four branches on the trunk."""
    dilations = dilations or cells(backbone, _REACHES["aspp"])
    return DeepLabHead(backbone, dilations=dilations, dropout=dropout)


def largefov(
    backbone: Backbone, *, dilations: Sequence[int] | None = None, dropout: float = 0.5
) -> DeepLabHead:
    """Return DeepLabv2's one branch on the trunk."""
    dilations = dilations or cells(backbone, _REACHES["largefov"])
    return DeepLabHead(backbone, dilations=dilations, dropout=dropout)


def decoder(
    backbone: Backbone, *, dilations: Sequence[int] | None = None, dropout: float = 0.0
) -> DecoderHead:
    """Return the decoder on the trunk; it has no dropout."""
    return DecoderHead(backbone, dilations=dilations or cells(backbone, backbone.decoder_reaches))


def build_head(
    name: str,
    backbone: Backbone,
    *,
    dilations: Sequence[int] | None = None,
    dropout: float = 0.5,
) -> Head:
    """Return the head of that name (``NetworkSpec.head``) on the trunk, with undrawn parameters.

    ``dilations`` None: every branch looks as far, in pixels, on every trunk (DeepLabv3, Chen et
    al. 2017, §3.3). Not divided by the stride, the outer taps of a branch see nothing but padding
    in a crop of 257 at stride 16, learn nothing, and act on whole frames all the same.
    """
    head: Head = find("head", name)(backbone, dilations=dilations, dropout=dropout)
    return head
