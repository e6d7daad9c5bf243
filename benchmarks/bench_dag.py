"""How long Snakemake thinks before the first job: sequences against seconds.

    python benchmarks/bench_dag.py --sequences 125 250 500 1000 2000
    python benchmarks/bench_dag.py --paper      # Tables 1 and 2, Figures 2 to 6 of paper.yaml

Dry runs of a synthetic data set, which is a table of names and no file, with the rows of Table 2.
CPU seconds beside wall seconds: on a busy machine only the former mean something.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PAPER = ("results/paper/table1.csv", "results/paper/table2.csv", "figures")


def synthetic(folder, count):
    """Write the configuration of a data set of ``count`` sequences; return its path."""
    names = "".join(f"sequence-{number:05d},1\n" for number in range(count))
    (folder / "sequences.csv").write_text("sequence,object\n" + names)
    dataset = {"title": "Many", "layout": "davis", "archives": ["many.zip"], "skip": ["first"]}
    config = {
        "archives": {"many.zip": {"instructions": "there is none"}},
        "datasets": {"many": dataset | {"table": str(folder / "sequences.csv")}},
        "tables": {"table2": {"datasets": ["many"]}},
    }
    path = folder / "many.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def measure(config, targets):
    """Return jobs, wall and CPU seconds of one dry run in an empty folder."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-n"]
    command += ["--quiet", "rules", "--configfile", str(ROOT / "config.yaml"), str(config)]
    with tempfile.TemporaryDirectory() as folder:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            [*command, "--directory", folder, "--", *targets], capture_output=True, text=True
        )
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit((done.stdout + done.stderr)[-3000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    jobs = int(re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)[1])
    return jobs, wall, cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sequences", type=int, nargs="*", default=[125, 250, 500, 1000, 2000])
    parser.add_argument("--paper", action="store_true")
    options = parser.parse_args()
    print(f"{'what':>12}{'jobs':>8}{'wall s':>9}{'CPU s':>9}{'CPU ms/job':>12}")
    runs = [("paper.yaml", ROOT / "paper.yaml", PAPER)] if options.paper else []
    with tempfile.TemporaryDirectory() as place:
        for what, config, targets in runs or [(n, None, None) for n in options.sequences]:
            path = config or synthetic(Path(place), what)
            jobs, wall, cpu = measure(path, targets or ("results/table2.csv",))
            line = f"{what:>12}{jobs:>8}{wall:>9.1f}{cpu:>9.1f}{1000 * cpu / jobs:>12.2f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
