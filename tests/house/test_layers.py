"""The rooms of the core: a package imports from those before it, a module in no circle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from masktrack_core.experiment.provenance import imported_modules

CORE = Path(__file__).parents[2] / "masktrack_core"

#: From the words that everybody uses (the modules beside the packages) to the command line.
PACKAGES = (
    "", "masks", "files", "rendered", "datasets", "networks", "training", "motion", "measures",
    "tracking", "experiment", "pictures", "exports", "annotating", "commands",
)  # fmt: skip

FILES = {
    ".".join(path.relative_to(CORE).with_suffix("").parts): path
    for path in sorted(CORE.rglob("*.py"))
    if path != CORE / "__init__.py"
}
MODULES = {name: path for name, path in FILES.items() if path.stem != "__init__"}


def floor_of(module):
    return PACKAGES.index(module.rpartition(".")[0])


def test_every_package_has_its_place_and_every_place_a_package():
    folders = {path.parent.relative_to(CORE).as_posix() for path in CORE.rglob("*.py")}
    assert {folder.removeprefix(".") for folder in folders} == set(PACKAGES)


@pytest.mark.parametrize("module", MODULES)
def test_modules_import_from_their_own_package_or_those_before_it(module):
    others = imported_modules(MODULES[module])
    assert not {other for other in others if floor_of(other) > floor_of(module)}


@pytest.mark.parametrize("module", FILES)
def test_the_core_does_not_know_snakemake(module):
    tree = ast.parse(FILES[module].read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in names if name and name.split(".")[0] == "snakemake"]


def test_modules_import_in_no_circle():
    over = set()  # with all that it imports

    def visit(module, path):
        assert module not in path, f"circle: {' → '.join([*path, module])}"
        for other in imported_modules(MODULES[module]) - over:
            visit(other, [*path, module])
        over.add(module)

    for module in MODULES:
        visit(module, [])


@pytest.mark.parametrize("package", PACKAGES[1:])
def test_a_package_says_in_a_few_lines_what_it_is_for_and_where_to_start(package):
    text = (CORE / package / "__init__.py").read_text()
    (docstring,) = ast.parse(text).body  # and nothing else: no re-export
    assert "Start with" in ast.get_docstring(ast.Module([docstring], []))
    assert len(text.splitlines()) <= 15


@pytest.mark.parametrize(
    "path",
    [*sorted(CORE.rglob("*.py")), *sorted((CORE.parent / "workflow_scripts").glob("*.py"))],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_core_and_scripts_import_modules_by_their_full_names(path):
    """Names offered at the top are for people: a digest of code follows modules only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("masktrack_core"):
            assert node.module != "masktrack_core", "it is asked for the name, and reads its list"
            target = CORE.joinpath(*node.module.split(".")[1:])
            inside = [a.name for a in node.names if not (target / f"{a.name}.py").is_file()]
            assert target.with_suffix(".py").is_file() or not inside, (node.module, inside)


def test_every_module_is_imported_by_something():
    root = CORE.parent
    users = [
        *CORE.rglob("*.py"), *(root / "workflow_scripts").glob("*.py"),
        *(root / "snakemake_logger_plugin_masktrack").glob("*.py"),
        *(root / "rules").glob("*.smk"), root / "Snakefile",
    ]  # fmt: skip
    text = "\n".join(path.read_text() for path in users) + (root / "pyproject.toml").read_text()
    text += (CORE / "__init__.pyi").read_text().replace("from .", "from masktrack_core.")
    trees = [ast.parse(path.read_text()) for path in users if path.suffix == ".py"]
    named = {
        name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("masktrack_core")
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    }
    unused = [
        name
        for name in MODULES
        if f"masktrack_core.{name}" not in named
        and f"from masktrack_core.{name} import" not in text
        and f"masktrack_core.{name}:" not in text
    ]
    assert not unused


def test_importing_the_package_loads_nothing_heavy():
    heavy = "torch", "cv2", "pandas", "matplotlib", "pydensecrf"
    code = f"import masktrack_core, sys; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
