"""A tracker that is a Python function, on a data set, by the rules of a benchmark."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from tqdm import tqdm

from masktrack_core.arrays import Mask
from masktrack_core.datasets.index import index_video
from masktrack_core.datasets.layouts import video_layout
from masktrack_core.datasets.protocol import with_protocol
from masktrack_core.datasets.sources import (
    ROW_DEFAULTS,
    dataset_groups,
    dataset_objects,
    existing_root,
    expand_paths,
)
from masktrack_core.datasets.videos import (
    Video,
    VideoTruth,
    annotated_masks,
    given_times,
    open_video,
)
from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import annotated_times
from masktrack_core.measures.scoring import (
    Findings,
    GivenMasks,
    ScoringRules,
    ScoringTask,
    SequenceScore,
    frame_rows,
    read_davis_facts,
    score_sequences,
    sequence_rows,
    summary_rows,
)
from masktrack_core.tracking.annotations import ObjectAnnotations
from masktrack_core.tracking.answers import checked_mask, refuse_empty
from masktrack_core.tracking.propagation import FrameSequence

log = logging.getLogger(__name__)

ObjectMasks: TypeAlias = Mapping[int, Sequence[Mask] | Mapping[int, Mask]]
"""Object → its mask in every frame: an array (T, H, W), a sequence, or by frame."""

Tracker: TypeAlias = Callable[[FrameSequence, ObjectAnnotations], ObjectMasks]


class Evaluation(NamedTuple):
    """The tables that `masktrack score --out` writes, fractions at full precision."""

    #: A row a scored frame: sequence, object, frame, J, F, T (per_frame.csv).
    frames: pd.DataFrame
    #: A row a sequence and object: means, recall, decay (per_sequence.csv).
    sequences: pd.DataFrame
    #: A row a group or split, the last the mean of the data set (summary.csv).
    means: pd.DataFrame


def evaluate(
    tracker: Tracker,
    dataset: Mapping[str, Any] | Path | str,
    *,
    protocol: str | None = None,
    every: int | None = None,
    empty: str = "refused",
    jobs: int = 1,
    progress: bool = False,
) -> Evaluation:
    """Return the scores of a tracker on a data set, as `masktrack score` gives them.

    ``tracker(frames, annotations)`` is called once a sequence. ``frames[t]`` is frame ``t`` of
    ``len(frames)``, uint8 (H, W, 3), RGB; ``annotations[object][t]`` the bool mask (H, W) of an
    annotated frame, of each object that of its first frame, with ``every`` also of frames 0, every,
    2·every, …; an empty one says "not here". It returns object → its mask in every frame, an array
    (T, H, W), a sequence, or a mapping by frame; an annotated frame keeps its annotation.

    ``dataset`` is the root of a set with a ``protocol`` (`datasets.protocol.PROTOCOLS`), or a row
    like those of ``datasets`` in a configuration, with a ``root``. ``empty``: whether masks that
    are empty in every frame but the annotated ones are ``refused`` or ``allowed``. ``jobs``
    processes score the objects of a sequence.

    Raises `InputError` for a wrong row, as the workflow does, and for an answer that lacks objects
    or frames or has others, or masks of another size or values: with sequence and object, and
    nothing is scored. What the tracker raises itself is passed on with the sequence's name.
    """
    row = _row(dataset, protocol)
    if empty not in ("refused", "allowed"):
        raise InputError(f"empty: expected refused or allowed, got {empty!r}; say one of them")
    root = existing_root("dataset.root", row.get("root"))
    objects: dict[str, list[int]] = {}
    for sequence, number in dataset_objects("evaluated", row):
        objects.setdefault(sequence, []).append(number)
    pairs = [(sequence, number) for sequence, numbers in objects.items() for number in numbers]
    groups = dataset_groups("evaluated", row, pairs, root=root)
    rules = ScoringRules(
        skip=tuple(row["skip"]),
        before=row["before"],
        after=row["after"],
        sparse=video_layout(row["layout"]).sparse,
    )
    facts, scores = read_davis_facts(), list[SequenceScore]()
    for sequence, numbers in tqdm(objects.items(), unit="sequence", disable=not progress):
        index = index_video(root, row["layout"], sequence, numbers)
        videos = {number: open_video(index, number) for number in numbers}
        given = {
            number: annotated_masks(
                video, given_times(index, number, annotated_times(len(video), every))
            )
            for number, video in videos.items()
        }
        found = Findings()
        with_temporal = sequence in facts and facts[sequence].is_stable
        for number, masks in _answer(tracker, sequence, videos, given, empty).items():
            video = videos[number]
            found.tasks.append(
                ScoringTask(
                    sequence=sequence,
                    object_id=number,
                    is_numbered=len(numbers) > 1,
                    truth=VideoTruth(video=video),
                    pred=GivenMasks(dict(zip(video.frame_names, masks, strict=True))),
                    frames=video.frame_names,
                    first=video.first,
                    rules=rules,
                    with_temporal=with_temporal,
                )
            )
        for result in score_sequences(found.sound(), jobs=jobs):
            if isinstance(result, list):
                found.problems += result
            else:
                scores.append(result)
        found.raise_problems()
        for note in found.notes:
            log.warning("%s", note)
    if not scores:
        raise InputError("dataset: expected frames to score, got none; see its `skip`")
    rows = sequence_rows(scores, facts)
    means = summary_rows(rows, facts, groups=groups)
    return Evaluation(*(pd.DataFrame(table) for table in (frame_rows(scores), rows, means)))


def _row(dataset: Mapping[str, Any] | Path | str, protocol: str | None) -> dict[str, Any]:
    """Return the whole row of a data set that is given as a row, or as a root and a protocol."""
    given = dict(dataset) if isinstance(dataset, Mapping) else {"root": str(dataset)}
    if protocol is not None:
        given["protocol"] = protocol
    row = {**ROW_DEFAULTS} | with_protocol(given, where="dataset")
    if "layout" not in row or not row.get("root"):
        raise InputError(
            "dataset: expected a root, and a protocol or a layout, got "
            f"{sorted(given)}; name what is missing"
        )
    row["root"] = str(row["root"])
    expand_paths({"datasets": {"evaluated": row}})
    return row


def _answer(
    tracker: Tracker,
    sequence: str,
    videos: Mapping[int, Video],
    given: ObjectAnnotations,
    empty: str,
) -> dict[int, list[Mask]]:
    """Return the masks of every frame of each object, as the tracker answers and as annotated."""
    frames = next(iter(videos.values()))
    try:
        answered = tracker(frames, given)
    except Exception as error:
        error.add_note(f"in the tracker, on sequence {sequence}")
        raise
    where = f"tracker on {sequence}"
    if not isinstance(answered, Mapping) or set(answered) != set(given):
        got = sorted(answered) if isinstance(answered, Mapping) else type(answered).__name__
        raise InputError(
            f"{where}: expected masks of objects {sorted(given)}, got {got}; return a mapping from "
            "each object that is annotated to its masks"
        )
    found = {}
    for number, masks in answered.items():
        named, length = f"{where}, object {number}", len(frames)
        times = sorted(masks) if isinstance(masks, Mapping) else list(range(len(masks)))
        if times != list(range(length)):
            raise InputError(
                f"{named}: expected {length} masks, one of each frame from 0, got {len(times)}; "
                "correct the tracker"
            )
        checked = {
            t: checked_mask(np.asarray(masks[t]), frames.size, f"{named}, frame {t}") for t in times
        }
        if empty == "refused":
            refuse_empty(checked, given[number], named)
        found[number] = [given[number].get(t, checked[t]) for t in times]
    return found
