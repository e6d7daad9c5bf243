"""Masks from what is drawn, kept step by step: a change computes the stretches next to it only.

From each drawn mask a road leads forwards, and one backwards (`tracking.annotations`). What a step
finds depends on the mask that the road begins with and on the frames and pixels of others passed
since, so it stays good as long as those do, however far the road leads.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Event, RLock
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Prob
from masktrack_core.datasets.video_files import Clip
from masktrack_core.files.archives import frame_key
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.tracking.annotations import nearest_spans, pixels_of_others
from masktrack_core.tracking.doubt import Observation, expected_j, observe, signals
from masktrack_core.tracking.filling import Some
from masktrack_core.tracking.propagation import propagate
from masktrack_core.tracking.propagation_params import PropagationParams

Annotations: TypeAlias = Mapping[int, Mapping[int, Mask]]
"""Object id → frame → mask."""


@dataclass(frozen=True)
class _Step:
    """What was found in one frame of a road."""

    #: Of the pixels of others there.
    taken: bytes
    #: Probabilities in steps of 1/255, and the mask that guides on, compressed.
    levels: bytes
    guide: bytes
    seen: Observation


@dataclass
class _Road:
    start: int
    mask: Mask
    steps: list[_Step] = field(default_factory=list)


@dataclass(frozen=True)
class _Stretch:
    """The frames that one annotation answers for in one direction."""

    label: int
    road: _Road
    order: range
    others: Mapping[int, Mask]

    def done(self) -> int:
        """Return how many of its frames are found, for the pixels of others as they are."""
        found = 0
        for t, step in zip(self.order, self.road.steps, strict=False):
            if step.taken != _digest(self.others.get(t)):
                break
            found += 1
        return found


class Follower:
    """Follows the objects of a clip with one network, which does not learn."""

    def __init__(self, clip: Clip, network: MaskTrackNet, params: PropagationParams) -> None:
        """Take the clip and the network."""
        self.clip, self.params = clip, params
        self._network, self._lock = network, RLock()
        self._roads: dict[tuple[int, int, int, bytes], _Road] = {}
        self._stretches: list[_Stretch] = []
        self._annotations: Annotations = {}
        self._given: dict[tuple[int, bytes], Observation] = {}

    def plan(self, annotations: Annotations) -> list[int]:
        """Take what is drawn now; return the frames whose masks may be others than before."""
        with self._lock:
            before = self._places()
            self._annotations = annotations
            self._stretches = [part for label in annotations for part in self._planned(label)]
            after = self._places()
            keys = before.keys() | after.keys()
            return sorted({t for _, t in (k for k in keys if before.get(k) != after.get(k))})

    def _planned(self, label: int) -> Iterator[_Stretch]:
        masks = self._annotations[label]
        others = pixels_of_others(self._annotations, label)
        absent = [t for t, mask in masks.items() if not mask.any()]
        there = masks.keys() - set(absent)
        spans = nearest_spans(there, len(self.clip), absent=absent, backwards=self.params.backwards)
        for start, order in spans:
            key = (label, start, order.step, _digest(masks[start]))
            road = self._roads.setdefault(key, _Road(start, masks[start]))
            yield _Stretch(label, road, order, others)

    def _places(self) -> dict[tuple[int, int], object]:
        """Return what is known of each object and frame, by something that changes with it."""
        known: dict[tuple[int, int], object] = {
            (label, t): _digest(mask)
            for label, masks in self._annotations.items()
            for t, mask in masks.items()
        }
        for part in self._stretches:
            for t, step in zip(part.order[: part.done()], part.road.steps, strict=False):
                known[part.label, t] = step.levels
        return known

    def missing(self) -> int:
        """Return how many masks are still to be found."""
        with self._lock:
            return sum(len(part.order) - part.done() for part in self._stretches)

    def follow(self, stop: Event) -> Iterator[tuple[int, int]]:
        """Find the masks that are missing; yield object and frame of each as it is there."""
        with self._lock:
            parts = list(self._stretches)
        for part in parts:
            done = part.done()
            if done == len(part.order):
                continue
            for t, step in self._walked(part, done):
                with self._lock:
                    del part.road.steps[done:]
                    part.road.steps.append(step)
                done += 1
                yield part.label, t
                if stop.is_set():
                    return

    def _walked(self, part: _Stretch, done: int) -> Iterator[tuple[int, _Step]]:
        """Yield the steps of a stretch from ``done`` on, as a whole propagation has them."""
        guide, at = part.road.mask, part.road.start
        if done:
            guide = self._unpacked(part.road.steps[done - 1].guide)
            at = part.order[done - 1]
        order = part.order[done:]
        frames = Some(self.clip, [at, *order])
        others = {n: part.others[t] for n, t in enumerate(order, start=1) if t in part.others}
        probs = propagate(self._network, [frames], {0: guide}, self.params, others=others)
        for n, prob in probs:
            if n == 0:  # the mask it begins with
                continue
            t = order[n - 1]
            mask = np.asarray(prob > self.params.threshold)
            guide = mask if mask.any() else guide
            seen = observe(self.clip[t], prob, threshold=self.params.threshold)
            levels = np.ceil(prob * 255 - 0.5).astype(np.uint8)  # as `files.archives`
            packed = zlib.compress(levels.tobytes(), 1)
            bits = zlib.compress(np.packbits(guide).tobytes(), 1)
            yield t, _Step(_digest(part.others.get(t)), packed, bits, seen)

    def _unpacked(self, bits: bytes) -> Mask:
        size = self.clip.size
        flat = np.unpackbits(np.frombuffer(zlib.decompress(bits), np.uint8))
        return flat[: size.height * size.width].astype(np.bool_).reshape(tuple(size))

    def prob(self, label: int, t: int) -> Prob | None:
        """Return an object's probability in a frame, as `segment` keeps it; None: not found yet."""
        size = tuple(self.clip.size)
        with self._lock:
            masks = self._annotations[label]
            if t in masks:
                return masks[t].astype(np.float32)
            for part in self._stretches:
                if part.label == label and t in part.order:
                    place = part.order.index(t)
                    if place >= part.done():
                        return None
                    levels = zlib.decompress(part.road.steps[place].levels)
                    grey = np.frombuffer(levels, np.uint8).reshape(size)
                    return grey.astype(np.float32) / np.float32(255)
        return np.zeros(size, np.float32)  # reached from none

    def doubt(self, label: int) -> NDArray[np.float64]:
        """Return the doubt of each frame, ``(T,)``, NaN where nothing is found yet."""
        with self._lock:
            doubt = np.zeros(len(self.clip))
            for part in self._stretches:
                if part.label != label:
                    continue
                doubt[list(part.order)] = np.nan
                seen = [step.seen for step in part.road.steps[: part.done()]]
                if seen:
                    given = {0: self._observed(part.road)}
                    found = expected_j(signals([given[0], *seen], given))[1:]
                    doubt[list(part.order[: len(seen)])] = 1 - found
            return doubt

    def _observed(self, road: _Road) -> Observation:
        key = (road.start, _digest(road.mask))
        if key not in self._given:
            self._given[key] = observe(self.clip[road.start], road.mask.astype(np.float32))
        return self._given[key]

    def tracks(self) -> dict[int, Mapping[str, Prob]]:
        """Return the probabilities of each object, as `exports.followed` reads them."""
        return {label: _Track(self, label) for label in self._annotations}

    def others(self) -> dict[int, dict[int, Mask]]:
        """Return object → frame → pixels that are drawn as others'."""
        return {label: pixels_of_others(self._annotations, label) for label in self._annotations}


class _Track(Mapping[str, Prob]):
    """The probabilities of one object by `frame_key`."""

    def __init__(self, follower: Follower, label: int) -> None:
        self._follower, self._label = follower, label

    def __len__(self) -> int:
        return len(self._follower.clip)

    def __iter__(self) -> Iterator[str]:
        return (frame_key(t) for t in range(len(self)))

    def __getitem__(self, name: str) -> Prob:
        prob = self._follower.prob(self._label, int(name))
        if prob is None:
            raise KeyError(name)
        return prob


def _digest(mask: Mask | None) -> bytes:
    return b"" if mask is None else sha256(np.packbits(mask).tobytes()).digest()
