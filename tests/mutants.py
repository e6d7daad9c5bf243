"""Does a test see every small change of a module? Used by `make mutants`.

    python tests/mutants.py measures/metrics measures/contours=tests/unit/measures/test_metrics.py

Cosmic Ray (the extra `mutants`) says what can be changed. Each mutant is tested in a process of its
own, forked from one that has imported the heavy libraries already, in a copy of HEAD, by the tests
that call its function, short ones first. Prints what survived, as a difference. What begins with a
dash among a module's tests is an option of pytest.
"""

import argparse
import ast
import contextlib
import difflib
import importlib
import math
import os
import pickle
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
#: A mutant hangs that takes so many times the CPU seconds of its tests, and five; or waits so long.
SLOWER, WAITS_S = 4, 900
#: Words of calls that guard their author: equal lengths of a zip, a class that nobody changes.
GUARDS = ("strict", "frozen", "kw_only")
HEAVY = ("cv2", "hypothesis", "pandas", "pytest", "scipy.ndimage", "skimage.morphology", "torch")


def mutants(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of every place where a module can be changed."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    tree = get_ast_from_path(path)
    for name in sorted(operator_names()):
        kind = get_operator(name)
        if kind.arguments():
            continue
        places = sum(1 for node in ast_nodes(tree) for _ in kind().mutation_positions(node))
        yield from ((name, place) for place in range(places))


def mutated(source: str, name: str, place: int) -> str | None:
    """Return the source changed in one place; None where no result can depend on it."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    changed = mutate_code(source, get_operator(name)(), place)
    return None if changed is None or same_program(source, changed) else changed


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

        def visit_arguments(self, node: ast.arguments) -> ast.AST:  # by name or by place
            self.generic_visit(node)
            node.defaults += [default for default in node.kw_defaults if default]
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
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


class Callers:
    """A plugin of pytest that notes which functions of a module a test calls, by their lines."""

    def __init__(self, module: Path) -> None:
        self.module = str(module)
        self.lines: dict[str, set[int]] = {}
        self.took_s: dict[str, float] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        called: set[int] = set()
        self.lines[nodeid] = called
        self.took_s[nodeid] = time.process_time()

        def trace(frame: FrameType, event: str, argument: object) -> None:
            if frame.f_code.co_filename == self.module:
                called.add(frame.f_code.co_firstlineno)

        sys.settrace(trace)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        sys.settrace(None)
        self.took_s[nodeid] = time.process_time() - self.took_s[nodeid]

    def tests(self, line: int | None) -> list[str]:
        """Return the tests of the function of a line, short ones first; None: every test.

        A test that calls nothing here may do so in a process of its own: it comes last.
        """
        quick = sorted(self.lines, key=self.took_s.__getitem__)
        if line is None:
            return quick
        ours = [test for test in quick if line in self.lines[test]]
        return ours + [test for test in quick if not self.lines[test]]


def function_at(source: str, line: int) -> int | None:
    """Return the first line (a decorator's) of the innermost function around a line, if any."""
    kinds = ast.FunctionDef, ast.AsyncFunctionDef
    first = None
    for node in ast.walk(ast.parse(source)):  # what is inside comes later
        if isinstance(node, kinds) and node.body[0].lineno <= line <= (node.end_lineno or 0):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return first


def in_a_process(function: Callable[[], T], folder: Path, *, limit_s: float | None) -> T | None:
    """Return what a function gives in a process of its own; None: it died, or took too long.

    Without a limit of its CPU seconds it says what it has to say.
    """
    answer = folder / "answer"  # a pipe holds 64 kB
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(WAITS_S)
        os.chdir(folder)
        sys.path[:0] = [str(folder)]
        os.environ["PYTHONPATH"] = str(folder)
        # Hypothesis' is compiled anew in each process, for a second.
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        if limit_s is not None:
            sys.dont_write_bytecode = True
            used_s = math.ceil(time.process_time() + limit_s)
            resource.setrlimit(resource.RLIMIT_CPU, (used_s, used_s))
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
        try:
            answer.write_bytes(pickle.dumps(function()))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it may have left
    return pickle.loads(answer.read_bytes()) if status == 0 and answer.exists() else None


def run(tests: list[str], *plugins: object) -> int:
    """Run tests in the folder at work and return pytest's status."""
    import pytest

    options = ["-x", "-q", "-p", "no:cacheprovider", "--basetemp=tmp"]
    return int(pytest.main([*options, *tests], plugins=plugins))


def callers(path: Path, tests: list[str], folder: Path) -> Callers:
    """Return which test calls which function of a module; exit where one fails."""
    seen = Callers(path)
    found = in_a_process(
        lambda: None if run(tests, seen) else (seen.lines, seen.took_s), folder, limit_s=None
    )
    if found is None:
        sys.exit(f"{path.stem}: expected tests that pass without a mutant, got a failure")
    seen.lines, seen.took_s = found
    return seen


def check(
    module: str, tests: list[str], folder: Path, *, sample: int | None, seed: int
) -> Counter[str]:
    """Test the mutants of one module, print those that survive, return how many of each end."""
    path = folder / "masktrack_core" / f"{module}.py"
    source = path.read_text()
    places = list(mutants(path))
    random.Random(seed).shuffle(places)
    ends = Counter({"places": len(places)})
    seen = callers(path, tests, folder)
    for cached in path.parent.glob(f"__pycache__/{path.stem}.*"):
        cached.unlink()
    for name, place in places:
        if ends["tried"] == sample:
            break
        text = mutated(source, name, place)
        if text is None:
            ends["types and guards"] += 1
            continue
        lines = source.split("\n"), text.split("\n")
        difference = list(difflib.unified_diff(*lines, n=0, lineterm=""))[2:]
        changed = int(re.match(r"@@ -(\d+)", difference[0])[1])
        asked = seen.tests(function_at(source, changed))
        limit_s = SLOWER * sum(seen.took_s[test] for test in asked) + 5
        path.write_text(text)
        survived = in_a_process(lambda: run(asked), folder, limit_s=limit_s) == 0  # noqa: B023
        ends["tried"] += 1
        ends["survived" if survived else "killed"] += 1
        if survived:
            print(f"--- {module}: {name} {place}", *difference, sep="\n", flush=True)
    path.write_text(source)
    return ends


def main() -> None:
    """Read the arguments, make the copy, report a line a module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="+", metavar="MODULE[=TESTS,…]")
    parser.add_argument(
        "--sample", type=int, help="at most so many mutants a module, drawn with the seed"
    )
    parser.add_argument("--seed", type=int, default=0, help="another sample than that of 0")
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
            room, _, name = module.rpartition("/")
            own = str(Path("tests/unit", room, f"test_{name}.py"))
            files = tests.split(",") if tests else [own]
            ends = check(module, files, folder, sample=arguments.sample, seed=arguments.seed)
            print(f"=== {module}:", ", ".join(f"{n} {key}" for key, n in ends.items()), flush=True)


if __name__ == "__main__":
    main()
