"""Scores of a folder of masks in DAVIS layout, whoever made them.

``<sequence>/<frame>.png`` on both sides, read by `masktrack_core.datasets.mask_folders`. Protocol
of DAVIS-2016: first and last frame are not scored, per-sequence means are averaged without weights,
T only where it is meant.
"""

import csv
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masktrack_core.arrays import Mask, Masks
from masktrack_core.datasets.index import read_facts
from masktrack_core.datasets.mask_folders import (
    MaskFiles,
    find_masks,
    find_objects,
    find_sequences,
    opened_folder,
)
from masktrack_core.datasets.protocol import scored_frames
from masktrack_core.errors import InputError
from masktrack_core.files.io import atomic_path
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


def score(
    truth: Path,
    masks: Path,
    *,
    split: str = "present",
    temporal: Literal["stable", "all", "none"] = "stable",
    objects: int | str | None = None,
    jobs: int = 1,
    progress: bool = False,
) -> list[SequenceScore]:
    """Return J, F and T of the masks in a folder or zip, in the order of the sequences' names.

    ``split`` is that of `choose_sequences`, ``objects`` that of `object_tasks`; ``temporal`` says
    of which sequences T is taken: where DAVIS-2016 does, of all, of none. ``jobs`` processes work
    on a sequence each. Raises `InputError` naming every mask that is missing, extra, unreadable
    or of the wrong size.
    """
    facts = read_davis_facts()
    with ExitStack() as stack:
        true, pred = (
            find_sequences(stack.enter_context(opened_folder(folder))) for folder in (truth, masks)
        )
        stable = {name for name, fact in facts.items() if fact.is_stable}
        tasks = [
            task
            for name in choose_sequences(true, pred, split, facts)
            for task in object_tasks(
                name,
                true.get(name),
                pred.get(name),
                objects=objects,
                with_temporal=temporal == "all" or (temporal == "stable" and name in stable),
            )
        ]
        problems = [line for task in tasks for line in find_mismatches(task)]
        sound = [task for task in tasks if not find_mismatches(task)]
        scores = []
        results = score_sequences(sound, jobs=jobs)
        bar = tqdm(results, total=len(sound), unit="sequence", disable=not progress, leave=False)
        for result in bar:
            if isinstance(result, list):
                problems += result
            else:
                scores.append(result)
    if problems:
        raise InputError("\n".join([f"{len(problems)} problems, no score", *problems]))
    return scores


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


_STATISTICS = ("J_mean", "J_recall", "J_decay", "F_mean", "F_recall", "F_decay", "T")
Row = dict[str, str | int | float]


def frame_rows(scores: Iterable[SequenceScore]) -> list[Row]:
    """Return one row per scored frame: sequence, object, frame, J, F, T (T may be NaN)."""
    rows: list[Row] = []
    for score in scores:
        t = np.full(len(score.frames), np.nan) if score.t is None else score.t
        for name, j, f, step in zip(score.frames, score.j, score.f, t, strict=True):
            row: Row = {"sequence": score.sequence, "object": score.object_id, "frame": name}
            rows.append(row | {"J": j, "F": f, "T": step})
    return rows


def sequence_rows(scores: Iterable[SequenceScore], facts: Mapping[str, Fact]) -> list[Row]:
    """Return one row per sequence and object: split, scored frames, statistics of J, F and T."""
    rows: list[Row] = []
    for score in scores:
        j, f = metrics.summarize(score.j), metrics.summarize(score.f)
        t = math.nan if score.t is None else metrics.temporal_mean(score.t)
        values = (j.mean, j.recall, j.decay, f.mean, f.recall, f.decay, t)
        split = facts[score.sequence].split if score.sequence in facts else ""
        row: Row = {"sequence": score.sequence, "object": score.object_id}
        row |= {"set": split, "frames": len(score.frames)}
        rows.append(row | dict(zip(_STATISTICS, values, strict=True)))
    return rows


def summary_rows(rows: Sequence[Row], facts: Mapping[str, Fact]) -> list[Row]:
    """Return the mean over sequences, by complete split of DAVIS-2016 and over all that is there.

    A split of which sequences are missing gets no row. T is the mean over the sequences that
    have one, whose number is in column ``T_sequences``.
    """
    present = {row["sequence"] for row in rows}
    summary = []
    for split in ("train", "val"):
        names = {name for name, fact in facts.items() if fact.split == split}
        if names and names <= present:
            summary.append(_mean_row(split, [row for row in rows if row["sequence"] in names]))
    is_davis = len(facts) > 0 and present == set(facts)
    return [*summary, _mean_row("train + val" if is_davis else "all scored", rows)]


def _mean_row(split: str, rows: Sequence[Row]) -> Row:
    if not rows:
        raise InputError("masks: expected at least one sequence to score, got none")
    means: Row = {"split": split, "sequences": len(rows)}
    for name in _STATISTICS:
        values = [float(row[name]) for row in rows]
        if name == "T":
            values = [value for value in values if not math.isnan(value)]
            means["T_sequences"] = len(values)
        means[name] = float(np.mean(values)) if values else math.nan
    return means


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV; an undefined value is an empty cell, the others keep every digit."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _cell(value) for key, value in row.items()})


def _cell(value: str | int | float) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(float(value))
    return str(value)


def format_summary(rows: Sequence[Row]) -> str:
    """Return the summary as text, in percent with one decimal like the tables of DAVIS."""
    lines = [
        f"{'':14}{'':>5}{'J':>8}{'':14}{'F':>8}{'':14}{'T':>8}",
        f"{'':14}{'n':>5}" + f"{'mean':>8}{'recall':>7}{'decay':>7}" * 2 + f"{'mean':>8}{'n':>5}",
    ]
    for row in rows:
        j, f = _percents(row, _STATISTICS[:3]), _percents(row, _STATISTICS[3:6])
        t = "-" if math.isnan(float(row["T"])) else f"{100 * float(row['T']):.1f}"
        lines.append(
            f"{row['split']:14}{row['sequences']:>5}{j}{f}{t:>8}{row['T_sequences'] or '':>5}"
        )
    return "\n".join(lines)


def _percents(row: Row, names: Sequence[str]) -> str:
    cells = [f"{100 * float(row[name]):.1f}" for name in names]
    return f"{cells[0]:>8}{cells[1]:>7}{cells[2]:>7}"
