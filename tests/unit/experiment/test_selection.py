"""What runs is what a person's own files name."""

from masktrack_core.experiment.selection import drop_rows, own_pages

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
    drop_rows(config)
    assert config == {"seed": 1, "figures": {"b": {"x": None}}, "page": {}}


def test_a_row_that_was_named_and_dropped_is_no_row():
    config = CONFIG | {"figures": {"figure4": {}}}
    pages = own_pages(config, [{"figures": {"figure3": None, "figure4": {}}}])
    assert pages["figures"] == ["figure4"]
