"""The GPUs of this machine: whether there is one, and which one no other job has taken."""

import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TextIO

#: Where NVIDIA's driver shows a GPU as ``nvidia0``, ``nvidia1``, …
DEVICES = Path("/dev")

#: Open as long as the process lives, and its children: the locks of the GPUs that it took.
_TAKEN: list[TextIO] = []


def gpus_at_hand() -> bool:
    """Return whether this machine has a GPU that a process may use; torch is not loaded for it."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(DEVICES.glob("nvidia[0-9]*"))


def gpu_given() -> bool:
    """Return whether this machine shows a GPU, or a scheduler says that it gave one to this job."""
    said = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and (gpus_at_hand() or any(os.environ.get(name) for name in said))


@cache
def take_gpu(count: int) -> int:
    """Return the number, of ``count``, of the first GPU that no other process took; else 0.

    A kernel lock says so, which ends with the process. Nothing is refused: with more jobs than
    GPUs they share the first.
    """
    for number in range(count):
        path = Path(tempfile.gettempdir(), f"masktrack-{os.getuid()}-gpu-{number}")
        file = path.open("a", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _TAKEN.append(file)
        return number
    return 0
