"""Memory of tracking does not grow with the length of the video."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SIZE = (48, 64)


def peak_mib(frames):
    command = [sys.executable, "benchmarks/bench_track.py", "--child", "--frames", str(frames)]
    command += ["--network", "copy", "--size", *map(str, SIZE)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["peak_mib"]


@pytest.mark.slow
def test_two_thousand_frames_need_no_more_memory_than_two_hundred():
    growth = peak_mib(2000) - peak_mib(200)
    kept = 1800 * SIZE[0] * SIZE[1] * 4 / 2**20  # were only the probabilities kept: 21 MiB
    assert growth < kept / 3
