"""Scoring a set of 50 sequences with every core: how much of the time is decoding PNGs.

    python benchmarks/bench_score_set.py ANNOTATIONS       # DAVIS' Annotations/480p

Sequences are repeated under other names until there are 50; the masks that are scored are those
of the frame before. Prints the seconds of reading all masks, of J and F, and of J, F and T, in
one run, and the share of reading; then those of J and F (with --temporal, of J, F and T) of three
methods together, over those of the slowest of them alone.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

from masktrack_core.datasets.mask_folders import find_masks
from masktrack_core.datasets.truths import FolderTruth
from masktrack_core.measures.scoring import (
    Findings,
    ScoringRules,
    ScoringTask,
    SequenceScore,
    object_tasks,
    score_sequences,
)


def link_set(annotations: Path, folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Return folders of truth and of masks, one frame late, for ``count`` sequences."""
    found = cycle(sorted(path for path in annotations.iterdir() if path.is_dir()))
    pairs = []
    for number, source in enumerate(islice(found, count)):
        truth, late = (folder / kind / f"{number:02d}-{source.name}" for kind in ("truth", "masks"))
        late.mkdir(parents=True)
        truth.mkdir(parents=True)
        frames = sorted(source.glob("*.png"))
        for frame, before in zip(frames, [frames[0], *frames[:-1]], strict=True):
            (truth / frame.name).symlink_to(frame.resolve())
            (late / frame.name).symlink_to(before.resolve())
        pairs.append((truth, late))
    return pairs


def tasks(pairs: list[tuple[Path, Path]], *, with_temporal: bool) -> list[ScoringTask]:
    """Return what there is to score in pairs of folders."""
    found, rules = Findings(), ScoringRules()
    truths = FolderTruth(root=pairs[0][0].parent, sparse=False)
    for truth, masks in pairs:
        objects = truths.objects_of(truth.name, None, masks=())
        options = {"rules": rules, "with_temporal": with_temporal, "names_extra": True}
        object_tasks(truth.name, objects, masks, found, **options)
    return found.tasks


def read(task: ScoringTask) -> int:
    """Return the number of masks read: what a scoring does before its first measure."""
    names = list(task.truth.paths)
    masks = [files.read(name) for files in (task.truth, task.pred) for name in names[1:-1]]
    return len(masks) + int(task.truth.read(names[0]).any())


def seconds_reading(tasks: list[ScoringTask], jobs: int) -> float:
    """Return the time of reading all masks in processes like those that score."""
    start = time.perf_counter()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        list(pool.map(read, tasks))
    return time.perf_counter() - start


def seconds_scoring(tasks: list[ScoringTask], jobs: int) -> float:
    start = time.perf_counter()
    for one in score_sequences(tasks, jobs=jobs):
        if not isinstance(one, SequenceScore):
            raise SystemExit("\n".join(one))
    return time.perf_counter() - start


def seconds_together(
    pairs: list[tuple[Path, Path]], jobs: int, *, with_temporal: bool
) -> tuple[list[float], float]:
    """Return the seconds of three methods, each alone, and of all together."""
    alone = tasks(pairs, with_temporal=with_temporal)
    each = [seconds_scoring(alone, jobs) for _ in range(METHODS)]
    return each, seconds_scoring([task for task in alone for _ in range(METHODS)], jobs)


METHODS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--sequences", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--temporal", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pairs = link_set(asked.annotations, Path(name), asked.sequences)
        whole, frames_only = (
            tasks(pairs, with_temporal=with_temporal) for with_temporal in (True, False)
        )
        seconds = {
            "reading": seconds_reading(whole, asked.jobs),
            "J and F": seconds_scoring(frames_only, asked.jobs),
            "J, F and T": seconds_scoring(whole, asked.jobs),
        }
        each, together = seconds_together(pairs, asked.jobs, with_temporal=asked.temporal)
        frames = sum(len(find_masks(truth, None).paths) for truth, _ in pairs)
    for what, duration in seconds.items():
        share = seconds["reading"] / duration
        sys.stdout.write(
            f"{what:11} {duration:6.1f} s for {frames} frames of {len(pairs)} sequences on "
            f"{asked.jobs} cores, reading {share:4.0%}\n"
        )
    alone = ", ".join(f"{seconds:.1f}" for seconds in each)
    sys.stdout.write(
        f"{METHODS} methods together {together:6.1f} s, alone {alone} s: "
        f"{together / max(each):.2f} of the slowest, {together / sum(each):.2f} of their sum\n"
    )


if __name__ == "__main__":
    main()
