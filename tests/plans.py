"""What the rules make of a configuration, without a run: functions, inputs and params of each job.

The functions of the rule files are Python, and so is what stands in a rule's sections: both are
executed here over a configuration, in milliseconds, where Snakemake needs seconds.
"""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.io import ancient, temp
from snakemake.utils import validate

from masktrack_core.errors import InputError
from masktrack_core.experiment.configuration import Experiment
from masktrack_core.experiment.figure_recipes import read_figures
from masktrack_core.experiment.selection import complete_rows, own_pages

ROOT = Path(__file__).parents[1]
RULES = {path.name: path.read_text() for path in sorted((ROOT / "rules").glob("*.smk"))}
_FUNCTION = re.compile(r"^(?:@cache\n)?def \w+\(.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r"^from masktrack_core\S+ import (?:\(.*?\)|.*?)$", re.MULTILINE | re.DOTALL)
_RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^    (\w+):(.*?)(?=^    \w|\Z)", re.MULTILINE | re.DOTALL)
#: What decides which jobs there are and what they make; `resources` say where and how fast.
SECTIONS = "input", "params", "wildcard_constraints"


def default_config():
    """Return config.yaml as it is written."""
    return yaml.safe_load((ROOT / "config.yaml").read_text())


class Wildcards(SimpleNamespace):
    """Wildcards as Snakemake gives them: by attribute and by key."""

    def __getitem__(self, name):
        return getattr(self, name)


class Plans:
    """The rules of the workflow over a configuration."""

    def __init__(self, config):
        complete_rows(config)
        validate(config, str(ROOT / "rules" / "schemas" / "config.schema.yaml"))
        self.config, self.experiment = config, Experiment.from_config(config)
        names = {
            "config": config,
            "experiment": self.experiment,
            "FIGURES": read_figures(config),
            "OWN": own_pages(config, []),
            "OWN_FILES": [],
            "REFINED": [
                self.experiment.names("variants", **{k: True}) for k in ("crf", "crf_search")
            ],
            "RESULTS": config["results"],
            "Path": Path,
            "WorkflowError": WorkflowError,
            "ancient": ancient,
            "cache": lambda function: function,
            "temp": temp,
        }
        for text in RULES.values():
            for source in _IMPORT.findall(text):
                exec(source, names)
        for text in RULES.values():
            for source in _FUNCTION.findall(text):
                exec(source, names)
        # Digests of code and of facts are not the configuration's.
        names |= {"code": str, "facts": lambda *given: given, "unpack": lambda function: function}
        names["commit"] = lambda: ""
        self._names = names
        functions = [f for text in RULES.values() for f in _FUNCTION.findall(text)]
        for name in (ast.parse(source).body[0].name for source in functions):
            setattr(self, name, names[name])

    def job(self, rule, **wildcards):
        """Return a rule's sections for some wildcards: section → positional and named values."""
        (body,) = (
            body for text in RULES.values() for name, body in _RULE.findall(text) if name == rule
        )
        chosen = Wildcards(**wildcards)

        def made(value):
            return value(chosen) if callable(value) else value

        def call(*given, **named):
            return [made(v) for v in given], {key: made(v) for key, v in named.items()}

        return {
            section: eval(f"call(\n{text}\n)", self._names | {"call": call})
            for section, text in _SECTION.findall(body)
            if section in SECTIONS
        }

    def jobs(self, **wildcards):
        """Return the sections of every rule for these wildcards; an error where they do not fit."""
        found = {}
        for text in RULES.values():
            for rule, _ in _RULE.findall(text):
                try:
                    found[rule] = self.job(rule, **wildcards)
                except (LookupError, AttributeError, TypeError, WorkflowError, InputError) as why:
                    found[rule] = type(why).__name__  # another kind of row
        return found
