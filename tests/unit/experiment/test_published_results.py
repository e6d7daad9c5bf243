"""Published rows beside ours, on any part of a data set."""

import numpy as np
import pandas as pd
import pytest

from masktrack_core.datasets.index import read_facts
from masktrack_core.errors import InputError
from masktrack_core.experiment.method_tables import TableColumn, method_table
from masktrack_core.experiment.published_results import (
    check_techniques,
    fill_summaries,
    missing_notes,
    paper_rows,
    published_facts,
    published_sequences,
)
from masktrack_core.experiment.recipes import Technique

MSK = Technique(method="MSK", technique="msk")
OSVOS = Technique(method="OSVOS", technique="osvos")


def known():
    return {measure: read_facts(name) for measure, name in published_facts("davis2016").items()}


def columns(*measures):
    return [TableColumn(key=measure, dataset="d", measure=measure) for measure in measures]


def test_a_technique_has_its_mean_over_our_sequences():
    names = ["blackswan", "bear", "boat"]
    rows = published_sequences(names, known(), [MSK], "d")
    table = method_table(rows, columns("J", "F", "T", "J&F", "n"))
    facts = read_facts("davis2016_published_J").set_index("sequence").msk
    assert rows.sequence.tolist() == names
    assert table.J[0] == pytest.approx(100 * (0.9030 + 0.9314 + facts["boat"]) / 3)
    assert table["J&F"][0] == pytest.approx((table.J[0] + table.F[0]) / 2)
    assert table.n[0] == 3 and table.source[0] == "published"


def test_a_technique_that_is_not_published_of_all_has_no_mean_and_a_note():
    rows = published_sequences(["bear", "blackswan"], known(), [MSK, OSVOS], "d")
    table = method_table(rows, columns("J", "n"))
    assert table.n.tolist() == [2, 1]
    assert np.isnan(table.J[1]) and table.J[0] == pytest.approx(50 * (0.9314 + 0.9030))
    assert missing_notes(table, [MSK, OSVOS], {}) == ["OSVOS: nothing published of the whole of J."]


def test_what_is_not_published_is_said_once_and_not_of_deviations():
    nan = float("nan")
    rows = {"method": ["Ours", "MSK", "OFL"], "source": ["computed", "published", "published"]}
    table = pd.DataFrame(rows | {"d J": 80.0, "d J sd": [1, nan, nan], "d J_recall": [9, nan, nan]})
    (note,) = missing_notes(table, [MSK], {})
    assert note == "MSK, OFL: nothing published of the whole of d J recall."


@pytest.mark.parametrize(("sets", "split"), [(["val"], "val20"), (["train", "val"], "all50")])
def test_whole_splits_have_the_published_recall_and_decay(sets, split):
    facts = read_facts("davis2016")
    names = facts.sequence[facts.set.isin(sets)].tolist()
    chosen = columns("J", "J_recall", "F_decay")
    table = method_table(published_sequences(names, known(), [MSK], "d"), chosen)
    assert table.J_recall.isna().all()
    filled = fill_summaries(table, chosen, [MSK], {"d": "davis2016"}, {"d": names})
    stats = read_facts("davis2016_published_stats")
    row = stats[(stats.technique == "msk") & (stats.split == split)].iloc[0]
    assert filled.J_recall[0] == 100 * row.J_recall and filled.F_decay[0] == 100 * row.F_decay
    assert filled.J[0] == pytest.approx(100 * row.J_mean, abs=0.006)
    part = fill_summaries(table, chosen, [MSK], {"d": "davis2016"}, {"d": names[1:]})
    assert part.J_recall.isna().all()


def test_rows_of_the_paper_stand_below_whole_sets():
    published = pd.DataFrame({"method": ["BVS", "NLC"], "dataset": "davis", "miou": [66.5, 64.1]})
    rows = paper_rows(published, columns("J", "F"), {"d": "davis"})
    assert rows.to_dict("list") == {
        "method": ["BVS", "NLC"], "source": ["published"] * 2, "J": [66.5, 64.1],
    }  # fmt: skip
    assert not len(paper_rows(published, columns("J"), {}))


def test_a_part_of_a_set_says_why_the_paper_is_not_beside_it():
    (note,) = missing_notes(pd.DataFrame(), None, {"DAVIS, three": "davis2016"})
    assert note.startswith(
        "DAVIS, three: no row of the paper's Table 2, which is of every sequence"
    )
    assert "`published: [...]`" in note
    (other,) = missing_notes(pd.DataFrame(), None, {"S": "segtrack_v2"})
    assert "published:" not in other


def test_an_unknown_technique_is_refused_with_those_that_are_known():
    check_techniques("tables.t", [MSK], ["davis2016", None])
    with pytest.raises(InputError, match=r"tables.t.published: unknown technique 'mask'.*'msk'"):
        check_techniques("tables.t", [Technique.of("mask")], ["davis2016"])
    with pytest.raises(InputError, match="of davis2016 only"):
        check_techniques("tables.t", [MSK], ["segtrack_v2", None])
