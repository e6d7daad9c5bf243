"""Every rule logs, names its parameters, and reruns with its own part of the core."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from plans import Plans, Wildcards, default_config
from snakemake.io import is_flagged

from masktrack_core.experiment.planning import TORCH_RULES

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
RULES = {
    name: body
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for name, body in RULE.findall(path.read_text())
}
SCRIPTS = sorted(path.stem for path in (ROOT / "workflow_scripts").glob("*.py"))
ORDER = [
    "input",
    "output",
    "log",
    "benchmark",
    "wildcard_constraints",
    "priority",
    "conda",
    "threads",
    "resources",
    "params",
    "script",
]


def test_every_rule_has_the_script_of_its_name_and_every_script_a_rule():
    assert sorted(RULES) == SCRIPTS


@pytest.mark.parametrize("name", RULES)
def test_rule_has_its_log_and_the_digest_of_its_own_script(name):
    body = RULES[name]
    assert f'"<logs>/{name}/' in body
    assert f'"<benchmarks>/{name}/' in body
    assert f'code=code("{name}")' in body
    assert f'script:\n        "../workflow_scripts/{name}.py"' in body


@pytest.mark.parametrize("name", RULES)
def test_rule_is_written_in_the_order_of_the_house(name):
    sections = re.findall(r"^    (\w+):", RULES[name], re.MULTILINE)
    assert sections == sorted(sections, key=ORDER.index)


@pytest.mark.parametrize("name", RULES)
def test_rule_names_the_environment_of_its_job(name):
    assert 'conda:\n        "../envs/masktrack.yaml"' in RULES[name]


@pytest.mark.parametrize("name", RULES)
def test_rule_runs_no_shell_and_no_block(name):
    assert not re.search(r"^    (run|shell):", RULES[name], re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, body in RULES.items() if "directory(" in body])
def test_a_rule_that_makes_a_folder_writes_its_digest(name):
    """Snakemake compares times of folders, and contents of files."""
    if name not in ("video_stills", "page"):  # its index says what it holds; nothing reads it
        assert "digest=" in RULES[name].partition("log:")[0]
        script = (ROOT / "workflow_scripts" / f"{name}.py").read_text()
        assert "write_digest(Path(job.output.digest)" in script


PLACE = {"dataset": "rendered_davis", "sequence": "rally", "object": "1"} | {
    "variant": "masktrack",
    "annotation": "first",
    "film": "table2",
}
#: What is read of folders that rules make: by the rule, or by the function of its inputs.
READS = {
    **{rule: lambda plans, rule=rule: plans.job(rule, **PLACE)["input"][1].values()
       for rule in ("score", "temporal", "film", "player", "page")},
    "index_stills": lambda plans: plans.set_files("stills", "rendered"),
    "sheet": lambda plans: plans.sheet_inputs(Wildcards(figure="figure3")),
}  # fmt: skip


@pytest.mark.parametrize("rule", READS)
def test_a_rule_that_reads_a_folder_goes_by_its_digest(rule):
    read = list(flattened(READS[rule](Plans(default_config()))))
    folders = [path for path in read if not Path(path).suffix]
    assert folders and all(is_flagged(path, "ancient") for path in folders)
    assert all({f"{p}.sha256", f"{Path(p).parent}.sha256"} & {*read} for p in folders)


def flattened(values):
    """Yield the paths in lists of lists."""
    for value in values:
        yield from [value] if isinstance(value, str) else flattened(value)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_see_only_the_parameters_of_their_rule(script):
    assert "snakemake.config" not in (ROOT / "workflow_scripts" / f"{script}.py").read_text()
    assert "job.config" not in (ROOT / "workflow_scripts" / f"{script}.py").read_text()


@cache
def imported_at_once(path):
    """Return what a file imports when it is loaded, and not in functions or for types alone."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def loaded_with(path, seen):
    """Return what a file and the core modules that it loads import when they are loaded."""
    for name in imported_at_once(path) - seen:
        seen.add(name)
        module = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        if name.startswith("masktrack_core.") and module.is_file():
            loaded_with(module, seen)
    return seen


def test_jobs_are_forked_with_torch_where_their_script_loads_it_and_others_do_not_load_it():
    scripts = {path.stem: path for path in (ROOT / "workflow_scripts").glob("*.py")}
    loading = {name for name, path in scripts.items() if "torch" in loaded_with(path, set())}
    assert loading == set(TORCH_RULES)
