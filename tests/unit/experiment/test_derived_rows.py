"""Seeds and sweeps of a table: which rows they make, what those share, and what their jobs are."""

import copy

import pandas as pd
import pytest
from plans import Plans, default_config

from masktrack_core.errors import InputError
from masktrack_core.experiment.derived_rows import derive_rows
from masktrack_core.experiment.method_tables import method_table, printed_methods, table_columns
from masktrack_core.experiment.printed import html, latex, markdown
from masktrack_core.experiment.recipes import TableRecipe

DATASET = "rendered_davis"


def with_table(**table):
    """Return the default configuration with a table of its own, derived."""
    config = default_config()
    config["tables"]["mine"] = {"datasets": [DATASET]} | table
    derive_rows(config)
    return config


def row(method, variant, **more):
    return {"method": method, "variant": variant} | more


def test_a_table_without_seeds_leaves_every_row_as_it_is():
    config = default_config()
    before = copy.deepcopy(config)
    derive_rows(config)
    assert config == before


def test_each_seed_makes_rows_down_to_what_it_first_decides():
    """Seed 1 is the configuration's: its rows are those of everybody."""
    config = with_table(rows=[row("Ours", "masktrack")], seeds=[1, 2])
    assert config["tables"]["mine"]["rows"] == [
        row("Ours", "masktrack", annotation="first", seed=1),
        row("Ours", "masktrack__seed_2", annotation="first", seed=2),
    ]
    plain = default_config()
    tables = [
        table for table, rows in plain.items() if isinstance(rows, dict) and table != "tables"
    ]
    made = {table: set(config[table]) - set(plain[table]) for table in tables}
    assert {table: names for table, names in made.items() if names} == {
        "variants": {"masktrack__seed_2"},
        "trackers": {"rgb__seed_2"},
        "networks": {"segment__seed_2"},
        "finetunings": {"paper__seed_2"},
        "deformations": {"paper__seed_2"},
    }
    assert config["trackers"]["rgb__seed_2"] == plain["trackers"]["rgb"] | {
        "network": "segment__seed_2",
        "finetuning": "paper__seed_2",
    }
    assert config["deformations"]["paper__seed_2"] == plain["deformations"]["paper"] | {"seed": 2}


def test_boxes_have_seeds_oracles_and_networks_from_files_do_not():
    rows = [row("Box", "masktrack", annotation="first_box"), row("Oracle", "box_oracle")]
    made = with_table(rows=rows, seeds=[3, 4])["tables"]["mine"]["rows"]
    assert [one["annotation"] for one in made[:2]] == ["first_box__seed_3", "first_box__seed_4"]
    assert made[2:] == [row("Oracle", "box_oracle")]
    config = with_table(rows=[row("Released", "released")], seeds=[1, 2])
    assert "released__seed_2" not in config["networks"]
    assert config["finetunings"]["released__seed_2"]["seed"] == 2


@pytest.mark.parametrize(
    ("rule", "place", "seeded"),
    [
        ("deform", {"stills": "rendered"}, ("deformation", "paper")),
        ("train", {}, ("network", "segment")),
        ("finetune", {"network": "segment"}, ("finetuning", "paper")),
    ],
)
def test_a_job_of_a_seed_has_the_params_of_a_configuration_with_that_seed(rule, place, seeded):
    derived = with_table(rows=[row("Ours", "masktrack")], seeds=[1, 2])
    word, name = seeded
    place = {"annotation": "first", "dataset": DATASET, "sequence": "rally", "object": "1"} | place
    mine = Plans(derived).job(rule, **place, **{word: f"{name}__seed_2"})
    alone = Plans(default_config() | {"seed": 2}).job(rule, **place, **{word: name})
    first = Plans(default_config()).job(rule, **place, **{word: name})
    # Names differ where they are said, in paths and in the row of a network, and nothing else.
    assert repr(mine["params"]).replace("__seed_2", "") == repr(alone["params"])
    assert repr(mine["params"]).replace("__seed_2", "") != repr(first["params"])


def test_data_and_indexes_of_all_seeds_are_the_same_files():
    plans = Plans(with_table(rows=[row("Ours", "masktrack")], seeds=[1, 2]))
    place = {"annotation": "first", "dataset": DATASET, "sequence": "rally", "object": "1"}
    first, second = (
        plans.job("track", tracker=tracker, **place)["input"][1]
        for tracker in ("rgb", "rgb__seed_2")
    )
    assert first["index"] == second["index"] and first["annotations"] == second["annotations"]
    assert first["networks"] != second["networks"]


