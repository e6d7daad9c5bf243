"""The objects cut out of their clip: frames with alpha, in a film for editors or as pictures."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masktrack_core.arrays import Frame, Prob
from masktrack_core.errors import InputError
from masktrack_core.exports.followed import Followed
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import atomic_folder
from masktrack_core.masks.elementary import dilate

#: Films that hold alpha: ProRes 4444 and VP9.
FILMS = (".mov", ".webm")
#: Pixels around the object in which a film keeps the frame's colours: a codec mixes neighbours.
_KEPT = 16
#: Smallest slope of a probability, a pixel, that is an edge.
_FLAT = 1e-3


def check_cutout(path: Path) -> None:
    """Raise `InputError` for a name of a form that has no alpha."""
    if path.suffix and path.suffix.lower() not in FILMS:
        raise InputError(
            f"{path}: expected a film with alpha, {' or '.join(FILMS)}, or a folder of PNGs, got "
            f"'{path.suffix}'; rename it"
        )


def write_cutout(path: Path, followed: Followed, times: Iterable[int]) -> None:
    """Write the frames with the objects opaque and the rest transparent, alpha not multiplied in.

    A film has the clip's times and its sound, where the form takes it.
    """
    clip = followed.clip
    if path.suffix:
        every = clip.times
        shown = None if every is None else [every[t] - every[0] for t in followed.times]
        frames = _frames(followed, times, kept=_KEPT)
        sound = clip.sound if followed.only is None else None
        write_video(path, frames, rate=clip.rate, times=shown, sound=sound)
        return
    with atomic_folder(path) as folder:
        for t, frame in zip(followed.times, _frames(followed, times, kept=0), strict=True):
            Image.fromarray(frame).save(folder / f"{clip.names[t]}.png", compress_level=3)


def _frames(followed: Followed, times: Iterable[int], *, kept: int) -> Iterator[NDArray[np.uint8]]:
    for t in times:
        prob = np.maximum.reduce([*followed.probs(t).values()])
        yield cut_out(followed.clip[t], prob, threshold=followed.threshold, kept=kept)


def cut_out(frame: Frame, prob: Prob, *, threshold: float, kept: int) -> NDArray[np.uint8]:
    """Return a frame as RGBA; its colours stay up to ``kept`` pixels around what is visible."""
    alpha = np.ceil(edge_alpha(prob, threshold=threshold) * 255 - 0.5).astype(np.uint8)
    shown = dilate(alpha > 0, kept)
    return np.dstack([np.where(shown[..., None], frame, np.uint8(0)), alpha])


def edge_alpha(prob: Prob, *, threshold: float) -> Prob:
    """Return how much of each pixel lies inside the edge where the probability is ``threshold``.

    The edge's distance from the middle of a pixel is, to first order, what the probability lacks
    divided by its slope: an edge is a pixel wide however soft the probabilities are, and what is
    unsure inside is no veil. Above one half exactly where a pixel is in the mask.
    """
    padded = np.pad(prob, 1, mode="edge")
    down, across = padded[2:, 1:-1] - padded[:-2, 1:-1], padded[1:-1, 2:] - padded[1:-1, :-2]
    slope = np.hypot(down, across) / 2
    distance = (prob - np.float32(threshold)) / np.maximum(slope, np.float32(_FLAT))
    return np.asarray((distance + np.float32(0.5)).clip(0, 1), np.float32)
