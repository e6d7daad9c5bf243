"""Two methods compared: by hand, and the interval against a naive bootstrap."""

import random

import numpy as np
import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.comparison import (
    bootstrap_interval,
    compare_methods,
    compare_rows,
    frames_of_methods,
    frames_of_scores,
    most_different,
    object_differences,
)
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.measures.scoring import SequenceScore


def scored(sequence, *js, number=1):
    names = tuple(f"{t:05d}" for t in range(1, len(js) + 1))
    return SequenceScore(
        sequence=sequence, object_id=number, frames=names, j=np.array(js), f=np.array(js), t=None
    )


def naive(groups, samples):
    """Draw whole groups with replacement; the ends of the middle 95 % of the means."""
    generator, means = random.Random(5), []
    for _ in range(samples):
        values = [v for _ in groups for v in generator.choice(groups)]
        means.append(sum(values) / len(values))
    means.sort()
    return means[int(0.025 * samples)], means[int(0.975 * samples)]


def test_the_interval_is_that_of_a_naive_bootstrap_over_sequences():
    rng = np.random.default_rng(3)
    groups = [list(rng.normal(2, 6) + rng.normal(0, 1, rng.integers(1, 6))) for _ in range(14)]
    sums, counts = np.array([sum(g) for g in groups]), np.array([float(len(g)) for g in groups])
    found = bootstrap_interval(sums, counts, samples=20_000, seed=0)
    expected = naive(groups, 20_000)
    assert found == pytest.approx(expected, abs=0.15)
    assert expected[1] - expected[0] > 3  # the tolerance is small beside it
    every = [[v] for g in groups for v in g]
    assert naive(every, 20_000)[1] != pytest.approx(expected[1], abs=0.15)  # clusters matter
    assert found == bootstrap_interval(sums, counts, samples=20_000, seed=0)


def methods():
    first = [scored("a", 0.9, 0.7), scored("b", 0.5, 0.5), scored("c", 0.2, 0.4), scored("d", 1, 1)]
    second = [
        scored("a", 0.5, 0.6), scored("b", 0.6, 0.9), scored("c", 0.1, 0.1), scored("d", 1, 1),
    ]  # fmt: skip
    return {"A": first, "B": second}


def test_differences_wins_and_losses_by_hand():
    found = compare_methods("A", "B", methods())
    assert found.rows.sequence.tolist() == ["a", "c", "d", "b"]
    assert found.rows.difference.tolist() == pytest.approx([25, 20, 0, -25])
    assert found.rows["J A"].tolist() == pytest.approx([80, 30, 100, 50])
    assert found.rows.frame.tolist() == ["00001", "00002", "00001", "00002"]
    assert found.rows.frame_difference.tolist() == pytest.approx([40, 30, 0, -40])
    assert found.mean == pytest.approx(5) and -25 <= found.low < 5 < found.high <= 25
    assert "A less B: +5.0 J (95% interval " in found.sentence
    assert found.sentence.endswith("over 4 sequences); better on 2 of 4, worse on 1, equal on 1.")


def test_one_sequence_has_no_interval_and_an_unknown_method_is_named():
    one = {name: rows[:1] for name, rows in methods().items()}
    assert (
        "(one sequence: no interval); better on 1 of 1, worse on 0."
        in compare_methods("A", "B", one).sentence
    )
    with pytest.raises(InputError, match=r"--compare: expected two of \['A', 'B'\], got 'C'"):
        compare_methods("A", "C", one)


ROWS = TableRow(method="A", variant="a"), TableRow(method="B", variant="b", annotation="box")


def frames_of(row, dataset="set", **js):
    return [
        {"variant": row.variant, "annotation": row.annotation, "dataset": dataset}
        | {"sequence": sequence, "object": 1, "frame": f"{t:05d}", "t": t, "scored": t > 0, "J": j}
        for sequence, values in js.items()
        for t, j in enumerate(values)
    ]


def difference_rows(table):
    return object_differences(frames_of_scores(pd.DataFrame(table), *ROWS), "A", "B")


def test_scores_of_the_workflow_give_the_same_comparison():
    """The first frame of each is not scored; methods are told by variant and annotation."""
    both = methods()
    table = [
        frame
        for row in ROWS
        for frame in frames_of(row, **{one.sequence: (0.3, *one.j) for one in both[row.method]})
    ]
    table += frames_of(TableRow(method="B", variant="b"), a=(0, 0, 0))  # another annotation
    rows = difference_rows(table)
    found, expected = compare_rows("A", "B", rows), compare_methods("A", "B", both)
    pd.testing.assert_frame_equal(found.rows.drop(columns="dataset"), expected.rows)
    assert (found.sentence, found.low) == (expected.sentence, expected.low)


def test_a_sequence_of_two_data_sets_is_two_sequences():
    table = [
        frame
        for row, shift in zip(ROWS, (0.2, 0), strict=True)
        for dataset, j in (("x", 0.5), ("y", 0.7))
        for frame in frames_of(row, dataset, bus=(0, j + shift * j))
    ]
    found = compare_rows("A", "B", difference_rows(table))
    assert "over 2 sequences" in found.sentence
    assert found.rows.dataset.tolist() == ["y", "x"]


def test_methods_that_were_scored_on_other_frames_are_refused():
    table = frames_of(ROWS[0], bus=(0, 0.5, 0.5)) + frames_of(ROWS[1], bus=(0, 0.5))
    with pytest.raises(InputError, match=r"A and B: expected scores of the same.*set/bus/1/00002"):
        difference_rows(table)


def long(**by_sequence):
    """Two methods on sequences of twenty frames: J of the first is 0.5 and what is given more."""
    both = [[], []]
    for sequence, more in by_sequence.items():
        js = np.full(20, 0.5)
        both[1].append(scored(sequence, *js))
        for t, difference in more.items():
            js[t] += difference
        both[0].append(scored(sequence, *js))
    return frames_of_methods(*both)


def test_the_most_different_frames_lie_apart_and_two_of_a_sequence_at_most():
    frames = long(a={3: 0.4, 4: 0.39, 5: 0.38, 10: -0.3, 15: 0.29}, b={7: -0.1}, c={})
    found = most_different(frames, "A", "B", count=3)
    assert found.sequence.tolist() == ["a", "a", "b"]  # 5 is two from 3, a tenth of the sequence
    assert found.frame.tolist() == ["00004", "00006", "00008"] and found.t.tolist() == [3, 5, 7]
    assert found.difference.tolist() == pytest.approx([40, 38, -10])
    assert found["J A"].tolist() == pytest.approx([90, 88, 40])
    assert found["J B"].tolist() == pytest.approx([50, 50, 50])


def test_more_of_a_sequence_where_others_have_no_difference():
    found = most_different(long(a={3: 0.4, 4: 0.39, 10: -0.3, 15: 0.29}, c={}), "A", "B", count=9)
    assert found.t.tolist() == [3, 10, 15]  # the rest are neighbours, or equal
    assert len(most_different(long(c={}), "A", "B", count=9)) == 0
