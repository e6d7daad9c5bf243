"""Ids of label pictures are read once, and again where a file changed."""

import hashlib
import json
import os

import numpy as np
from PIL import Image

from masktrack_core.datasets import label_cache
from masktrack_core.datasets.label_cache import LabelCache
from masktrack_core.datasets.object_masks import read_found
from masktrack_core.files.io import file_digest


def write(path, *ids):
    labels = np.zeros((6, 8), np.uint8)
    for place, number in enumerate(ids):
        labels[1, place] = number
    Image.fromarray(labels).save(path)
    return path


def test_a_file_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    reads = []

    def noted(path, values):
        reads.append(path.name)
        return read_found(path, values)

    monkeypatch.setattr(label_cache, "read_found", noted)
    path = write(tmp_path / "0.png", 1, 7, 255)
    for _ in range(2):
        cache = LabelCache(tmp_path / "cache" / "objects.json")
        assert cache.labels(path) == {1, 7}
        cache.keep()
    assert reads == ["0.png"]


def test_a_file_that_changed_under_its_old_time_and_size_is_read_again(tmp_path):
    path, cache = write(tmp_path / "0.bmp", 1, 2), LabelCache()
    assert cache.labels(path) == {1, 2}
    before = path.stat()
    write(path, 1, 3)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert cache.labels(path) == {1, 3}


def test_a_damaged_cache_is_as_good_as_none(tmp_path):
    path = write(tmp_path / "0.png", 4)
    for text in ("", "[1]", "{", json.dumps({str(path): 3})):
        (tmp_path / "objects.json").write_text(text)
        assert LabelCache(tmp_path / "objects.json").labels(path) == {4}


def test_the_content_of_a_file_that_did_not_change_is_read_once(tmp_path, monkeypatch):
    reads = []

    def noted(path):
        reads.append(path.name)
        return file_digest(path)

    monkeypatch.setattr(label_cache, "file_digest", noted)
    path = write(tmp_path / "0.bmp", 1, 2)
    for _ in range(2):
        cache = LabelCache(tmp_path / "cache" / "digests.json")
        assert cache.digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
        cache.keep()
    assert reads == ["0.bmp"]
    before = path.stat()
    write(path, 1, 3)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert reads == ["0.bmp"] * 2
