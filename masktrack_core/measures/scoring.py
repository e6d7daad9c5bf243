"""Scores of a folder of masks, whoever made them.

``<sequence>/<frame>.png``, read by `masktrack_core.datasets.mask_folders`, against a truth in the
same form or in any layout of `masktrack_core.datasets.layouts`. Protocol of DAVIS-2016: first and
last frame are not scored, per-sequence means are averaged without weights, T only where it is
meant. Objects belong to a sequence: they are the union over its truth.
"""

import csv
import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masktrack_core.arrays import Mask, Masks, Size
from masktrack_core.datasets.groups import Groups, object_groups
from masktrack_core.datasets.index import read_facts
from masktrack_core.datasets.layouts import VideoLayout
from masktrack_core.datasets.mask_folders import (
    FoundObjects,
    MaskFiles,
    find_masks,
    find_objects,
    find_sequences,
    is_one_sequence,
    opened_folder,
)
from masktrack_core.datasets.object_masks import MaskValues
from masktrack_core.datasets.protocol import After, Before, Protocol, before_note, scored_frames
from masktrack_core.datasets.truths import TrueObject, open_truth
from masktrack_core.datasets.videos import VideoTruth
from masktrack_core.errors import InputError
from masktrack_core.files.io import atomic_path
from masktrack_core.masks.elementary import is_off_by_rounding, resized_mask
from masktrack_core.measures import metrics
from masktrack_core.measures.temporal import instability_of_steps

log = logging.getLogger(__name__)

#: As many files are named one by one.
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What the DAVIS-2016 table says about a sequence."""

    split: Literal["train", "val"]
    is_stable: bool  # T is measured


#: What a protocol says of frames; its layout says whether only some have a truth.
_OF_PROTOCOL = ("skip", "before", "after")


@dataclass(frozen=True, kw_only=True)
class ScoringRules:
    """Which frames count. The defaults are those of DAVIS."""

    #: Ends of a sequence that are not scored, of ``first`` and ``last``.
    skip: tuple[str, ...] = ("first", "last")
    #: What becomes of frames before an object first appears.
    before: Before = "counted"
    #: What becomes of frames after the last with a truth of an object.
    after: After = "counted"
    #: Whether only some frames have a truth: the others are not scored.
    sparse: bool = False

    @classmethod
    def of(cls, protocol: Protocol | None, **said: Any) -> Self:
        """Return the rules of a protocol, or the defaults, where nothing else is said (None)."""
        rules = {} if protocol is None else {name: getattr(protocol, name) for name in _OF_PROTOCOL}
        return cls(**rules | {name: value for name, value in said.items() if value is not None})

    def __post_init__(self) -> None:
        """Refuse other words with ``InputError``."""
        words = {"counted", "skipped"}
        if set(self.skip) - {"first", "last"} or not {self.before, self.after} <= words:
            raise InputError(
                "rules: expected skip of first and last, and before and after of counted or "
                f"skipped, got {self.skip}, {self.before!r} and {self.after!r}"
            )


@dataclass(frozen=True)
class GivenMasks:
    """Masks in memory, by the names of their frames; read as `MaskFiles` are."""

    masks: Mapping[str, Mask]

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Return what stands for the files in messages: the frames' names."""
        return {name: Path(name) for name in self.masks}

    def read(self, name: str) -> Mask:
        """Return the mask of a frame."""
        return self.masks[name]


