"""``masktrack plan``: how many jobs a configuration means, and what they will cost."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from masktrack_core.datasets.index import read_facts
    from masktrack_core.experiment.planning import costs_with
    from masktrack_core.experiment.timings import read_stages

    if timings is None:
        return costs_with(read_facts("unit_costs"), _backbones(configs))
    measured = read_stages(timings)[["stage", "cpu_s_per_job"]]
    measured.columns = ["rule", "cpu_s"]
    return measured.assign(disk_mb=float("nan"), how=f"median of {timings}")


def _backbones(configs: list[Path]) -> set[str]:
    """Return the backbones of the last file that has architectures, or networks from files.

    Those of a network to download are not known, and config.yaml's own rows of such networks run
    for fewer steps than the costs are of: neither counts.
    """
    from masktrack_core.datasets.checks import read_config
    from masktrack_core.experiment.network_files import local_file
    from masktrack_core.experiment.recipes import NetworkRecipe
    from masktrack_core.networks.records import read_record

    known: dict[str, Any] = {}
    last: set[str] = set()
    for place, path in enumerate(configs):
        config = read_config(path)
        rows = config.get("architectures") or {}
        for name, row in rows.items():
            known[name] = known.get(name, {}) | (row or {})
        found = {known[name].get("backbone", "vgg16") for name in rows}
        taken = (config.get("networks") or {}) if place else {}
        for name, row in taken.items():
            file = local_file(NetworkRecipe.from_row(name, row)) if row else None
            found |= {str(read_record(file).spec["backbone"])} if file else set()
        last = found or last
    return last
