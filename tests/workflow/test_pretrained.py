"""Published weights: fetched by their rule where a network starts from them, and only there."""

import hashlib

import pytest
import torch

from masktrack_core.files.tensors import read_tensors
from masktrack_core.seeds import torch_generator
from tests.loopback import serving
from tests.published_networks import drawn
from tests.workflow.conftest import SHORT, Workflow

pytestmark = pytest.mark.slow

NETWORK = "results/networks/practical.safetensors"


@pytest.fixture
def offered(tmp_path):
    """A server of torchvision's MobileNetV2, and the tensors of its file."""
    tensors = drawn(torch_generator(5)).state_dict()
    (tmp_path / "offered").mkdir()
    torch.save(tensors, tmp_path / "offered" / "mobilenet_v2.pth")
    with serving(tmp_path / "offered") as server:
        yield server, tensors


def configuration(server, checksum):
    url = f"{server.base}/breaks_once/mobilenet_v2.pth"
    slim_row = {"input": "mask", "stills": ["rendered"], "deformation": "paper"}
    trained = {"augmentation": "offline", "crop": "full", "schedule": "offline"}
    return SHORT | {
        "weights": {"published": {"urls": [url], "checksum": f"sha256:{checksum}"}},
        "architectures": {
            "mobilenet": {
                "backbone": "mobilenet_v2",
                "head": "decoder",
                "pretrained": "published",
            }
        },
        "schedules": SHORT["schedules"] | {"offline": {"iterations": 1, "batch_size": 2}},
        "networks": {"practical": slim_row | trained | {"architecture": "mobilenet"}},
    }


def test_weights_are_fetched_checked_and_started_from(tmp_path, offered):
    server, tensors = offered
    digest = hashlib.sha256((tmp_path / "offered/mobilenet_v2.pth").read_bytes()).hexdigest()
    done = Workflow(tmp_path, configuration(server, digest[:8]))("--cores", "2", NETWORK)
    assert done.status == 0, done.output
    assert done.jobs["fetch_weights"] == 1
    assert len(server.asked) == 2  # it broke off once
    network, _ = read_tensors(tmp_path / NETWORK)
    name = "features.17.conv.1.0.weight"  # depthwise, folded into its batch norm
    scale = (
        tensors["features.17.conv.1.1.weight"]
        / (tensors["features.17.conv.1.1.running_var"] + 1e-5).sqrt()
    )
    folded = tensors[name] * scale[:, None, None, None]
    nearest = min(
        (tensor.float() - folded).abs().max().item()
        for tensor in network.values()
        if tensor.shape == folded.shape
    )
    assert nearest < 0.05  # one step of training away


def test_other_weights_than_those_named_are_refused(tmp_path, offered):
    server, _ = offered
    done = Workflow(tmp_path, configuration(server, "0" * 8))("--cores", "2", NETWORK)
    assert done.status != 0
    assert "mobilenet_v2.pth" in done.output and "00000000" in done.output
    assert not (tmp_path / NETWORK).exists()