@dataclass(frozen=True, kw_only=True)
class ScoringTask:
    """One object of one sequence to score."""

    sequence: str
    object_id: int = 1
    #: Whether the object has a number, or the masks show one object.
    is_numbered: bool = False
    truth: MaskFiles | VideoTruth
    #: None where the result has masks of the sequence, and none of them holds the object.
    pred: MaskFiles | GivenMasks | None
    #: Names of all frames of the sequence, in order; those without truth are not scored.
    frames: tuple[str, ...]
    #: Position of the object's first frame among them.
    first: int
    #: Of the frames, where they lie beside the truth; else the first truth has it.
    size: Size | None = None
    rules: ScoringRules = field(default_factory=ScoringRules)
    with_temporal: bool

    @property
    def where(self) -> str:
        """Return the words that name the task in messages."""
        return f"{self.sequence}, object {self.object_id}" if self.is_numbered else self.sequence

    @property
    def start(self) -> int:
        """Return the position of the frame from which the sequence counts."""
        return self.first if self.rules.before == "skipped" else 0

    def scored(self) -> list[str]:
        """Return the frames that count; raise `InputError` where none is left."""
        length = len(self.frames)
        if self.rules.after == "skipped":
            true = [t for t, name in enumerate(self.frames) if name in self.truth.paths]
            length = 1 + max(true, default=-1)
        counted = self.frames[scored_frames(length, self.rules.skip, start=self.start)]
        names = [name for name in counted if name in self.truth.paths]
        if not names:
            raise InputError(f"length: none of {len(counted)} frames that count has a truth")
        return names


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
    #: What a person should know of how the masks were read, a line each.
    notes: tuple[str, ...] = ()


@dataclass
class Findings:
    """What is found before anything is measured."""

    tasks: list[ScoringTask] = field(default_factory=list)
    #: What forbids a score.
    problems: list[str] = field(default_factory=list)
    #: What a person should know.
    notes: list[str] = field(default_factory=list)

    def take(self, other: "Findings", method: str = "") -> None:
        """Add what was found of a method, under its name where there are several."""
        before = f"{method}: " if method else ""
        self.problems += [before + line for line in other.problems]
        self.notes += [before + line for line in other.notes]

    def raise_problems(self) -> None:
        """Raise `InputError` with a line for each problem, if there is one."""
        problems = list(dict.fromkeys(self.problems))
        if problems:
            count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
            raise InputError("\n".join([f"{count}, no score", *problems]))

    def sound(self) -> list[ScoringTask]:
        """Return the tasks that can be scored; name those too short, and all that is missing."""
        sound = []
        for task in self.tasks:
            lines = find_mismatches(task)
            self.problems += lines
            if lines:
                continue
            try:
                task.scored()
            except InputError:
                self.notes.append(
                    f"{task.where}: left out, none of its {len(task.frames)} frames is scored "
                    f"without {' and '.join(task.rules.skip) or 'those before'}; see --skip"
                )
                continue
            if task.first:
                said = before_note(task.frames[task.first], task.rules.before)
                self.notes.append(f"{task.where}: {said}")
            sound.append(task)
        return sound


def score(
    truth: Path,
    masks: Path,
    *,
    split: str = "present",
    sequences: Collection[str] | None = None,
    strict: bool = False,
    temporal: Literal["stable", "all", "none"] = "stable",
    objects: int | str | None = None,
    layout: VideoLayout | Mapping[str, Any] | str | None = None,
    rules: ScoringRules | None = None,
    values: MaskValues | None = None,
    jobs: int = 1,
    progress: bool = False,
) -> list[SequenceScore]:
    """Return J, F and T of the masks in a folder or zip, in the order of the sequences' names.

    What `score_methods` returns of one method.
    """
    scores = score_methods(
        truth,
        {masks.name: masks},
        split=split,
        sequences=sequences,
        strict=strict,
        temporal=temporal,
        objects=objects,
        layout=layout,
        rules=rules,
        values=values,
        jobs=jobs,
        progress=progress,
    )
    return scores[masks.name]


