"""How far a mask is to be doubted: 1 less the J that is to be expected of a frame, without a truth.

Four signals of the propagation itself, and a logistic fit that turns them into an expected J:

    blur     entropy of the probabilities, in bits, over the area of the mask: its mean along
             the road from the annotation, newer frames weighing more
    edge     the same entropy over the square root of the area: how wide the border is
    inside   mean probability in the mask
    colours  overlap of the colours in the mask with those in the annotation it is reached from

An annotated frame is not doubted, nor one of which nothing is claimed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Frame, Mask, Prob
from masktrack_core.masks.colours import colour_shares, overlap_of
from masktrack_core.tracking.annotations import annotation_sources, nearest_spans

if TYPE_CHECKING:  # the module of the network's loop loads torch
    from masktrack_core.tracking.propagation import FrameSequence

#: Expected J below which a frame is one to look at, and below which the object is probably lost.
LOOK, LOST = 0.7, 0.5
#: Share of the annotated area below which a mask is tiny.
TINY = 0.25
#: Frames of less doubt that do not end a stretch.
_GAP = 3

_SMOOTHING = 0.3
#: An overlap of colours above is no better.
_ALIKE = 0.9

_STEPS = np.arange(256) / 255
_BITS = np.zeros(256)
_BITS[1:255] = -(
    _STEPS[1:255] * np.log2(_STEPS[1:255]) + (1 - _STEPS[1:255]) * np.log2(1 - _STEPS[1:255])
)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A logistic regression of J on the signals: ``1 / (1 + exp(-(constant + weights · x)))``."""

    constant: float
    #: Of `SIGNALS`, in their order.
    weights: tuple[float, float, float, float]


SIGNALS = ("blur", "edge", "inside", "colours")

#: J on the signals of the 993 frames that DAVIS-2016 scores in 14 sequences, included network
#: without learning: by `benchmarks/bench_doubt.py`, docs/doubt.md has how well it does.
FITTED = Fit(constant=2.213, weights=(-0.399, -0.806, 0.252, 1.066))


class Observation(NamedTuple):
    """What is kept of a frame to judge its mask by."""

    #: Bits, over all pixels.
    entropy: float
    #: Pixels of the mask.
    area: int
    #: Mean probability in the mask, 0 where it is empty.
    inside: float
    #: Shares of the colours in the mask, ``(512,)``, 0 where it is empty.
    colours: NDArray[np.float64]


class Doubts(NamedTuple):
    """Of each frame, ``(T,)``."""

    #: 1 less the J that is to be expected.
    doubt: NDArray[np.float64]
    #: Area of the mask, in areas of the annotated one that it is reached from; 1 where from none.
    share: NDArray[np.float64]

    def absent(self, below: float) -> NDArray[np.bool_]:
        """Return where the object has left: tiny, and of an expected J below."""
        return (self.doubt > 1 - below) & (self.share < TINY)


class Stretch(NamedTuple):
    """Frames in a row to look at, both ends included, and their mean doubt."""

    first: int
    last: int
    doubt: float

    @property
    def words(self) -> str:
        """Return what is probably the matter with it."""
        return "probably lost" if self.doubt > 1 - LOST else "to be looked at"


def observe(frame: Frame, prob: Prob, *, threshold: float = 0.5) -> Observation:
    """Return what is kept of a frame and the object's probability in it.

    The probability counts in steps of 1/255, as `files.archives` keeps it.
    """
    levels = np.ceil(prob * 255 - 0.5).astype(np.uint8)
    counts = np.bincount(levels.ravel(), minlength=256)
    cut = int(np.floor(threshold * 255)) + 1
    area = int(counts[cut:].sum())
    inside = float(counts[cut:] @ _STEPS[cut:]) / max(area, 1)
    return Observation(float(counts @ _BITS), area, inside, colour_shares(frame, levels >= cut))


def signals(
    observations: Sequence[Observation],
    annotations: Mapping[int, Observation],
    *,
    absent: Collection[int] = (),
    backwards: bool = True,
) -> NDArray[np.float64]:
    """Return `SIGNALS` of each frame, ``(T, 4)``; NaN in frames that are not doubted.

    ``annotations``: what was observed of annotated masks that are not empty; ``absent``: frames
    annotated as empty. Not doubted are both, and frames reached from none (`tracking.annotations`).
    """
    found = np.full((len(observations), len(SIGNALS)), np.nan)
    spans = nearest_spans(annotations.keys(), len(observations), absent=absent, backwards=backwards)
    for start, order in spans:
        blur = np.nan
        for t in order:
            seen = observations[t]
            area, bits = max(seen.area, 1), max(seen.entropy, 1.0)
            now = np.log(bits / area)
            blur = now if np.isnan(blur) else _SMOOTHING * now + (1 - _SMOOTHING) * blur
            overlap = overlap_of(seen.colours, annotations[start].colours)
            found[t] = (
                blur,
                np.log(bits / np.sqrt(area)),
                -np.log(1.001 - np.clip(seen.inside, 0.5, 1)),
                -np.log(1 - min(overlap, _ALIKE)),
            )
    return found


def expected_j(found: NDArray[np.float64], fit: Fit = FITTED) -> NDArray[np.float64]:
    """Return the J that is to be expected of signals ``(T, 4)``, ``(T,)``; 1 where they are NaN."""
    expected = 1 / (1 + np.exp(-(fit.constant + found @ np.array(fit.weights))))
    return np.where(np.isnan(expected), 1.0, expected)


def doubt_of(
    frames: "FrameSequence",
    probs: Iterable[Prob],
    annotations: Mapping[int, Mask],
    *,
    threshold: float = 0.5,
    backwards: bool = True,
) -> Doubts:
    """Return how far each frame's mask is to be doubted.

    ``probs``: of every frame in order of time; ``annotations``: what they were propagated from,
    empty masks with them.
    """
    seen = [observe(frames[t], prob, threshold=threshold) for t, prob in enumerate(probs)]
    given = {
        t: observe(frames[t], mask.astype(np.float32))
        for t, mask in annotations.items()
        if mask.any()
    }
    absent = annotations.keys() - given.keys()
    found = signals(seen, given, absent=absent, backwards=backwards)
    sources = annotation_sources(annotations, len(seen), backwards=backwards)
    areas = [given[sources[t]].area if sources.get(t) in given else 0 for t in range(len(seen))]
    share = [one.area / area if area else 1.0 for one, area in zip(seen, areas, strict=True)]
    return Doubts(1 - expected_j(found), np.array(share))


def stretches(doubt: NDArray[np.float64]) -> list[Stretch]:
    """Return the stretches to look at, the one with most doubt in all first.

    A stretch has doubt above 1 - `LOOK`, but for up to three frames in a row.
    """
    places = np.flatnonzero(doubt > 1 - LOOK)
    parts = np.split(places, np.flatnonzero(np.diff(places) > _GAP + 1) + 1)
    found = [
        Stretch(int(part[0]), int(part[-1]), float(doubt[part[0] : part[-1] + 1].mean()))
        for part in parts
        if len(part)
    ]
    return sorted(found, key=lambda one: -one.doubt * (one.last - one.first + 1))
