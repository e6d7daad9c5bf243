import hashlib

import pytest
import torch

from masktrack_core.errors import InputError
from masktrack_core.experiment.network_files import (
    check_bytes,
    check_network_file,
    local_file,
    network_archive,
    source_of,
)
from masktrack_core.experiment.recipes import NetworkRecipe
from masktrack_core.networks.included import included_network

ADDRESS = "https://host/some/net.safetensors"


def recipe(**row):
    return NetworkRecipe.from_row("x", row)


def test_a_file_is_included_on_disk_or_to_download(tmp_path, monkeypatch):
    monkeypatch.setenv("NETS", str(tmp_path))
    assert local_file(recipe(file="included:box")) == included_network("box")
    assert local_file(recipe(file="$NETS/a.safetensors")) == tmp_path / "a.safetensors"
    assert local_file(recipe(file=ADDRESS, sha256="0" * 64)) is None
    row = {"urls": [ADDRESS], "checksum": f"sha256:{'0' * 64}", "instructions": ""}
    assert network_archive(recipe(file=ADDRESS, sha256="0" * 64)) == {"x-net.safetensors": row}
    assert network_archive(recipe(file="included:box")) == {}


def test_what_decides_a_network_is_known_before_it_is_taken():
    source = source_of(recipe(file="included:mask"))
    assert "the stills of ecssd" in source["trained_on"] and len(source["digest"]) == 64
    assert source["file"] == "included:mask"
    assert source["digest"] != source_of(recipe(file="included:box"))["digest"]
    sha256 = "1" * 64
    assert source_of(recipe(file=ADDRESS, sha256=sha256)) == {"file": ADDRESS, "digest": sha256}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"file": "included:masks"}, r"file: expected included:mask or .*, got"),
        ({"file": "included:box"}, r"file: expected .* input: mask, got one that is shown 'box'"),
        ({"file": "included:mask", "input": "box"}, r"file: expected .* input: box, got one"),
        ({"file": "gone.safetensors"}, r"file: gone\.safetensors: expected a network, no such"),
        ({"file": ADDRESS}, r"sha256: expected the SHA-256 of https://host/some/net"),
        ({"file": "https://host/x.pth", "sha256": "0" * 64}, r"file: expected the address of"),
    ],
)
def test_a_wrong_file_is_named_before_anything_runs(row, words):
    with pytest.raises(InputError, match=rf"^networks\.x\.{words}") as raised:
        check_network_file(recipe(**row))
    assert "\n" not in str(raised.value)


def test_the_weights_of_a_trunk_are_no_network(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "trunk.safetensors", {"preprocess": "RGB"})
    with pytest.raises(InputError, match=r"x\.file: .*trunk.*the `pretrained` of an architecture"):
        check_network_file(recipe(file=str(tmp_path / "trunk.safetensors")))


def test_a_file_of_other_bytes_than_its_row_says_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    check_bytes("x", path, hashlib.sha256(b"one").hexdigest())
    check_bytes("x", path, None)
    with pytest.raises(InputError, match=r"^networks\.x\.sha256: expected 0000"):
        check_bytes("x", path, "0" * 64)
