"""The command around the page: what is refused before it is served, and how it ends."""

import json
import subprocess
import sys
import urllib.request

import pytest
from drawn_clip import write_clip

from masktrack_core.commands.cli import main
from masktrack_core.experiment.run_locks import sole_run


def refused(capsys, *words):
    assert main(["annotate", *map(str, words)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    return line


def test_what_cannot_be_used_is_said_in_one_line(tmp_path, capsys):
    write_clip(tmp_path / "clip")
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    assert "broken.mp4" in refused(capsys, tmp_path / "broken.mp4")
    assert "none.mp4: expected a video or a folder" in refused(capsys, tmp_path / "none.mp4")
    assert "--port: expected 0 to 65535, got 70000" in refused(
        capsys, tmp_path / "clip", "--port", 70000
    )
    assert "--threads and --iterations" in refused(capsys, tmp_path / "clip", "--iterations", 0)
    out = tmp_path / "file"
    out.write_text("mine")
    assert "file: expected a folder" in refused(capsys, tmp_path / "clip", "--out", out)


def test_one_writer_a_folder(tmp_path, capsys):
    write_clip(tmp_path / "clip")
    (tmp_path / "work").mkdir()
    with sole_run(tmp_path / "work"):
        line = refused(capsys, tmp_path / "clip", "--out", tmp_path / "work")
    assert "work: expected a folder in which nothing is at work" in line


@pytest.mark.parametrize("how", ["page", "signal"])
def test_it_prints_its_address_serves_and_ends_when_told_to(tmp_path, how):
    clip = write_clip(tmp_path / "clip")
    command = [sys.executable, "-m", "masktrack_core.commands.cli", "annotate", str(clip.path)]
    process = subprocess.Popen([*command, "--threads", "1"], stderr=subprocess.PIPE, text=True)
    try:
        address = next(line.strip() for line in process.stderr if "http://" in line)
        with urllib.request.urlopen(address.replace("/?", "/state?tab=a&")) as answer:
            assert json.load(answer)["frames"] == len(clip)
        if how == "page":
            urllib.request.urlopen(address.replace("/?", "/end?tab=a&"), data=b"").close()
        else:
            process.terminate()
        assert process.wait(60) == (0 if how == "page" else 130)
        assert "ended; all of it is in" in process.stderr.read() or how == "signal"
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / "clip.masktrack" / "annotate.yaml").exists()
