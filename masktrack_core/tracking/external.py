"""Somebody else's tracker as a command: a video laid out as files, masks back, checked.

What the command is given, for one object of one sequence::

    frames/00000.png …       every frame, as our networks see it: 8 bits, RGB
    annotations/00000.png    the mask of each annotated frame, 0 and 255, by the frame's number
    out/                     empty; it writes 00000.png … here, a mask a frame, 0 and 255 or 0 and 1
"""

import logging
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING

from masktrack_core.arrays import Mask, Size
from masktrack_core.errors import InputError
from masktrack_core.files.archives import frame_key
from masktrack_core.files.io import read_labels, write_frame, write_mask
from masktrack_core.tracking.answers import checked_mask, refuse_empty
from masktrack_core.tracking.commands import NEEDED

if TYPE_CHECKING:  # the module of the network's loop loads torch
    from masktrack_core.tracking.propagation import FrameSequence

_log = logging.getLogger(__name__)

#: Lines of what a command said that are repeated where it failed.
_LAST_LINES = 3


def track_by_command(
    command: str,
    frames: "FrameSequence",
    annotations: Mapping[int, Mask],
    folder: Path,
    *,
    names: Mapping[str, str],
    timeout_s: float,
    may_be_empty: bool = False,
) -> dict[int, Mask]:
    """Return the mask of every frame that a command answers, by frame.

    An annotated frame keeps its annotation, as with `propagate`. ``folder`` is laid out anew below;
    ``names`` are the values of ``{object}`` and ``{sequence}``. No shell reads the command. Its
    words go to the log. Raises `InputError` where it fails, takes longer than ``timeout_s``
    seconds, or its masks are too few, of another size or value, or, unless ``may_be_empty``, all
    empty.
    """
    for part in NEEDED:
        (folder / part).mkdir(parents=True)
    for t in range(len(frames)):
        write_frame(folder / "frames" / f"{frame_key(t)}.png", frames[t])
    for t, mask in annotations.items():
        write_mask(folder / "annotations" / f"{frame_key(t)}.png", mask)
    filled = {part: str((folder / part).resolve()) for part in NEEDED} | dict(names)
    words = [word.format(**filled) for word in shlex.split(command)]
    _run(words, folder / "said.txt", timeout_s)
    size = Size(*frames[0].shape[:2])
    answered = read_answer(
        folder / "out", len(frames), size, annotations, may_be_empty=may_be_empty
    )
    return answered | dict(annotations)


def read_answer(
    out: Path,
    length: int,
    size: Size,
    annotations: Mapping[int, Mask],
    *,
    may_be_empty: bool = False,
) -> dict[int, Mask]:
    """Return the masks that a command wrote, by frame; raise `InputError` for all that is wrong."""
    expected = {f"{frame_key(t)}.png": t for t in range(length)}
    found = {path.name for path in out.iterdir()}
    missing, others = sorted(expected.keys() - found), sorted(found - expected.keys())
    if missing or others:
        raise InputError(
            f"out: expected {length} masks, 00000.png to {frame_key(length - 1)}.png, got "
            f"{len(found)}: missing {missing[:3]}, not expected {others[:3]}; correct the tracker"
        )
    masks = {
        t: checked_mask(read_labels(out / name), size, f"out/{name}")
        for name, t in expected.items()
    }
    if not may_be_empty:
        refuse_empty(masks, annotations, "out")
    return masks


def _run(words: Sequence[str], said: Path, timeout_s: float) -> None:
    """Run a command; what it says goes to the file ``said``, then to the log."""
    _log.info("runs %s", shlex.join(words))
    problem = None
    with said.open("wb") as output, _started(words, output) as process:
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            problem = (
                f"command: expected an end within timeout_s: {timeout_s:g}, it was still running "
                "and was stopped"
            )
    lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        _log.info("it says: %s", line)
    if problem is None and process.returncode:
        problem = f"command: expected exit status 0, got {process.returncode}"
    if problem is not None:
        last = " | ".join(line.strip() for line in lines[-_LAST_LINES:]) or "nothing"
        raise InputError(f"{problem}; it said last: {last}")


@contextmanager
def _started(words: Sequence[str], output: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command in a group of its own, which ends when the block is left, on SIGTERM too."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(
            f"command: expected a program, {words[0]!r} cannot be run ({error.strerror}); correct "
            "the command, or run where it is installed"
        ) from error
    else:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
