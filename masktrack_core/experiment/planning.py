"""What a run would cost: the jobs that Snakemake plans, times what one of each kind costs."""

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd

from masktrack_core.errors import InputError
from masktrack_core.experiment.network_files import local_file
from masktrack_core.experiment.recipes import NetworkRecipe
from masktrack_core.networks.records import read_record

#: Rules whose jobs ask for a GPU where there is one.
GPU_RULES = ("annotate_boxes", "finetune", "track", "track_together", "train")
#: Rules whose scripts import torch.
TORCH_RULES = (*GPU_RULES, "export", "take_network")
#: CPU seconds in which a job with torch and one without start up: with a Python of their own, and
#: forked from a server (benchmarks/README.md: bench_start.py).
START_S = {"own": (2.2, 0.5), "forked": (0.06, 0.01)}
_TABLE = re.compile(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total +\d+$", re.MULTILINE | re.DOTALL)


def planned_jobs(text: str) -> dict[str, int]:
    """Return the number of jobs of each rule in what ``snakemake -n`` printed; may be empty.

    Raises `InputError` with its last lines where it says neither what would run nor that nothing
    would.
    """
    found = _TABLE.search(text)
    if found is None:
        if "Nothing to be done" in text:
            return {}
        last = "\n".join(text.strip().splitlines()[-15:])
        raise InputError(f"snakemake -n: expected a plan, got none; correct what it says:\n{last}")
    counts = (line.split() for line in found[1].splitlines())
    return {rule: int(count) for rule, count in counts}


def likely_backbones(configs: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the backbones of the last configuration that has architectures or networks' files.

    ``configs`` are laid over each other, that of the project first. Backbones of a network to
    download are not known, and the project's own rows of such networks run for fewer steps than the
    costs are of: neither counts.
    """
    known: dict[str, Any] = {}
    last: set[str] = set()
    for place, config in enumerate(configs):
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


def costs_with(costs: pd.DataFrame, backbones: Set[str]) -> pd.DataFrame:
    """Return the unit costs that hold for these backbones, one row a rule.

    A row of ``costs`` whose ``backbone`` is empty holds for any; of several the dearest is taken.
    """
    holds = costs[costs.backbone.isin({"", *backbones})]
    return holds.sort_values("cpu_s", ascending=False).drop_duplicates("rule")


def plan_table(
    jobs: Mapping[str, int], costs: pd.DataFrame, *, gpu_factor: float | None = None
) -> pd.DataFrame:
    """Return what is planned: a row a rule with ``jobs``, ``cpu_h``, ``gpu_h``, ``disk_gb``.

    ``costs`` has a row a rule with ``cpu_s``, ``disk_mb`` and ``how`` each was measured; NaN where
    nothing was. ``gpu_h`` is nobody's measurement: CPU hours over ``gpu_factor`` if one is given,
    else NaN. Dearest first. Raises `InputError` for a factor that is not positive.
    """
    if gpu_factor is not None and not gpu_factor > 0:
        raise InputError(f"gpu-factor: expected a number above 0, got {gpu_factor}")
    known = costs.set_index("rule").reindex(list(jobs))
    count = pd.Series(jobs, dtype="int64")
    cpu_h = count * known.cpu_s / 3600
    on_gpu = pd.Series([rule in GPU_RULES for rule in jobs], index=count.index)
    gpu_h = (cpu_h / gpu_factor).where(on_gpu) if gpu_factor else cpu_h * np.nan
    table = pd.DataFrame(
        {
            "jobs": count,
            "cpu_h": cpu_h,
            "gpu_h": gpu_h,
            "disk_gb": count * known.disk_mb / 1024,
            "how": known.how.fillna("not measured"),
        }
    )
    table.index.name = "rule"
    return table.sort_values("cpu_h", ascending=False, kind="stable").reset_index()


def plan_text(table: pd.DataFrame) -> str:
    """Return a plan for people: a line a rule, the totals, and what they leave out."""
    lines = [f"{'rule':<16}{'jobs':>8}{'CPU h':>12}{'GPU h':>10}{'disk GB':>10}  unit cost from"]
    numbers = table[["cpu_h", "gpu_h", "disk_gb"]]
    heads = [f"{rule:<16}{jobs:>8}" for rule, jobs in zip(table.rule, table.jobs, strict=True)]
    for head, row, how in zip(heads, numbers.to_numpy(float).tolist(), table.how, strict=True):
        lines.append(f"{head}{_cells(row)}  {how}")
    totals = numbers.sum(min_count=1).to_numpy(float).tolist()
    lines.append(f"{'total':<16}{table.jobs.sum():>8}{_cells(totals)}")
    torch = table.jobs[table.rule.isin(GPU_RULES)].sum()
    own, forked = (
        (torch * with_torch + (table.jobs.sum() - torch) * without) / 3600
        for with_torch, without in START_S.values()
    )
    lines.append(
        f"Of it {own:.2f} CPU h start jobs that have a Python of their own, as on a cluster; "
        f"forked on one machine (fork_jobs) they take {forked:.2f}."
    )
    unknown = table[table.cpu_h.isna()]
    if len(unknown):
        lines.append(
            f"The totals leave out {unknown.jobs.sum()} jobs without a measured cost: "
            f"{', '.join(unknown.rule)}."
        )
    return "\n".join(lines)


def _cells(values: Sequence[float]) -> str:
    texts = ["–" if np.isnan(v) else f"{v:.2f}" if v < 100 else f"{v:.0f}" for v in values]
    return "".join(f"{text:>{width}}" for text, width in zip(texts, (12, 10, 10), strict=True))
