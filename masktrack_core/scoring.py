"""Scores of a folder of masks in DAVIS layout, whoever made them.

``<sequence>/<frame>.png`` on both sides. Protocol of DAVIS-2016: first and last frame are not
scored, per-sequence means are averaged without weights, T only where it is meant.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masktrack_core import metrics
from masktrack_core.arrays import Mask, Masks
from masktrack_core.datasets import read_facts
from masktrack_core.errors import InputError

Frames = dict[str, Path]
"""The mask files of one sequence by frame name, in order."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What the DAVIS-2016 table says about a sequence."""

    split: Literal["train", "val"]
    is_stable: bool  # T is measured


@dataclass(frozen=True, kw_only=True)
class ScoringTask:
    """One sequence to score."""

    sequence: str
    truth: Frames
    pred: Frames
    skip: tuple[str, ...] = ("first", "last")  # frames not scored (DAVIS-2016)
    with_temporal: bool = True


@dataclass(frozen=True, kw_only=True)
class SequenceScore:
    """The measures of one sequence, frame by frame.

    ``t`` belongs to the step that leads to the frame; NaN where undefined, ``None`` not asked for.
    """

    sequence: str
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


@contextmanager
def opened_folder(path: Path) -> Iterator[Path]:
    """Give the folder itself, or a temporary one with the PNG files of a zip archive."""
    if path.is_dir():
        yield path
    elif path.is_file() and zipfile.is_zipfile(path):
        with TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.lower().endswith(".png")]
            archive.extractall(folder, [n for n in names if not n.startswith("__MACOSX")])
            yield Path(folder)
    else:
        raise InputError(f"{path}: expected a folder or a zip archive of masks, found neither")


def find_sequences(root: Path) -> dict[str, Frames]:
    """Return the PNG files below ``root`` by sequence and frame, both in order of name.

    ``root`` may be the root of DAVIS (its ``Annotations/480p`` is taken), a folder of sequences,
    a folder that holds only one such folder (as archives often do), or one sequence.
    """
    annotations = root / "Annotations" / "480p"
    root = annotations if annotations.is_dir() else root
    for _ in range(4):
        if frames := _find_frames(root):
            return {root.name: frames}
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
        found = {folder.name: _find_frames(folder) for folder in folders}
        if any(found.values()):
            return {name: frames for name, frames in found.items() if frames}
        if len(folders) != 1:
            break
        root = folders[0]
    raise InputError(f"{root}: expected masks <sequence>/<frame>.png, found no PNG file")


def _find_frames(folder: Path) -> Frames:
    return {path.stem: path for path in sorted(folder.glob("*.png"))}


def choose_sequences(
    truth: Mapping[str, Frames], pred: Mapping[str, Frames], split: str, facts: Mapping[str, Fact]
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


def find_mismatches(task: ScoringTask) -> list[str]:
    """Return one line for each missing and each extra mask of a sequence."""
    if not task.truth:
        what = "extra, not in TRUTH" if task.pred else "missing in TRUTH and in MASKS"
        return [f"{task.sequence}: {what}"]
    if not task.pred:
        return [f"{task.sequence}: missing in MASKS, the whole sequence"]
    lines = [f"{task.sequence}/{name}.png: extra" for name in task.pred if name not in task.truth]
    needed = list(task.truth)[metrics.scored_frames(len(task.truth), task.skip)]
    return lines + [
        f"{task.sequence}/{name}.png: missing" for name in needed if name not in task.pred
    ]


def score_sequence(task: ScoringTask) -> SequenceScore | list[str]:
    """Return the scores of one sequence, or one line for each file that cannot be used.

    T follows the published numbers: the true first mask, then the scored results in order.
    """
    names = list(task.truth)[metrics.scored_frames(len(task.truth), task.skip)]
    first = next(iter(task.truth))
    problems: list[str] = []
    truth = _read_masks([task.truth[name] for name in [first, *names]], problems)
    pred = _read_masks([task.pred[name] for name in names], problems)
    if not problems:
        problems = _find_wrong_sizes(task, names, truth[1:], pred, truth[0].shape)
    if problems:
        return problems
    true_masks, masks = np.stack(truth[1:]), np.stack(pred)
    return SequenceScore(
        sequence=task.sequence,
        frames=tuple(names),
        j=metrics.region_similarity(masks, true_masks),
        f=metrics.contour_accuracy(masks, true_masks),
        t=_temporal(truth[0], masks, names[0] == first) if task.with_temporal else None,
    )


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


def _read_masks(paths: Sequence[Path], problems: list[str]) -> list[Mask]:
    masks: list[Mask] = []
    for path in paths:
        try:
            masks.append(_read_mask(path))
        except InputError as error:
            problems.append(str(error))
    return masks


def _read_mask(path: Path) -> Mask:
    """Return a mask file as DAVIS' ``db_read_result`` does: above half of its largest value.

    To be replaced by ``masktrack_core.io.read_mask(path)`` once that is on this branch.
    """
    try:
        with Image.open(path) as picture:
            is_palette = picture.mode == "P"
            values = np.asarray(picture if picture.mode in "P1L" else picture.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: unreadable, expected a PNG mask ({error})") from error
    if is_palette:
        return np.asarray(values > 0)
    return np.asarray(values > values.max() / 2)


def _find_wrong_sizes(
    task: ScoringTask,
    names: Sequence[str],
    truth: Sequence[Mask],
    pred: Sequence[Mask],
    expected: tuple[int, ...],
) -> list[str]:
    problems = []
    for name, true_mask, mask in zip(names, truth, pred, strict=True):
        for path, got in ((task.truth[name], true_mask.shape), (task.pred[name], mask.shape)):
            if got != expected:
                problems.append(f"{path}: wrong size, expected {expected} like TRUTH, got {got}")
    return problems
