"""Loaded by every Python of an audited run: notes what each job's script opens for reading.

Snakemake runs a script in a process of its own; processes that this one starts write into its list.
"""

import atexit
import json
import os
import sys
from pathlib import Path

FOLDER, LIST = "MASKTRACK_TEST_OPENED", "MASKTRACK_TEST_OPENED_LIST"


def _watch() -> None:
    path = os.environ.setdefault(LIST, f"{os.environ.get(FOLDER)}/{os.getpid()}.opened")
    opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    seen: set[str] = set()

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes):
            return
        name, mode, flags = arguments
        reads = "r" in mode if isinstance(mode, str) else not int(str(flags)) & os.O_ACCMODE
        place = os.path.normpath(Path.cwd() / os.fsdecode(name))
        if reads and place not in seen:
            seen.add(place)
            os.write(opened, f"{place}\n".encode())

    def describe(process: int = os.getpid()) -> None:
        """Write the job beside its list, unless this is no job or one of its children."""
        job = getattr(sys.modules["__main__"], "snakemake", None)
        if job is None or os.getpid() != process:
            return
        parts = ("input", "output", "log", "params")
        files = {part: [str(value) for value in getattr(job, part)] for part in parts}
        named = {key: job.params.get(key) for key in ("root", "state", "source", "facts")}
        text = json.dumps({"rule": job.rule} | files | {"named": named}, default=str)
        Path(path).with_suffix(".job").write_text(text, encoding="utf-8")

    sys.addaudithook(note)
    atexit.register(describe)


if LIST in os.environ or (
    FOLDER in os.environ and any("/.snakemake/scripts/" in word for word in sys.orig_argv)
):
    _watch()
