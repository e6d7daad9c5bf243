"""Tables of methods: the right means in the right columns."""

import numpy as np
import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.method_tables import (
    method_table,
    ours_first,
    printed_methods,
    table_columns,
    with_groups,
)
from masktrack_core.experiment.printed import markdown
from masktrack_core.experiment.recipes import TableRecipe


def recipe(**row):
    rows = [{"method": "A", "variant": "a"}, {"method": "B", "variant": "b"}]
    return TableRecipe.from_row("t", {"datasets": ["d", "e"], "rows": rows} | row)


@pytest.fixture
def sequences():
    rows = [
        ("A", "computed", "d", "x", 1, 90.0, 70.0, 10.0),
        ("A", "computed", "d", "x", 2, 60.0, 60.0, np.nan),
        ("A", "computed", "d", "y", 1, 30.0, 20.0, 40.0),
        ("A", "computed", "e", "z", 1, 50.0, 40.0, np.nan),
        ("B", "oracle", "d", "x", 1, 99.0, 99.0, 1.0),
        ("B", "oracle", "d", "x", 2, 99.0, 99.0, 1.0),
        ("B", "oracle", "d", "y", 1, 99.0, 99.0, 1.0),
        ("B", "oracle", "e", "z", 1, 12.345678901234567, 99.0, 1.0),
    ]
    names = ["method", "source", "dataset", "sequence", "object", "J", "F", "T"]
    return pd.DataFrame(rows, columns=names)


def test_the_mean_is_over_objects_of_a_data_set(sequences):
    chosen = recipe()
    table = method_table(sequences, table_columns(chosen, sequences))
    assert list(table.columns) == ["method", "source", "d", "e"]
    assert table.iloc[0].tolist() == ["A", "computed", 60.0, 50.0]
    assert table.e[1] == 12.345678901234567


def test_measures_are_columns_of_each_data_set(sequences):
    chosen = recipe(measures=["J", "J&F", "T", "n"])
    table = method_table(sequences, table_columns(chosen, sequences))
    first = table.iloc[0]
    assert first[["d J", "d J&F", "d T", "d n"]].tolist() == [60.0, (60 + 50) / 2, 25.0, 3]
    assert first["e J&F"] == 45.0 and np.isnan(first["e T"]) and first["e n"] == 1
    page = markdown(
        printed_methods(table, chosen, table_columns(chosen, sequences), {"d": "", "e": ""})
    )
    assert page.splitlines()[2].endswith("| – | 1 |") and page.splitlines()[1].endswith(" ---: |")


def test_a_mean_is_not_known_where_one_of_its_objects_is_not_but_for_t(sequences):
    sequences.loc[1, "J"] = np.nan
    chosen = recipe(measures=["J", "F", "J&F", "T", "n"])
    table = method_table(sequences, table_columns(chosen, sequences))
    first = table.iloc[0]
    assert np.isnan(first["d J"]) and np.isnan(first["d J&F"])
    assert (first["d F"], first["d T"], first["d n"], first["e J"]) == (50.0, 25.0, 2, 50.0)
    assert table.dtypes["d n"] == "Int64"  # a whole number in the file
    without = method_table(sequences.drop(columns="T"), table_columns(chosen, sequences))
    assert without["d T"].isna().all() and without["d F"].tolist() == [50.0, 99.0]


def test_sequences_across_come_before_the_mean_of_their_set(sequences):
    chosen = recipe(across="sequences")
    columns = table_columns(chosen, sequences)
    table = method_table(sequences, columns)
    assert list(table.columns[2:]) == ["d/x", "d/y", "d", "e/z", "e"]
    assert table.iloc[0, 2:].tolist() == [75.0, 30.0, 60.0, 50.0, 50.0]
    page = markdown(printed_methods(table, chosen, columns, {"d": "D", "e": "E"}))
    assert page.splitlines()[0] == "| method | source | D x | D y | D mean | E z | E mean |"


def test_a_mean_over_groups_is_that_of_their_means_and_groups_stand_across(sequences):
    groups = {"d": {"x": {1: "seen", 2: "unseen"}, "y": {1: "unseen"}}, "e": {}}
    grouped = with_groups(sequences, groups)
    chosen = recipe(across="groups", measures=["J", "J&F", "T", "n"])
    table = method_table(grouped, table_columns(chosen, grouped)).iloc[0]
    assert (table["d/seen J"], table["d/unseen J"], table["d J"]) == (90.0, 45.0, 67.5)
    assert table["d J&F"] == (67.5 + (70 + 40) / 2) / 2
    assert (table["d/unseen T"], table["d T"]) == (40.0, 25.0)
    assert (table["d/unseen n"], table["d n"], table["e J"]) == (2, 3, 50.0)
    assert with_groups(sequences, {"d": {}, "e": {}}) is sequences


