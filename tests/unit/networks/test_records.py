import json
import subprocess
import sys

import pytest
import torch

from masktrack_core.errors import InputError
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.records import (
    DEFAULT_THRESHOLD,
    FINETUNING_DEFAULTS,
    USAGE,
    guiding_threshold,
    read_record,
)
from masktrack_core.networks.weights import save_weights
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.tracking.segmentation import FinetuningParams


def saved(path, record, seed=0):
    spec = NetworkSpec(backbone="slim", head="decoder", prior="box")
    network = build_network(spec, generator=torch.Generator().manual_seed(seed))
    save_weights(path, network, record)
    return path


def usage(threshold):
    return json.dumps({"propagation": {"threshold": threshold}})


def test_a_file_says_what_it_is_and_its_digest_follows_the_weights(tmp_path):
    first = read_record(saved(tmp_path / "a.safetensors", {"seed": "1", "data": "{}"}))
    assert first.prior == "box" and first.record["seed"] == "1"
    described = first.described()
    assert described["spec"]["backbone"] == "slim" and described["record"] == {"seed": "1"}
    again = read_record(saved(tmp_path / "b.safetensors", {"seed": "1", "data": "{}"}))
    other = read_record(saved(tmp_path / "c.safetensors", {"seed": "1", "data": "{}"}, seed=1))
    assert first.digest == again.digest != other.digest


def test_texts_that_are_json_are_unfolded_and_other_texts_stay(tmp_path):
    record = {USAGE: usage(0.4), "commit": "12e3", "rows": json.dumps({"crop": '{"size": 3}'})}
    found = read_record(saved(tmp_path / "a.safetensors", record)).described()["record"]
    assert found[USAGE] == {"propagation": {"threshold": 0.4}}
    assert found["commit"] == "12e3" and found["rows"] == {"crop": {"size": 3}}


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, None])
def test_what_is_no_network_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "a.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.safetensors: expected a network") as raised:
        read_record(path)
    assert "\n" not in str(raised.value)


def test_a_threshold_is_what_the_files_say_and_must_be_one(tmp_path):
    low = saved(tmp_path / "low.safetensors", {USAGE: usage(0.3)})
    silent = saved(tmp_path / "silent.safetensors", {})
    assert guiding_threshold([low, low]) == 0.3
    assert guiding_threshold([silent]) == PropagationParams().threshold
    with pytest.raises(InputError, match=r"threshold: expected .*'low\.safetensors': 0\.3"):
        guiding_threshold([low, silent])


def test_reading_a_record_loads_no_torch():
    code = "import sys, masktrack_core.experiment.network_files; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_file_that_says_nothing_means_is_what_the_code_does():
    rows = {"schedule": {}, "crop": {}, "augmentation": {}, "deformation": {}}
    learns = FinetuningParams.from_rows(rows)
    assert {
        "samples": learns.examples.samples,
        "offline_share": learns.offline_share,
        "neighbours": learns.examples.neighbours,
        "shared": learns.shared,
    } == FINETUNING_DEFAULTS
    assert PropagationParams().threshold == DEFAULT_THRESHOLD
