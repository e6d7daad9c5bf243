"""What a job pays before it works: started as a Python of its own, and forked from a server.

    python benchmarks/bench_start.py --jobs 10

CPU seconds of a job of the scripts `track` (with torch) and `score` (without) that imports all and
does nothing, its end included; of the server, what it takes to fork. `learnt` is what the first job
of a kind and the server's own imports cost once a run.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from masktrack_core.experiment.job_server import JobServers

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"


def used():
    """Return the CPU seconds of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def plainly(script, jobs):
    """Return the CPU seconds of a job that starts a Python."""
    before = used()
    for _ in range(jobs):
        subprocess.run([sys.executable, script], check=True)
    return (used() - before) / jobs


def forked(script, jobs):
    """Return the CPU seconds of some forked jobs, and of the server that forks them."""
    before, servers = used(), JobServers()
    for _ in range(jobs):
        job = servers.start(script, Path(script).stem, os.environ)
        if job is None or job.run().status:
            raise SystemExit("no job was forked; this needs Linux and OMP_NUM_THREADS=1")
    servers.close()
    return used() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10)
    jobs = parser.parse_args().jobs
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPTS.parent)}
    print(f"{'script':<10}{'plain':>8}{'forked':>8}{'ratio':>7}{'learnt':>8}   CPU seconds a job")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("track", "score"):
            script = Path(folder, f"{name}.py")
            script.write_text(
                (SCRIPTS / f"{name}.py").read_text().replace("\nmain(snakemake)\n", "")
            )
            plain = plainly(str(script), max(1, jobs // 3))
            few = forked(str(script), 3)
            fork = (forked(str(script), 3 + jobs) - few) / jobs
            learnt = few - 3 * fork
            print(f"{name:<10}{plain:8.2f}{fork:8.3f}{fork / plain:7.2f}{learnt:8.2f}")


if __name__ == "__main__":
    main()
