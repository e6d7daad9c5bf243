"""Objects side by side: all of a frame before the next, and of each pixel one object at most.

Where two claim a pixel, the probabilities of two networks, or of one network under two priors, are
no measure of each other. What decides is whose mask was there before: the masks of the frame before
are moved along the optical flow, and a claim counts less with every pixel of distance from one's
own. What each network learnt of the others counts beside it: one that was shown a neighbour as
background is less sure there.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Frame, Mask, Prob, Size
from masktrack_core.errors import InputError
from masktrack_core.motion.carrying import moved
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.tracking.annotations import ObjectAnnotations, nearest_spans
from masktrack_core.tracking.guard import Guard
from masktrack_core.tracking.propagation import (
    FrameSequence,
    averaged,
    checked_annotations,
    predict_all,
    propagate,
    read_ahead,
)
from masktrack_core.tracking.propagation_params import PropagationParams

_log = logging.getLogger(__name__)

Networks = MaskTrackNet | Sequence[MaskTrackNet]
"""One for all streams, or one for each."""

REACH = 0.012
"""Distance from a mask before at which a claim counts e times less, in diagonals of the frame:
12 pixels at 480p."""

_SURE = 1e-4
"""How near to 0 and 1 a probability may come in the comparison of claims."""


def propagate_together(
    networks: Mapping[int, Networks],
    streams: Sequence[FrameSequence],
    objects: ObjectAnnotations,
    params: PropagationParams,
) -> Iterator[tuple[int, int, Prob]]:
    """Return ``(t, object, prob)`` of every frame and object once; no pixel is two objects'.

    ``networks``: object → its network, or one a stream; objects may share one. ``objects``: object
    → frame → mask, as `annotations.annotations_by_object` makes it. Each object goes the ways that
    `propagate` goes: it begins at its annotations, reaches each frame from the nearest, and is away
    where an annotation says so. First come all frames that are reached forwards, in order, then
    those that are reached backwards, where what objects have already stays theirs. In a frame the
    object that a pixel is given to has the highest probability of those that claim it, the others
    have 0 there. What an annotation gives to an object is claimed by no other. One object alone is
    what `propagate` makes of it. Memory grows with the objects, and by a bit a pixel with the
    frames that are reached both ways.

    Raises at once what `propagate` raises, and ``InputError`` for objects and networks that differ.
    """
    if not objects or networks.keys() != objects.keys():
        raise InputError(
            f"networks: expected one for each of the objects {sorted(objects)}, got "
            f"{sorted(networks)}"
        )
    if len(objects) == 1:
        ((label, annotations),) = objects.items()
        alone = propagate(networks[label], streams, annotations, params)
        return ((t, label, prob) for t, prob in alone)
    # Called for its checks, and for the weights' order in memory: it computes nothing yet.
    for label, annotations in objects.items():
        propagate(networks[label], streams, annotations, params)
    checked = {
        label: checked_annotations(streams[0], annotations)
        for label, annotations in sorted(objects.items())
    }
    several = {
        label: [*own] if isinstance(own, Sequence) else [own] * len(streams)
        for label, own in networks.items()
    }
    return _SideBySide(several, streams, checked, params).run()


@dataclass(kw_only=True)
class _Way:
    """The frames that are reached in one direction of time."""

    #: 1 or −1
    step: int
    #: frame → object → the annotated frame from which it sets out there, or None
    frames: dict[int, dict[int, int | None]] = field(default_factory=dict)

    @property
    def order(self) -> list[int]:
        """Return the frames in the order in which they are reached."""
        return sorted(self.frames, reverse=self.step < 0)


def _ways(objects: ObjectAnnotations, length: int, *, backwards: bool) -> tuple[_Way, _Way]:
    """Return what is reached forwards and what is reached backwards, of all objects."""
    ways = _Way(step=1), _Way(step=-1)
    for label, annotations in objects.items():
        absent = [t for t, mask in annotations.items() if not mask.any()]
        there = annotations.keys() - set(absent)
        for start, order in nearest_spans(there, length, absent=absent, backwards=backwards):
            way = ways[order.step < 0]
            for t in order:
                way.frames.setdefault(t, {})[label] = start if t == order[0] else None
    return ways


class _SideBySide:
    """A propagation of several objects, from frame to frame."""

    def __init__(
        self,
        networks: Mapping[int, Sequence[MaskTrackNet]],
        streams: Sequence[FrameSequence],
        objects: Mapping[int, Mapping[int, Mask]],
        params: PropagationParams,
    ) -> None:
        self._networks, self._streams = networks, streams
        self._objects, self._params = objects, params
        #: what guides the next frame
        self._masks: dict[int, Mask] = {}
        #: what holds each object against its annotation, where ``params.guard`` asks for it
        self._guards: dict[int, Guard] = {}
        self._size = Size(*next(iter(next(iter(objects.values())).values())).shape)
        #: by frame that is still to be reached backwards, what objects have there, in bits
        self._kept: dict[int, NDArray[np.uint8]] = {}

    def run(self) -> Iterator[tuple[int, int, Prob]]:
        length = len(self._streams[0])
        left = {label: set(range(length)) for label in self._objects}
        ways = _ways(self._objects, length, backwards=self._params.backwards)
        for way in ways:
            for t, probs in self._along(way, again=ways[1].frames if way.step > 0 else ()):
                for label, prob in probs.items():
                    left[label].discard(t)
                    yield t, label, prob
        nothing: Prob = np.zeros(self._size, np.float32)
        for label, annotations in self._objects.items():
            for t in sorted(left[label]):
                given = annotations.get(t)
                yield t, label, nothing if given is None else given.astype(np.float32)

    def _along(self, way: _Way, again: Collection[int]) -> Iterator[tuple[int, dict[int, Prob]]]:
        """Yield the probabilities of the objects that are reached in each frame of one way."""
        before: tuple[int, Frame] | None = None
        self._masks = {}
        if not way.frames:
            return
        for t, frames in read_ahead(self._streams, way.order):
            self._set_out(way.frames[t])
            active = sorted(way.frames[t])
            if before is None or before[0] != t - way.step:
                before = t - way.step, self._streams[0][t - way.step]
            probs = self._settled(active, frames, before[1], self._taken(t))
            before = t, frames[0]
            if t in again:
                found = np.any([probs[label] > self._params.threshold for label in active], 0)
                self._kept[t] = np.packbits(found)
            self._guide(t, probs)
            yield t, probs

    def _set_out(self, reached: Mapping[int, int | None]) -> None:
        """Let annotations guide the objects that begin in this frame; forget those that are not."""
        begun = {label: start for label, start in reached.items() if start is not None}
        masks = {label: mask for label, mask in self._masks.items() if label in reached}
        self._masks = masks | {label: self._objects[label][t] for label, t in begun.items()}
        for label, t in begun.items() if self._params.guard else ():
            self._guards[label] = Guard(self._streams[0][t], self._masks[label])

    def _taken(self, t: int) -> Mask | None:
        """Return the pixels that are others' already: annotated, or reached the other way."""
        given = [masks[t] for masks in self._objects.values() if t in masks]
        if t in self._kept:
            bits = np.unpackbits(self._kept.pop(t), count=self._size.height * self._size.width)
            given.append(bits.view(np.bool_).reshape(self._size))
        return np.asarray(np.logical_or.reduce(given)) if given else None

    def _settled(
        self, active: Sequence[int], frames: Sequence[Frame], before: Frame, taken: Mask | None
    ) -> dict[int, Prob]:
        """Return each object's probabilities in a frame, of each pixel one at most above 0."""
        probs = self._claims(active, frames)
        if taken is not None:
            probs = [np.where(taken, np.float32(0), prob) for prob in probs]
        if len(active) > 1:
            masks = [self._masks[label] for label in active]
            probs = settled(probs, masks, frames[0], before, threshold=self._params.threshold)
        found = dict(zip(active, probs, strict=True))
        for label in active if self._params.guard else ():
            guard, threshold = self._guards[label], self._params.threshold
            found[label] = guard.held(frames[0], found[label], threshold=threshold)
        return found

    def _claims(self, active: Sequence[int], frames: Sequence[Frame]) -> list[Prob]:
        """Return what each object's networks say of a frame; a network is asked once a stream."""
        found: dict[int, list[Prob]] = {label: [] for label in active}
        for stream, frame in enumerate(frames):
            sharing: dict[int, list[int]] = {}
            for label in active:
                sharing.setdefault(id(self._networks[label][stream]), []).append(label)
            for labels in sharing.values():
                masks = [self._masks[label] for label in labels]
                network = self._networks[labels[0]][stream]
                others = [self._others(label) for label in labels] if network.spec.others else None
                probs = predict_all(network, frame, masks, self._params, others=others)
                for label, prob in zip(labels, probs, strict=True):
                    found[label].append(prob)
        return [averaged(found[label], self._masks[label], self._params) for label in active]

    def _others(self, label: int) -> Mask:
        """Return where the other objects were in the frame before."""
        masks = [mask for other, mask in self._masks.items() if other != label]
        return np.asarray(np.logical_or.reduce([np.zeros(self._size, np.bool_), *masks]))

    def _guide(self, t: int, probs: Mapping[int, Prob]) -> None:
        """Let what was found guide the next frame; what found nothing, its mask before."""
        for label, prob in probs.items():
            mask = np.asarray(prob > self._params.threshold)
            if mask.any():
                self._masks[label] = mask
            else:
                _log.info("frame %d: nothing found of object %d; its last mask guides on", t, label)


