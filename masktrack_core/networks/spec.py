"""What a network is made of, in names and numbers; readable without torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, get_args

from masktrack_core.errors import InputError
from masktrack_core.masks.deform import PriorKind
from masktrack_core.ranges import COUNT, FRACTION, POSITIVE, check_fields, optional
from masktrack_core.registry import check_name

HUB: Literal["hub"] = "hub"
"""Stands for a file of pretrained weights: those that timm's hub has for a model."""


class Normalisation(NamedTuple):
    """What weights were trained to see: ``(channel - mean) * scale``, and the mask beside it."""

    blue_first: bool
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    #: Values fed for background and object, when `NetworkSpec.prior_values` leaves them open.
    prior_values: tuple[float, float]
    #: σ of the mask's filters, when `NetworkSpec.prior_std` leaves it open.
    prior_std: float


NORMALISATIONS = {
    # DeepLab's data layer (train.prototxt): BGR 0–255 minus the mean of ImageNet. ±100 for the
    # mask is omkar13/MaskTrack's choice for such inputs; 0.01 is how DeepLab fills new layers.
    "caffe": Normalisation(True, (104.008, 116.669, 122.675), (1, 1, 1), (-100, 100), 0.01),
    # torchvision's references: RGB in [0, 1], mean (.485, .456, .406), std (.229, .224, .225).
    "torchvision": Normalisation(
        False,
        (0.485 * 255, 0.456 * 255, 0.406 * 255),
        (1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)),
        (-1, 1),
        0.1,
    ),
    # TensorFlow's MobileNetV2.
    "centred": Normalisation(False, (128, 128, 128), (1 / 128, 1 / 128, 1 / 128), (-1, 1), 0.1),
}
"""How each family of weights wants its pictures, by the name in a weights' record."""


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """What the network is made of. Defaults: the paper's (§4), DeepLabv2-VGG16 with ASPP."""

    #: Trunk: vgg16 | mobilenet_v2 | slim | timm:NAME, or one of yours (`masktrack_core.registry`).
    backbone: str = "vgg16"
    #: Pixels between the cells of the trunk's last map, 8 or 16. None: the trunk's own.
    output_stride: int | None = None
    #: Head: aspp | largefov | decoder, or one of yours.
    head: str = "aspp"
    #: What the fourth input channel shows of the previous mask: mask | box | none. "none" has no
    #: such channel ("No input" of Table 1).
    prior: PriorKind = "mask"
    #: Whether one more input channel shows where the other objects were. Its filters begin at zero.
    # Paper: each object alone (§5.1). Ours, off by default.
    others: bool = False
    #: First values of the mask's filters: gaussian | zero (§4: "no difference").
    prior_init: str = "gaussian"
    #: σ of those filters. None: 0.01 beside inputs of 0–255, 0.1 beside inputs of unit scale.
    # Paper: σ not stated; 0.01 is DeepLab's filler of new layers.
    prior_std: float | None = None
    #: Values fed for background and object. None: ∓100 beside 0–255, ∓1 beside unit scale.
    # Paper: values not stated; ∓100 follows omkar13/MaskTrack.
    prior_values: tuple[float, float] | None = None
    #: caffe | torchvision | centred. None: as the pretrained weights say, else the trunk's own.
    normalisation: str | None = None
    #: Dilations of the head's branches, in cells of the trunk's last map. None: how far the head
    #: looks in pixels, by the trunk's stride. Taps that lie beyond a crop's map never learn.
    dilations: tuple[int, ...] | None = None
    #: Probability of dropout after fc6 and fc7 (DeepLabv2).
    dropout: float = 0.5
    #: Name of the pretrained weights, for the record only.
    pretrained: str | None = None

    @property
    def guided(self) -> bool:
        """Whether there is a fourth input channel."""
        return self.prior != "none"

    @property
    def channels(self) -> int:
        """Channels of what the trunk sees: the picture's, and the previous mask's."""
        return 4 if self.guided else 3

    @property
    def guides(self) -> int:
        """Channels of the prior: the previous mask's, and the others'."""
        return self.guided + self.others

    def __post_init__(self) -> None:
        """Raise InputError for a name that is none of the choices, or a number out of range."""
        check_name("network.backbone", "backbone", self.backbone)
        check_name("network.head", "head", self.head)
        check_fields(
            "network",
            self,
            prior=get_args(PriorKind),
            prior_init=("gaussian", "zero"),
            prior_std=optional(POSITIVE),
            normalisation=(*NORMALISATIONS, None),
            dropout=FRACTION,
        )
        if self.others and not self.guided:
            raise InputError(
                "network.others: expected beside a network that is shown the previous mask or its "
                "box, got input none; leave it out"
            )
        if self.output_stride not in (None, 8, 16):
            raise InputError(
                f"network.output_stride: expected 8, 16 or none, got {self.output_stride!r}"
            )
        if self.prior_values is not None and not all(map(math.isfinite, self.prior_values)):
            raise InputError(
                f"network.prior_values: expected two numbers, got {self.prior_values}; leave them "
                "out for those of the normalisation"
            )
        if self.dilations is not None:
            object.__setattr__(self, "dilations", tuple(self.dilations))  # YAML and JSON give lists
            if not self.dilations or not all(cells in COUNT for cells in self.dilations):
                raise InputError(
                    f"network.dilations: expected at least one, each of at least 1 cell, got "
                    f"{self.dilations}; leave it out for the head's own"
                )


def check_continues(where: str, asked: NetworkSpec, started: Mapping[str, Any]) -> None:
    """Raise InputError where a network cannot begin with the weights of another, saying why.

    ``started``: fields of the other's spec, as a file's record or a configuration has them.
    Normalisation and pretrained weights are the other's, first values of the mask's filters no
    longer count, and a network may be told of others where the other is not.
    """
    wanted, got = asdict(asked), asdict(NetworkSpec()) | dict(started)
    got = {key: tuple(value) if isinstance(value, list) else value for key, value in got.items()}
    free = {"normalisation", "pretrained", "prior_init"} | ({"others"} if asked.others else set())
    differs = [name for name in wanted if name not in free and wanted[name] != got[name]]
    if differs:
        raise InputError(
            f"{where}: expected a network of this architecture to go on with, got "
            f"{', '.join(f'{name} {got[name]!r}' for name in differs)}; name another one to start "
            "from, or change the architecture"
        )


def one_of(field: str, name: str, choices: Sequence[str]) -> None:
    """Raise InputError unless ``name``, given for ``network.<field>``, is one of the choices."""
    if name not in choices:
        raise InputError(f"network.{field}: expected one of {', '.join(choices)}; got {name!r}")