def test_the_mean_of_a_sequence_is_over_its_objects_whatever_their_groups(sequences):
    third = sequences.iloc[[0]].assign(object=3, J=30.0)
    groups = {"d": {"x": {1: "seen", 2: "unseen", 3: "unseen"}, "y": {1: "unseen"}}, "e": {}}
    grouped = with_groups(pd.concat([sequences, third]), groups)
    table = method_table(grouped, table_columns(recipe(across="sequences"), grouped))
    assert table.loc[0, ["d/x", "d"]].tolist() == [60.0, 65.0]


def test_an_oracle_is_not_the_best(sequences):
    other = sequences[sequences.method == "A"].assign(method="C", J=20.0)
    both = pd.concat([sequences, other])
    chosen = recipe(decimals=2)
    columns = table_columns(chosen, both)
    page = markdown(
        printed_methods(method_table(both, columns), chosen, columns, {"d": "D", "e": "E"})
    )
    assert page.splitlines()[2:] == [
        "| A | computed | **60.00** | **50.00** |",
        "| B | oracle | 99.00 | 12.35 |",
        "| C | computed | 20.00 | 20.00 |",
    ]


def test_a_published_row_is_ranked_like_ours(sequences):
    other = sequences[sequences.method == "A"].assign(method="C", source="published", J=80.0)
    both = pd.concat([sequences, other])
    columns = table_columns(recipe(), both)
    table = method_table(both, columns)
    page = markdown(printed_methods(table, recipe(), columns, {"d": "D", "e": "E"}))
    assert page.splitlines()[4] == "| C | published | **80.0** | **80.0** |"
    assert page.count("**") == 4


def test_methods_stand_in_the_order_of_their_first_rows(sequences):
    turned = sequences[::-1]
    assert method_table(turned, table_columns(recipe(), turned)).method.tolist() == ["B", "A"]


def test_the_number_of_a_method_is_the_mean_over_seeds_beside_their_deviation(sequences):
    ours = sequences[sequences.method == "A"]
    runs = [ours.assign(seed=seed, J=ours.J + more) for seed, more in ((1, 0), (2, 3), (3, 9))]
    all_rows = pd.concat([*runs, sequences[sequences.method == "B"].assign(seed=np.nan)])
    table = method_table(all_rows, table_columns(recipe(), all_rows))
    assert list(table.columns) == ["method", "source", "d", "d sd", "e", "e sd"]
    assert table.iloc[0, 2:].tolist() == pytest.approx([64, 21**0.5, 54, 21**0.5])  # 42 / (3 - 1)
    assert table["d"][1] == 99 and np.isnan(table["d sd"][1])


@pytest.mark.parametrize(
    ("measures", "notes"),
    [(["F_decay"], ["F decay in percent.", "told"]), (["J"], ["told"]), (["F", "J"], ["told"])],
)
def test_a_page_of_one_measure_says_which_where_it_is_not_j(sequences, measures, notes):
    every = sequences.assign(F_decay=sequences.F)
    chosen = recipe(measures=measures)
    columns = table_columns(chosen, every)
    titles = {"d": "D", "e": "E"}
    printed = printed_methods(method_table(every, columns), chosen, columns, titles, notes=["told"])
    assert list(printed.notes) == notes


def test_a_method_named_twice_is_refused():
    with pytest.raises(InputError, match=r"tables.t.rows: expected a method of its own.*\['A'\]"):
        recipe(rows=[{"method": "A", "variant": "a"}, {"method": "A", "variant": "b"}])
    with pytest.raises(InputError, match="twice; rename one"):
        recipe(published=["A"])


def test_the_page_shows_ours_before_published_rows_and_oracles_last():
    sources = ["oracle", "computed", "published", "given", "computed"]
    table = pd.DataFrame({"method": list("abcde"), "source": sources, "D": range(5)})
    ordered = ours_first(table)
    assert list(ordered.columns) == ["method", "source", "D"]
    assert ordered.method.tolist() == list("bedca") and ordered.D.tolist() == [1, 4, 3, 2, 0]
    assert ours_first(table, ["b"]).method.tolist() == list("edcba")
    assert table.method.tolist() == list("abcde")
