"""Tables of scores: per frame, per sequence, and the summary by split."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from masktrack_core.errors import InputError
from masktrack_core.files.io import atomic_path
from masktrack_core.measures.metrics import summarize, temporal_mean
from masktrack_core.measures.scoring import Fact, SequenceScore

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
        j, f = summarize(score.j), summarize(score.f)
        t = math.nan if score.t is None else temporal_mean(score.t)
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