def score_methods(
    truth: Path,
    methods: Mapping[str, Path],
    *,
    split: str = "present",
    sequences: Collection[str] | None = None,
    strict: bool = False,
    temporal: Literal["stable", "all", "none"] = "stable",
    objects: int | str | None = None,
    layout: VideoLayout | Mapping[str, Any] | str | None = None,
    rules: ScoringRules | None = None,
    values: MaskValues | None = None,
    jobs: int = 1,
    progress: bool = False,
) -> dict[str, list[SequenceScore]]:
    """Return J, F and T of the masks of several methods, of each in the order of the sequences.

    ``methods``: folders or zips by name. All are scored on the same sequences, those of
    `choose_sequences`. ``objects`` is that of `object_tasks`; ``temporal`` says of which sequences
    T is taken: where DAVIS-2016 does, of all, of none. ``truth`` is read by ``layout``, as
    `datasets.index` does; without, by what lies there. ``values`` says what values of masks are,
    where `object_masks.read_objects` cannot tell. ``jobs`` processes work on an object of a
    sequence each. What a person should know is logged. Raises `InputError` naming every mask that
    is missing, extra or of several meanings and an object that no truth holds, before anything is
    measured; then every one that is unreadable or of the wrong size; and where nothing is left to
    score.
    """
    rules, facts = rules or ScoringRules(), read_davis_facts()
    stable = {name for name, fact in facts.items() if fact.is_stable}
    every = Findings()
    tasks: list[tuple[str, ScoringTask]] = []
    with ExitStack() as stack:
        root, *folders = (
            stack.enter_context(opened_folder(folder)) for folder in (truth, *methods.values())
        )
        expected = {name for folder in folders for name in find_sequences(folder)}
        true = open_truth(root, layout, sparse=rules.sparse, expected=expected, values=values)
        preds = {
            method: _paired(
                true.sequences,
                folder,
                is_one_truth=true.is_one_sequence,
            )
            for method, folder in zip(methods, folders, strict=True)
        }
        chosen = choose_sequences(
            true.sequences, preds, split, facts, every, sequences=sequences, strict=strict
        )
        for method, pred in preds.items():
            found = Findings()
            for name in chosen:
                given = find_masks(pred.get(name)).paths
                try:
                    truths = true.objects_of(name, objects, masks=given)
                except InputError as error:
                    found.problems += str(error).split("\n")
                    continue
                if not truths:
                    found.notes.append(
                        f"{name}: left out, no frame of its truth holds object {objects}"
                    )
                    continue
                taken = temporal == "all" or (temporal == "stable" and name in stable)
                object_tasks(
                    name,
                    truths,
                    pred.get(name),
                    found,
                    rules=rules,
                    values=values,
                    names_extra=not isinstance(objects, int),
                    with_temporal=taken,
                )
            if objects == "all" and found.tasks and not any(one.is_numbered for one in found.tasks):
                found.problems.append(
                    f"{found.tasks[0].sequence}: expected object ids in the truth, got masks of "
                    "one object without an id in all of its masks; leave out --object"
                )
            tasks += [(method, task) for task in found.sound()]
            every.take(found, method if len(methods) > 1 else "")
        every.raise_problems()
        scores = _measured(tasks, every, is_one=len(methods) == 1, jobs=jobs, progress=progress)
    every.raise_problems()
    notes = list(dict.fromkeys(every.notes))
    if not scores:
        raise InputError("\n".join(["nothing is left to score", *notes]))
    for note in notes:
        log.warning("%s", note)
    return {method: [one for name, one in scores if name == method] for method in methods}


def score_groups(
    truth: Path,
    layout: VideoLayout | Mapping[str, Any] | str | None,
    scores: Mapping[str, Sequence[SequenceScore]],
    protocol: Protocol,
) -> Groups | None:
    """Return the groups over which a protocol takes its mean; None where it is over objects.

    ``scores`` are those of `score_methods`. Raises `InputError` as `object_groups` does.
    """
    objects = {(one.sequence, one.object_id): None for mine in scores.values() for one in mine}
    with opened_folder(truth) as root:
        return object_groups(
            protocol.mean,
            list(objects),
            root=root,
            layout=layout or protocol.layout,
            seen=protocol.seen,
            where="protocol",
        )


def _measured(
    tasks: Sequence[tuple[str, ScoringTask]],
    found: Findings,
    *,
    is_one: bool,
    jobs: int,
    progress: bool,
) -> list[tuple[str, SequenceScore]]:
    """Return the scores of the tasks of all methods, in their order; problems go to ``found``."""
    # The longest first; those of one truth in a row.
    order = sorted(
        range(len(tasks)),
        key=lambda n: (-len(tasks[n][1].frames), tasks[n][1].sequence, tasks[n][1].object_id),
    )
    if len(tasks) > 1 and not progress:
        log.info("scoring %d objects of sequences, processes: %d", len(tasks), jobs)
    results = score_sequences([tasks[n][1] for n in order], jobs=jobs)
    bar = tqdm(
        results, total=len(tasks), unit="sequence", disable=None if progress else True, leave=False
    )
    measured = dict(zip(order, bar, strict=True))
    scores = []
    for number, (method, _) in enumerate(tasks):
        result = measured[number]
        before = "" if is_one else method
        if isinstance(result, list):
            found.take(Findings(problems=result), before)
        else:
            found.take(Findings(notes=list(result.notes)), before)
            scores.append((method, result))
    return scores


