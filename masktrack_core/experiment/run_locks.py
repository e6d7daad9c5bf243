"""Which runs are alive in a working folder, so that the lock of a killed one need not stay.

Snakemake keeps two runs apart by files that a killed run leaves behind; nobody can tell from them
whether their owner is alive. The kernel can: it drops a lock on an open file with its process.
"""

import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from masktrack_core.errors import InputError

log = logging.getLogger(__name__)

#: In Snakemake's folder; says which machine the last run was on.
ALIVE = "masktrack-run"


def announce_run(folder: Path) -> TextIO | None:
    """Return an open file that says, as long as this process lives, that a run is alive here.

    ``folder`` is Snakemake's own, ``.snakemake``. Where no other run is alive, the lock that one
    before it left on this machine is removed; a lock of another machine stays, as nobody here can
    know. None, and nothing done, on a file system without such locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / ALIVE).open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        file.seek(0)
        machine = file.read()
        if _is_alone(file):
            if machine == platform.node():
                _remove_locks(folder / "locks")
            file.truncate(0)
            file.write(platform.node())
            file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError as error:
        log.warning("%s: runs that were killed are not told from others (%s)", folder, error)
        file.close()
        return None
    return file


@contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Let no other run work on a folder, which must be there, as long as the block lasts.

    Raises `InputError` where another run does. Without such locks on the file system nothing is
    kept apart, and a line says so.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InputError(
            f"{folder}: expected a folder in which nothing is at work, got one of a run that is "
            "not done; wait for it, or give another folder"
        ) from error
    except OSError as error:
        log.warning("%s: two runs at once are not told apart here (%s)", folder, error)
    try:
        yield
    finally:
        os.close(handle)


def _is_alone(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_locks(folder: Path) -> None:
    left = sorted(folder.glob("*.lock")) if folder.is_dir() else []
    for lock in left:
        lock.unlink(missing_ok=True)
    if left:
        log.warning(
            "%s: the run that held this lock is no longer alive (process %d goes on); unlocked",
            folder,
            os.getpid(),
        )
