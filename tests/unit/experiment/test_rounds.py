import pytest

from masktrack_core.experiment.derived_rows import derive_rows
from masktrack_core.experiment.rounds import add_rounds, round_before
from masktrack_core.experiment.selection import complete_rows

THREE = {"choose": "doubt", "variant": "ours", "count": 3}


def test_a_row_brings_the_rounds_before_it_and_the_first_frame_is_the_first_round():
    config = {"annotations": {"first": {"kind": "mask"}, "three": dict(THREE)}}
    add_rounds(config)
    rows = config["annotations"]
    assert rows["three__2"] == THREE | {"count": 2} and list(rows) == ["first", "three", "three__2"]
    assert round_before(rows, "three") == "three__2"
    assert round_before(rows, "three__2") == "first"
    assert round_before(rows, "first") is None


def test_rounds_are_shared_by_rows_that_say_the_same():
    config = {"annotations": {"three": dict(THREE), "two": THREE | {"count": 2, "every": None}}}
    add_rounds(config)
    add_rounds(config)
    assert list(config["annotations"]) == ["three", "two", "three__1"]
    assert config["annotations"]["three__1"] == {"kind": "mask"}
    assert round_before(config["annotations"], "three") == "two"


@pytest.mark.parametrize("other", [{"choose": "worst"}, {"variant": "theirs"}])
def test_another_choice_or_variant_has_rounds_of_its_own(other):
    config = {
        "annotations": {"first": {}, "three": dict(THREE), "two": THREE | {"count": 2} | other}
    }
    add_rounds(config)
    assert round_before(config["annotations"], "three") == "three__2"


@pytest.mark.parametrize("choose", ["even", "random"])
def test_frames_that_are_not_looked_at_need_no_rounds(choose):
    config = {"annotations": {"three": {"choose": choose, "count": 3}}}
    add_rounds(config)
    assert list(config["annotations"]) == ["three"]
    assert round_before(config["annotations"], "three") is None


@pytest.mark.parametrize("rows", [None, {"a": None}, {"a": {"choose": "doubt", "count": "3"}}])
def test_what_does_not_fit_the_schema_is_left_to_it(rows):
    config = {"annotations": rows}
    add_rounds(config)
    assert config == {"annotations": rows}


def test_a_seed_has_rounds_of_its_own():
    config = {
        "seed": 1,
        "networks": {"net": {"architecture": "slim"}},
        "trackers": {"rgb": {"network": "net"}},
        "variants": {"ours": {"trackers": ["rgb"]}},
        "annotations": {"first": {}, "three": dict(THREE)},
        "tables": {
            "t": {
                "rows": [{"method": "A", "variant": "ours", "annotation": "three"}],
                "seeds": [1, 2],
            }
        },
    }
    complete_rows(config)
    derive_rows(config)
    rows = config["annotations"]
    assert round_before(rows, "three__seed_2") == "three__seed_2__2"
    assert rows["three__seed_2__2"]["variant"] == "ours__seed_2"
