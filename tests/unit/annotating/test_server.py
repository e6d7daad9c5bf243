import errno
import io
import json
import os
from http.client import HTTPConnection
from threading import Thread

import numpy as np
import pytest
from drawn_clip import LENGTH, SIZE, disk
from PIL import Image

from masktrack_core.annotating import project as project_module
from masktrack_core.annotating.server import HOST, PageServer, mask_of_runs
from masktrack_core.arrays import Size
from masktrack_core.errors import InputError


def runs(mask):
    """Run lengths row by row, background first, the plain way."""
    lengths, value = [0], False
    for one in mask.ravel():
        if one != value:
            lengths.append(0)
            value = one
        lengths[-1] += 1
    return ",".join(map(str, lengths))


@pytest.fixture
def server(studio):
    made = PageServer(studio, "secret")
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def ask(server, path, method="GET", body=None, token="secret", tab="a"):
    connection = HTTPConnection(*server.server_address)
    mark = "&" if "?" in path else "?"
    connection.request(method, f"{path}{mark}token={token}&tab={tab}", body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.headers["Content-Type"] == "application/json":
        return answer.status, json.loads(content)
    return answer.status, content


def test_nothing_is_answered_without_the_token_but_the_script(server):
    for path in ("/", "/state", "/frame?t=0"):
        for token in ("", "secreT", "ä"):
            status, said = ask(server, path, token=token.encode().hex() if token == "ä" else token)
            assert status == 403 and "token" in said["error"]
    assert ask(server, "/", method="POST", token="")[0] == 403
    assert ask(server, "/page.js", token="")[0] == 200
    status, page = ask(server, "/")
    assert status == 200 and b"masktrack annotate" in page
    assert server.server_address[0] == HOST == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_address[1]}/?token=secret"


def test_the_page_loads_nothing_from_elsewhere(server):
    for path in ("/", "/page.js"):
        assert b"http://" not in (text := ask(server, path)[1]) and b"https://" not in text


def test_frames_and_labels_are_pictures_of_the_clip(server, clip):
    status, content = ask(server, "/frame?t=3")
    assert status == 200
    shown = np.array(Image.open(io.BytesIO(content))).astype(int)
    assert np.abs(shown[disk(3)].mean(0) - clip[3][disk(3)].mean(0)).max() < 12
    assert shown.shape == clip[3].shape
    assert ask(server, "/draw?t=3&object=2", "POST", runs(disk(3)))[0] == 200
    labels = np.array(Image.open(io.BytesIO(ask(server, "/labels?t=3")[1])))
    assert labels.dtype == np.uint8 and (labels == 2 * disk(3)).all()
    assert ask(server, "/frame?t=8")[1] == {"error": "frame: expected 0 to 7, got 8"}
    assert ask(server, "/frame?t=x")[0] == 400 and ask(server, "/other")[0] == 404


def test_drawing_clearing_undoing_and_naming_are_on_disk_when_answered(server, studio):
    drawn = studio.project.folder / "annotations" / "00003.png"
    ask(server, "/draw?t=3&object=1", "POST", runs(disk(3)))
    assert drawn.exists()
    status, said = ask(server, "/clear?t=3&object=1", "POST")
    assert status == 200 and said["state"]["drawn"] == {} and not drawn.exists()
    assert ask(server, "/undo", "POST")[1]["answer"] == 3 and drawn.exists()
    assert ask(server, "/object?object=2&name=ball&colour=%23102030", "POST")[0] == 200
    assert ask(server, "/state")[1]["objects"]["2"] == {"name": "ball", "colour": "#102030"}


def test_a_second_tab_is_told_and_draws_when_it_takes_the_pen(server, studio):
    assert ask(server, "/draw?t=0&object=1", "POST", runs(disk(0)))[0] == 200
    status, said = ask(server, "/draw?t=0&object=1", "POST", runs(disk(1)), tab="b")
    assert status == 409 and "another tab draws on this clip; press T" in said["error"]
    assert (studio.project.drawn[0][1] == disk(0)).all()
    assert ask(server, "/take", "POST", tab="b")[1]["state"]["pen"]
    assert ask(server, "/draw?t=0&object=1", "POST", runs(disk(1)), tab="b")[0] == 200
    assert ask(server, "/undo", "POST", tab="a")[0] == 409


def test_a_full_disk_is_said_and_nothing_is_lost(server, studio, monkeypatch):
    ask(server, "/draw?t=0&object=1", "POST", runs(disk(0)))
    kept = studio.project.digest()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "annotations/00000.png")

    monkeypatch.setattr(project_module, "write_annotated_frame", full)
    status, said = ask(server, "/draw?t=0&object=1", "POST", runs(disk(1)))
    assert (status, said) == (507, {"error": "annotations/00000.png: No space left on device"})
    assert studio.project.digest() == kept
    monkeypatch.undo()
    assert ask(server, "/draw?t=0&object=1", "POST", runs(disk(1)))[0] == 200


def test_a_damaged_frame_is_said_by_its_file(server, clip):
    (clip.path / "00005.png").write_bytes(b"damaged")
    status, said = ask(server, "/frame?t=5")
    assert status == 422 and "00005.png" in said["error"]


def test_the_server_ends_when_told_to(server, studio):
    assert not studio.ended.is_set()
    assert ask(server, "/end", "POST")[0] == 200 and studio.ended.is_set()


def test_a_port_in_use_is_refused(server, studio):
    port = server.server_address[1]
    with pytest.raises(InputError, match=f"--port {port}: expected a free port of 127.0.0.1"):
        PageServer(studio, "secret", port)


def test_runs_are_a_mask_of_this_size_or_an_error():
    mask = disk(1)
    assert (mask_of_runs(runs(mask), Size(*SIZE)) == mask).all()
    assert mask_of_runs("0,6", Size(2, 3)).all() and not mask_of_runs("6", Size(2, 3)).any()
    for text in ("", "5", "0,7", "-1,7", "1,x"):
        with pytest.raises(InputError, match="mask: expected run"):
            mask_of_runs(text, Size(2, 3))
    assert LENGTH == 8
