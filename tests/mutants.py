"""Does a test see every small change of a module? Used by `make mutants`.

    python tests/mutants.py measures/metrics measures/contours=tests/unit/measures/test_metrics.py

Cosmic Ray (the extra `mutants`) says what can be changed. Each mutant is tested in a process of its
own, forked from one that has imported the heavy libraries already, in a copy of HEAD. Prints what
survived, as a difference.
"""

import argparse
import ast
import contextlib
import difflib
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_S = 120
#: Words of calls that guard their author: equal lengths of a zip, a class that nobody changes.
GUARDS = ("strict", "frozen", "kw_only")
HEAVY = ("cv2", "pandas", "pytest", "scipy.ndimage", "skimage.morphology", "torch")


def mutants(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the source of every mutant of a module."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source, tree = path.read_text(), get_ast_from_path(path)
    for name in sorted(operator_names()):
        kind = get_operator(name)
        if kind.arguments():
            continue
        places = sum(1 for node in ast_nodes(tree) for _ in kind().mutation_positions(node))
        for place in range(places):
            changed = mutate_code(source, kind(), place)
            if changed is not None and changed != source:
                yield f"{name} {place}", changed


def same_program(one: str, other: str) -> bool:
    """Whether two sources differ in types and guards (`GUARDS`), on which no result depends."""

    class Plain(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            self.generic_visit(node)
            node.returns = None
            return node

        def visit_arg(self, node: ast.arg) -> ast.AST:
            node.annotation = None
            return node

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            self.generic_visit(node)
            node.annotation = ast.Constant(None)
            return node

        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            node.keywords = [word for word in node.keywords if word.arg not in GUARDS]
            return node

    try:
        return ast.dump(Plain().visit(ast.parse(one))) == ast.dump(Plain().visit(ast.parse(other)))
    except SyntaxError:  # a star of keyword-only arguments taken for a product
        return True


def passes(tests: list[str], folder: Path, *, silent: bool = True) -> bool:
    """Whether the tests pass in a process of its own, in time."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(LIMIT_S)
        os.chdir(folder)
        sys.path[:0] = [str(folder)]
        os.environ["PYTHONPATH"] = str(folder)
        sys.dont_write_bytecode = True
        if silent:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
        import pytest

        options = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            f"--basetemp={folder}/tmp",
        ]
        status = 1
        try:
            status = int(pytest.main([*options, *tests]))
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it may have left
    return status == 0


def check(module: str, tests: list[str], folder: Path, *, sample: int | None) -> Counter[str]:
    """Test the mutants of one module, print those that survive, return how many of each end."""
    path = folder / "masktrack_core" / f"{module}.py"
    source = path.read_text()
    every = [(name, text) for name, text in mutants(path) if not same_program(source, text)]
    chosen = every
    if sample is not None and sample < len(every):
        chosen = random.Random(0).sample(every, sample)
    ends = Counter({"mutants": len(every), "tried": len(chosen)})
    if not passes(tests, folder, silent=False):
        sys.exit(f"{module}: expected tests that pass without a mutant, got a failure")
    for cached in path.parent.glob(f"__pycache__/{path.stem}.*"):
        cached.unlink()
    for name, text in chosen:
        path.write_text(text)
        end = "survived" if passes(tests, folder) else "killed"
        ends[end] += 1
        if end == "survived":
            lines = difflib.unified_diff(source.split("\n"), text.split("\n"), n=0, lineterm="")
            print(f"--- {module}: {name}", *list(lines)[2:], sep="\n", flush=True)
    path.write_text(source)
    return ends


def main() -> None:
    """Read the arguments, make the copy, report a line a module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="+", metavar="MODULE[=TESTS,…]")
    parser.add_argument(
        "--sample", type=int, help="at most so many mutants a module, drawn with seed 0"
    )
    parser.add_argument("--worktree", action="store_true", help="the files as they are, not HEAD")
    arguments = parser.parse_args()
    for name in HEAVY:
        importlib.import_module(name)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if arguments.worktree:
            shutil.copytree(
                ROOT,
                folder,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(".git", ".venv", "results", "data"),
            )
        else:
            archive = subprocess.run(
                ["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True
            )
            subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)
        subprocess.run([sys.executable, "-m", "compileall", "-q", place], check=True)
        for entry in arguments.modules:
            module, _, tests = entry.partition("=")
            room, name = module.rsplit("/", 1)
            files = tests.split(",") if tests else [f"tests/unit/{room}/test_{name}.py"]
            ends = check(module, files, folder, sample=arguments.sample)
            print(f"=== {module}:", ", ".join(f"{n} {key}" for key, n in ends.items()), flush=True)


if __name__ == "__main__":
    main()