def _paired(truth: Collection[str], masks: Path, *, is_one_truth: bool) -> dict[str, Path]:
    """Return the folders of masks below ``masks`` under the names of the truth's sequences.

    A folder of masks that is given itself has no name of a sequence: it belongs to the only one
    that the other side has. Raises `InputError` where that has several.
    """
    pred = find_sequences(masks, truth)
    if pred.keys() & set(truth):
        return {name: pred[name] for name in pred if name in truth} if is_one_truth else pred
    if not is_one_sequence(pred, masks) and not is_one_truth:
        return pred
    if len(truth) == len(pred) == 1:
        return dict(zip(truth, pred.values(), strict=True))
    many, one = ("TRUTH", "MASKS") if len(truth) > 1 else ("MASKS", "TRUTH")
    raise InputError(
        f"{one}: expected <sequence>/<frame>.png beside the {max(len(truth), len(pred))} sequences "
        f"of {many}, got the masks of one sequence without its name; give its folder on both sides"
    )


def read_davis_facts() -> dict[str, Fact]:
    """Return split and stability of the 50 sequences of DAVIS-2016."""
    facts = read_facts("davis2016")
    columns = facts["sequence"], facts["set"], facts["eval_t"] == 1
    return {
        name: Fact(split=split, is_stable=bool(stable))
        for name, split, stable in zip(*columns, strict=True)
    }


def choose_sequences(
    truth: Collection[str],
    preds: Mapping[str, Collection[str]],
    split: str,
    facts: Mapping[str, Fact],
    found: Findings,
    *,
    sequences: Collection[str] | None = None,
    strict: bool = False,
) -> list[str]:
    """Return the sequences that are scored, in order, of all methods alike.

    ``sequences`` names them; else ``split``: ``present`` (what ``truth`` and every method have),
    ``all`` (what ``truth`` has), ``train`` or ``val`` of DAVIS-2016. What ``present`` leaves out is
    a note, with ``strict`` a problem; a sequence that is asked for and in no truth is a problem.
    """
    if sequences is None and split == "present":
        chosen = sorted(set(truth).intersection(*preds.values()))
        said = found.problems if strict else found.notes
        for method, pred in preds.items():
            of = "MASKS" if len(preds) == 1 else method
            for names, what in (
                (set(pred) - set(truth), f"of {of}, not in TRUTH"),
                (set(truth) - set(pred), f"of TRUTH, not in {of}"),
            ):
                if names:
                    said.append(f"left out {_some(sorted(names))}: {what}")
        if not chosen:
            found.problems.append(
                "TRUTH and MASKS have no sequence in common; name the folders of masks like those "
                "of TRUTH, or give the folder of one sequence itself"
            )
            found.problems += [note for note in found.notes if note not in found.problems]
        return chosen
    if sequences is not None:
        chosen = sorted(set(sequences))
    elif split == "all":
        chosen = sorted(truth)
    else:
        chosen = sorted(name for name, fact in facts.items() if fact.split == split)
        if not chosen:
            raise InputError(
                f"split: no table of DAVIS-2016 in this installation to know {split!r}"
            )
    for name in sorted(set(chosen) - set(truth)):
        held = [method for method, pred in preds.items() if name in pred]
        found.problems.append(
            f"{name}: {'missing in TRUTH' if held else 'missing in TRUTH and in MASKS'}"
        )
    return [name for name in chosen if name in truth]


def _some(names: Sequence[str]) -> str:
    """Return names, the first of them where they are many."""
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more sequences"


