"""Weights on disk: our own as safetensors with their record, and published ones as a start.

What a network starts from stays with it: its file carries the spec and a record.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from masktrack_core.errors import InputError
from masktrack_core.files.tensors import (
    check_digest,
    check_fit,
    read_tensors,
    with_digest,
    write_tensors,
)
from masktrack_core.networks.checkpoints import LAYOUTS, recognise, translate
from masktrack_core.networks.network import (
    NORMALISATIONS,
    MaskTrackNet,
    build_network,
    empty_network,
)
from masktrack_core.networks.records import FORMAT, read_record
from masktrack_core.networks.spec import HUB, NetworkSpec, check_continues
from masktrack_core.networks.timm_trunks import TimmTrunk
from masktrack_core.seeds import torch_generator

#: How a file's metadata key ``preprocess`` begins, and the normalisation it means.
_RECORDED = {"BGR 0-255 minus": "caffe", "RGB (x-128)/128": "centred", "RGB [0,1]": "torchvision"}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What `load_pretrained` did; the record of a network that starts from somebody's weights."""

    #: Name of the layout: vgg16 | vgg19 | deeplab | mobilenet_v2 | mobilenet_v2_folded | timm.
    layout: str
    #: Normalisation that the weights want, now in force.
    normalisation: str
    #: Where the file says it comes from, else its name.
    source: str
    #: Tensors of the network that now hold published values.
    loaded: tuple[str, ...]
    #: Tensors of the network that keep their random values; the mask's filters are not listed.
    random: tuple[str, ...]
    #: Tensors of the file that the network has no place for (classifiers, orphaned biases).
    unused: tuple[str, ...]

    def record(self) -> dict[str, str]:
        """Return the facts as strings, to be kept with `save_weights`."""
        return {
            key: ", ".join(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }


def save_weights(
    path: Path, network: MaskTrackNet, record: Mapping[str, str], *, half: bool = False
) -> None:
    """Write the network, its spec and ``record`` to one safetensors file, whole or not at all.

    ``half`` stores float16 (half the size; the masks of a trained network do not change visibly).
    The same network and record give the same bytes.
    """
    learnt = {name for name, _ in network.named_parameters()}
    tensors = {}
    for name, tensor in network.state_dict().items():
        # Statistics of batch norm, which may be too small for a half, stay whole.
        dtype = torch.float16 if half and name in learnt else torch.float32
        tensors[name] = tensor.detach().to("cpu", dtype).contiguous()
    about = with_digest({"spec": asdict(network.spec), "record": dict(record)}, tensors)
    write_tensors(path, tensors, {FORMAT: about})


def load_network(path: Path) -> tuple[MaskTrackNet, dict[str, str]]:
    """Return the network that `save_weights` wrote, float32 in evaluation mode, and its record.

    Raises InputError for a file that is not ours, is damaged, or does not fit its own spec.
    """
    tensors, metadata = read_tensors(path)
    if FORMAT not in metadata:
        raise InputError(
            f"{path}: expected a network written by this project ({FORMAT}), got metadata "
            f"{sorted(metadata)}; published weights are read by load_pretrained"
        )
    spec, record = _about(path, metadata[FORMAT])
    network = empty_network(spec)
    check_fit(path, _shapes(network.state_dict()), _shapes(tensors))
    check_digest(path, metadata[FORMAT], tensors)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval(), record


def _about(path: Path, text: str) -> tuple[NetworkSpec, dict[str, str]]:
    """Return the spec and the record stored in a file; InputError names it if they are not ours."""
    try:
        about = json.loads(text)
        fields, record = dict(about["spec"]), dict(about["record"])
        values = fields.get("prior_values")
        spec = NetworkSpec(**fields | {"prior_values": values and tuple(values)})
        _check_kinds(spec, record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: its network cannot be built here ({error}); written by another version?"
        ) from error
    return spec, record


def _check_kinds(spec: NetworkSpec, record: Mapping[str, object]) -> None:
    """Raise ValueError for values of another kind, which a damaged file may have."""
    numbers = (spec.dropout, *(spec.prior_values or ()), *filter(None, [spec.prior_std]))
    if not all(isinstance(number, int | float) for number in numbers):
        raise ValueError(f"numbers expected, got {numbers}")
    if not 0 <= spec.dropout <= 1 or len(spec.prior_values or "--") != 2:
        raise ValueError(f"dropout {spec.dropout}, prior_values {spec.prior_values}")
    if not all(isinstance(dilation, int) for dilation in spec.dilations or ()):
        raise ValueError(f"dilations {spec.dilations}")
    if not all(isinstance(word, str) for word in record.values()):
        raise ValueError("texts expected in its record")


def start_network(
    spec: NetworkSpec, pretrained: Path | Literal["hub"] | None, *, seed: int
) -> tuple[MaskTrackNet, dict[str, str]]:
    """Return a network as offline training begins, and the record of the weights it starts from.

    Drawn from ``seed``, its trunk pretrained; ``pretrained`` None leaves the random weights, and
    the record empty; "hub" asks timm's hub. Raises InputError as `load_pretrained` does.
    """
    network = build_network(spec, generator=torch_generator(seed, "network"))
    record = {} if pretrained is None else load_pretrained(network, pretrained).record()
    return network, record


def continue_network(
    spec: NetworkSpec, path: Path, *, seed: int
) -> tuple[MaskTrackNet, dict[str, str]]:
    """Return a network with the weights of a trained one, and the record of where they are from.

    It may be told of other objects where the other is not: those filters begin at zero. Raises
    InputError as `load_network` does, and naming what else of the two differs.
    """
    other, _ = load_network(path)
    started = other.spec
    check_continues(str(path), spec, asdict(started))
    asked = replace(spec, normalisation=started.normalisation, pretrained=started.pretrained)
    network = build_network(asked, generator=torch_generator(seed, "network"))
    network.load_state_dict(other.state_dict(), strict=spec.others == started.others)
    return network, {"network": read_record(path).digest}


def load_pretrained(
    network: MaskTrackNet,
    path: Path | Literal["hub"],
    *,
    layout: str | None = None,
    partial: bool = False,
) -> Loaded:
    """Put published weights into the network's trunk (and DeepLab head); return what was loaded.

    The network takes over the normalisation that the weights were trained with. The first
    convolution gets the published filters for colours; the mask's filters stay as drawn.

    Args:
        network: changed in place; layers that the file lacks keep their values.
        path: ``.safetensors``, ``.npz``, or ``.pth`` / ``.pt`` (tensors only); for a trunk of timm
            a file that timm publishes, or "hub", which fetches it.
        layout: a key of `masktrack_core.networks.checkpoints.LAYOUTS`; None: recognised by the
            names.
        partial: accept a file that holds only some layers of the trunk.

    Raises InputError, the network unchanged, for a file that is unreadable, of no known layout,
    for another trunk, against ``network.spec.normalisation``, or with tensors that do not fit.
    """
    if isinstance(network.backbone, TimmTrunk):
        return _load_timm(network, network.backbone, path)
    path = Path(path)
    tensors, metadata = read_tensors(path)
    layout = _layout(path, layout or recognise(tensors), network)
    normalisation = _normalisation(path, layout, metadata, network.spec.normalisation)
    branches = len(getattr(network.head, "fc6", ()))
    try:
        checkpoint = translate(tensors, layout=layout, branches=branches)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    given = _whole_layers(checkpoint.tensors) if partial else dict(checkpoint.tensors)
    wanted = _wanted(network, given)
    present = {name: shape for name, shape in wanted.items() if name in given}
    check_fit(path, present if partial and present else wanted, _shapes(given))
    network.normalise(normalisation, pretrained=network.spec.pretrained or Path(path).name)
    _install(network, given)
    orphans = {checkpoint.origins[name] for name in checkpoint.tensors if name not in given}
    return Loaded(
        layout=layout,
        normalisation=normalisation,
        source=metadata.get("source", Path(path).name),
        loaded=tuple(sorted(given)),
        random=tuple(sorted(set(network.state_dict()) - set(given))),
        unused=tuple(sorted({*checkpoint.unused, *orphans})),
    )


def _load_timm(network: MaskTrackNet, trunk: TimmTrunk, source: Path | Literal["hub"]) -> Loaded:
    """Put timm's weights into a trunk of timm; a stem of ours keeps its values."""
    given = {f"backbone.{name}": tensor for name, tensor in trunk.published(source).items()}
    name = str(source) if source == HUB else Path(source).name
    network.spec = replace(network.spec, pretrained=network.spec.pretrained or name)
    _install(network, given)
    return Loaded(
        layout="timm",
        normalisation=network.normalisation,
        source=trunk.source if source == HUB else name,
        loaded=tuple(sorted(given)),
        random=tuple(sorted(set(network.state_dict()) - set(given))),
        unused=(),
    )


def _install(network: MaskTrackNet, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors over the network's parameters and buffers of the same names."""
    parameters = network.state_dict()
    with torch.no_grad():
        for name, tensor in tensors.items():
            place = parameters[name]
            # Narrower in the first convolution only, where the mask's filters stay as drawn.
            (place[:, : tensor.shape[1]] if tensor.ndim > 1 else place).copy_(tensor)


def _layout(path: Path, layout: str | None, network: MaskTrackNet) -> str:
    """Return the layout after checking that it is known and for this trunk."""
    if layout not in LAYOUTS:
        raise InputError(
            f"{path}: its names are of no known layout ({layout}); state one of "
            f"{', '.join(LAYOUTS)} (networks of this project are read by load_network)"
        )
    if LAYOUTS[layout].backbone != network.spec.backbone:
        raise InputError(
            f"{path}: these are weights for {LAYOUTS[layout].backbone} (layout {layout}), "
            f"the network's backbone is {network.spec.backbone}; change one of the two"
        )
    return layout


def _normalisation(path: Path, layout: str, metadata: Mapping[str, str], stated: str | None) -> str:
    """Return the normalisation that the file records, else the stated one, else the layout's."""
    words = metadata.get("preprocess")
    if words is None:
        return stated or LAYOUTS[layout].normalisation
    recorded = next((name for start, name in _RECORDED.items() if words.startswith(start)), None)
    if recorded is None or stated not in (None, recorded):
        raise InputError(
            f"{path}: its record says preprocess {words!r} ({recorded or 'unknown'}), the spec "
            f"says normalisation {stated!r}; expected one of {', '.join(NORMALISATIONS)}"
        )
    return recorded


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _whole_layers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the layers of which both weight and bias are there."""
    kinds = ("weight", "bias")
    return {
        name: tensor
        for name, tensor in tensors.items()
        if all(f"{name.rpartition('.')[0]}.{kind}" in tensors for kind in kinds)
    }


def _wanted(network: MaskTrackNet, given: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a whole published file fills: the trunk, and fc6 and fc7 of VGG16.

    The first convolution may come for three channels or for the network's own number.
    """
    classifier = ("head.fc6.", "head.fc7.") if network.spec.backbone == "vgg16" else ()
    wanted = {
        name: tuple(parameter.shape)
        for name, parameter in network.named_parameters()
        if name.startswith(("backbone.", *classifier))
    }
    first = next(iter(wanted))
    width, channels, *kernel = wanted[first]
    if first in given and given[first].shape[1] != channels:
        wanted[first] = (width, 3, *kernel)
    return wanted
