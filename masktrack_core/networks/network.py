"""The MaskTrack network: a picture and the rough previous mask in, two scores a cell out.

DeepLabv2-VGG16 with a fourth input channel for the mask (MaskTrack §3.1 and §4). Normalisation
lives inside, so nobody can forget it: callers give RGB 0–255 and a 0/1 mask, at any size.
"""

from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.masks.regions import SMALLEST
from masktrack_core.networks.backbones import Backbone
from masktrack_core.networks.heads import build_head
from masktrack_core.networks.layers import draw_layers
from masktrack_core.networks.spec import NORMALISATIONS, NetworkSpec, Normalisation, one_of
from masktrack_core.registry import find

__all__ = [
    "NORMALISATIONS",
    "SMALLEST",
    "MaskTrackNet",
    "NetworkSpec",
    "build_network",
    "empty_network",
    "foreground",
    "grid_stride",
    "parameter_groups",
    "upsample",
]


def build_backbone(spec: NetworkSpec) -> Backbone:
    """Return the trunk of a spec, with undrawn parameters.

    Raises `InputError` for a stride that it cannot have, and as trunks of packages do.
    """
    make = find("backbone", spec.backbone)
    stride = spec.output_stride
    if stride is None:
        trunk: Backbone = make(spec.channels)
    elif "output_stride" in signature(make).parameters:
        trunk = make(spec.channels, output_stride=stride)
    else:
        trunk = make(spec.channels)
        if trunk.stride != stride:
            raise InputError(
                f"network.output_stride: {spec.backbone} has {trunk.stride} only, got {stride}; "
                "leave it out, or choose another backbone"
            )
    return trunk


class MaskTrackNet(nn.Module):
    """The guided segmenter: refines the rough mask of the previous frame on this frame.

    Logit cell ``(i, j)`` is centred on pixel ``(stride * i, stride * j)`` whatever the size of
    the picture; `foreground` brings the scores back to pixels.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, spec: NetworkSpec) -> None:
        """Build the modules; `build_network` is the way in, it also draws the parameters."""
        super().__init__()
        self.spec = spec
        self.backbone = build_backbone(spec)
        self.head = build_head(
            spec.head, self.backbone, dilations=spec.dilations, dropout=spec.dropout
        )
        if spec.others:
            # Beside the first convolution, not in it: nothing is added to the last bit where nobody
            # is, and a network without the channel lends its weights as they are.
            first = self.backbone.first
            shape = first.kernel_size, first.stride, first.padding, first.dilation
            self.others = nn.Conv2d(1, first.out_channels, *shape, bias=False)  # type: ignore[arg-type]
            self._theirs = torch.empty(0)
            first.register_forward_hook(self._with_others)
        self.register_buffer("mean", torch.empty(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.empty(1, 3, 1, 1), persistent=False)

    def _with_others(self, _first: nn.Module, _seen: object, found: Tensor) -> Tensor:
        with_others: Tensor = found + self.others(self._theirs)
        return with_others

    @property
    def normalisation(self) -> str:
        """Name of the normalisation in force, a key of the trunk's `normalisations`."""
        return self.spec.normalisation or self.backbone.normalisation

    @property
    def stride(self) -> int:
        """Pixels between neighbouring cells of the logits."""
        return self.head.stride

    def normalise(self, name: str, *, pretrained: str | None = None) -> None:
        """Change to the normalisation of that name, and note whose weights asked for it.

        The mask's filters get the size they would have had, had the network been built so.
        """
        one_of("normalisation", name, tuple(NORMALISATIONS))
        old, new = self._constants, NORMALISATIONS[name]
        if self.spec.guided and self.spec.prior_std is None and old.prior_std != new.prior_std:
            with torch.no_grad():
                self.backbone.first.weight[:, 3] *= new.prior_std / old.prior_std
        self.spec = replace(self.spec, normalisation=name, pretrained=pretrained)
        self._fill_buffers()

    @property
    def _constants(self) -> Normalisation:
        return self.backbone.normalisations[self.normalisation]

    def _fill_buffers(self) -> None:
        constants = self._constants
        for buffer, values in ((self.mean, constants.mean), (self.scale, constants.scale)):
            buffer.copy_(torch.tensor(values).view(1, 3, 1, 1))

    def _input(self, image: Tensor, prior: Tensor | None) -> Tensor:
        """Return what the network sees, ``(B, 3 to 5, H, W)``."""
        constants = self._constants
        x = image.flip(1) if constants.blue_first else image
        x = (x.float() - self.mean.float()) * self.scale.float()
        if self.spec.guided:
            assert prior is not None
            low, high = self.spec.prior_values or constants.prior_values
            x = torch.cat([x, low + (high - low) * prior[:, :1].float()], dim=1)
        if self.spec.others:  # 0 where nobody is: an empty channel is none
            assert prior is not None
            x = torch.cat([x, high * prior[:, 1:].float()], dim=1)
        return x.to(self.mean.dtype)

    def forward(self, image: Tensor, prior: Tensor | None = None) -> Tensor:
        """Return the scores of background and object, float32 ``(B, 2, h, w)``.

        Args:
            image: uint8 or float ``(B, 3, H, W)``, RGB 0–255, both sides at least `SMALLEST`.
            prior: bool or float ``(B, 1, H, W)`` of 0 and 1, the rough previous mask. Not looked
                at by a network without that channel. ``(B, 2, H, W)`` for one that is told of the
                others: theirs, all in one, is the second.

        The picture is padded at the right and below to ``stride * k + 1`` with zeros after
        normalisation, that is with the mean colour, as DeepLab pads; hence
        ``h = ceil((H - 1) / S) * S / stride + 1`` with ``S`` the trunk's stride.
        """
        _check_input(image, prior, guides=self.spec.guides)
        step = self.backbone.stride
        height, width = image.shape[-2:]
        x = F.pad(self._input(image, prior), (0, (1 - width) % step, 0, (1 - height) % step))
        channels = self.spec.channels
        if self.spec.others:
            self._theirs = x[:, channels:]
        logits: Tensor = self.head(self.backbone(x[:, :channels]))
        return logits.float()


