"""The layouts of published checkpoints, and their tensors under this network's names.

Known: VGG16 and VGG19 with torchvision's names, VGG16 with Caffe's (DeepLab, VGG_ILSVRC_16),
MobileNetV2 with torchvision's names, with batch norm or with it folded. The VGG layouts meet in
Caffe's names ``conv1_1`` … ``fc7``; from there one function leads into the network.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from masktrack_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A published checkpoint under this network's names; filters of conv1 still have 3 inputs."""

    layout: str
    #: Tensors by the network's names.
    tensors: Mapping[str, Tensor]
    #: For each of them, its name in the file.
    origins: Mapping[str, str]
    #: Names in the file for which the network has no place.
    unused: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """One way of naming tensors in a published file."""

    #: Trunk that the weights belong to.
    backbone: str
    #: Normalisation they were trained with, unless the file's metadata say otherwise.
    normalisation: str


LAYOUTS = {
    "vgg16": Layout("vgg16", "torchvision"),
    "vgg19": Layout("vgg16", "torchvision"),
    "deeplab": Layout("vgg16", "caffe"),
    "mobilenet_v2": Layout("mobilenet_v2", "torchvision"),
    "mobilenet_v2_folded": Layout("mobilenet_v2", "centred"),
}
"""The layouts that can be read, by name."""


def _conv_indices(depths: Iterable[int]) -> dict[str, int]:
    """Return torchvision's index in ``features`` of each convolution, by its Caffe name."""
    indices, position = {}, 0
    for block, depth in enumerate(depths, start=1):
        for number in range(1, depth + 1):
            indices[f"conv{block}_{number}"] = position
            position += 2
        position += 1
    return indices


VGG_INDICES = {"vgg16": _conv_indices((2, 2, 3, 3, 3)), "vgg19": _conv_indices((2, 2, 4, 4, 4))}
"""Caffe name to index in torchvision's ``features``; VGG19's differ after conv3_3."""

