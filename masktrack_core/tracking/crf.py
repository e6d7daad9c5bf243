"""Refinement of a foreground probability by a fully connected CRF (Krähenbühl and Koltun, 2011).

Two labels, Potts compatibility, and two Gaussian kernels, each normalised symmetrically::

    bilateral_weight · exp(-|p - p'|² / 2 bilateral_sxy² - |c - c'|² / 2 bilateral_srgb²)
    gaussian_weight  · exp(-|p - p'|² / 2 gaussian_sxy²)

with pixel positions p and RGB colours c. pydensecrf does the mean-field inference; its
permutohedral lattice approximates the kernels, and tests hold the wiring to the exact form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Box, Frame, Prob
from masktrack_core.errors import InputError
from masktrack_core.ranges import (
    COUNT_FROM_0,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    check_fields,
    optional,
)
from masktrack_core.tracking.crf_kernels import KeptKernels, Kernel, load_densecrf

CLIP = 1e-5  # probability; keeps the logarithm finite where a network is certain


@dataclass(frozen=True, kw_only=True)
class CrfParams:
    """Parameters of the dense CRF; the defaults are those of DeepLabv2-VGG16.

    # Paper: the paper calls its CRF "well-tuned" and leaves its values to a supplement that is not
    # at hand. The defaults are those of the network that the paper builds on (reference [8]).
    """

    bilateral_weight: float = 4.0
    #: px.
    bilateral_sxy: float = 65.0
    #: Grey levels of 0 … 255.
    bilateral_srgb: float = 3.0
    gaussian_weight: float = 2.0
    #: px.
    gaussian_sxy: float = 2.0
    #: Mean-field steps; 0 returns the probability, clipped to [1e-5, 1 - 1e-5].
    iterations: int = 10
    #: px around the box of ``region_prob``; outside nothing changes. None: the whole frame (ours).
    #: On six DAVIS frames 2 ``bilateral_sxy`` flip at most 24 pixels in a million, 1 at most 283.
    region_margin: int | None = None
    #: Probability from which a pixel belongs to the box of the region (ours).
    region_prob: float = 0.05
    #: A frame whose largest probability is below has no object: it passes unchanged (ours). With
    #: Potts and no pixel above 0.5 the CRF could not find one either.
    empty_below: float = 0.001

    def __post_init__(self) -> None:
        """Raise ``InputError`` for a width that is not positive or a number without meaning."""
        check_fields(
            "crf",
            self,
            bilateral_weight=NOT_NEGATIVE,
            bilateral_sxy=POSITIVE,
            bilateral_srgb=POSITIVE,
            gaussian_weight=NOT_NEGATIVE,
            gaussian_sxy=POSITIVE,
            iterations=COUNT_FROM_0,
            region_margin=optional(COUNT_FROM_0),
            region_prob=FRACTION,
            empty_below=FRACTION,
        )


PUBLISHED: Mapping[str, CrfParams] = MappingProxyType(
    {
        # DeepLabv2 VGG16: voc12 CRF script of a copy of the release (zbxzc35/deeplab_v2_python).
        "deeplab_v2_vgg16": CrfParams(),
        # DeepLabv2 ResNet101, the same release.
        "deeplab_v2_resnet101": CrfParams(
            bilateral_sxy=67.0, gaussian_weight=3.0, gaussian_sxy=1.0
        ),
        # DeepLab v1 LargeFOV, scripts of the release.
        "deeplab_v1_largefov": CrfParams(
            bilateral_sxy=49.0, bilateral_srgb=5.0, gaussian_weight=3.0, gaussian_sxy=3.0
        ),
        # OnAVOS (Voigtlaender and Leibe, BMVC 2017), tuned on DAVIS; also in PReMVOS.
        "onavos_davis": CrfParams(
            bilateral_weight=1.40327,
            bilateral_sxy=22.3761,
            bilateral_srgb=7.70254,
            gaussian_weight=1.24845,
            gaussian_sxy=0.22088,
            iterations=12,
        ),
    }
)


def refine(frame: Frame, prob: Prob, params: CrfParams, *, kept: KeptKernels | None = None) -> Prob:
    """Return the foreground probability after dense-CRF refinement, of the frame's size.

    An empty ``prob`` (nowhere ``empty_below``) comes back unchanged. With ``region_margin`` only
    the box around the object is refined, in ignorance of what lies outside; the rest keeps its
    values. ``kept`` shares the kernels of refinements of the same frame. Deterministic. About a
    second at 480p, and one thread: run frames in processes.
    Raises ``InputError`` for unlike sizes, a frame not uint8 RGB, a probability that is NaN or
    outside [0, 1], and where pydensecrf is missing.
    """
    _check(frame, prob)
    refined = np.array(prob, np.float32)
    if prob.max(initial=0) < params.empty_below:
        return refined
    region = Box(0, 0, prob.shape[1], prob.shape[0])
    if params.region_margin is not None:
        region = _region(prob, params.region_prob, params.region_margin)
    if region.width and region.height:
        inside = np.s_[region.y : region.y + region.height, region.x : region.x + region.width]
        refined[inside] = _infer(frame, refined, region, params, kept)
    return refined


def _check(frame: Frame, prob: Prob) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise InputError(
            f"frame: expected RGB uint8 of shape (H, W, 3), got {frame.dtype} {frame.shape}"
        )
    if prob.shape != frame.shape[:2]:
        raise InputError(
            f"prob: expected shape {frame.shape[:2]} like frame, got {prob.shape}; "
            "resize the probability to the frame first"
        )
    if not np.issubdtype(prob.dtype, np.floating):
        raise InputError(
            f"prob: expected float32 in [0, 1], got {prob.dtype}; divide by its maximum"
        )
    # Written so that NaN fails too.
    if not np.all((prob >= 0) & (prob <= 1)):
        raise InputError(
            f"prob: expected values in [0, 1], got {prob.min()} to {prob.max()}; "
            "pass probabilities, not logits, and find out where NaN comes from"
        )


def _region(prob: Prob, region_prob: float, margin: int) -> Box:
    """Return the box of the pixels of at least ``region_prob``, grown by ``margin`` and clipped."""
    rows, columns = np.nonzero(prob >= region_prob)
    if not len(rows):
        return Box(0, 0, 0, 0)
    top, left = max(rows.min() - margin, 0), max(columns.min() - margin, 0)
    bottom = min(rows.max() + margin + 1, prob.shape[0])
    right = min(columns.max() + margin + 1, prob.shape[1])
    return Box(int(left), int(top), int(right - left), int(bottom - top))


def _infer(
    frame: Frame, prob: Prob, region: Box, params: CrfParams, kept: KeptKernels | None
) -> NDArray[np.float32]:
    """Return the mean-field marginal of the foreground inside ``region``.

    Positions are those in the whole frame, hence the general interface instead of DenseCRF2D (equal
    to the bit on whole frames): with coordinates from the region's corner the lattice falls
    elsewhere, and that alone flips ten times more pixels than the missing surroundings.
    """
    densecrf = load_densecrf()
    x, y, width, height = region
    inside = np.s_[y : y + height, x : x + width]
    foreground = np.clip(prob[inside], CLIP, 1 - CLIP)
    unary = -np.log(np.stack([1 - foreground, foreground])).reshape(2, -1)
    unary = np.ascontiguousarray(unary, np.float32)
    model = densecrf.DenseCRF(width * height, 2)
    model.setUnaryEnergy(unary)
    # The lattices, half of the time, serve the steps only.
    kernels = _kernels(frame, region, params) if params.iterations else []
    if kept is None:
        for kernel in kernels:
            model.addPairwiseEnergy(kernel.features(), compat=kernel.weight)
        marginals = model.inference(params.iterations)
    else:
        marginals = kept.inference(model, unary, kernels, params.iterations)
    foreground = np.array(marginals, np.float32)[1]
    return np.asarray(foreground.reshape(height, width).clip(0, 1), np.float32)


def _kernels(frame: Frame, region: Box, params: CrfParams) -> list[Kernel]:
    inside = np.s_[region.y : region.y + region.height, region.x : region.x + region.width]
    rows, columns = np.mgrid[inside].reshape(2, -1).astype(np.float32)
    positions = np.stack([columns, rows])

    def near() -> NDArray[np.float32]:
        return positions / np.float32(params.gaussian_sxy)

    def alike() -> NDArray[np.float32]:
        colours = frame[inside].reshape(-1, 3).T.astype(np.float32)
        places = positions / np.float32(params.bilateral_sxy)
        features = np.concatenate([places, colours / np.float32(params.bilateral_srgb)])
        return np.ascontiguousarray(features)

    widths = params.bilateral_sxy, params.bilateral_srgb
    both = [
        Kernel(params.gaussian_weight, "gaussian", (region, params.gaussian_sxy), near),
        Kernel(params.bilateral_weight, "bilateral", (region, *widths), alike),
    ]
    return [kernel for kernel in both if kernel.weight]
