"""What runs is what a person's own files name."""

import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment.selection import complete_rows, own_pages

CONFIG = {
    "tables": {"table2": {}, "addons": {}, "mine": {}},
    "figures": {"figure3": {}, "figure4": {}},
    "page": {"tables": ["table2"], "figures": ["figure3", "figure4"], "frames": 4},
}


def test_without_files_of_ones_own_everything_is_taken():
    for own in ([], [{"seed": 2}, {"datasets": {"mine": {}}}]):
        pages = own_pages(CONFIG, own)
        assert pages["tables"] == ["table2", "addons", "mine"] and pages["page"] == CONFIG["page"]
        assert pages["figures"] == ["figure3", "figure4"]


def test_what_own_files_name_is_taken_and_shown():
    pages = own_pages(CONFIG, [{"tables": {"mine": {}}}, {"figures": {"figure4": {}}}])
    assert pages["tables"] == ["mine"] and pages["figures"] == ["figure4"]
    assert pages["page"] == {"tables": ["mine"], "figures": ["figure4"], "frames": 4}


def test_a_page_of_ones_own_shows_what_it_says_and_brings_its_films():
    config = CONFIG | {"page": {"tables": ["addons"], "figures": ["figure3"], "frames": 4}}
    pages = own_pages(config, [{"tables": {"mine": {}}, "page": {"tables": ["addons"]}}])
    assert pages["page"]["tables"] == ["addons"] and pages["page"]["figures"] == []
    assert pages["tables"] == ["mine", "addons"] and pages["figures"] == []


def test_a_row_that_is_null_is_dropped():
    config = {"seed": 1, "figures": {"a": None, "b": {"x": None}}, "page": {"tables": None}}
    complete_rows(config)
    assert config == {"seed": 1, "figures": {"b": {"x": None}}, "page": {}}


def test_a_row_based_on_another_differs_in_what_it_says():
    config = {
        "trackers": {
            "third": {"based_on": "second", "c": None},
            "second": {"based_on": "first", "a": 2},
            "first": {"a": 1, "b": [1], "c": 3},
        }
    }
    complete_rows(config)
    assert config["trackers"] == {
        "third": {"a": 2, "b": [1], "c": None},
        "second": {"a": 2, "b": [1], "c": 3},
        "first": {"a": 1, "b": [1], "c": 3},
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"a": {"based_on": "x"}}, r"t.a.based_on: unknown name 'x'; t has \['a'\]"),
        ({"a": {"based_on": "b"}, "b": {"based_on": "a"}}, "t.a.based_on|a → b → a"),
        ({"a": {"based_on": "b"}, "b": 3}, "expected a row, got 3"),
    ],
)
def test_a_base_that_is_none_is_refused(rows, message):
    with pytest.raises(InputError, match=message):
        complete_rows({"t": rows})


def test_a_row_that_was_named_and_dropped_is_no_row():
    config = CONFIG | {"figures": {"figure4": {}}}
    pages = own_pages(config, [{"figures": {"figure3": None, "figure4": {}}}])
    assert pages["figures"] == ["figure4"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], ["table1", "other"]),
        ([{"tables": {"mine": {}}}], []),
        ([{"tables": {"mine": {}}, "ablations": {"other": {}, "dropped": None}}], ["other"]),
        ([{"page": {"figures": ["table1", "figure4"]}}], ["table1"]),
    ],
)
def test_ablations_are_those_that_own_files_or_their_page_name(own, expected):
    config = CONFIG | {"ablations": {"table1": {}, "other": {}}}
    for file in own:
        config = config | {"page": CONFIG["page"] | file.get("page", {})}
    assert own_pages(config, own)["ablations"] == expected