_CLASSIFIER = {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8"}
_CAFFE_NAME = re.compile(r"(conv\d_\d|fc[678]\w*?)[._/](weights?|w|biases|bias|b)", re.IGNORECASE)


def recognise(names: Iterable[str]) -> str | None:
    """Return the layout (a key of `LAYOUTS`) that has such names, or None."""
    names = set(names)
    if any(name.startswith("features.1.conv.") for name in names):
        folded = not any(name.endswith("running_mean") for name in names)
        return "mobilenet_v2_folded" if folded else "mobilenet_v2"
    if any(_CAFFE_NAME.fullmatch(name) for name in names):
        return "deeplab"
    indices = {int(match[1]) for name in names if (match := re.match(r"features\.(\d+)\.", name))}
    for layout, known in VGG_INDICES.items():
        if indices and indices <= set(known.values()):
            return layout
    return None


def translate(tensors: Mapping[str, Tensor], *, layout: str, branches: int) -> Checkpoint:
    """Return a file's tensors under the network's names.

    Args:
        tensors: as in the file.
        layout: a key of `LAYOUTS`.
        branches: fc6–fc7 branches of the network's head (4 aspp, 1 largefov, 0 decoder); each
            gets its own of a DeepLab file (``fc6_1`` …), or a copy of the one fc6.

    Raises InputError that lists the names which do not belong to the layout.
    """
    if layout in ("mobilenet_v2", "mobilenet_v2_folded"):
        return _mobilenet(tensors, layout)
    named, unknown = {}, []
    for name, tensor in tensors.items():
        caffe = _caffe_name(name, layout)
        if caffe is None:
            unknown.append(name)
        else:
            named[caffe] = (name, tensor)
    _refuse(unknown, layout)
    moved: dict[str, Tensor] = {}
    origins: dict[str, str] = {}
    for caffe, (name, tensor) in named.items():
        for place in _vgg_places(caffe, branches, set(named)):
            moved[place] = _decimated(caffe, tensor)
            origins[place] = name
    unused = set(tensors) - set(origins.values())
    return Checkpoint(layout=layout, tensors=moved, origins=origins, unused=tuple(unused))


def _refuse(unknown: Iterable[str], layout: str) -> None:
    if unknown := sorted(unknown):
        raise InputError(
            f"weights: tensors that do not belong to layout {layout}: {', '.join(unknown)}; "
            f"state the layout, one of {', '.join(LAYOUTS)}"
        )


def _caffe_name(name: str, layout: str) -> str | None:
    """Return e.g. ``conv1_1.weight`` for a tensor's name in a VGG file, None if it has none."""
    if layout == "deeplab":
        match = _CAFFE_NAME.fullmatch(name)
        kind = match and ("weight" if match[2].lower().startswith("w") else "bias")
        return f"{match[1].lower()}.{kind}" if match else None
    layer, _, kind = name.rpartition(".")
    layers = {f"features.{index}": conv for conv, index in VGG_INDICES[layout].items()}
    caffe = (layers | _CLASSIFIER).get(layer)
    return f"{caffe}.{kind}" if caffe and kind in ("weight", "bias") else None


def _vgg_places(caffe: str, branches: int, present: set[str]) -> list[str]:
    """Return the names in the network that take the tensor of that Caffe name."""
    layer, _, kind = caffe.partition(".")
    if layer in VGG_INDICES["vgg16"]:
        return [f"backbone.features.{VGG_INDICES['vgg16'][layer]}.{kind}"]
    match = re.fullmatch(r"(fc[67])(?:_(\d))?", layer)
    if match is None:
        return []
    if match[2]:
        return [f"head.{match[1]}.{int(match[2]) - 1}.{kind}"] if int(match[2]) <= branches else []
    return [
        f"head.{match[1]}.{branch}.{kind}"
        for branch in range(branches)
        if f"{match[1]}_{branch + 1}.{kind}" not in present
    ]


def _decimated(caffe: str, tensor: Tensor) -> Tensor:
    """Return fc6 and fc7 of the classifier as DeepLab's small convolutions, others unchanged.

    Every fourth of the 4096 units, and every third tap of fc6's 7×7 window: 1024 × 512 × 3 × 3,
    then 1024 × 1024 × 1 × 1. Unscaled, as DeepLab's vgg16_20M.
    """
    if not caffe.startswith(("fc6", "fc7")) or tensor.shape[0] != 4096:
        return tensor
    tensor = tensor[::4]
    if caffe.endswith("bias"):
        return tensor
    if caffe.startswith("fc7"):
        return tensor.reshape(len(tensor), -1, 1, 1)[:, ::4]
    return tensor.reshape(len(tensor), -1, 7, 7)[:, :, ::3, ::3]


def _mobilenet(tensors: Mapping[str, Tensor], layout: str) -> Checkpoint:
    pattern = re.compile(r"features\.(\d+)\.[\w.]+|classifier\.1\.(weight|bias)")
    _refuse([name for name in tensors if not pattern.fullmatch(name)], layout)
    counters = [name for name in tensors if name.endswith("num_batches_tracked")]
    kept = {name: tensor for name, tensor in tensors.items() if name not in counters}
    beyond = ("features.18.", "classifier.")
    unused = tuple(name for name in kept if name.startswith(beyond))
    folded = fold_batch_norm(kept) if layout == "mobilenet_v2" else kept
    trunk = {
        f"backbone.{name}": tensor for name, tensor in folded.items() if not name.startswith(beyond)
    }
    origins = {name: name.removeprefix("backbone.") for name in trunk}
    return Checkpoint(layout=layout, tensors=trunk, origins=origins, unused=(*unused, *counters))


def fold_batch_norm(tensors: Mapping[str, Tensor], *, epsilon: float = 1e-5) -> dict[str, Tensor]:
    """Return convolutions with the batch norm that follows them folded in, at inference.

    The norm of convolution ``….k`` is ``….(k+1)``, as in torchvision's Sequentials. With γ, β, μ
    and v of the norm: ``w' = w γ / √(v + ε)``, ``b' = β + (b − μ) γ / √(v + ε)``.
    """
    norms = {name.rpartition(".")[0] for name in tensors if name.endswith(".running_mean")}
    folded: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        norm = _following(layer)
        if layer in norms:
            continue
        if norm not in norms:
            folded[name] = tensor
        elif kind == "weight":
            gamma, beta, mean, variance = (
                tensors[f"{norm}.{part}"].double()
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            factor = gamma / torch.sqrt(variance + epsilon)
            bias = tensors.get(f"{layer}.bias", torch.zeros_like(mean)).double()
            shape = (-1, *[1] * (tensor.ndim - 1))
            folded[name] = (tensor.double() * factor.reshape(shape)).to(tensor.dtype)
            folded[f"{layer}.bias"] = (beta + (bias - mean) * factor).to(tensor.dtype)
    return folded


def _following(layer: str) -> str:
    """Return the name of the next module in the same Sequential: ``a.3`` for ``a.2``."""
    parent, _, index = layer.rpartition(".")
    return f"{parent}.{int(index) + 1}" if index.isdigit() else ""
