"""Scores of a folder of masks in DAVIS layout, whoever made them.

``<sequence>/<frame>.png`` on both sides, read by `masktrack_core.datasets.mask_folders`. Protocol
of DAVIS-2016: first and last frame are not scored, per-sequence means are averaged without weights,
T only where it is meant.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Masks
from masktrack_core.datasets.index import read_facts
from masktrack_core.datasets.mask_folders import MaskFiles, find_masks, find_objects
from masktrack_core.datasets.protocol import scored_frames
from masktrack_core.errors import InputError
from masktrack_core.measures import metrics


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What the DAVIS-2016 table says about a sequence."""

    split: Literal["train", "val"]
    is_stable: bool  # T is measured


@dataclass(frozen=True, kw_only=True)
class ScoringTask:
    """One object of one sequence to score."""

    sequence: str
    object_id: int = 1
    truth: MaskFiles
    pred: MaskFiles
    skip: tuple[str, ...] = ("first", "last")  # frames not scored (DAVIS-2016)
    with_temporal: bool = True


@dataclass(frozen=True, kw_only=True)
class SequenceScore:
    """The measures of one sequence, frame by frame.

    ``t`` belongs to the step that leads to the frame; NaN where undefined, ``None`` not asked for.
    """

    sequence: str
    object_id: int = 1
    frames: tuple[str, ...]
    j: NDArray[np.float64]
    f: NDArray[np.float64]
    t: NDArray[np.float64] | None


def read_davis_facts() -> dict[str, Fact]:
    """Return split and stability of the 50 sequences of DAVIS-2016."""
    facts = read_facts("davis2016")
    columns = facts["sequence"], facts["set"], facts["eval_t"] == 1
    return {
        name: Fact(split=split, is_stable=bool(stable))
        for name, split, stable in zip(*columns, strict=True)
    }


def choose_sequences(
    truth: Collection[str], pred: Collection[str], split: str, facts: Mapping[str, Fact]
) -> list[str]:
    """Return the sequences to score, in order: those in ``pred``, or those of a split.

    ``split`` is ``present``, ``all`` (what ``truth`` has), ``train`` or ``val`` of DAVIS-2016.
    """
    if split == "present":
        return sorted(pred)
    if split == "all":
        return sorted(truth)
    chosen = sorted(name for name, fact in facts.items() if fact.split == split)
    if not chosen:
        raise InputError(f"split: no table of DAVIS-2016 in this installation to know {split!r}")
    return chosen


def object_tasks(
    sequence: str,
    truth: Path | None,
    pred: Path | None,
    *,
    objects: int | str | None,
    with_temporal: bool,
) -> list[ScoringTask]:
    """Return what there is to score in the folders of a sequence; None where it has no folder.

    ``objects`` is an object id, ``"all"`` for each that the truth has, or None for masks of one
    object.
    """
    numbers: Sequence[int | None]
    if objects == "all":
        numbers = find_objects(truth) if truth else [None]
    else:
        numbers = [int(objects) if objects is not None else None]
    return [
        ScoringTask(
            sequence=sequence,
            object_id=number or 1,
            truth=find_masks(truth, number),
            pred=find_masks(pred, number),
            with_temporal=with_temporal,
        )
        for number in numbers
    ]


def find_mismatches(task: ScoringTask) -> list[str]:
    """Return one line for each missing and each extra mask of a sequence."""
    truth, pred = list(task.truth.paths), list(task.pred.paths)
    if not truth:
        what = "extra, not in TRUTH" if pred else "missing in TRUTH and in MASKS"
        return [f"{task.sequence}: {what}"]
    if not pred:
        return [f"{task.sequence}: missing in MASKS, the whole sequence"]
    lines = [f"{task.sequence}/{name}.png: extra" for name in pred if name not in task.truth.paths]
    needed = truth[scored_frames(len(truth), task.skip)]
    return lines + [f"{task.sequence}/{name}.png: missing" for name in needed if name not in pred]


def score_sequence(task: ScoringTask) -> SequenceScore | list[str]:
    """Return the scores of one sequence, or one line for each file that cannot be used.

    T follows the published numbers: the true first mask, then the scored results in order.
    """
    frames = list(task.truth.paths)
    first, names = frames[0], frames[scored_frames(len(frames), task.skip)]
    problems: list[str] = []
    truth = _read_masks(task.truth, list(dict.fromkeys([first, *names])), problems)
    pred = _read_masks(task.pred, names, problems)
    if first in truth:
        problems += _find_wrong_sizes(task.truth, truth, truth[first].shape)
        problems += _find_wrong_sizes(task.pred, pred, truth[first].shape)
    if problems:
        return problems
    true_masks, masks = np.stack([truth[n] for n in names]), np.stack([pred[n] for n in names])
    return SequenceScore(
        sequence=task.sequence,
        object_id=task.object_id,
        frames=tuple(names),
        j=metrics.region_similarity(masks, true_masks),
        f=metrics.contour_accuracy(masks, true_masks),
        t=_temporal(truth[first], masks, names[0] == first) if task.with_temporal else None,
    )


def _read_masks(files: MaskFiles, names: Sequence[str], problems: list[str]) -> dict[str, Mask]:
    masks = {}
    for name in names:
        try:
            masks[name] = files.read(name)
        except InputError as error:
            problems.append(str(error))
    return masks


def _find_wrong_sizes(
    files: MaskFiles, masks: Mapping[str, Mask], expected: tuple[int, ...]
) -> list[str]:
    return [
        f"{files.paths[name]}: wrong size, expected {expected} like TRUTH, got {mask.shape}"
        for name, mask in masks.items()
        if mask.shape != expected
    ]


def _temporal(first: Mask, masks: Masks, is_first_scored: bool) -> NDArray[np.float64]:
    before = masks[:1] if is_first_scored else first[None]
    steps = metrics.temporal_instability(np.concatenate([before, masks]))
    if is_first_scored:
        steps[0] = np.nan  # nothing leads to the first frame
    return steps


def score_sequences(
    tasks: Sequence[ScoringTask], *, jobs: int = 1
) -> Iterator[SequenceScore | list[str]]:
    """Yield scores or problems of each task, in order, from ``jobs`` processes."""
    if jobs <= 1 or len(tasks) <= 1:
        yield from map(score_sequence, tasks)
        return
    context = get_context("spawn")  # forking a process with threads may hang
    with ProcessPoolExecutor(jobs, context, initializer=_use_one_thread) as pool:
        yield from pool.map(score_sequence, tasks)


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
