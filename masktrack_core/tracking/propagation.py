"""Frame to frame: the mask of one frame, coarsened, guides the network in the next (paper §3.1)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch

from masktrack_core.arrays import Frame, Mask, Prob, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.deform import as_prior
from masktrack_core.masks.elementary import canonical, check_mask, dilate
from masktrack_core.masks.regions import SIDE, crop_frame, crop_mask, paste_prob, prior_window
from masktrack_core.networks.network import MaskTrackNet, foreground
from masktrack_core.ranges import (
    BETWEEN_0_AND_1,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Range,
    check_fields,
    optional,
)
from masktrack_core.tracking.annotations import nearest_spans

_log = logging.getLogger(__name__)


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
    ``connected``: drop the parts of a mask that do not touch the coarsened mask before it.
    ``backwards``: reach the frames before the first annotation from it (paper §5.4).
    """

    dilation_radius: float = 5.0
    threshold: float = 0.5
    region: float | None = None
    region_size: int = 321
    region_minimum: float | None = None
    flow_weight: float = 0.5
    connected: bool = False
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
        )


class FrameSequence(Protocol):
    """Anything that gives frame ``t`` of ``len`` frames: a list, an array, a lazy video."""

    def __len__(self) -> int:
        """Return the number of frames T."""
        ...

    def __getitem__(self, t: int, /) -> Frame:
        """Return frame ``t``."""
        ...


def propagate(
    network: MaskTrackNet | Sequence[MaskTrackNet],
    streams: Sequence[FrameSequence],
    annotations: Mapping[int, Mask],
    params: PropagationParams,
    *,
    others: Mapping[int, Mask] | None = None,
) -> Iterator[tuple[int, Prob]]:
    """Return ``(t, prob)`` of every frame once, starting from the annotated frames.

    Each frame is reached from the annotation nearest in time, forwards or backwards (paper
    §5.4); a frame in the middle is reached forwards. An annotated frame answers its annotation.
    An empty mask says "not here": the frames from it to the next annotation have no object.
    ``others`` are, by frame, pixels that annotations give to other objects, and so not to this one
    (`masktrack_core.tracking.annotations` makes both of annotated frames, and says the rule).
    ``streams`` are one, or two that are averaged (frames, flow magnitude), and the average guides
    the next frame; ``network`` is one for both of them, or two, one for each. Frames do not come in
    order of time; each is computed when it is asked for. Memory does not grow with the video.

    Raises at once ``InputError`` for no annotation, one outside the video or of another size than
    its frame, for empty ones alone, for more than two streams, and for another number of networks.
    """
    if not 1 <= len(streams) <= 2:
        raise InputError(f"streams: expected one or two, frames and flow, got {len(streams)}")
    annotations = checked_annotations(streams[0], annotations)
    networks = [*network] if isinstance(network, Sequence) else [network] * len(streams)
    if len(networks) != len(streams):
        raise InputError(
            f"network: expected one, or one for each of {len(streams)} streams, got {len(networks)}"
        )
    for each in networks:  # half the time on a CPU
        each.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return _propagated(networks, streams, annotations, params, others or {})


def _propagated(
    networks: Sequence[MaskTrackNet],
    streams: Sequence[FrameSequence],
    annotations: Mapping[int, Mask],
    params: PropagationParams,
    taken: Mapping[int, Mask],
) -> Iterator[tuple[int, Prob]]:
    absent = [t for t, mask in annotations.items() if not mask.any()]
    there = annotations.keys() - set(absent)
    left = set(range(len(streams[0]))) - annotations.keys()
    for start, order in nearest_spans(
        there, len(streams[0]), absent=absent, backwards=params.backwards
    ):
        previous = annotations[start]
        for t, frames in _read_ahead(streams, order):
            prob = _estimate(networks, frames, previous, params)
            if t in taken:
                prob = np.where(taken[t], np.float32(0), prob)
            yield t, prob
            left.discard(t)
            mask: Mask = np.asarray(prob > params.threshold)
            if mask.any():
                previous = mask
            else:
                # Paper: silent on an empty estimate. The last non-empty one goes on guiding:
                # an empty prior could never find the object again.
                _log.info("frame %d: nothing found; the mask before it guides on", t)
    for t, mask in annotations.items():
        yield t, mask.astype(np.float32)
    for t in sorted(left):
        yield t, np.zeros(annotations[min(annotations)].shape, np.float32)