def _check_input(image: Tensor, prior: Tensor | None, *, guides: int) -> None:
    """Raise InputError where the picture or the mask has another shape than the network takes."""
    if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[-2:]) < SMALLEST:
        raise InputError(
            f"image: expected (B, 3, H, W) with H and W of at least {SMALLEST}, "
            f"got {tuple(image.shape)}; give RGB, channels before height and width"
        )
    expected = (image.shape[0], guides, *image.shape[-2:])
    if guides and (prior is None or tuple(prior.shape) != expected):
        came = "none" if prior is None else tuple(prior.shape)
        raise InputError(f"prior: expected {expected} like image, got {came}; resize the mask")


def build_network(spec: NetworkSpec, *, generator: torch.Generator) -> MaskTrackNet:
    """Return the network with every parameter drawn from ``generator``, in training mode.

    Convolutions: He's normal of the fan-in, biases 0; last layers N(0, 0.01) (DeepLabv2's fc8);
    filters of the mask channel as the spec says. Torch's global generator is not touched.
    """
    network = empty_network(spec)
    with torch.no_grad():
        _draw(network, generator)
    return network


def empty_network(spec: NetworkSpec) -> MaskTrackNet:
    """Return the network with undefined parameters, for a reader that sets every one."""
    with torch.device("meta"):
        network = MaskTrackNet(spec)
    for module in network.modules():
        # Trunks of others are built with values: what they do not save cannot be set by a reader.
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if any(tensor.is_meta for tensor in own):
            module.to_empty(device="cpu", recurse=False)
    network._fill_buffers()
    return network


