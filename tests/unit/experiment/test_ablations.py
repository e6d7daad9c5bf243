import math

import pandas as pd
import pytest

from masktrack_core.datasets.index import read_facts
from masktrack_core.errors import InputError
from masktrack_core.experiment.ablations import (
    AblationRecipe,
    ablation_page,
    ablation_table,
    read_ablations,
)


def recipe(*rows, baseline="MaskTrack"):
    entries = [{"variant": "x", **row} for row in rows]
    return AblationRecipe.from_row("t", {"dataset": "d", "baseline": baseline, "rows": entries})


BASE = {"method": "MaskTrack"}
FLOW = {"method": "MaskTrack+Flow", "aspect": "Add-ons"}
CRF = {"method": "MaskTrack+Flow+CRF", "aspect": "Add-ons", "baseline": "MaskTrack+Flow"}
OURS = {"method": "A second reading"}


def sequences():
    """Two sequences a method: means 50, 60, 75, 40."""
    means = {"MaskTrack": 50, "MaskTrack+Flow": 60, "MaskTrack+Flow+CRF": 75, OURS["method"]: 40}
    rows = [
        {"method": name, "J": mean + d, "F": 0} for name, mean in means.items() for d in (-8, 8)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def table():
    rows = recipe(CRF, FLOW, BASE, OURS).rows
    return ablation_table(sequences(), rows, read_facts("published_table1"))


def test_each_row_is_compared_with_its_own_baseline(table):
    assert table.mIoU.tolist() == [75, 60, 50, 40]
    assert table.delta[[0, 1, 3]].tolist() == [15, 10, -10]
    assert math.isnan(table.delta[2])


def test_the_papers_figures_stand_beside_the_rows_that_it_has(table):
    assert table.paper_mIoU[:3].tolist() == [80.3, 78.4, 74.8]
    assert table.paper_delta[:2].tolist() == [1.9, 3.6]
    assert table.loc[3, ["paper_mIoU", "paper_delta"]].isna().all()


def test_the_papers_own_differences_are_those_of_its_mious():
    paper = read_facts("published_table1").set_index("variant")
    rows = recipe(*({"method": name} for name in paper.index if name != CRF["method"]), CRF).rows
    for row in rows:
        if row.method != "MaskTrack":
            difference = paper.miou[row.method] - paper.miou[row.baseline]
            assert paper.delta[row.method] == pytest.approx(difference, abs=0.051), row.method


def test_the_page_shows_signs_and_a_dash_for_nothing(table):
    page = ablation_page(table).splitlines()
    assert page[2] == "| Add-ons | MaskTrack+Flow+CRF | 75.0 | +15.0 | 80.3 | +1.9 |"
    assert page[5] == "|  | A second reading | 40.0 | -10.0 | – | – |"


@pytest.mark.parametrize("rows", [(BASE, BASE), (BASE, {**FLOW, "baseline": "Masktrack"})])
def test_a_doubled_method_and_an_unknown_baseline_are_refused(rows):
    with pytest.raises(InputError, match=r"ablations\.t\.rows\["):
        recipe(*rows)


def config(**changes):
    row = {"dataset": "d", "baseline": "M", "rows": [{"method": "M", "variant": "v"}], **changes}
    names = {"datasets": {"d": {}}, "variants": {"v": {}}, "annotations": {"first": {}}}
    return {**names, "tables": {"table2": {"rows": []}}, "ablations": {"table1": row}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "e"}, r"ablations\.table1\.dataset: unknown name 'e'"),
        (
            {"rows": [{"method": "M", "variant": "w"}]},
            r"ablations\.table1\.rows\[0\]\.variant: unknown name 'w'",
        ),
    ],
)
def test_unknown_names_are_named_with_their_key(changes, message):
    with pytest.raises(InputError, match=message):
        read_ablations(config(**changes))


def test_an_ablation_and_a_table_of_one_name_are_refused():
    given = config()
    given["ablations"] = {"table2": given["ablations"]["table1"]}
    with pytest.raises(InputError, match="the name is taken by tables"):
        read_ablations(given)