def object_tasks(
    sequence: str,
    truths: Sequence[TrueObject],
    pred: Path | None,
    found: Findings,
    *,
    rules: ScoringRules,
    with_temporal: bool,
    values: MaskValues | None = None,
    names_extra: bool,
) -> None:
    """Add a task for each true object of a sequence to what was found.

    ``pred`` is the folder of the result's masks, None without any. An object of the truth that the
    masks lack counts with its zeros, and is named; so is, with ``names_extra``, one of the masks
    that the truth lacks.
    """
    numbers = [truth.number for truth in truths if truth.number is not None]
    held = FoundObjects()
    if numbers and pred is not None:
        held = find_objects(pred, values=values)
        if held.problems:
            found.problems += held.problems
            return
    if names_extra:
        found.notes += [
            f"{sequence}, object {number}: in the masks, not in the truth; not scored"
            for number in held.first
            if number not in numbers
        ]
    if held.is_binary and len(numbers) > 1:
        found.problems.append(
            f"{sequence}: expected masks with the ids of the objects {numbers}, got masks of one "
            "object without an id; say with --object which it is"
        )
        return
    for truth in truths:
        number = None if held.is_binary else truth.number
        masks = find_masks(pred, number, values=values)
        if pred is not None and number is not None and number not in held.first:
            found.notes.append(
                f"{sequence}, object {number}: in none of the masks, it counts as missed"
            )
        found.tasks.append(
            ScoringTask(
                sequence=sequence,
                object_id=truth.number or 1,
                is_numbered=truth.number is not None,
                truth=truth.files,
                pred=None if pred is not None and not masks.paths else masks,
                frames=truth.frames,
                first=truth.first,
                size=truth.size,
                rules=rules,
                with_temporal=with_temporal,
            )
        )


def find_mismatches(task: ScoringTask) -> list[str]:
    """Return one line for each missing and each extra mask of a sequence."""
    if task.pred is None:
        return []
    if not task.pred.paths:
        return [f"{task.sequence}: missing in MASKS, the whole sequence"]
    extra = [name for name in task.pred.paths if name not in task.frames]
    lines = [f"{task.sequence}/{name}.png: extra, without a truth" for name in extra]
    if len(extra) > _NAMED:
        lines = [
            f"{task.sequence}: {len(extra)} masks extra, without a truth, such as {extra[:3]}; "
            "--sparse scores the frames that have one"
        ]
    try:
        needed = task.scored()
    except InputError:
        return lines
    missing = [name for name in needed if name not in task.pred.paths]
    return lines + [f"{task.sequence}/{name}.png: missing" for name in missing]


def score_together(tasks: Sequence[ScoringTask]) -> list[SequenceScore | list[str]]:
    """Return what several methods score on one object, of which the truth is looked at once.

    Of each, the scores, or one line for each file that cannot be used.
    """
    truth = _read_truth(tasks[0])
    return [_score_object(task, truth) for task in tasks]


@dataclass(frozen=True, kw_only=True)
class _Truth:
    """The truth of an object as it is read."""

    masks: Mapping[str, Mask]
    #: Of the frames that are scored, one array; None where there are problems.
    scored: Masks | None
    contours: Sequence[metrics.Contour]
    problems: Sequence[str]
    notes: Sequence[str]


def _read_truth(task: ScoringTask) -> _Truth:
    first, names = task.frames[task.start], task.scored()
    before = [first] if first in task.truth.paths else []
    problems: list[str] = []
    masks = _read_masks(task.truth, list(dict.fromkeys([*before, *names])), problems)
    notes: list[str] = []
    scored = None
    if masks:
        size = _expected_size(task, masks)
        notes = _fit(task.truth, masks, size, problems, like=_like(task))
    if not problems:
        scored = np.stack([masks[name] for name in names])
    found = [] if scored is None else metrics.contours(scored)
    return _Truth(masks=masks, scored=scored, contours=found, problems=problems, notes=notes)


def _expected_size(task: ScoringTask, truth: Mapping[str, Mask]) -> Size:
    """Return the size that masks are expected in: of the frames where there are some."""
    return task.size or Size(*next(iter(truth.values())).shape)


def _like(task: ScoringTask) -> str:
    """Return what the size is that of, in words."""
    return "of its frame" if task.size else "of TRUTH"


