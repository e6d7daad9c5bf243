"""``masktrack plan``: how many jobs a configuration means, and what they will cost."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from masktrack_core.commands.score import Commands

ROOT = Path(__file__).parents[2]
_HELP = """\
Print jobs, CPU hours, GPU hours and disk of what would run, by rule. Nothing is computed.

Run it where snakemake would be run. Unit costs are those of masktrack_core/facts/unit_costs.csv,
which says of each how it was measured, or the medians of an earlier run (--timings
results/timings.csv): a pilot over a few sequences with your own settings on your own machine tells
more. Networks cost what theirs cost with the backbone of your architectures and files; of
several, the dearest counts. GPU hours are printed only if you say how much faster your GPU is than
one core.

  masktrack plan --configfile paper.yaml -- results/paper/table2.csv results/paper/table1.csv

exit status: 0 a plan; 2 snakemake found an error, which is printed.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    plan = commands.add_parser(
        "plan",
        help="what a configuration will cost, before it is run",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    plan.add_argument("targets", nargs="*", help="files or rules (default: the workflow's)")
    plan.add_argument(
        "--configfile", nargs="+", type=Path, default=[], help="laid over config.yaml"
    )
    plan.add_argument("--timings", type=Path, help="results/timings.csv of an earlier run")
    plan.add_argument("--gpu-factor", type=float, help="how many cores your GPU is worth")
    plan.set_defaults(run=_plan)


def _plan(options: argparse.Namespace) -> int:
    from masktrack_core.experiment.planning import plan_table, plan_text, planned_jobs

    configs = [ROOT / "config.yaml", *options.configfile]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["-n", "--quiet", "rules", "--configfile", *map(str, configs), "--"]
    done = subprocess.run([*command, *options.targets], capture_output=True, text=True, check=False)
    jobs = planned_jobs(done.stdout + done.stderr)
    costs = _costs(options.timings, configs)
    table = plan_table(jobs, costs, gpu_factor=options.gpu_factor)
    sys.stdout.write(plan_text(table) + "\n")
    return 0


def _costs(timings: Path | None, configs: list[Path]) -> "pd.DataFrame":
    """Return unit costs: the package's, or an earlier run's, which say nothing of disk."""
    from masktrack_core.datasets.checks import read_config
    from masktrack_core.datasets.index import read_facts
    from masktrack_core.experiment.planning import costs_with, likely_backbones
    from masktrack_core.experiment.timings import read_stages

    if timings is None:
        backbones = likely_backbones([read_config(path) for path in configs])
        return costs_with(read_facts("unit_costs"), backbones)
    measured = read_stages(timings)[["stage", "cpu_s_per_job"]]
    measured.columns = ["rule", "cpu_s"]
    return measured.assign(disk_mb=float("nan"), how=f"median of {timings}")
