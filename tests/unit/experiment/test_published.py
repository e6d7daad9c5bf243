"""Weights by name: rows of ``config.weights``."""

import csv
import hashlib
import os
from pathlib import Path

import pytest
import yaml
from loopback import serving

from masktrack_core.errors import InputError
from masktrack_core.experiment.published import fetch_weights, weights_file
from masktrack_core.files import download

CONTENT = b"some weights" * 1000
PLACE = ("architectures", "one", "pretrained")
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offered")
    (folder / "net-1234.pth").write_bytes(CONTENT)
    with serving(folder) as server:
        yield server


@pytest.fixture
def row(server):
    return {
        "urls": [f"{server.base}/good/net-1234.pth"],
        "checksum": f"sha256:{DIGEST[:8]}",
        "path": None,
    }


def config(pretrained, **rows):
    empty = {"urls": [], "checksum": "", "path": None}
    return {
        "data": "data",
        "architectures": {"one": {"pretrained": pretrained}},
        "weights": {name: empty | row for name, row in rows.items()},
    }


def test_no_weights_is_a_random_start():
    assert weights_file(config(None), *PLACE) is None


def test_a_row_with_urls_is_a_file_below_the_data_with_the_urls_suffix(row):
    assert weights_file(config("vgg", vgg=row), *PLACE) == Path("data/weights/vgg.pth")


def test_a_row_with_a_path_and_a_bare_path_are_that_file(tmp_path):
    file = tmp_path / "own.safetensors"
    file.touch()
    assert weights_file(config("mine", mine={"path": str(file)}), *PLACE) == file
    assert weights_file(config(str(file)), *PLACE) == file


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mine": {}}, r"weights\.mine: expected either path or urls, got neither"),
        ({"mine": {"path": "a", "urls": ["http://b/c.pth"]}}, "got both"),
        ({"mine": {"urls": ["http://b/c.caffemodel"]}}, r"files that end in \.pth"),
        ({"mine": {"path": "gone.pth"}}, r"'gone\.pth' does not exist"),
        ({"other": {"path": "a"}}, r"row of weights \(other\), 'mine' does not exist"),
    ],
)
def test_what_is_no_weights_is_said(changes, message):
    with pytest.raises(InputError, match=message):
        weights_file(config("mine", **changes), *PLACE)


def test_weights_are_downloaded_once_and_checked(tmp_path, server, row):
    place = tmp_path / "weights" / "vgg.pth"
    fetch_weights(row, tmp_path / "archives", place)
    assert place.read_bytes() == CONTENT
    place.unlink()
    fetch_weights(row, tmp_path / "archives", place)
    assert place.read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_disk_without_links_gets_a_copy(tmp_path, row, monkeypatch):
    def refuse(*_):
        raise OSError("no links")

    monkeypatch.setattr(os, "link", refuse)
    fetch_weights(row, tmp_path / "archives", tmp_path / "vgg.pth")
    assert (tmp_path / "vgg.pth").read_bytes() == CONTENT


def test_another_file_in_its_place_is_refused(tmp_path, row, monkeypatch):
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    with pytest.raises(InputError, match=f"sha256 is {DIGEST}, expected 12345678"):
        fetch_weights(row | {"checksum": "sha256:12345678"}, tmp_path, tmp_path / "vgg.pth")
    assert not (tmp_path / "vgg.pth").exists()


def test_the_default_rows_are_the_published_facts():
    root = Path(__file__).parents[3]
    rows = yaml.safe_load((root / "config.yaml").read_text())["weights"]
    with (root / "masktrack_core" / "facts" / "weights.csv").open() as file:
        facts = {fact["name"]: fact for fact in csv.DictReader(file)}
    assert rows == {
        name: {"urls": [fact["url"]], "checksum": fact["checksum"]} for name, fact in facts.items()
    }
