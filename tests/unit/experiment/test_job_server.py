"""Forked jobs: processes of their own, bound to their server; nothing of one is left in another."""

import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from masktrack_core.experiment.job_server import JobServers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux only")


@pytest.fixture
def jobs(tmp_path):
    """Start scripts in a folder as jobs; what they print goes to a file each may append to."""
    servers = JobServers()

    def start(source, kind="kind", heavy=False, **variables):
        script = tmp_path / f"{kind}.py"
        script.write_text(source)
        place = {"PYTHONPATH": str(tmp_path), "ANSWER": str(tmp_path / "answer")}
        return servers.start(str(script), kind, place | variables, heavy=heavy)

    def answers():
        return [json.loads(line) for line in (tmp_path / "answer").read_text().splitlines()]

    yield SimpleNamespace(start=start, answers=answers, servers=servers)
    servers.close()


#: Ends a script: what it found, as a line of JSON.
TELL = """
import json, os
with open(os.environ["ANSWER"], "a") as file:
    print(json.dumps(found), file=file)
"""


def test_a_job_is_the_main_program_of_a_process_of_its_own(jobs, tmp_path):
    source = "import os, sys\n"
    source += "found = [__name__, sys.argv, sys.path[0], os.getpid(), os.environ.get('X')]"
    seen = []
    for given in ("1", "2"):
        job = jobs.start(source + TELL, X=given)
        assert job.run().status == 0
        seen.append(["__main__", [str(tmp_path / "kind.py")], str(tmp_path), job.pid, given])
    assert jobs.answers() == seen and seen[0][3] != seen[1][3]


def test_nothing_of_a_job_is_left_in_the_next_but_what_it_imported(jobs):
    source = "import sys\nfound = ['colorsys' in sys.modules]\nimport colorsys"
    source += "\nfound.append(hasattr(colorsys, 'mark'))\ncolorsys.mark = 1"
    for _ in range(3):
        assert jobs.start(source + TELL).run().status == 0
    assert jobs.answers() == [[False, False], [True, False], [True, False]]


def test_what_one_kind_imports_with_torch_is_not_in_the_server_of_the_others(jobs, tmp_path):
    (tmp_path / "torch.py").write_text("size = bytes(50_000_000)")
    source = "import sys\nfound = sorted({'torch', 'colorsys'} & set(sys.modules))\n"
    for kind, module in [("a", "torch"), ("b", "colorsys")] * 3:
        assert jobs.start(f"{source}{TELL}import {module}", kind).run().status == 0
    assert jobs.answers() == [[], [], *[["torch"], ["colorsys"]] * 2]


def test_a_kind_that_is_said_to_import_torch_finds_it_in_its_first_job_and_the_next(jobs, tmp_path):
    (tmp_path / "torch.py").write_text("")
    source = "import sys\nfound = sorted({'torch', 'colorsys'} & set(sys.modules))\n"
    for _ in range(2):
        job = jobs.start(f"{source}{TELL}import torch, colorsys", heavy=True)
        assert job.run().status == 0
    assert jobs.answers() == [["torch"], ["colorsys", "torch"]]


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("pass", 0),
        ("import sys; sys.exit(7)", 7),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        (  # shells have what runs in the background ignore it
            "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "os.kill(os.getpid(), signal.SIGINT)",
            -signal.SIGINT,
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_a_job_ends_as_a_process_does(jobs, source, status):
    assert jobs.start(source).run().status == status


def test_what_a_job_registered_for_its_end_is_done_and_an_error_shows_its_script_alone(tmp_path):
    (tmp_path / "good.py").write_text("import atexit\natexit.register(print, 'done', end='')")
    (tmp_path / "bad.py").write_text("def f(): raise ValueError('no')\nf()")
    code = "import os, sys; from masktrack_core.experiment.job_server import JobServers as J\n"
    code += "s = J(); [s.start(f'{n}.py', n, os.environ).run() for n in ('good', 'bad')]"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.stdout == "done"
    plain = subprocess.run([sys.executable, "bad.py"], cwd=tmp_path, capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1] == "ValueError: no"
    assert ended.stderr.count("\n  File ") == plain.stderr.count("\n  File ") == 2


def test_the_kernel_says_what_a_job_and_its_children_used(jobs):
    work = "x = bytearray(60_000_000)\nt = sum(i for i in range(10**6))\n"
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {work!r}])"
    alone, both = jobs.start(work, "a").run(), jobs.start(f"{source}\n{work}", "b").run()
    assert 0 < alone.cpu_s < both.cpu_s
    assert 60 < alone.memory_mb < 120


def test_the_job_of_a_killed_server_is_killed_and_the_next_start_plainly(jobs):
    job = jobs.start("import time\ntime.sleep(600)")
    process = psutil.Process(job.pid)
    process.parent().kill()
    assert job.run().status == -signal.SIGKILL
    process.wait(timeout=20)
    assert jobs.start("pass") is None


def test_jobs_get_sigterm_when_nobody_is_left_to_wait_for_them(tmp_path):
    (tmp_path / "job.py").write_text(
        "import signal, sys, time\n"
        "def stop(*_): print('stopped', flush=True); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('begun', flush=True)\ntime.sleep(600)"
    )
    code = "import os; from masktrack_core.experiment.job_server import JobServers as J\n"
    code += "j = J().start('job.py', 'job', os.environ); j.run()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout.readline() == "begun\n"
        waiting.kill()
        assert waiting.stdout.read() == "stopped\n"  # to the end: of the server's output, too


def test_a_job_meets_the_signals_that_the_run_was_started_with(jobs):
    source = "import signal\nfound = [str(signal.getsignal(n)) for n in "
    source += "(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]"
    assert jobs.start(source + TELL).run().status == 0
    plain = subprocess.run(
        [sys.executable, "-c", f"{source}\nprint(found)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(jobs.answers()[0]) == plain.stdout.strip()


def test_nothing_is_forked_from_a_process_in_which_an_import_started_a_thread(jobs, tmp_path):
    (tmp_path / "busy.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    )
    assert jobs.start("import busy").run().status == 0
    assert jobs.start("import busy") is None


def test_a_job_is_known_by_its_kind(jobs):
    job = jobs.start("pass", "finetune")
    assert psutil.Process(job.pid).name() == "finetune"
    assert job.run().status == 0


def test_a_machine_without_such_a_server_starts_jobs_plainly():
    servers = JobServers("/no/such/python")
    assert servers.start("job.py", "job", {}) is None
    assert servers.start("job.py", "job", {}) is None
    servers.close()
