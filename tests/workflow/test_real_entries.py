"""The real files at hand, each through its entry in a configuration."""

import pandas as pd
import pytest

from masktrack_core.datasets.checks import check_config
from masktrack_core.datasets.index import list_sequences

from .conftest import Workflow

pytestmark = pytest.mark.real

COUNTS = {"ecssd": 1000, "pascal_s": 850 - 5, "sod": 300}  # five graded masks are empty at 127


def entries(real):
    return {
        "stills": {
            "ecssd": {"layout": "ecssd", "root": str(real / "ECSSD")},
            "pascal_s": {"layout": "pascal_s", "root": str(real / "PASCAL-S")},
            "sod": {"layout": "sod", "root": str(real / "SOD")},
        },
        "datasets": {
            "davis2016": {
                "title": "D",
                "layout": "davis",
                "root": str(real / "DAVIS"),
            },
            "youtube_objects": {
                "title": "Y",
                "layout": "youtube_objects",
                "root": str(real / "YouTubeObjects"),
                "table": "youtube_objects",
                "only": ["aeroplane-0001-001"],
            },
            "segtrack_v2": {
                "title": "S",
                "layout": "segtrack_v2",
                "root": str(real / "SegTrackv2"),
                "table": "segtrack_v2",
                "only": ["girl"],
            },
        },
    }


@pytest.mark.slow
def test_real_sets_are_scored_through_their_entries(real, tmp_path):
    sets = entries(real)["datasets"]
    rows = [{"method": "Box oracle", "variant": "box_oracle"}]
    tables = {"boxes": {"datasets": list(sets), "rows": rows}}
    run = Workflow(tmp_path, {"datasets": sets, "tables": tables})(
        "--cores", "1", "results/boxes.csv"
    )
    assert run.status == 0, run.output[-3000:]
    table = pd.read_csv(tmp_path / "results" / "boxes.csv", index_col="method")
    sequences = pd.read_csv(tmp_path / "results" / "boxes_sequences.csv")
    assert sequences.dataset.value_counts().to_dict() == {
        "davis2016": len(list_sequences(real / "DAVIS", "davis")),
        "youtube_objects": 1,
        "segtrack_v2": 1,
    }
    assert ((table[list(sets)] > 20) & (table[list(sets)] < 95)).all(axis=None)


@pytest.mark.parametrize("name", COUNTS)
def test_real_stills_are_counted_through_their_entries(real, tmp_path, name):
    overlay = {"stills": entries(real)["stills"]}
    run = Workflow(tmp_path, overlay)("--cores", "1", f"results/stills/{name}.csv")
    assert run.status == 0, run.output[-3000:]
    assert len(pd.read_csv(tmp_path / "results" / "stills" / f"{name}.csv")) == COUNTS[name]


@pytest.mark.slow
def test_check_finds_the_real_sets_sound(real):
    assert list(check_config({"datasets": entries(real)["datasets"]})) == []
