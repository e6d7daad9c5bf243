import hashlib
import io
import zipfile

import numpy as np
import pytest
from loopback import serving

from masktrack_core.errors import InputError
from masktrack_core.files.download import Archive, fetch
from masktrack_core.files.io import file_digest


def zipped(size=300_000, seed=0):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.bin"), np.random.default_rng(seed).bytes(size))
    return buffer.getvalue()


GOOD = zipped()
MD5 = "md5:" + hashlib.md5(GOOD).hexdigest()


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offered")
    (folder / "a.zip").write_bytes(GOOD)
    with serving(folder) as server:
        yield server


@pytest.fixture
def archive(server):
    def make(*kinds, checksum=MD5, attempts=3):
        urls = tuple(f"{server.base}/{kind}/a.zip" for kind in kinds)
        return Archive(name="a.zip", urls=urls, checksum=checksum, attempts=attempts, pause_s=0)

    return make


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_good_file_comes_whole_and_once(tmp_path, server, archive):
    path = fetch(archive("good"), tmp_path / "new")
    assert path == tmp_path / "new" / "a.zip"
    assert path.read_bytes() == GOOD
    assert names(path.parent) == ["a.zip"]
    fetch(archive("good"), tmp_path / "new")
    assert len(server.asked) == 1


def test_a_break_is_gone_on_with_where_it_was(tmp_path, server, archive):
    assert fetch(archive("breaks", attempts=6), tmp_path).read_bytes() == GOOD
    starts = [int(asked[6:-1]) for _, _, asked in server.asked if asked]
    assert starts == [65536 * (1 + i) for i in range(len(starts))]  # in whole chunks
    assert len(starts) >= 2
    assert names(tmp_path) == ["a.zip"]


def test_a_break_is_gone_on_with_in_another_call(tmp_path, server, archive):
    with pytest.raises(InputError, match=r"a\.zip.*breaks"):
        fetch(archive("breaks", attempts=1), tmp_path)
    assert names(tmp_path) == ["a.zip.part", "a.zip.part-version"]
    assert fetch(archive("good"), tmp_path).read_bytes() == GOOD
    assert server.asked[-1][2] == "bytes=65536-"


def test_a_file_that_changed_meanwhile_is_not_spliced(tmp_path, server, archive):
    with pytest.raises(InputError):
        fetch(archive("breaks", attempts=1, checksum=""), tmp_path)
    (tmp_path / "a.zip.part-version").write_text('"older"')
    other = zipped(seed=2)
    (server.folder / "a.zip").write_bytes(other)
    assert fetch(archive("good", checksum=""), tmp_path).read_bytes() == other


def test_without_a_mark_of_the_version_a_download_begins_anew(tmp_path, server, archive):
    with pytest.raises(InputError):
        fetch(archive("breaks_without_tag", checksum=""), tmp_path)
    assert [asked for _, _, asked in server.asked] == [None] * 3


def test_the_wrong_range_is_not_appended(tmp_path, archive):
    assert fetch(archive("wrong_range"), tmp_path).read_bytes() == GOOD


def test_mirrors_are_tried_in_turn(tmp_path, server, archive):
    path = fetch(archive("absent", "garbage", "page", "breaks_without_tag", "good"), tmp_path)
    assert path.read_bytes() == GOOD
    kinds = [kind for kind, _, _ in server.asked]
    assert kinds.count("absent") == 1  # another try would be in vain
    assert kinds[-1] == "good"


def test_a_refused_connection_is_followed_by_the_next_mirror(tmp_path, archive):
    good = archive("good")
    dead = Archive(name="a.zip", urls=("http://127.0.0.1:9/a.zip", *good.urls), pause_s=0)
    assert fetch(dead, tmp_path).read_bytes() == GOOD


@pytest.mark.parametrize("kind", ["moved", "busy", "unknown_length", "breaks_once"])
def test_redirects_busy_servers_and_unknown_lengths_are_fine(tmp_path, archive, kind):
    assert fetch(archive(kind), tmp_path).read_bytes() == GOOD


@pytest.mark.parametrize("checksum", [MD5, ""], ids=["published", "unpublished"])
@pytest.mark.parametrize("kind", ["absent", "garbage", "page", "too_short_length", "round"])
def test_what_is_not_the_file_is_refused_and_not_kept(tmp_path, archive, kind, checksum):
    with pytest.raises(InputError, match=rf"a\.zip: expected a download.*/{kind}/a\.zip"):
        fetch(archive(kind, checksum=checksum), tmp_path)
    assert "a.zip" not in names(tmp_path)
    assert "a.zip.part" not in names(tmp_path)


def test_an_unpublished_checksum_is_recorded_and_holds(tmp_path, server, archive):
    path = fetch(archive("good", checksum=""), tmp_path)
    sha256 = hashlib.sha256(GOOD).hexdigest()
    assert file_digest(path) == sha256
    assert (tmp_path / "a.zip.sha256").read_text() == f"{sha256}  a.zip\n"
    path.unlink()
    (server.folder / "a.zip").write_bytes(zipped(seed=3))
    with pytest.raises(InputError, match=f"expected {sha256}"):
        fetch(archive("good", checksum=""), tmp_path)


def test_a_file_put_there_by_hand_is_checked(tmp_path, server, archive):
    (tmp_path / "a.zip").write_bytes(GOOD)
    fetch(archive("good"), tmp_path)
    assert server.asked == []
    (tmp_path / "a.zip").write_bytes(GOOD[:-1])
    with pytest.raises(InputError, match="delete the file"):
        fetch(archive("good"), tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../a.zip"},
        {"name": ".a"},
        {"urls": ()},
        {"urls": ("ftp://host/a.zip",)},
        {"checksum": "md5:12"},
        {"checksum": "0" * 64},
        {"attempts": 0},
    ],
)
def test_an_unusable_description_is_refused(changes):
    with pytest.raises(InputError, match="archive"):
        Archive(**({"name": "a.zip", "urls": ("http://host/a.zip",)} | changes))
