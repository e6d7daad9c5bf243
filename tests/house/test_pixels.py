"""Lengths in pixels fit the frames they are for: what an overlay inherits of them is listed."""

from functools import reduce
from pathlib import Path

import pytest
import yaml

from masktrack_core.commands.cli import main
from masktrack_core.experiment.flat_config import (
    PAGES,
    flat_config,
    flat_text,
    laid_over,
    used_rows,
)

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "rules" / "schemas" / "config.schema.yaml").read_text())

#: Overlays for frames of another size than those of config.yaml, each with what lies below it.
OVERLAYS = {
    "paper.yaml": (),
    "examples/davis_on_disk.yaml": (),
    "examples/davis_experiments.yaml": ("examples/davis_on_disk.yaml",),
}
PUBLISHED = "published values, of frames as large as these"
MEASURED = "the example is what was measured, and was measured with it (docs/reproduction.md)"
#: Lengths that stay as config.yaml has them for its frames, a quarter of 480p, and why.
INHERITED = {
    ("paper.yaml", "crfs.deeplab_v2_vgg16.bilateral_sxy"): PUBLISHED,
    ("paper.yaml", "crfs.deeplab_v2_vgg16.gaussian_sxy"): PUBLISHED,
    ("examples/davis_experiments.yaml", "flow_images.magnitude.smallest_scale"): MEASURED,
}


def read(name):
    return yaml.safe_load((ROOT / name).read_text())


def resolved(entry):
    """Return a schema entry with what it refers to."""
    return SCHEMA["$defs"][entry["$ref"].rpartition("/")[2]] | entry if "$ref" in entry else entry


def row_keys(table):
    rows = SCHEMA["properties"][table].get("additionalProperties")
    return rows.get("properties", {}) if isinstance(rows, dict) else {}


PIXELS = {
    (table, key)
    for table in SCHEMA["properties"]
    for key, entry in row_keys(table).items()
    if resolved(entry).get("x-unit") == "pixels"
}


def lengths(row, table):
    """Yield the keys of a row that are lengths in pixels, of a search those of its grid."""
    for key, value in row.items():
        if (table, key) in PIXELS and value:  # 0 is no length, at any size
            yield key
        if table == "crf_searches" and key == "grid":
            yield from (f"grid.{name}" for name in value if ("crfs", name) in PIXELS)


def inherited(name):
    """Yield the lengths of rows that an overlay's tables and figures use and do not say anew."""
    overlay = reduce(laid_over, map(read, (*OVERLAYS[name], name)))
    base = read("config.yaml")
    config = laid_over(base, overlay)
    own = read(name)
    pages = {page: {key: config[page][key] for key in own.get(page, {})} for page in PAGES}
    for table, rows in used_rows(config, pages).items():
        for row in rows:
            said = set(lengths(overlay.get(table, {}).get(row, {}), table))
            found = set(lengths(base.get(table, {}).get(row, {}), table))
            yield from (f"{table}.{row}.{key}" for key in found - said)


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_length_in_pixels_that_an_overlay_inherits_is_listed_with_its_reason(name):
    listed = {key for overlay, key in INHERITED if overlay == name}
    assert set(inherited(name)) == listed


def test_a_key_whose_description_says_pixels_has_the_unit():
    words = {
        (table, key)
        for table in SCHEMA["properties"]
        for key, entry in row_keys(table).items()
        if "pixels" in entry["description"].lower()
        and {"integer", "number"} & set(types(resolved(entry)))
    }
    assert words == PIXELS


def types(entry):
    kind = entry.get("type", [])
    return [kind] if isinstance(kind, str) else kind


def test_deeplabs_width_is_a_candidate_of_the_papers_search():
    config = laid_over(read("config.yaml"), read("paper.yaml"))
    grid = config["crf_searches"]["small"]["grid"]
    start = config["crfs"][config["crf_searches"]["small"]["start"]]
    assert start["bilateral_sxy"] in grid["bilateral_sxy"]
    ours = read("config.yaml")["crf_searches"]["small"]["grid"]
    assert len(grid["bilateral_sxy"]) == len(ours["bilateral_sxy"])


# --- the paper's configuration in one piece


def test_the_flat_paper_is_what_the_command_prints(capsys):
    assert main(["flat", str(ROOT / "paper.yaml")]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "paper_flat.yaml").read_text()


def test_the_flat_paper_says_the_same_as_its_parts_and_uses_every_row():
    flat, config = read("docs/paper_flat.yaml"), laid_over(read("config.yaml"), read("paper.yaml"))
    assert flat_text(flat) == flat_text(config)
    assert flat_config(flat).keys() == config.keys()
    assert "rendered_davis" not in flat["datasets"] and "full" not in flat["crops"]
    assert flat["crops"]["paper"]["size"] == 321 and flat["schedules"]["paper_offline"]["power"]


def test_rows_that_are_used_through_others_are_kept():
    flat = read("docs/paper_flat.yaml")
    assert flat["archives"].keys() == read("paper.yaml")["archives"].keys()
    assert set(flat["weights"]) == {"vgg16_imagenet"}
    assert "deeplab_v2_vgg16" in flat["crfs"] and "every_40_box" in flat["annotations"]
