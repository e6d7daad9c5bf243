"""Frame to frame: the mask of one frame, coarsened, guides the network in the next (paper §3.1)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from masktrack_core.arrays import Frame, Mask, Prob, Size
from masktrack_core.devices import in_bf16, send
from masktrack_core.errors import InputError
from masktrack_core.masks.deform import as_prior
from masktrack_core.masks.elementary import canonical, check_mask, dilate
from masktrack_core.masks.regions import Window, crop_frame, crop_mask, paste_prob, prior_window
from masktrack_core.networks.network import MaskTrackNet, foreground
from masktrack_core.tracking.annotations import nearest_spans
from masktrack_core.tracking.guard import Guard
from masktrack_core.tracking.propagation_params import PropagationParams, untouched
from masktrack_core.tracking.resident import Resident

__all__ = [
    "FrameSequence",
    "PropagationParams",
    "checked_annotations",
    "predict",
    "propagate",
]

_log = logging.getLogger(__name__)


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

    On a GPU the mask that guides stays there, and probabilities come in steps of 1/255
    (`resident`); with ``params.guard`` it does not.

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
    road: _OnHost | Resident = _OnHost(networks, params)
    if next(networks[0].parameters()).device.type != "cpu" and not params.guard:
        road = Resident(networks, params)
    absent = [t for t, mask in annotations.items() if not mask.any()]
    there = annotations.keys() - set(absent)
    left = set(range(len(streams[0]))) - annotations.keys()
    for start, order in nearest_spans(
        there, len(streams[0]), absent=absent, backwards=params.backwards
    ):
        road.begin(annotations[start])
        if isinstance(road, _OnHost) and params.guard:
            road.guard = Guard(streams[0][start], annotations[start])
        for t, frames in read_ahead(streams, order):
            prob, found = road.estimate(frames, taken.get(t))
            if not found:
                number = getattr(streams[0], "numbers", range(t + 1))[t]  # of a clip's stretch
                _log.info("frame %d: nothing found; the mask before it guides on", number)
            yield t, prob
            left.discard(t)
    for t, mask in annotations.items():
        yield t, mask.astype(np.float32)
    for t in sorted(left):
        yield t, np.zeros(annotations[min(annotations)].shape, np.float32)


class _OnHost:
    """A propagation on the CPU, from frame to frame."""

    def __init__(self, networks: Sequence[MaskTrackNet], params: PropagationParams) -> None:
        self._networks, self._params = networks, params
        self._previous: Mask = np.zeros((0, 0), np.bool_)
        #: Holds masks against the annotation that guided first; None lets all pass.
        self.guard: Guard | None = None

    def begin(self, mask: Mask) -> None:
        """Let a mask guide the next frame."""
        self._previous = mask

    def estimate(self, frames: Sequence[Frame], taken: Mask | None) -> tuple[Prob, bool]:
        """Return the probabilities of a frame, and whether the object was found in it.

        ``frames``: one a stream; ``taken``: the pixels of other objects.
        """
        params, previous = self._params, self._previous
        pairs = zip(self._networks, frames, strict=True)
        probs = [predict(network, frame, previous, params) for network, frame in pairs]
        prob = averaged(probs, previous, params)
        if taken is not None:
            prob = np.where(taken, np.float32(0), prob)
        if self.guard is not None:
            prob = self.guard.held(frames[0], prob, threshold=params.threshold)
        mask: Mask = np.asarray(prob > params.threshold)
        found = bool(mask.any())
        # Paper: silent on an empty estimate. The last non-empty one goes on guiding: an empty
        # prior could never find the object again.
        self._previous = mask if found else previous
        return prob, found


def averaged(probs: Sequence[Prob], previous: Mask, params: PropagationParams) -> Prob:
    """Return the probabilities of one or two streams as one, without parts that may not stay.

    ``previous`` is the mask that guided; with ``params.connected`` parts that do not touch it go.
    """
    prob = probs[0]
    if len(probs) == 2:
        # Paper: "averaging the output scores"; here the probabilities are averaged, so that a
        # stream that is sure outweighs an unsure one less.
        weight = np.float32(params.flow_weight)
        prob = np.asarray((1 - weight) * probs[0] + weight * probs[1])
    if params.connected:
        coarse = dilate(previous, params.dilation_radius)
        lost = untouched(np.asarray(prob > params.threshold), coarse)
        prob = np.where(lost, np.float32(0), prob)
    return prob


def predict(
    network: MaskTrackNet,
    frame: Frame,
    previous: Mask,
    params: PropagationParams,
    *,
    others: Mask | None = None,
) -> Prob:
    """Return the foreground probability of a frame, guided by a rough mask of the same size.

    Zero outside the region shown to the network. A network without a fourth channel sees the
    whole frame: a region would be guidance. ``others`` is where other objects were, looked at by a
    network that is told of them; None: nowhere.
    """
    theirs = None if others is None else [others]
    return predict_all(network, frame, [previous], params, others=theirs)[0]


def predict_all(
    network: MaskTrackNet,
    frame: Frame,
    previous: Sequence[Mask],
    params: PropagationParams,
    *,
    others: Sequence[Mask] | None = None,
) -> list[Prob]:
    """Return what `predict` does for several masks before; those of one region are one batch."""
    kind, side = network.spec.prior, params.region_size
    windows: dict[Window | None, list[int]] = {}
    guides = []
    for place, mask in enumerate(previous):
        # Paper: silent on dilating a box; a box is not coarsened (field reading, Table 1 "Boxes").
        coarse = dilate(mask, params.dilation_radius) if kind == "mask" else mask
        window = None
        if params.region is not None and kind != "none":
            window = prior_window(
                coarse, size=side, factor=params.region, minimum=params.region_minimum
            )
        # A box is that of the crop, as in training.
        shown = as_prior(coarse if window is None else crop_mask(coarse, window, side), kind)
        guides.append([shown])
        if network.spec.others:
            theirs = np.zeros_like(mask) if others is None else others[place]
            theirs = dilate(theirs, params.dilation_radius)
            guides[-1].append(theirs if window is None else crop_mask(theirs, window, side))
        windows.setdefault(window, []).append(place)
    probs: dict[int, Prob] = {}
    for window, places in windows.items():
        seen = frame if window is None else crop_frame(frame, window, side)
        prior = np.stack([guides[place] for place in places])
        found = _forward(network, seen, prior, params.precision)
        for place, prob in zip(places, found, strict=True):
            size = Size(*previous[place].shape)
            probs[place] = prob if window is None else paste_prob(prob, window, size)
    return [probs[place] for place in range(len(previous))]


@torch.inference_mode()
def _forward(
    network: MaskTrackNet, frame: Frame, priors: NDArray[np.bool_], precision: str
) -> NDArray[np.float32]:
    """Return the probabilities ``(B, H, W)`` of one picture under several priors."""
    device = next(network.parameters()).device
    # Channels stay last, as they are in a frame: `propagate` has the network's weights so too.
    image = send(np.ascontiguousarray(frame), device).permute(2, 0, 1)[None]
    images = image.expand(len(priors), -1, -1, -1)
    network.eval()
    with torch.autocast(device.type, torch.bfloat16, enabled=in_bf16(precision, device)):
        logits = network(images, send(np.ascontiguousarray(priors), device))
    probs: NDArray[np.float32] = foreground(logits, Size(*frame.shape[:2])).cpu().numpy()
    return probs


def read_ahead(
    streams: Sequence[FrameSequence], order: Sequence[int]
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

    Raises ``InputError`` for none and for a mask without its frame, for a frame outside the video,
    for a mask that is not bool or of another size than its frame, and where all are empty.
    """
    if not isinstance(annotations, Mapping):
        raise InputError(
            f"annotations: expected masks by frame, such as {{0: mask}}, got {type(annotations)}; "
            "say which frame the mask is of"
        )
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