def sequences():
    """Two seeds of one method on two sequences, and a method that has none."""
    numbers = [("Ours", 1, 70.0, 80.0), ("Ours", 2, 71.0, 83.0), ("Ours", 3, 75.0, 80.0)]
    rows = [
        {"method": method, "source": "computed", "seed": seed, "dataset": DATASET}
        | {"sequence": name, "object": 1, "J": j}
        for method, seed, *values in [*numbers, ("Oracle", None, 90.0, 90.2)]
        for name, j in zip("ab", values, strict=True)
    ]
    return pd.DataFrame(rows)


def test_the_table_of_three_seeds_is_that_made_by_hand():
    """Means of the seeds 75, 77, 77.5: mean 76.5, deviation √((2.25 + 0.25 + 1)/2)."""
    rows = [row("Ours", "a", seed=seed) for seed in (1, 2, 3)] + [row("Oracle", "b")]
    recipe = TableRecipe.from_row("t", {"datasets": [DATASET], "rows": rows, "seeds": [1, 2, 3]})
    columns = table_columns(recipe, sequences())
    table = method_table(sequences(), columns)
    assert list(table.columns) == ["method", "source", DATASET, f"{DATASET} sd"]
    assert table[DATASET].tolist() == pytest.approx([76.5, 90.1])
    deviation = table[f"{DATASET} sd"]
    assert deviation[0] == pytest.approx((3.5 / 2) ** 0.5) and pd.isna(deviation[1])
    printed = printed_methods(table, recipe, columns, {DATASET: "Set"})
    assert [cells[2].text for cells in printed.rows] == ["76.5 ± 1.3", "90.1"]
    assert [cells[2].rank for cells in printed.rows] == [0, 1]
    assert "76.5 ± 1.3" in markdown(printed) and "76.5 ± 1.3" in html(printed)
    assert r"76.5 $\pm$ 1.3" in latex(printed)
    assert "over seeds 1, 2, 3" in markdown(printed)


def test_a_sweep_makes_a_row_a_value_of_what_depends_on_it():
    path = "propagations.paper.dilation_radius"
    rows = [row("Ours", "masktrack"), row("Oracle", "box_oracle")]
    plain = default_config()
    here = plain["propagations"]["paper"]["dilation_radius"]
    config = with_table(rows=rows, sweep={path: [here, 3]})
    made = config["tables"]["mine"]["rows"]
    assert [one["method"] for one in made] == [
        f"Ours, dilation_radius {here}", "Ours, dilation_radius 3", "Oracle",
    ]  # fmt: skip
    assert [one["variant"] for one in made] == [
        "masktrack", "masktrack__dilation_radius_3", "box_oracle",
    ]  # fmt: skip
    tracker = config["trackers"]["rgb__dilation_radius_3"]
    assert tracker == plain["trackers"]["rgb"] | {"propagation": "paper__dilation_radius_3"}
    assert set(config["networks"]) == set(plain["networks"])
    assert config["propagations"]["paper__dilation_radius_3"]["dilation_radius"] == 3


def test_a_sweep_and_seeds_are_every_pair():
    path = "propagations.paper.dilation_radius"
    config = with_table(rows=[row("Ours", "masktrack")], sweep={path: [2, 3]}, seeds=[1, 2])
    made = config["tables"]["mine"]["rows"]
    assert [(one["method"], one["seed"]) for one in made] == [
        (f"Ours, dilation_radius {radius}", seed) for radius in (2, 3) for seed in (1, 2)
    ]
    assert made[-1]["variant"] == "masktrack__dilation_radius_3__seed_2"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("propagations.papr.dilation_radius", r"expected table.row.key.*papr.*has"),
        ("dilation_radius", "expected table.row.key"),
        ("schedules.released.iterations", "that a row of the table uses"),
    ],
)
def test_a_sweep_over_nothing_is_refused(path, words):
    with pytest.raises(InputError, match=words):
        with_table(rows=[row("Ours", "masktrack")], sweep={path: [2, 3]})


@pytest.mark.parametrize("table", [{"rows": 3}, {"rows": ["x"]}, {"rows": [{}], "seeds": ["a"]}])
def test_what_does_not_fit_is_left_to_the_schema(table):
    config = default_config()
    config["tables"]["mine"] = copy.deepcopy(table)
    derive_rows(config)
    assert config["tables"]["mine"] == table
