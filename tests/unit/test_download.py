import hashlib
import io
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from masktrack_core.download import Archive, fetch, file_digest
from masktrack_core.errors import InputError


def zipped(size=300_000, seed=0):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.bin"), np.random.default_rng(seed).bytes(size))
    return buffer.getvalue()


GOOD = zipped()
MD5 = "md5:" + hashlib.md5(GOOD).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers as the first part of the path says; keeps the requests in ``server.asked``."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        getattr(self, "answer_" + self.path.split("/")[1])()

    def send(self, body, *, status=200, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self, *, body=None, tag='"one"', cut=None):
        body = self.server.body if body is None else body
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted and self.headers.get("If-Range") == tag:
            start = int(wanted[1])
            if start >= len(body):
                return self.send(b"", status=416)
            self.send(
                body[start : cut and start + cut],
                status=206,
                length=len(body) - start,
                ETag=tag,
                Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}",
            )
        else:
            self.send(body[:cut], length=len(body), ETag=tag)
        return None

    def answer_breaks(self):
        self.answer_good(cut=len(GOOD) // 3 + 1)

    def answer_breaks_without_tag(self):
        self.send(GOOD[:1000], length=len(GOOD))

    def answer_breaks_once(self):
        self.answer_good(cut=None if len(self.server.asked) > 1 else 1000)

    def answer_unknown_length(self):
        self.send(GOOD, length="none")

    def answer_too_short_length(self):
        self.send(GOOD, length=len(GOOD) - 100)

    def answer_page(self):
        self.send(b"<html>please register</html>", Content_Type="text/html")

    def answer_garbage(self):
        self.send(np.random.default_rng(1).bytes(5000))

    def answer_absent(self):
        self.send(b"no", status=404)

    def answer_busy(self):
        if len(self.server.asked) < 3:
            self.send(b"wait", status=503)
        else:
            self.answer_good()

    def answer_moved(self):
        self.send(b"", status=302, Location="/good/a.zip")

    def answer_round(self):
        self.send(b"", status=302, Location=self.path)

    def answer_wrong_range(self):
        if self.headers.get("Range"):
            self.send(GOOD, status=206, Content_Range=f"bytes 0-{len(GOOD) - 1}/{len(GOOD)}")
        else:
            self.answer_good(cut=None if len(self.server.asked) > 2 else 1000)


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked, server.body = [], GOOD
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def archive(server):
    def make(*kinds, checksum=MD5, attempts=3):
        base = f"http://127.0.0.1:{server.server_port}"
        urls = tuple(f"{base}/{kind}/a.zip" for kind in kinds)
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
    starts = [int(asked[6:-1]) for _, asked in server.asked if asked]
    assert starts == [65536 * (1 + i) for i in range(len(starts))]  # in whole chunks
    assert len(starts) >= 2
    assert names(tmp_path) == ["a.zip"]


def test_a_break_is_gone_on_with_in_another_call(tmp_path, server, archive):
    with pytest.raises(InputError, match=r"a\.zip.*breaks"):
        fetch(archive("breaks", attempts=1), tmp_path)
    assert names(tmp_path) == ["a.zip.part", "a.zip.part-version"]
    assert fetch(archive("good"), tmp_path).read_bytes() == GOOD
    assert server.asked[-1][1] == "bytes=65536-"


def test_a_file_that_changed_meanwhile_is_not_spliced(tmp_path, server, archive):
    with pytest.raises(InputError):
        fetch(archive("breaks", attempts=1, checksum=""), tmp_path)
    (tmp_path / "a.zip.part-version").write_text('"older"')
    server.body = zipped(seed=2)
    assert fetch(archive("good", checksum=""), tmp_path).read_bytes() == server.body


def test_without_a_mark_of_the_version_a_download_begins_anew(tmp_path, server, archive):
    with pytest.raises(InputError):
        fetch(archive("breaks_without_tag", checksum=""), tmp_path)
    assert [asked for _, asked in server.asked] == [None] * 3


def test_the_wrong_range_is_not_appended(tmp_path, archive):
    assert fetch(archive("wrong_range"), tmp_path).read_bytes() == GOOD


def test_mirrors_are_tried_in_turn(tmp_path, server, archive):
    path = fetch(archive("absent", "garbage", "page", "breaks_without_tag", "good"), tmp_path)
    assert path.read_bytes() == GOOD
    kinds = [path.split("/")[1] for path, _ in server.asked]
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
    server.body = zipped(seed=3)
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
