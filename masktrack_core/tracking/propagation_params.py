"""How a network is run over a video, and the parts of a mask that may stay."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from masktrack_core.arrays import Mask
from masktrack_core.masks.regions import SIDE
from masktrack_core.ranges import (
    BETWEEN_0_AND_1,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Range,
    check_fields,
    optional,
)


@dataclass(frozen=True, kw_only=True)
class PropagationParams:
    """How a network is run over a video.

    ``dilation_radius``: pixels, coarsens the previous mask (paper §3.1; 5 in §4).
    ``threshold``: foreground probability above which a pixel belongs to the mask.
    ``region``: side of the square shown to the network, in longer sides of the box around what it
    is shown of the previous mask; None shows the whole frame, as the paper does.
    ``region_size``, ``region_minimum``: pixels the square is resized to, and its smallest side;
    None is half of ``region_size``, so that nothing is enlarged more than twofold.
    ``flow_weight``: of the second of two streams in the average; the first has the rest. 0.5 is
    the paper's average (§3.3).
    ``precision``: of the activations; the masks that bf16 finds are others in single pixels. It is
    float32 on a device without it.
    ``connected``: drop the parts of a mask that do not touch the coarsened mask before it.
    ``guard``: hold back what makes a mask grow and less like the annotated object (`guard`).
    ``backwards``: reach the frames before the first annotation from it (paper §5.4).
    """

    dilation_radius: float = 5.0
    threshold: float = 0.5
    region: float | None = None
    region_size: int = 321
    region_minimum: float | None = None
    flow_weight: float = 0.5
    precision: Literal["fp32", "bf16"] = "fp32"
    connected: bool = False
    # Paper: every pixel that is found counts. Ours, off by default.
    guard: bool = False
    backwards: bool = True

    def __post_init__(self) -> None:
        """Refuse what has no meaning with ``InputError``."""
        check_fields(
            "propagation",
            self,
            dilation_radius=NOT_NEGATIVE,
            threshold=BETWEEN_0_AND_1,
            region=optional(POSITIVE),
            region_size=SIDE,
            region_minimum=optional(Range(1)),
            flow_weight=SHARE,
            precision=("fp32", "bf16"),
        )


def untouched(mask: Mask, coarse: Mask) -> Mask:
    """Return the parts of a mask that do not touch the coarsened mask before it.

    Parts are connected at sides and corners.
    """
    # Paper: every pixel of the answer counts. Ours, off by default: a network that has seen crops
    # around one object only takes up others far away, which then guide themselves.
    count, parts = cv2.connectedComponents(mask.astype(np.uint8))
    touched = np.zeros(count, bool)
    touched[parts[mask & coarse]] = True
    return np.asarray(mask & ~touched[parts])
