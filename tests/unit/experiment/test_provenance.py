import hashlib
import logging
import re
from types import SimpleNamespace

import pytest

from masktrack_core.errors import InputError
from masktrack_core.experiment import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small stand-in package: script → a → b; c is imported by nobody."""
    folder = tmp_path / "masktrack_core"
    folder.mkdir()
    for name, text in {
        "a": "from masktrack_core import b\nX = b.Y\n",
        "b": '"""Words."""\nY = 1  # why\n',
        "c": "Z = 1\n",
    }.items():
        (folder / f"{name}.py").write_text(text)
    script = tmp_path / "script.py"
    script.write_text("from masktrack_core.a import X\nprint(X)\n")
    monkeypatch.setattr(provenance, "_module_path", lambda module: folder / f"{module}.py")

    def digest():
        provenance._code.cache_clear()
        return provenance.core_digest(script)

    yield folder, script, digest
    provenance._code.cache_clear()


def test_digest_changes_with_the_code_of_a_module_imported_through_another(package):
    folder, _, digest = package
    before = digest()
    (folder / "b.py").write_text('"""Words."""\nY = 2\n')
    assert digest() != before


def test_digest_changes_with_the_script_itself(package):
    _, script, digest = package
    before = digest()
    script.write_text("from masktrack_core.a import X\nprint(X + 1)\n")
    assert digest() != before


def test_digest_ignores_comments_docstrings_layout_and_foreign_modules(package):
    folder, script, digest = package
    before = digest()
    (folder / "b.py").write_text('"""Other words."""\n\n\nY = 1\n')
    (folder / "c.py").write_text("Z = 2\n")
    script.write_text('"""Now with words."""\nfrom masktrack_core.a import X  # why\n\nprint(X)\n')
    assert digest() == before


@pytest.fixture
def kept(package, tmp_path, monkeypatch):
    """The digest of the stand-in, what was kept of its code, and the next start from a file."""
    _, _, digest = package
    known, parsed = {}, []
    monkeypatch.setattr(provenance, "_KNOWN", known)
    before = digest()
    provenance.keep_code(tmp_path / "kept")
    real = provenance.ast.parse
    monkeypatch.setattr(provenance.ast, "parse", lambda code: parsed.append(code) or real(code))

    def started():
        known.clear()
        parsed.clear()
        provenance.recall_code(tmp_path / "kept")
        return digest(), len(parsed)

    return tmp_path / "kept", before, started


def test_kept_code_gives_the_same_digest_without_being_parsed(kept):
    _, before, started = kept
    assert started() == (before, 0)


def test_edited_code_is_parsed_again_alone_and_an_edit_undone_is_known(kept, package):
    (path, before, started), (folder, *_) = kept, package
    text = (folder / "b.py").read_text()
    (folder / "b.py").write_text("Y = 2\n")
    edited, parsed = started()
    assert edited != before and parsed == 1
    provenance.keep_code(path)
    (folder / "b.py").write_text(text)
    assert started() == (before, 0)


def test_damaged_or_foreign_kept_code_is_not_believed(kept, monkeypatch):
    path, before, started = kept
    whole = path.read_bytes()
    place = whole.rindex(b"a")
    for damaged in (b"", whole[:-9], whole[:place] + b"b" + whole[place + 1 :], b"\xff" + whole):
        path.write_bytes(damaged)
        assert started() == (before, 3)
    path.write_bytes(whole)
    assert started() == (before, 0)
    monkeypatch.setattr(provenance.platform, "python_version", lambda: "4.0.0")
    assert started() == (before, 3)


def test_a_place_that_cannot_be_written_costs_nothing_but_time(kept, tmp_path):
    (tmp_path / "a file").touch()
    provenance.keep_code(tmp_path / "a file" / "kept")
    provenance.recall_code(tmp_path / "a file" / "kept")


SCRIPT = provenance.Path(provenance.__file__).parents[2] / "workflow_scripts" / "x.py"


def job_with(tmp_path, *paths, **params):
    return SimpleNamespace(log=[str(tmp_path / "log")], input=paths, params=params)


def test_an_error_is_in_the_log_before_it_leaves_the_job(tmp_path):
    with pytest.raises(InputError), provenance.job_log(job_with(tmp_path), SCRIPT):
        logging.getLogger("x").info("started")
        raise InputError("mask.png: expected a mask, got a poem; draw one")
    text = (tmp_path / "log").read_text()
    assert "started" in text and "got a poem" in text and "Traceback" not in text


def test_a_log_begins_with_what_is_read_and_ends_with_what_it_cost(tmp_path):
    """A digest of the bytes of networks: not of tables, which may be large and say little."""
    network, table = tmp_path / "segment.safetensors", tmp_path / "index.csv"
    network.write_bytes(b"weights")
    table.write_text("t\n")
    job = job_with(tmp_path, str(network), str(table), seed=7, rows={"crop": None})
    with provenance.job_log(job, SCRIPT):
        logging.getLogger("x").info("at work")
    lines = [line.partition("INFO ")[2] for line in (tmp_path / "log").read_text().splitlines()]
    digest = hashlib.sha256(b"weights").hexdigest()[:12]
    own = "masktrack_core.experiment.provenance: "
    assert lines[:3] == [
        f"{own}reads {network} (sha256 {digest}…)",
        f"{own}reads {table}",
        f'{own}parameters {{"seed": 7, "rows": {{"crop": null}}}}',
    ]
    assert lines[3] == "x: at work"
    assert re.fullmatch(rf"{own}memory peak [1-9]\d+ MB", lines[4])
    assert re.fullmatch(rf"{own}CPU time [\d.]+ s", lines[5]) and len(lines) == 6


def test_another_checkout_is_refused(tmp_path):
    with (
        pytest.raises(InputError, match="pip install -e"),
        provenance.job_log(job_with(tmp_path), tmp_path / "workflow_scripts" / "x.py"),
    ):
        pass


def test_record_holds_strings_only():
    record = provenance.run_record({"seed": 1, "recipe": {"b": 1, "a": None}})
    assert all(isinstance(value, str) for value in record.values())
    assert record["recipe"] == '{"a": null, "b": 1}'
