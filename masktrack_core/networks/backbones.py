"""The convolutional trunks of MaskTrack, written by hand: VGG16, MobileNetV2 and a small one.

`masktrack_core.registry` has them by name; anything else comes from timm (`networks.timm_trunks`)
or from you (docs/your-own-network.md).

Parameters keep the names of the published checkpoints (torchvision's ``features.N``), so their
files load. Every trunk keeps one alignment: cell ``i`` of a map at stride ``s`` is centred on
pixel ``s * i`` of the picture, which holds when both sides of the picture are ``stride * k + 1``
(`masktrack_core.networks.network` pads to that).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from masktrack_core.networks.layers import Depthwise, draw_layers
from masktrack_core.networks.spec import NORMALISATIONS, Normalisation


class Features(NamedTuple):
    """Maps of one picture, each float ``(B, C, h, w)``: at stride 4, at stride 8, and the last."""

    fine: Tensor
    middle: Tensor
    deep: Tensor


class Backbone(nn.Module):
    """What a head and a checkpoint reader may ask of a trunk."""

    #: Pixels between neighbouring cells of the deepest map.
    stride: int
    #: Normalisation of the picture until pretrained weights say otherwise.
    normalisation: ClassVar[str]
    #: Channels of the fine, middle and deep maps.
    channels: tuple[int, int, int]
    #: Width of each DeepLab branch; widths of the decoder on this trunk, and how far its branches
    #: reach to either side, in pixels.
    branch_width: ClassVar[int] = 1024
    decoder_widths: ClassVar[tuple[int, int]] = (128, 64)
    decoder_reaches: ClassVar[tuple[int, ...]] = (8, 48, 96, 144)
    #: What ``normalisation`` and a spec may name.
    normalisations: Mapping[str, Normalisation] = NORMALISATIONS

    @property
    def first(self) -> nn.Conv2d:
        """The first convolution, whose fourth input channel is the prior."""
        return next(layer for layer in self.modules() if isinstance(layer, nn.Conv2d))

    def draw(self, generator: torch.Generator) -> None:
        """Draw every parameter; the filters of the prior are drawn anew by the network."""
        draw_layers(self, generator)

    def forward(self, x: Tensor) -> Features:
        """Return the maps of ``x``, ``(B, C, stride m + 1, stride n + 1)``."""
        raise NotImplementedError


class VGG16(Backbone):
    """VGG16 as DeepLabv2 changes it: output stride 8 instead of 32, same receptive fields.

    Pools are 3×3; pools 4 and 5 have stride 1 and conv5 dilation 2, so a 321 × 321 picture gives
    a 41 × 41 map (DeepLabv2's ``train.prototxt``). Module indices are torchvision's.
    """

    stride = 8
    normalisation = "caffe"

    def __init__(
        self, in_channels: int = 4, *, widths: Sequence[int] = (64, 128, 256, 512, 512)
    ) -> None:
        """Build the trunk; ``widths`` are the channels of conv1 … conv5."""
        super().__init__()
        layers: list[nn.Module] = []
        plan = zip(widths, (2, 2, 3, 3, 3), (2, 2, 2, 1, 1), (1, 1, 1, 1, 2), strict=True)
        channels = in_channels
        for width, depth, pool_stride, dilation in plan:
            for _ in range(depth):
                layers += [
                    nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation),
                    nn.ReLU(inplace=True),
                ]
                channels = width
            layers.append(nn.MaxPool2d(3, stride=pool_stride, padding=1))
        self.features = nn.Sequential(*layers)
        self.channels = (widths[2], widths[3], widths[4])

    def forward(self, x: Tensor) -> Features:
        """Return conv3_3, conv4_3 and pool5, after their ReLU; ``x`` is ``(B, C, 8m+1, 8n+1)``."""
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in (15, 22):
                maps.append(x)
        return Features(maps[0], maps[1], x)


def _unit(conv: nn.Conv2d) -> nn.Sequential:
    """Return convolution and ReLU6, the convolution at index 0 as in torchvision."""
    return nn.Sequential(conv, nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, filter each channel, narrow; batch norm folded into the biases.

    Names are torchvision's: ``conv.0.0`` widens (absent at expansion 1), the next filters, the
    last narrows.
    """

    def __init__(
        self, channels: int, width: int, *, expansion: int, stride: int, dilation: int
    ) -> None:
        """Build the block; it adds its input where the shape allows."""
        super().__init__()
        hidden = channels * expansion
        layers = [_unit(nn.Conv2d(channels, hidden, 1))] if expansion != 1 else []
        layers.append(_unit(Depthwise(hidden, stride=stride, dilation=dilation)))
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, width, 1))
        self.residual = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's map, ``(B, width, h, w)``."""
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(Backbone):
    """MobileNetV2 features 0–17 at output stride 16 (Sandler et al., CVPR 2018).

    The last stage keeps the resolution: its stride 2 becomes dilation 2 of the blocks after it, so
    every second cell equals the original network's.
    """

    stride = 16
    normalisation = "centred"
    channels = (24, 32, 320)

    #: Expansion, channels, blocks, stride of each stage (table 2 of the MobileNetV2 paper).
    STAGES: ClassVar = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self, in_channels: int = 4, *, output_stride: int = 16) -> None:
        """Build the trunk; ``output_stride`` 32 is the network that ImageNet trained."""
        super().__init__()
        self.stride = output_stride
        layers: list[nn.Module] = [_unit(nn.Conv2d(in_channels, 32, 3, 2, 1))]
        channels, reached, dilation = 32, 2, 1
        for expansion, width, blocks, stage_stride in self.STAGES:
            for block in range(blocks):
                stride = stage_stride if block == 0 else 1
                before = dilation
                if reached * stride > output_stride:
                    dilation, stride = dilation * stride, 1
                reached *= stride
                layers.append(
                    InvertedResidual(
                        channels, width, expansion=expansion, stride=stride, dilation=before
                    )
                )
                channels = width
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Features:
        """Return features 3, 6 and 17; ``x`` is ``(B, C, 16m+1, 16n+1)``."""
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in (3, 6):
                maps.append(x)
        return Features(maps[0], maps[1], x)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions, each with group norm, added to the input.

    Group norm looks at one picture at a time, so scores do not depend on the batch, nor on
    statistics gathered at training.
    """

    def __init__(self, width: int, *, dilation: int = 1) -> None:
        """Build the block."""
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.norm1 = nn.GroupNorm(8, width)
        self.second = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.norm2 = nn.GroupNorm(8, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the input's shape."""
        y = torch.relu(self.norm1(self.first(x)))
        return torch.relu(x + self.norm2(self.second(y)))


class Slim(Backbone):
    """A quarter of a million parameters that learn from scratch in a minute on one core.

    Stride 8, receptive field 255 pixels through dilated blocks.
    """

    # Paper: VGG16 only. This trunk exists so that the embedded benchmark runs anywhere in minutes.

    stride = 8
    normalisation = "centred"
    channels = (32, 64, 64)
    branch_width = 64
    decoder_widths = (48, 32)
    decoder_reaches = (8, 16, 32, 48)

    def __init__(self, in_channels: int = 4) -> None:
        """Build the trunk."""
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(in_channels, 16, 3, 2, 1), nn.ReLU(inplace=True)),
            nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(inplace=True)),
            ResidualBlock(32),
            nn.Sequential(nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(inplace=True)),
            ResidualBlock(64),
            ResidualBlock(64, dilation=2),
            ResidualBlock(64, dilation=4),
        )

    def forward(self, x: Tensor) -> Features:
        """Return the maps after features 2, 4 and 6; ``x`` is ``(B, C, 8m+1, 8n+1)``."""
        fine = self.features[:3](x)
        middle = self.features[3:5](fine)
        return Features(fine, middle, self.features[5:](middle))
