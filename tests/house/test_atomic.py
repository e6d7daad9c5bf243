"""Every file is written under another name and renamed: what exists is complete."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    [*(ROOT / "masktrack_core").rglob("*.py"), *(ROOT / "workflow_scripts").glob("*.py")]
)

#: Calls that put bytes into a file, by the last part of their name.
WRITERS = {
    "write_text", "write_bytes", "to_csv", "savefig", "save", "imwrite", "VideoWriter", "copyfile",
    "copy2", "copytree", "save_file", "ZipFile", "savez", "savez_compressed", "tofile",
}  # fmt: skip
ATOMIC = {"atomic_path", "atomic_folder"}
#: (file, function) that writes otherwise, and why that is no half file.
ELSEWHERE = {
    ("files/io.py", "atomic_path"): "flushes what was written",
    ("files/io.py", "_save"): "into memory first, then under atomic_path",
    ("pictures/overlays.py", "webp_bytes"): "into memory",
    ("training/state.py", "write_state"): "its own partial name, flushed and renamed",
    ("files/tensors.py", "write_tensors"): "its own partial name, flushed and renamed",
    ("files/film_writer.py", "_encode"): "under the temporary name of write_video",
    ("files/picture_zip.py", "_store"): "into memory, for a zip that is opened under atomic_path",
    ("files/picture_zip.py", "_opened"): "opens to read",
    ("files/download.py", "_remember"): "beside a partial download",
    (
        "files/download.py",
        "_receive",
    ): "the partial download itself, renamed when its checksum is right",
    ("tracking/external.py", "_run"): "what a command says, in the job's temporary folder",
    ("files/unpacking.py", "_copy"): "below a temporary folder, renamed when all is there",
    ("files/unpacking.py", "_members"): "opens to read",
    ("training/state.py", "_read_one"): "opens to read",
    ("masktrack_core/gpus.py", "take_gpu"): "a kernel lock on an empty file",
    (
        "experiment/run_locks.py",
        "announce_run",
    ): "a kernel lock; the name of a machine in it, read only here",
    ("rendered/layouts.py", "_save"): "below the temporary folder of write_video_set, write_stills",
    ("rendered/layouts.py", "_write_segtrack_v2"): "below that folder",
    ("rendered/layouts.py", "_write_attributes"): "below that folder",
}


def identify(path):
    return f"{path.parent.name}/{path.name}"


def name_of(call):
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def opens_to_write(call):
    """Return whether a file is opened with a mode that writes, also where the mode is a choice."""
    words = {
        node.value
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return name_of(call) == "open" and any(set("wax+") & set(w) and len(w) < 4 for w in words)


def writes(call):
    """Return whether a call puts bytes into a file by itself; the core's own writers do not."""
    ours = isinstance(call.func, ast.Name) and call.func.id.startswith("write_")
    text = name_of(call) == "to_csv" and not call.args
    return (name_of(call) in WRITERS and not ours and not text) or opens_to_write(call)


def is_atomic(node):
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call) and name_of(item.context_expr) in ATOMIC
        for item in node.items
    )


def exposed(tree):
    """Yield function and line of each write that is not inside an atomic block."""

    def visit(node, function, safe):
        if isinstance(node, ast.FunctionDef):
            function, safe = node.name, False
        safe = safe or is_atomic(node)
        if isinstance(node, ast.Call) and not safe and writes(node):
            yield function, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function, safe)

    yield from visit(tree, "", False)


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_every_write_is_atomic(path):
    found = [
        f"{identify(path)}:{line} in {function}"
        for function, line in exposed(ast.parse(path.read_text()))
        if (identify(path), function) not in ELSEWHERE
    ]
    assert not found, f"use masktrack_core.files.io.atomic_path: {found}"


def test_every_exception_is_still_there():
    there = {
        (identify(path), function)
        for path in FILES
        for function, _ in exposed(ast.parse(path.read_text()))
    }
    assert set(ELSEWHERE) <= there, set(ELSEWHERE) - there


def renames(tree):
    """Yield the line of each rename; ``str.replace`` takes two arguments."""
    for call in ast.walk(tree):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in ("replace", "rename")
            and len(call.args) == 1
            and not call.keywords
        ):
            yield call.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_rename_is_on_disk_when_it_returns(path):
    elsewhere = "durability.py", "io.py", "download.py"  # io: in a folder without name yet
    if path.name not in elsewhere:  # download: into the temporary name of atomic_path
        assert not list(renames(ast.parse(path.read_text()))), "use masktrack_core.files.durability"


def test_a_plain_write_is_seen():
    code = 'def f():\n  with atomic_path(p) as t:\n    t.write_text("")\n  p.write_text("")\n'
    assert list(exposed(ast.parse(code))) == [("f", 4)]
    assert list(exposed(ast.parse('open(p, "w")'))) == [("", 1)]
    assert not list(exposed(ast.parse("p.open()")))
