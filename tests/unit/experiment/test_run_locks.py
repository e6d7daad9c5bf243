import platform
import subprocess
import sys
from pathlib import Path

import pytest

from masktrack_core.experiment.run_locks import ALIVE, announce_run

ROOT = Path(__file__).parents[3]
STAY = """
import sys
from pathlib import Path
from masktrack_core.experiment.run_locks import announce_run
with announce_run(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def locked(tmp_path):
    """Snakemake's folder with a lock in it, as a run on this machine leaves it."""
    announce_run(tmp_path).close()
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").write_text("a")
    return tmp_path


def test_the_lock_of_a_run_that_is_gone_is_removed(locked):
    with announce_run(locked):
        assert not list((locked / "locks").iterdir())


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_the_lock_of_a_living_run_stays_until_it_is_gone(locked, end):
    (locked / "locks" / "0.input.lock").unlink()
    command = [sys.executable, "-c", STAY, str(locked)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": ROOT}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout.readline() == b"ready\n"
        (locked / "locks" / "0.input.lock").write_text("a")
        announce_run(locked).close()
        assert list((locked / "locks").iterdir())
        other.stdin.close() if end == "stopped" else other.kill()
        other.wait(30)
    announce_run(locked).close()
    assert not list((locked / "locks").iterdir())


def test_the_lock_of_another_machine_stays(locked):
    (locked / ALIVE).write_text("elsewhere")
    announce_run(locked).close()
    assert list((locked / "locks").iterdir())
    assert (locked / ALIVE).read_text() == platform.node()


def test_a_new_folder_is_made(tmp_path):
    announce_run(tmp_path / "new").close()
    assert (tmp_path / "new" / ALIVE).read_text() == platform.node()
