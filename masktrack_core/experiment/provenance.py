"""What code and which machine made a result.

Snakemake reruns a job when its script file changed but does not look into imported modules.
:func:`core_digest` closes that gap: each rule passes it as ``params.code``.
"""

import ast
import hashlib
import json
import logging
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from masktrack_core.errors import InputError
from masktrack_core.files.io import write_text

PACKAGE = "masktrack_core"
_CORE = Path(__file__).parents[1]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Code:
    """What a file of code says: a digest of its syntax tree, and the core modules it names."""

    meaning: str
    imports: tuple[str, ...]


#: Digest of a file's bytes → what they say, of every file of code that was looked at.
_KNOWN: dict[str, _Code] = {}


def core_digest(script: str | Path) -> str:
    """Return a digest of the script and of every core module it imports, directly or not.

    Taken from the syntax trees without comments and docstrings: rewording one changes nothing.
    Twelve hexadecimal digits.
    """
    script = Path(script)
    digest = hashlib.sha256(_code(script).meaning.encode())
    for module in sorted(reached_modules(script)):
        digest.update(f"\n# {module}\n{_code(_module_path(module)).meaning}".encode())
    return digest.hexdigest()[:12]


def imported_modules(path: Path) -> frozenset[str]:
    """Return the core modules that a file imports anywhere, such as ``masks.deform``."""
    return frozenset(name for name in _code(path).imports if _module_path(name).exists())


def reached_modules(script: Path) -> set[str]:
    """Return the core modules that a script imports, directly or through others."""
    seen: set[str] = set()
    waiting = set(imported_modules(script))
    while waiting:
        module = waiting.pop()
        seen.add(module)
        waiting |= imported_modules(_module_path(module)) - seen
    return seen


def recall_code(path: Path) -> None:
    """Take in what `keep_code` wrote; without it, or where it is damaged, all code is read anew.

    What is kept goes by the bytes of a file, and is of this version of Python and of this module.
    """
    try:
        seal, _, text = path.read_text(encoding="utf-8").partition("\n")
        if seal == _seal(text):
            known = {key: _Code(entry[0], tuple(entry[1])) for key, entry in json.loads(text)}
            _KNOWN.update(known)
    except (OSError, UnicodeDecodeError):
        return


def keep_code(path: Path) -> None:
    """Write down what the code that was looked at says, for the next start: parsing takes longest.

    Whole or not at all; nothing where the file is up to date or cannot be written.
    """
    text = json.dumps([(key, [code.meaning, code.imports]) for key, code in _KNOWN.items()])
    sealed = f"{_seal(text)}\n{text}"
    try:
        if not path.exists() or path.read_bytes() != sealed.encode():
            write_text(path, sealed)
    except OSError as error:
        _log.info("%s: not written (%s); the next start reads all code again", path, error)


def _seal(text: str) -> str:
    """Return a digest of what is kept, and of what it depends on beside the bytes of the code."""
    maker = Path(__file__).read_text(encoding="utf-8")
    return hashlib.sha256(f"{platform.python_version()}\n{maker}\n{text}".encode()).hexdigest()


def _module_path(module: str) -> Path:
    return _CORE.joinpath(*module.split(".")).with_suffix(".py")


@cache
def _code(path: Path) -> _Code:
    """Return what a file of code says."""
    source = path.read_bytes()
    key = hashlib.sha256(source).hexdigest()
    if key not in _KNOWN:
        tree = ast.parse(source)
        imports = tuple(sorted(_imports(tree)))
        _KNOWN[key] = _Code(hashlib.sha256(_meaning(tree).encode()).hexdigest(), imports)
    return _KNOWN[key]


def _imports(tree: ast.Module) -> set[str]:
    """Return what every import may mean, by its name inside the package."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name.removeprefix(f"{PACKAGE}.") for name in found if name.startswith(f"{PACKAGE}.")}


def _meaning(tree: ast.Module) -> str:
    """Return a tree as one string without comments, docstrings and positions."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@contextmanager
def job_log(job: Any, checkout: str | Path) -> Iterator[None]:
    """Send log messages, and the error that ends the job, to the job's log file.

    It begins with what the job reads and its parameters and ends with what it cost: a log without
    that end is of a process that was killed. ``job`` is Snakemake's, of which ``log``, ``input``
    and ``params`` are looked at, ``checkout`` a file of the workflow that runs. Raises
    ``InputError`` when another installed copy of the package hides the one beside it.
    """
    expected = Path(checkout).resolve().parents[1]
    if _CORE.resolve().parent != expected:
        raise InputError(
            f"{PACKAGE}: expected the copy in {expected}, Python imports {_CORE}; "
            "install this checkout with `pip install -e .`"
        )
    handler = logging.FileHandler(job.log[0], mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        _note_job(job)
        yield
    except InputError as error:
        _log.error("%s", error)
        raise
    except BaseException:
        _log.exception("the job failed")
        raise
    finally:
        _note_cost()
        root.removeHandler(handler)
        handler.close()


#: Files that a job's log names, and characters of its parameters.
_NAMED_FILES, _SHOWN = 12, 4000


def _note_job(job: Any) -> None:
    """Say what a job reads, networks with the digest of their bytes, and its parameters."""
    paths = [Path(path) for path in job.input]
    weights = content_digests(p for p in paths[:_NAMED_FILES] if p.suffix == ".safetensors")
    for path in paths[:_NAMED_FILES]:
        sha256 = weights.get(path.name) if path.suffix == ".safetensors" else None
        _log.info("reads %s%s", path, f" (sha256 {sha256}…)" if sha256 else "")
    if len(paths) > _NAMED_FILES:
        _log.info("reads %d more files", len(paths) - _NAMED_FILES)
    said = json.dumps(dict(job.params.items()), default=str, ensure_ascii=False)
    _log.info("parameters %s%s", said[:_SHOWN], "…" if len(said) > _SHOWN else "")


def _note_cost() -> None:
    """Say what the process and its children cost so far, what they held at most, and of a GPU.

    Snakemake's own ``benchmark:`` looks from time to time and misses the end of a short job.
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    _log.info("memory peak %d MB", max(one.ru_maxrss for one in used) / 1024)  # Linux: kB
    torch = sys.modules.get("torch")  # not loaded for this
    if torch is not None and torch.cuda.is_initialized():
        peak = max(torch.cuda.max_memory_allocated(n) for n in range(torch.cuda.device_count()))
        _log.info("GPU memory peak %d MB", peak / 2**20)
    _log.info("CPU time %.2f s", sum(one.ru_utime + one.ru_stime for one in used))


def run_record(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what made a result: versions, machine, commit and the values given, as strings.

    Fits the metadata of a safetensors file. Values that are not strings are written as JSON.
    """
    from importlib.metadata import version

    record = {
        "python": platform.python_version(),
        "torch": version("torch"),
        "machine": platform.machine(),
        # Snakemake runs a copy of the script under a name drawn anew for each job.
        "command": re.sub(r"^tmp\w{8}\.", "", Path(sys.argv[0]).name),
        "commit": commit(),
    }
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        for key, value in values.items()
    }
    return record | texts


def content_digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return a digest of each file's bytes by its name: the data of a record. Twelve digits."""
    digests = {}
    for path in paths:
        with Path(path).open("rb") as file:
            digests[Path(path).name] = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    return digests


def commit() -> str:
    """Return the commit of the checkout, with ``-dirty`` where files differ, or ``unknown``."""
    try:
        finished = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=_CORE,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return finished.stdout.strip()
