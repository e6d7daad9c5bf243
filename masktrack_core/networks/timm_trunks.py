"""Any model of the package timm that gives maps, as a trunk: ``backbone: timm:NAME``.

Multi-scale networks give maps at strides 4 and 8 and, dilated where timm can, at 16 or 8. A plain
ViT gives one map; a shallow stem of ours beside it gives the two that outlines are drawn from. timm
is an optional package (``pip install 'masktrack[timm]'``), imported when a trunk is built.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masktrack_core.errors import InputError
from masktrack_core.files.tensors import read_tensors
from masktrack_core.networks.backbones import Backbone, Features
from masktrack_core.networks.layers import draw_layers
from masktrack_core.networks.spec import HUB, NORMALISATIONS, Normalisation

_OPERATORS = ("nms", "qnms")
"""Operators of torchvision, which timm imports, that are absent beside PyTorch for the CPU."""
_DECLARED: list[torch.library.Library] = []


@cache
def timm_package() -> Any:
    """Return the package timm; raise `InputError` that says what to install where it is absent."""
    try:
        _declare_operators()
        return importlib.import_module("timm")
    except ImportError as error:
        raise InputError(
            f"network.backbone: a trunk timm:NAME needs the package timm ({error}); install it "
            "with pip install 'masktrack[timm]'"
        ) from error


def _declare_operators() -> None:
    """Declare the operators that torchvision describes at import, where its library cannot load.

    Its wheel on PyPI is built for CUDA; beside a PyTorch for the CPU its library is missing half
    of what it links to. No trunk calls these operators: they have no implementation here.
    """
    found = find_spec("torchvision")
    if found is None or found.origin is None or _DECLARED:
        return
    try:
        for library in Path(found.origin).parent.glob("_C*.so"):
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
            return
    except OSError:
        pass
    declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in _OPERATORS:
        words = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        declared.define(words)  # type: ignore[no-untyped-call]
    _DECLARED.append(declared)  # they last as long as this object


class TimmTrunk(Backbone):
    """A model of timm, without what comes after its maps.

    Batch norm keeps its statistics: batches of a training are small, and scores must not depend on
    the other pictures of a batch.
    """

    normalisation = "timm"

    def __init__(
        self, name: str, in_channels: int = 4, *, output_stride: int | None = None
    ) -> None:
        """Build the trunk with values that `draw` or a reader replaces.

        Args:
            name: of the model, as ``timm.list_models()`` gives it.
            in_channels: 3, or 4 with a prior.
            output_stride: of the deepest map, 16 or 8. None: 16; of a plain ViT its own, 8 where
                its patches are of 8 pixels, else 16.

        Raises `InputError` for an unknown model, and for one that gives no such maps.
        """
        super().__init__()
        self._name, self._in_channels = name, in_channels
        with torch.device("cpu"):  # values that are not saved are lost on the meta device
            self._plan = _plan(name, output_stride)
            self.net = _features(name, in_channels, **self._plan.options)
        self.stride = self._plan.stride
        self.normalisations = NORMALISATIONS | {"timm": _normalisation(self.net.pretrained_cfg)}
        self.stem = nn.Sequential()
        if self._plan.patch:
            self.stem = _stem(in_channels)
            self.channels = (64, 96, self._plan.channels[-1])
        else:
            self.channels = self._plan.channels  # type: ignore[assignment]

    @property
    def first(self) -> nn.Conv2d:
        """The model's first convolution, whose fourth input channel is the prior."""
        return next(
            layer
            for layer in self.net.modules()
            if isinstance(layer, nn.Conv2d) and layer.in_channels == self._in_channels
        )

    def train(self, mode: bool = True) -> "TimmTrunk":
        """Change the mode of all layers but batch norm, which stays in evaluation mode."""
        super().train(mode)
        for layer in self.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()
        return self

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw every parameter as timm does, from the generator."""
        seed = int(torch.randint(2**31, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = _features(self._name, self._in_channels, **self._plan.options)
        self.net.load_state_dict(drawn.state_dict())
        draw_layers(self.stem, generator)

    def forward(self, x: Tensor) -> Features:
        """Return maps at strides 4, 8 and the trunk's; ``x`` is ``(B, C, stride m + 1, …)``."""
        if self._plan.patch:
            fine = self.stem[:4](x)
            return Features(fine, self.stem[4:](fine), self._tokens(x))
        if self._plan.centred:
            maps = self.net(x)
            return Features(*(maps[place] for place in self._plan.picks))
        # Layers of even size see the picture from its corner: cell i is centred half a cell on.
        rest, size = self.stride - 1, x.shape[-2:]
        maps = self.net(F.pad(x, (0, rest, 0, rest)))
        strides = zip(self._plan.picks, (4, 8, self.stride), strict=True)
        return Features(*(_recentred(maps[place], stride, size) for place, stride in strides))

    def _tokens(self, x: Tensor) -> Tensor:
        """Return the map of a ViT, a cell a patch, each centred on a pixel of the grid.

        The picture is padded by half a patch, and resized where patches have another side than the
        stride (14 for DINOv2): positions then lie as near as they can.
        """
        half = self.stride // 2
        x = F.pad(x, (half, half - 1, half, half - 1))
        if self._plan.patch != self.stride:
            size = [side // self.stride * self._plan.patch for side in x.shape[-2:]]
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        tokens: Tensor = self.net(x)[-1]
        return tokens

    @property
    def source(self) -> str:
        """Where timm's hub has the weights."""
        record = self.net.pretrained_cfg
        return str(record.get("hf_hub_id") or record.get("url") or HUB)

    def published(self, source: Path | Literal["hub"]) -> dict[str, Tensor]:
        """Return timm's weights for this trunk by its names, from a file or from timm's hub.

        The filters of the first convolution have three channels. Raises `InputError` for a file
        that is not of this model, and where the hub does not answer.
        """
        given: dict[str, Any] = {"pretrained": True}
        if source != HUB:
            tensors, _ = read_tensors(source)
            overlay = {"state_dict": tensors, "custom_load": False}
            given["pretrained_cfg_overlay"] = overlay
        try:
            # The whole model first: a trunk alone would take a file without its layers.
            _model(self._name, **given)
            trunk = _features(self._name, 3, **self._plan.options, **given)
        except Exception as error:  # of timm, of its hub, of the network
            raise InputError(
                f"{source}: expected weights of timm:{self._name}, timm cannot take them "
                f"({_short(error)}); give the file that timm publishes for this "
                "model, .safetensors or .pth"
            ) from error
        return {f"net.{name}": tensor for name, tensor in trunk.state_dict().items()}


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How a model is built, and what it gives."""

    #: of ``timm.create_model``
    options: Mapping[str, Any]
    #: where the maps at strides 4, 8 and ``stride`` are among those that it gives
    picks: tuple[int, ...]
    channels: tuple[int, ...]
    #: of the deepest map
    stride: int
    #: side of a ViT's patches; 0 for multi-scale networks
    patch: int = 0
    #: whether cell i is centred on pixel stride × i
    centred: bool = True


@cache
def _plan(name: str, output_stride: int | None) -> _Plan:
    """Return how a model gives maps at strides 4, 8 and ``output_stride``, or a ViT its one."""
    where, timm = f"network.backbone: timm:{name}", timm_package()
    if not timm.is_model(name):
        near = ", ".join(get_close_matches(name, timm.list_models()))
        raise InputError(
            f"{where}: expected a name of timm.list_models(){near and f', such as {near}'}; timm "
            f"{timm.__version__} has no such model"
        )
    stride = output_stride or 16
    options: dict[str, Any] = {"output_stride": stride}
    try:
        try:
            info = _features(name, 3, **options).feature_info.info
        except Exception:  # of models that cannot be dilated, each its own
            options = {}
            info = _features(name, 3).feature_info.info
    except Exception as error:
        raise InputError(
            f"{where}: expected a model that gives maps, timm says {_short(error)}; choose another"
        ) from error
    strides = [entry["reduction"] for entry in info]
    plain = len(set(strides)) == 1
    if plain:
        patch = strides[0]
        stride = 8 if patch == 8 else 16
        places = [len(info) - 1]
        options = {"dynamic_img_size": True}
    if output_stride not in (None, stride) or (not plain and not {4, 8, stride} <= set(strides)):
        raise InputError(
            f"{where}: expected maps at strides 4, 8 and {output_stride or stride}, it gives "
            f"{sorted(set(strides))}; choose another model, or another output_stride"
        )
    if not plain:
        # Of the maps of one stride the last: the strides that are dilated away go on in it.
        last = {each: place for place, each in enumerate(strides)}
        places = [last[4], strides.index(8), last[stride]]
    options["out_indices"] = tuple(sorted(set(places)))
    plan = _Plan(
        options=options,
        picks=tuple(options["out_indices"].index(place) for place in places),
        channels=tuple(info[place]["num_chs"] for place in places),
        stride=stride,
        patch=patch if plain else 0,
    )
    return replace(plan, centred=_centred(where, name, plan))


def _centred(where: str, name: str, plan: _Plan) -> bool:
    """Return whether a picture of stride × k + 1 pixels gives k + 1 cells at each stride.

    Raises `InputError` for a model that takes pictures of one size only, or has channels last.
    """
    side = 4 * (plan.patch or plan.stride) + (not plan.patch)
    try:
        with torch.inference_mode():
            maps = _features(name, 3, **plan.options).eval()(torch.zeros(1, 3, side, side))
    except Exception as error:
        raise InputError(
            f"{where}: expected a model for pictures of any size, one of {side} px fails with "
            f"{_short(error)}; choose another"
        ) from error
    maps = [maps[place] for place in plan.picks]
    if [map_.shape[1] for map_ in maps] != [*plan.channels]:
        raise InputError(f"{where}: expected maps with channels first; choose another model")
    strides = (4, 8, plan.stride)
    return bool(plan.patch) or all(
        map_.shape[-1] == (side - 1) // stride + 1
        for map_, stride in zip(maps, strides, strict=True)
    )


def _features(name: str, in_channels: int, **options: Any) -> Any:
    """Return a model of timm without what comes after its maps."""
    return _model(name, in_chans=in_channels, features_only=True, **options)


def _model(name: str, **options: Any) -> Any:
    """Return a model of timm; the global generator, which it draws from, stays as it was."""
    with torch.random.fork_rng(devices=[]):
        return timm_package().create_model(name, **options)


def _short(error: Exception) -> str:
    """Return the first line of what another package says."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"


def _normalisation(record: dict[str, Any]) -> Normalisation:
    """Return what a model's record says that its pictures look like: RGB in [0, 1], mean, std."""
    mean, std = (tuple(255 * float(one) for one in record[key]) for key in ("mean", "std"))
    scale = tuple(1 / one for one in std)
    unit = NORMALISATIONS["torchvision"]
    return Normalisation(False, mean, scale, unit.prior_values, unit.prior_std)  # type: ignore[arg-type]


def _stem(in_channels: int) -> nn.Sequential:
    """Return three strided convolutions: maps at strides 4 (after four layers) and 8."""
    widths = (in_channels, 32, 64, 96)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _recentred(map_: Tensor, stride: int, size: Sequence[int]) -> Tensor:
    """Return a map whose cell i lay at pixel stride × i + (stride - 1) / 2 on the common grid.

    ``size``: (height, width) of the picture that the grid covers.
    """
    steps = []
    for cells, pixels in zip(map_.shape[-2:], size, strict=True):
        wanted = (pixels - 1) // stride + 1
        at = torch.arange(wanted, device=map_.device) - (stride - 1) / (2 * stride)
        steps.append(2 * at.clamp(0, cells - 1) / max(cells - 1, 1) - 1)
    grid = torch.stack(torch.meshgrid(*steps, indexing="ij")[::-1], dim=-1).to(map_.dtype)
    grid = grid.expand(len(map_), *grid.shape)
    return F.grid_sample(map_, grid, mode="bilinear", align_corners=True)
