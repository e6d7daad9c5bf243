"""What `segment` says of its own masks: ``doubt.csv``, and the stretch to look at."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Prob
from masktrack_core.datasets.video_files import Clip
from masktrack_core.files.archives import frame_key
from masktrack_core.files.io import write_csv
from masktrack_core.progress import bar
from masktrack_core.tracking.doubt import doubt_of, stretches
from masktrack_core.tracking.propagation_params import PropagationParams

log = logging.getLogger(__name__)

FILE = "doubt.csv"
COLUMNS = ["object", "frame", "t", "annotated", "doubt", "absent"]


def write_doubts(
    clip: Clip,
    objects: Mapping[int, Mapping[int, Mask]],
    tracks: Mapping[int, Mapping[str, Prob]],
    params: PropagationParams,
    path: Path,
    *,
    absent_below: float = 0.0,
) -> None:
    """Write ``doubt.csv``, a row an object and frame, and log where to look.

    ``tracks``: each object's probabilities as propagated, by `frame_key`; ``objects``: what they
    were propagated from, by place in the clip; ``t`` is the frame's number (`Clip.numbers`).
    ``doubt`` is 1 less the expected J (`tracking.doubt`), ``absent`` whether
    the object has left, by ``absent_below``.
    """
    tables = []
    for place, (label, annotations) in enumerate(objects.items(), start=1):
        words = f"object {place} of {len(objects)}: doubt"
        times = bar(range(len(clip)), words, unit="frame")
        probs = (tracks[label][frame_key(t)] for t in times)
        found = doubt_of(
            clip, probs, annotations, threshold=params.threshold, backwards=params.backwards
        )
        absent = found.absent(absent_below)
        table = pd.DataFrame({"frame": clip.names, "t": clip.numbers, "doubt": found.doubt})
        given = [t in annotations for t in range(len(clip))]
        tables.append(table.assign(object=label, annotated=given, absent=absent))
        _say(label, clip.names, np.where(absent, 0, found.doubt))
        if absent.any():
            log.info("object %d: absent from %d frames (--absent-below)", label, absent.sum())
    write_csv(path, pd.concat(tables)[COLUMNS], decimals=3)


def absent_frames(path: Path, clip: Clip) -> dict[int, frozenset[int]]:
    """Return object → places of frames in which ``doubt.csv`` says it is absent; none without."""
    if not path.exists():
        return {}
    table = pd.read_csv(path)
    gone, place = table[table.absent], {number: t for t, number in enumerate(clip.numbers)}
    return {
        label: frozenset(place[number] for number in gone.t[gone.object == label])
        for label in gone.object.unique().tolist()
    }


def _say(label: int, names: tuple[str, ...], doubt: NDArray[np.float64]) -> None:
    found = stretches(doubt)
    if not found:
        log.info("object %d: no stretch to look at; its doubt is below 0.3 throughout", label)
        return
    worst, *others = found
    more = f"; and {len(others)} more, {FILE} has all" if others else ""
    log.info(
        "object %d, frames %s–%s: %s%s", label, names[worst.first], names[worst.last],
        worst.words, more,
    )  # fmt: skip
