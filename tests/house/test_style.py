"""Documentation and types on everything public, and words that the house does not use."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "masktrack_core").rglob("*.py"))
SCRIPTS = sorted((ROOT / "workflow_scripts").glob("*.py"))


def functions(path):
    tree = ast.parse(path.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def public(path):
    """Yield the public functions and methods of public classes, nested functions left out."""
    for node in ast.parse(path.read_text()).body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        if isinstance(node, ast.ClassDef) and node.name.startswith("_"):
            continue
        for member in members:
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                yield member


def identify(path):
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", CORE, ids=identify)
def test_public_functions_are_documented_and_typed(path):
    for function in public(path):
        assert ast.get_docstring(function), f"{function.name} has no docstring"
        assert function.returns is not None, f"{function.name} has no return type"
        every = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        arguments = [a for a in every if a.arg not in ("self", "cls")]
        untyped = [a.arg for a in arguments if a.annotation is None]
        assert not untyped, f"{function.name}: {untyped} have no type"


@pytest.mark.parametrize("path", CORE + SCRIPTS, ids=identify)
def test_no_print_no_bare_except_no_global_generator(path):
    text = path.read_text()
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "hash" not in calls
    assert "print" not in calls or identify(path) == "commands/cli.py"
    assert "np.random.seed" not in text and "import random\n" not in text


@pytest.mark.parametrize("path", CORE, ids=identify)
def test_names_that_say_nothing_are_not_used(path):
    arguments = {a.arg for f in functions(path) for a in f.args.args + f.args.kwonlyargs}
    assert not arguments & {"img", "im", "seg", "gt", "cfg", "tmp", "opts"}


def test_paper_notes_are_in_the_table_of_departures():
    page = (ROOT / "docs" / "reproduction" / "departures.md").read_text()
    modules = {identify(path) for path in CORE if "# Paper:" in path.read_text()}
    missing = sorted(name for name in modules if f"`{name}`" not in page)
    assert not missing, f"docs/reproduction/departures.md: add {missing}"