def _draw(network: MaskTrackNet, generator: torch.Generator) -> None:
    network.backbone.draw(generator)
    draw_layers(network.head, generator)
    for layer in network.head.classifiers():
        layer.weight.normal_(0, 0.01, generator=generator)
    # Pictures have a standard deviation near 64 grey values: let the trunk start at unit scale.
    network.backbone.first.weight[:, :3] /= 64 * float(network.scale.mean())
    if network.spec.guided:
        prior_filters = network.backbone.first.weight[:, 3]
        std = network.spec.prior_std
        std = network._constants.prior_std if std is None else std
        prior_filters.normal_(0, std, generator=generator)
        if network.spec.prior_init == "zero":
            prior_filters.zero_()
    if network.spec.others:
        network.others.weight.zero_()


def parameter_groups(
    network: MaskTrackNet,
    *,
    learning_rate: float = 0.001,
    weight_decay: float = 0.0005,
    bias_multiplier: float = 2,
    head_multiplier: float = 10,
    first_multiplier: float = 1,
) -> list[dict[str, Any]]:
    """Return the optimiser's groups with DeepLabv2's rates: weights 1, biases 2 without decay.

    Names are ``first.weight``, ``first.bias`` (the convolutions that see masks),
    ``backbone.…`` and ``head.…``. The head's rates are ten times higher and hold the layers
    that no published checkpoint has: fc8 of DeepLab's heads, the whole decoder. fc6 and fc7
    belong to the backbone. A multiplier applies to weights and biases alike.
    """
    rates = {"first": first_multiplier, "backbone": 1.0, "head": head_multiplier}
    members: dict[str, list[nn.Parameter]] = {
        f"{part}.{kind}": [] for part in rates for kind in ("weight", "bias")
    }
    fresh = tuple(f"head.{child}." for child in network.head.fresh)
    first = {id(parameter) for parameter in network.backbone.first.parameters()}
    first |= {id(network.others.weight)} if network.spec.others else set()
    for name, parameter in network.named_parameters():
        part = "first" if id(parameter) in first else "backbone"
        part = "head" if name.startswith(fresh) else part
        # Of transformers also tokens and scales, which have other names.
        kind = "bias" if name.endswith(".bias") else "weight"
        members[f"{part}.{kind}"].append(parameter)
    return [
        {
            "name": name,
            "params": parameters,
            "lr": learning_rate
            * rates[name.partition(".")[0]]
            * (bias_multiplier if name.endswith("bias") else 1),
            "weight_decay": 0.0 if name.endswith("bias") else weight_decay,
        }
        for name, parameters in members.items()
    ]


def grid_stride(grid: Sequence[int], size: Size) -> int:
    """Return the pixels between cells of a map ``grid`` (h, w) that covers a picture of ``size``.

    The smallest power of two at which the cells reach the last row and column; unique for
    pictures of at least `SMALLEST`. Raises InputError where height and width disagree.
    """
    strides = []
    for cells, pixels in zip(grid, size, strict=True):
        stride = 1
        while (cells - 1) * stride + 1 < pixels and stride < 64:
            stride *= 2
        strides.append(stride)
    if strides[0] != strides[1]:
        raise InputError(
            f"logits: a map of {tuple(grid)} cells does not belong to a picture of {tuple(size)}; "
            "give the size (height, width) of the picture that the network saw"
        )
    return strides[0]


def upsample(scores: Tensor, size: Size) -> Tensor:
    """Return maps ``(B, C, h, w)`` of the network at the picture's pixels, ``(B, C, H, W)``.

    Bilinear between cell centres, as DeepLab's Interp layer (``align_corners``): exact at pixel
    ``stride * i`` for every size; what lies in the padding is cut off.
    """
    stride = grid_stride(scores.shape[-2:], size)
    whole = [(cells - 1) * stride + 1 for cells in scores.shape[-2:]]
    scores = F.interpolate(scores, size=whole, mode="bilinear", align_corners=True)
    return scores[..., : size[0], : size[1]]


def foreground(logits: Tensor, size: Size) -> Tensor:
    """Return the probability of the object at every pixel, float32 ``(B, H, W)``.

    The softmax of the upsampled scores; with two classes that is the sigmoid of their upsampled
    difference.
    """
    margin = logits[:, 1:].float() - logits[:, :1].float()
    return torch.sigmoid(upsample(margin, size))[:, 0]
