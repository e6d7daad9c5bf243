import sys
import time
from pathlib import Path

import numpy as np
import pytest

from masktrack_core.errors import InputError
from masktrack_core.files.io import read_frame, read_mask, write_labels, write_mask
from masktrack_core.tracking.external import read_answer, track_by_command

SIZE = (20, 30)
FRAMES = [np.full((*SIZE, 3), 40 * t, np.uint8) for t in range(3)]
FIRST = np.zeros(SIZE, bool)
FIRST[5:9, 6:12] = True


def track(folder, body, timeout_s=60.0, annotations=None):
    """Run a tracker of some lines of Python, which knows its folders as a, b and c."""
    script = folder / "tracker.py"
    lines = "import sys, pathlib, shutil, time, os\na, b, c = map(pathlib.Path, sys.argv[1:4])\n"
    script.write_text(lines + body)
    command = f"{sys.executable} {script} {{frames}} {{annotations}} {{out}} {{object}}"
    given = {0: FIRST} if annotations is None else annotations
    names = {"object": "7", "sequence": "walk"}
    return track_by_command(
        command, FRAMES, given, folder / "run", names=names, timeout_s=timeout_s
    )


COPY = "[shutil.copy(b / '00000.png', c / f.name) for f in a.iterdir()]\n"


def test_a_command_finds_frames_and_annotations_and_its_masks_are_read(tmp_path):
    body = COPY + "print(*sys.argv[4:], file=(pathlib.Path(sys.argv[0]).parent / 'said').open('w'))"
    masks = track(tmp_path, body)
    assert sorted(masks) == [0, 1, 2]
    assert all(np.array_equal(mask, FIRST) for mask in masks.values())
    assert (tmp_path / "said").read_text() == "7\n"
    for t in range(3):
        given = read_frame(tmp_path / "run" / "frames" / f"{t:05d}.png")
        assert np.array_equal(given, FRAMES[t])
    assert [path.name for path in (tmp_path / "run" / "annotations").iterdir()] == ["00000.png"]
    assert np.array_equal(read_mask(tmp_path / "run" / "annotations" / "00000.png"), FIRST)


def test_an_annotated_frame_keeps_its_annotation(tmp_path):
    other = np.roll(FIRST, 10, axis=1)
    masks = track(tmp_path, COPY, annotations={0: FIRST, 2: other})
    assert np.array_equal(masks[1], FIRST) and np.array_equal(masks[2], other)


def test_a_crash_is_told_with_its_last_words(tmp_path):
    words = "expected exit status 0, got 3; it said last: no weights$"
    with pytest.raises(InputError, match=words):
        track(tmp_path, "print('no weights', file=sys.stderr); sys.exit(3)")


def test_a_command_that_hangs_is_stopped_with_all_that_it_started(tmp_path):
    body = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "(pathlib.Path(sys.argv[0]).parent / 'pid').write_text(str(child.pid))\ntime.sleep(60)\n"
    )
    with pytest.raises(
        InputError, match=r"expected an end within timeout_s: 3, .* said last: nothing"
    ):
        track(tmp_path, body, timeout_s=3)
    state = Path("/proc") / (tmp_path / "pid").read_text() / "stat"
    for _ in range(50):
        if not state.exists() or " Z " in state.read_text():
            return
        time.sleep(0.1)
    pytest.fail("what the command started lives on")


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="'no-such-tracker' cannot be run"):
        track_by_command(
            "no-such-tracker {frames} {annotations} {out}",
            FRAMES,
            {0: FIRST},
            tmp_path,
            names={},
            timeout_s=9,
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda out: (out / "00001.png").unlink(), r"expected 3 masks.*missing \['00001\.png'\]"),
        (lambda out: write_mask(out / "00003.png", FIRST), r"not expected \['00003\.png'\]"),
        (lambda out: write_mask(out / "00001.png", FIRST[1:]), r"out/00001\.png: .*\(19, 30\)"),
        (lambda out: write_mask(out / "00002.png", np.pad(FIRST, 1)), r"\(20, 30\).*\(22, 32\)"),
        (
            lambda out: write_labels(out / "00002.png", FIRST * np.uint8(2)),
            r"out/00002\.png: expected a mask of one object.*\[0, 2\]",
        ),
        (
            lambda out: [write_mask(out / f"{t:05d}.png", FIRST & False) for t in (1, 2)],
            r"expected the object in some of 2 frames, got empty masks in all; .*`empty: allowed`",
        ),
        (lambda out: (out / "00001.png").write_bytes(b"no picture"), r"00001\.png"),
    ],
)
def test_an_answer_that_is_not_whole_is_refused(tmp_path, change, words):
    for t in range(3):
        write_mask(tmp_path / f"{t:05d}.png", FIRST)
    assert len(read_answer(tmp_path, 3, SIZE, {0: FIRST})) == 3
    change(tmp_path)
    with pytest.raises(InputError, match=words) as raised:
        read_answer(tmp_path, 3, SIZE, {0: FIRST})
    assert "\n" not in str(raised.value)


def test_an_object_that_truly_leaves_is_allowed_where_the_row_says_so(tmp_path):
    for t in range(3):
        write_mask(tmp_path / f"{t:05d}.png", FIRST & (t == 0))
    masks = read_answer(tmp_path, 3, SIZE, {0: FIRST}, may_be_empty=True)
    assert [bool(masks[t].any()) for t in range(3)] == [True, False, False]
    with pytest.raises(InputError, match="got empty masks in all"):
        read_answer(tmp_path, 3, SIZE, {0: FIRST})
    (tmp_path / "00002.png").unlink()
    with pytest.raises(InputError, match="expected 3 masks"):  # and nothing else is
        read_answer(tmp_path, 3, SIZE, {0: FIRST}, may_be_empty=True)