def _estimate(
    networks: Sequence[MaskTrackNet],
    frames: Sequence[Frame],
    previous: Mask,
    params: PropagationParams,
) -> Prob:
    pairs = zip(networks, frames, strict=True)
    probs = [predict(network, frame, previous, params) for network, frame in pairs]
    prob = probs[0]
    if len(probs) == 2:
        # Paper: "averaging the output scores"; here the probabilities are averaged, so that a
        # stream that is sure outweighs an unsure one less.
        weight = np.float32(params.flow_weight)
        prob = np.asarray((1 - weight) * probs[0] + weight * probs[1])
    return _touching(prob, previous, params) if params.connected else prob


def _touching(prob: Prob, previous: Mask, params: PropagationParams) -> Prob:
    """Return ``prob``, 0 in the parts of its mask that do not touch the coarsened previous mask.

    Parts are connected at sides and corners.
    """
    # Paper: every pixel of the answer counts. Ours, off by default: a network that has seen crops
    # around one object only takes up others far away, which then guide themselves.
    mask = prob > params.threshold
    count, parts = cv2.connectedComponents(mask.astype(np.uint8))
    touched = np.zeros(count, bool)
    touched[parts[mask & dilate(previous, params.dilation_radius)]] = True
    return np.where(mask & ~touched[parts], np.float32(0), prob)


def predict(network: MaskTrackNet, frame: Frame, previous: Mask, params: PropagationParams) -> Prob:
    """Return the foreground probability of a frame, guided by a rough mask of the same size.

    Zero outside the region shown to the network. A network without a fourth channel sees the
    whole frame: a region would be guidance.
    """
    kind = network.spec.prior
    # Paper: silent on dilating a box; a box is not coarsened (field reading, Table 1 "Boxes").
    coarse = dilate(previous, params.dilation_radius) if kind == "mask" else previous
    window = None
    side = params.region_size
    if params.region is not None and kind != "none":
        window = prior_window(
            coarse, size=side, factor=params.region, minimum=params.region_minimum
        )
    if window is None:
        return _forward(network, frame, as_prior(coarse, kind))
    prior = as_prior(crop_mask(coarse, window, side), kind)  # its box as in training: in the crop
    prob = _forward(network, crop_frame(frame, window, side), prior)
    return paste_prob(prob, window, Size(*previous.shape))


@torch.inference_mode()
def _forward(network: MaskTrackNet, frame: Frame, prior: Mask) -> Prob:
    device = next(network.parameters()).device
    # Channels stay last, as they are in a frame: `propagate` has the network's weights so too.
    image = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].to(device)
    channel = torch.from_numpy(np.ascontiguousarray(prior))[None, None].to(device)
    network.eval()
    prob: Prob = foreground(network(image, channel), Size(*prior.shape))[0].cpu().numpy()
    return prob


def _read_ahead(
    streams: Sequence[FrameSequence], order: range
) -> Iterator[tuple[int, list[Frame]]]:
    """Yield the frames of all streams at each time; the next is read while this one is used."""

    def read(t: int) -> list[Frame]:
        return [stream[t] for stream in streams]

    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = reader.submit(read, order[0])
        for t, after in zip(order, [*order[1:], None], strict=True):
            frames = waiting.result()
            if after is not None:
                waiting = reader.submit(read, after)
            yield t, frames


def checked_annotations(frames: FrameSequence, annotations: Mapping[int, Mask]) -> dict[int, Mask]:
    """Return annotations that can start a propagation over the frames, their bytes 0 and 1.

    Raises ``InputError`` for none, for a frame outside the video, for a mask that is not bool or of
    another size than its frame, and where all are empty.
    """
    if not annotations:
        raise InputError("annotations: expected at least one annotated frame, got none")
    for t, mask in annotations.items():
        if not 0 <= t < len(frames):
            raise InputError(
                f"annotations: expected frames 0 … {len(frames) - 1}, got frame {t}; "
                "number the annotations like the frames, from 0"
            )
        size = frames[t].shape[:2]
        check_mask(f"annotation of frame {t}", mask)
        if mask.shape != size:
            raise InputError(
                f"annotation of frame {t}: expected shape {size} like the frame, got "
                f"{mask.shape}; resize the mask to the video's size"
            )
    if not any(mask.any() for mask in annotations.values()):
        raise InputError(
            "annotations: expected a mask with at least one object pixel, got empty ones in frames "
            f"{sorted(annotations)}; annotate a frame in which the object is visible"
        )
    return {t: canonical(mask) for t, mask in annotations.items()}
