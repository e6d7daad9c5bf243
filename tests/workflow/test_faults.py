"""A few kills and damage over the short chain (make faults); longer: benchmarks/faults.py."""

import json
import subprocess
import sys

import pytest

from .conftest import ROOT


@pytest.mark.faults
def test_a_run_that_is_killed_and_damaged_ends_with_the_same_bytes(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), "--short"]
    command += ["--folder", str(tmp_path / "faults"), "--kills", "5", "--mean-s", "12"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    summary = json.loads((tmp_path / "faults" / "faults.json").read_text())
    assert summary["identical"] and summary["kills"] >= 1 and not summary["again_for_no_reason"]