def _score_object(task: ScoringTask, truth: _Truth) -> SequenceScore | list[str]:
    """Return the scores of one method on one object.

    T follows the published numbers: the true first mask, then the scored results in order.
    """
    names, problems = task.scored(), list(truth.problems)
    if not truth.masks:
        return problems
    size = _expected_size(task, truth.masks)
    pred = {name: np.zeros(size, np.bool_) for name in names}
    notes = list(truth.notes)
    if task.pred is not None:
        pred = _read_masks(task.pred, names, problems)
        notes += _fit(task.pred, pred, size, problems, like=_like(task))
    if problems or truth.scored is None:
        return problems
    masks = np.stack([pred[name] for name in names])
    t = None
    if task.with_temporal:
        places = [task.frames.index(name) for name in names]
        start = truth.masks.get(task.frames[task.start])
        t = instability_of_steps(start, masks, places, start=task.start)
    return SequenceScore(
        sequence=task.sequence,
        object_id=task.object_id,
        frames=tuple(names),
        j=metrics.region_similarity(masks, truth.scored),
        f=metrics.accuracy_of_contours(masks, truth.contours),
        t=t,
        notes=tuple(notes),
    )


def _read_masks(
    files: MaskFiles | VideoTruth | GivenMasks, names: Sequence[str], problems: list[str]
) -> dict[str, Mask]:
    masks = {}
    for name in names:
        try:
            masks[name] = files.read(name)
        except InputError as error:
            problems.append(str(error))
    return masks


def _fit(
    files: MaskFiles | VideoTruth | GivenMasks,
    masks: dict[str, Mask],
    size: Size,
    problems: list[str],
    *,
    like: str,
) -> list[str]:
    """Bring masks a pixel off to the size, a note each; add a problem for any other size."""
    notes = []
    for name, mask in masks.items():
        if mask.shape == size:
            continue
        if is_off_by_rounding(mask, size):
            masks[name] = resized_mask(mask, size)
            notes.append(f"{files.paths[name]}: {mask.shape}, resized to {tuple(size)}")
        else:
            problems.append(
                f"{files.paths[name]}: expected the size {like}, {tuple(size)}, got {mask.shape}; "
                "write masks at the size of the frames"
            )
    return notes


def score_sequences(
    tasks: Sequence[ScoringTask], *, jobs: int = 1
) -> Iterator[SequenceScore | list[str]]:
    """Yield scores or problems of each task, in order, from ``jobs`` processes.

    Tasks in a row that have the same truth share it, unless there are processes for each.
    """
    groups = [[task] for task in tasks]
    if len(tasks) > jobs:
        groups = [list(group) for _, group in groupby(tasks, key=_truth_key)]
    if jobs <= 1 or len(groups) <= 1:
        yield from chain.from_iterable(map(score_together, groups))
        return
    context = get_context("spawn")  # forking a process with threads may hang
    with ProcessPoolExecutor(jobs, context, initializer=_use_one_thread) as pool:
        yield from chain.from_iterable(pool.map(score_together, groups))


def _truth_key(task: ScoringTask) -> Any:
    """Return what tasks have in common whose truth is the same."""
    return task.sequence, task.object_id, task.frames, task.first, tuple(task.truth.paths.items())


def _use_one_thread() -> None:
    cv2.setNumThreads(1)


_STATISTICS = ("J_mean", "J_recall", "J_decay", "F_mean", "F_recall", "F_decay", "T")
_COUNTS = ("sequences", "T_sequences")
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


def summary_rows(
    rows: Sequence[Row],
    facts: Mapping[str, Fact],
    *,
    groups: Groups | None = None,
) -> list[Row]:
    """Return the mean over sequences, by complete split of DAVIS-2016 and over all that is there.

    A split of which sequences are missing gets no row. T is the mean over the sequences that
    have one, whose number is in column ``T_sequences``. With ``groups`` there is a row of each, but
    for sequences, which have their own table, and the last is the mean of those.
    """
    if groups is not None:
        by_group: dict[str, list[Row]] = {}
        for row in rows:
            name = groups.of[str(row["sequence"]), int(row["object"])]
            by_group.setdefault(name, []).append(row)
        of_groups = [_mean_row(name, by_group[name]) for name in sorted(by_group)]
        counts = {name: sum(int(row[name]) for row in of_groups) for name in _COUNTS}
        whole = _mean_row(f"mean of {groups.title}", of_groups) | counts
        return [*([] if groups.title == "sequences" else of_groups), whole]
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