def settled(
    probs: Sequence[Prob],
    masks: Sequence[Mask],
    frame: Frame,
    before: Frame,
    *,
    threshold: float = 0.5,
) -> list[Prob]:
    """Return the probabilities of several objects so that no pixel is two objects'.

    ``masks`` are the objects' in the frame ``before``. A pixel is claimed by the objects whose
    probability is above ``threshold``. Where two or more claim it, one gets it, with the highest
    probability of them, by the log-odds of its own less its distance from its own mask, moved along
    the flow, in `REACH`; equal ones by their order. The others have 0 there. Where no pixel is
    claimed twice, nothing changes, and no flow is computed.
    """
    claims = np.stack([prob > threshold for prob in probs])
    contested = claims.sum(0) > 1
    if not contested.any():
        return [*probs]
    stacked = np.stack(probs)[:, contested]
    distances = np.stack([_distance(mask)[contested] for mask in moved(masks, frame, before)])
    sure = stacked.clip(_SURE, 1 - _SURE)
    scores = np.log(sure / (1 - sure)) - distances / (REACH * np.hypot(*frame.shape[:2]))
    owner = np.where(claims[:, contested], scores, -np.inf).argmax(0)
    highest = stacked.max(0)
    answer = []
    for place, prob in enumerate(probs):
        prob = prob.copy()
        prob[contested] = np.where(owner == place, highest, np.float32(0))
        answer.append(prob)
    return answer


def _distance(mask: Mask) -> NDArray[np.float32]:
    """Return each pixel's distance from a mask; that of the frame's corners where it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.hypot(*mask.shape), np.float32)
    outside = (~mask).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
