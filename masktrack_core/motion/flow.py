"""Dense optical flow between two frames, and its magnitude as a picture for the flow stream.

# Paper: the flow of the paper is EpicFlow on Flow Fields matches and convolutional boundaries
# (section 3.3). None of the three is in a package that this pipeline could install; two roads
# stand in: ``dis`` (default) is OpenCV's dense inverse search, ``epic`` keeps EpicFlow's stages
# with parts that exist (see :func:`_epic`). ``benchmarks/bench_flow.py`` compares them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Flow, Frame
from masktrack_core.errors import InputError
from masktrack_core.ranges import COUNT, NOT_NEGATIVE, PERCENT, POSITIVE, check_fields

SMALLEST = 16  # px: dense inverse search raises below 12
FEWEST_MATCHES, MOST_MATCHES = 4, 32_766  # OpenCV's interpolator counts them in 16 bits

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


class FlowModel(Protocol):
    """A learned flow: what ``raft.load_raft`` returns."""

    def estimate(self, frame: Frame, next_frame: Frame, *, iterations: int = 12) -> Flow:
        """Return the flow from ``frame`` to ``next_frame``."""


@dataclass(frozen=True, kw_only=True)
class FlowParams:
    """How the flow between two frames is estimated."""

    method: Literal["dis", "epic", "farneback", "raft_small"] = "dis"
    #: Dense inverse search's speed (Kroeger et al., ECCV 2016, as in OpenCV): ``dis``, ``epic``.
    preset: Literal["ultrafast", "fast", "medium"] = "medium"
    #: px between matches on the grid given to the interpolation (ours): ``epic``.
    match_step: int = 4
    #: px that a match may miss its origin by, forward and back again (ours): ``epic``.
    match_error: float = 1.0
    #: Refinements of the flow (12 in training: Teed and Deng, ECCV 2020): ``raft_small``.
    iterations: int = 12

    def __post_init__(self) -> None:
        """Raise ``InputError`` for an unknown name or a number without meaning."""
        numbers = {"match_step": COUNT, "match_error": NOT_NEGATIVE, "iterations": COUNT}
        methods = (*_METHODS, "raft_small")
        check_fields("flow", self, method=methods, preset=tuple(_PRESETS), **numbers)


@dataclass(frozen=True, kw_only=True)
class FlowImageParams:
    """How the magnitude of the flow becomes a picture.

    # Paper: the text says "magnitude of the optical flow", nothing more. The median and the average
    # of both directions are those that the same first author describes later (ACCV 2018); the
    # scaling to [0, 255] is ours.
    """

    #: Subtract the median dx and the median dy of each flow first (the camera's motion).
    remove_median: bool = True
    #: Average the magnitudes of the flows to the next and to the previous frame.
    forward_backward: bool = True
    #: What is drawn as 255: the frame's own maximum, its own percentile, or ``full_scale`` px.
    scale: Literal["per_frame_max", "per_frame_percentile", "fixed"] = "per_frame_max"
    #: %, for ``per_frame_percentile``: larger magnitudes saturate.
    percentile: float = 99.0
    #: px, for ``fixed``.
    full_scale: float = 20.0
    #: px, for both per-frame scales: the smallest magnitude drawn as 255. It keeps a scene without
    #: motion dark, where 255 would otherwise be a hundredth of a pixel of noise.
    smallest_scale: float = 1.0

    def __post_init__(self) -> None:
        """Raise ``InputError`` for an unknown scale or one that cannot divide."""
        numbers = {"full_scale": POSITIVE, "smallest_scale": POSITIVE, "percentile": PERCENT}
        scales = "per_frame_max", "per_frame_percentile", "fixed"
        check_fields("flow image", self, scale=scales, **numbers)


def dense_flow(
    frame: Frame, next_frame: Frame, params: FlowParams, *, model: FlowModel | None = None
) -> Flow:
    """Return the optical flow of each pixel of ``frame``, in pixels, by the method of ``params``.

    ``model`` is the loaded network of ``raft_small`` (``raft.load_raft``) and unused otherwise.
    ``dis`` is bit-identical at any number of OpenCV threads; ``epic`` differs by 1e-4 px.
    Raises ``InputError`` for frames of unlike shape, not uint8 RGB, with a side below 16 px, or
    when this OpenCV lacks what ``epic`` needs.
    """
    _check_frames(frame, next_frame)
    if params.method == "raft_small":
        if model is None:
            raise InputError("model: 'raft_small' needs its network; pass load_raft(weights)")
        return model.estimate(frame, next_frame, iterations=params.iterations)
    return _METHODS[params.method](frame, next_frame, params)


def _check_frames(frame: Frame, next_frame: Frame) -> None:
    for name, given in (("frame", frame), ("next_frame", next_frame)):
        if given.ndim != 3 or given.shape[2] != 3 or given.dtype != np.uint8:
            raise InputError(
                f"{name}: expected RGB uint8 of shape (H, W, 3), got {given.dtype} {given.shape}"
            )
    if frame.shape != next_frame.shape:
        came = f"{next_frame.shape}; resize the frames of a sequence to one size"
        raise InputError(f"next_frame: expected shape {frame.shape} like frame, got {came}")
    if min(frame.shape[:2]) < SMALLEST:
        raise InputError(f"frame: expected sides of {SMALLEST} px or more, got {frame.shape}")


def _grey(frame: Frame) -> NDArray[np.uint8]:
    return cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def _dis(frame: Frame, next_frame: Frame, params: FlowParams) -> Flow:
    """Return the flow by dense inverse search (Kroeger et al., ECCV 2016)."""
    search = cv2.DISOpticalFlow.create(_PRESETS[params.preset])
    return np.asarray(search.calc(_grey(frame), _grey(next_frame), None), np.float32)  # type: ignore[call-overload]


def _farneback(frame: Frame, next_frame: Frame, params: FlowParams) -> Flow:
    """Return Farnebäck's flow (SCIA 2003) with the parameters of OpenCV's own example."""
    flow = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload]
        _grey(frame), _grey(next_frame), None, 0.5, 3, 15, 3, 5, 1.2, 0
    )
    return np.asarray(flow, np.float32)


def _epic(frame: Frame, next_frame: Frame, params: FlowParams) -> Flow:
    """Return a flow by EpicFlow's stages (Revaud et al., CVPR 2015): match, interpolate, refine.

    # Paper: matches are dense inverse search in both directions instead of Flow Fields; the edges
    # that the interpolation respects are the frame's gradient instead of COB; the interpolation is
    # OpenCV's locally affine, edge-aware one; the refinement is OpenCV's variational one.
    """
    if not hasattr(cv2, "ximgproc") or not hasattr(cv2.ximgproc, "createEdgeAwareInterpolator"):
        raise InputError(
            "method 'epic' needs cv2.ximgproc.createEdgeAwareInterpolator, which this OpenCV "
            f"({cv2.__version__}) lacks: opencv-python or opencv-python-headless hides the contrib "
            "wheel. Uninstall both and reinstall opencv-contrib-python-headless"
        )
    flow, backward = _dis(frame, next_frame, params), _dis(next_frame, frame, params)
    origins, targets = consistent_matches(flow, backward, params)
    if len(origins) >= FEWEST_MATCHES:
        given = np.ascontiguousarray(frame), origins, np.ascontiguousarray(next_frame), targets
        interpolator = cv2.ximgproc.createEdgeAwareInterpolator()
        flow = np.asarray(interpolator.interpolate(*given), np.float32)
    refinement = cv2.VariationalRefinement.create()
    return np.asarray(refinement.calc(_grey(frame), _grey(next_frame), flow.copy()), np.float32)


_METHODS = {"dis": _dis, "epic": _epic, "farneback": _farneback}


def consistent_matches(
    forward: Flow, backward: Flow, params: FlowParams
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return matches that survive the forward-backward check: points here and there, ``(N, 2)``.

    A point of the grid survives if it lands inside the frame and the backward flow read there leads
    back to within ``match_error``. The grid is coarser than ``match_step`` where OpenCV's limit of
    32,766 matches asks for it (frames above 0.5 megapixel at step 4).
    """
    height, width = forward.shape[:2]
    step = params.match_step
    while -(-height // step) * -(-width // step) > MOST_MATCHES:
        step += 1
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step].astype(np.float32)
    forward = forward[step // 2 :: step, step // 2 :: step]
    there_x, there_y = x + forward[..., 0], y + forward[..., 1]
    back = cv2.remap(backward, there_x, there_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    missed = np.hypot(there_x + back[..., 0] - x, there_y + back[..., 1] - y)
    inside = (there_x >= 0) & (there_x <= width - 1) & (there_y >= 0) & (there_y <= height - 1)
    kept = inside & (missed <= params.match_error)
    return np.stack([x[kept], y[kept]], 1), np.stack([there_x[kept], there_y[kept]], 1)


def flow_magnitude(flow: Flow, *, remove_median: bool) -> NDArray[np.float32]:
    """Return the length of each pixel's motion in pixels, ``(H, W)``, the median motion removed."""
    if remove_median:
        flow = flow - np.median(flow, axis=(0, 1)).astype(np.float32)
    return np.hypot(flow[..., 0], flow[..., 1])


def flow_image(forward: Flow | None, backward: Flow | None, params: FlowImageParams) -> Frame:
    """Return the motion magnitude as a grey picture in three equal channels (Figure 2).

    ``forward`` and ``backward`` are the flows of one frame to the next and to the previous one; the
    first frame of a sequence has no ``backward``, the last no ``forward``: the other one stands
    alone. With ``forward_backward`` off, ``backward`` is used only where ``forward`` is missing.
    Raises ``InputError`` if both are missing, if their shapes differ, or if one is not finite.
    """
    flows = [flow for flow in (forward, backward) if flow is not None]
    if not flows or not all(np.isfinite(flow).all() for flow in flows):
        raise InputError("forward, backward: expected a flow without NaN, got None or not finite")
    if flows[0].shape != flows[-1].shape:
        raise InputError(f"backward: expected shape {flows[0].shape}, got {flows[-1].shape}")
    if not params.forward_backward:
        flows = flows[:1]
    magnitudes = [flow_magnitude(flow, remove_median=params.remove_median) for flow in flows]
    magnitude = np.asarray(np.mean(magnitudes, axis=0), np.float32)
    grey = np.minimum(magnitude / _full_scale(magnitude, params), 1) * 255
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)


def _full_scale(magnitude: NDArray[np.float32], params: FlowImageParams) -> float:
    """Return the magnitude in pixels that is drawn as 255."""
    if params.scale == "fixed":
        return params.full_scale
    percentiles = {"per_frame_max": 100.0, "per_frame_percentile": params.percentile}
    return max(float(np.percentile(magnitude, percentiles[params.scale])), params.smallest_scale)


def flow_images(
    frames: Iterable[Frame],
    params: FlowParams,
    image_params: FlowImageParams,
    *,
    model: FlowModel | None = None,
) -> Iterator[Frame]:
    """Yield the flow image of each frame of a sequence, in order, as many as there are frames.

    Three frames and two flows are held whatever the length; each flow is computed once. The first
    and last frame have one neighbour, see :func:`flow_image`. A sequence of one frame has no
    motion: its picture is black. An empty one yields nothing.
    """
    earlier, previous, backward = None, None, None
    for frame in frames:
        if previous is not None:
            forward = dense_flow(previous, frame, params, model=model)
            yield flow_image(forward, backward, image_params)
            if image_params.forward_backward:
                backward = dense_flow(frame, previous, params, model=model)
        earlier, previous = previous, frame
    if previous is not None and earlier is not None:
        if backward is None:
            backward = dense_flow(previous, earlier, params, model=model)
        yield flow_image(None, backward, image_params)
    elif previous is not None:
        yield np.zeros_like(previous)
