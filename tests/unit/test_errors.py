"""How a lack of memory is told from every other error, whichever library ran out."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from masktrack_core.errors import InputError, lacks_memory
from masktrack_core.files.io import write_frame

#: More bytes than any machine can address.
TOO_MANY = 2**46


def numpys():
    np.ones(TOO_MANY, np.uint8)


def torchs():
    torch.ones(TOO_MANY, dtype=torch.uint8)


def opencvs():
    cv2.resize(np.ones((2, 2), np.uint8), (2**31 - 1, 2**20))


@pytest.mark.parametrize("allocate", [numpys, torchs, opencvs])
def test_each_library_that_runs_out_of_memory_is_understood(allocate):
    with pytest.raises(Exception) as error:
        allocate()
    assert lacks_memory(error.value)


def test_other_errors_are_not_taken_for_it():
    others = (RuntimeError("no"), OSError(28, "full"), InputError("out of memory"), cv2.error("x"))
    assert not any(lacks_memory(error) for error in others)


STARVED = """
import resource, sys
from masktrack_core.commands import cli, clips
from masktrack_core.datasets.object_masks import read_objects
{warm}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {megabytes} * 2**20,) * 2)
sys.exit(cli.main({arguments!r}))
"""


def starved(megabytes, *arguments):
    """Return how a command ends that may take so much memory beyond what it has when it starts."""
    warm = "import torch, cv2; torch.set_num_threads(1); cv2.setNumThreads(1)"
    script = STARVED.format(warm=warm, megabytes=megabytes, arguments=[*map(str, arguments)])
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS is Linux'")
@pytest.mark.parametrize("megabytes", [5, 40])
def test_a_command_without_memory_says_so_and_blames_no_file(tmp_path, megabytes):
    for t in range(2):
        write_frame(tmp_path / "frames" / f"{t}.png", np.full((1500, 2000, 3), 40 + t, np.uint8))
    write_frame(tmp_path / "mask.png", np.zeros((1500, 2000, 3), np.uint8) + np.uint8(255))
    given = (tmp_path / "frames", "--first", tmp_path / "mask.png", "--out", tmp_path / "out")
    done = starved(megabytes, "segment", *given, "--no-finetune", "--threads", "1")
    assert done.returncode == 2, done.stderr[-2000:]
    said = done.stderr.splitlines()[-1]
    assert "memory" in said and "Traceback" not in done.stderr
    assert "copy" not in said and "download" not in said and "damaged" not in said
    assert not [*(tmp_path / "out").glob("*.png")]
