"""Every rule logs, names its parameters, and reruns with its own part of the core."""

import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_see_only_the_parameters_of_their_rule(script):
    assert "snakemake.config" not in (ROOT / "workflow_scripts" / f"{script}.py").read_text()
    assert "job.config" not in (ROOT / "workflow_scripts" / f"{script}.py").read_text()
