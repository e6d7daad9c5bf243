"""What ``import masktrack_core`` offers: every name there, loaded when first used, documented."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import masktrack_core

STUB = Path(masktrack_core.__file__).with_suffix(".pyi")


def offered():
    """Yield the names that the stub imports, with the module each comes from."""
    for node in ast.walk(ast.parse(STUB.read_text())):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.name, node.module


@pytest.mark.parametrize(("name", "module"), list(offered()))
def test_a_name_is_the_one_of_its_module_and_says_what_it_is(name, module):
    there = getattr(masktrack_core, name)
    assert there.__module__ == f"masktrack_core.{module}"
    assert inspect.getdoc(there)


def test_the_list_of_names_is_what_is_imported():
    assert masktrack_core.__all__ == sorted(name for name, _ in offered())


def test_using_one_name_loads_no_other_room():
    code = (
        "import sys, masktrack_core; masktrack_core.region_similarity; "
        "print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]
