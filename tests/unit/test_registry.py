"""Trunks, heads and losses by name, and the page of the docs that adds one of each."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from masktrack_core import registry
from masktrack_core.errors import InputError
from masktrack_core.experiment.architectures import check_architectures, check_starts, packages_of
from masktrack_core.experiment.provenance import reached_modules
from masktrack_core.networks.backbones import Slim
from masktrack_core.registry import check_name, find, made_by, names, register

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your-own-network.md").read_text()


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    tables = {kind: dict(table) for kind, table in registry._TABLES.items()}
    monkeypatch.setattr(registry, "_TABLES", tables)


def test_a_name_is_what_was_registered_last():
    register("backbone", "mine", Slim)
    assert find("backbone", "mine") is Slim and "mine" in names("backbone")
    register("backbone", "mine", "masktrack_core.networks.backbones:VGG16")
    assert find("backbone", "mine").__name__ == "VGG16"


def test_a_name_with_a_colon_takes_the_rest():
    register("backbone", "zoo:", lambda name, channels: (name, channels))
    assert find("backbone", "zoo:ox")(4) == ("ox", 4)
    for wrong in ("zoo:", "zoo", ":ox"):
        with pytest.raises(InputError, match=r"expected one of vgg16, .*timm:NAME.*zoo:NAME"):
            check_name("architectures.a.backbone", "backbone", wrong)


def test_a_package_adds_a_name_and_its_version_decides(monkeypatch):
    entry = EntryPoint("theirs", "masktrack_core.networks.backbones:Slim", "masktrack.backbone")
    vars(entry)["dist"] = SimpleNamespace(name="their-trunks", version="1.2")
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [entry] if group == entry.group else []
    )
    assert find("backbone", "theirs") is Slim
    assert made_by("backbone", "theirs") == {"their-trunks": "1.2"}
    assert packages_of({"backbone": "theirs", "head": "aspp"}, None) == {"their-trunks": "1.2"}
    assert packages_of({"backbone": "slim"}, {"loss": "balanced"}) == {}
    assert "theirs" not in names("head")


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("architectures", {"backbone": "vgg19"}, r"architectures\.a\.backbone: .*got 'vgg19'"),
        ("architectures", {"head": "crf"}, r"architectures\.a\.head: .*got 'crf'"),
        ("architectures", {"pretrained": "hub"}, r"architectures\.a\.pretrained: .*'hub'"),
        ("schedules", {"loss": "l2"}, r"schedules\.a\.loss: .*balanced.*got 'l2'"),
    ],
)
def test_a_wrong_name_is_said_with_its_row_before_anything_runs(table, row, said):
    config = {key: {} for key in ("architectures", "networks", "schedules", "weights")}
    with pytest.raises(InputError, match=said):
        check_architectures(config | {table: {"a": row}})


def test_a_network_that_learns_from_composed_stills_is_shown_an_object():
    config = {"schedules": {}, "weights": {}}
    config["architectures"] = {"told": {"others": True}, "plain": {}}
    config["networks"] = {
        "a": {"architecture": "told", "input": "box"},
        "b": {"architecture": "plain", "input": "none"},
        "c": {"file": "included:mask"},
    }
    check_architectures(config)
    config["networks"]["d"] = {"architecture": "told", "input": "none"}
    with pytest.raises(InputError, match=r"networks\.d\.input: .*architectures\.told\.others, got"):
        check_architectures(config)
    config["networks"]["d"] = {"architecture": "plain", "composed": True, "input": "none"}
    with pytest.raises(InputError, match=r"networks\.d\.input: .*beside composed, got none"):
        check_architectures(config)


def test_a_network_goes_on_with_one_of_its_own_architecture():
    released = {"backbone": "mobilenet_v2", "head": "decoder", "prior_init": "zero"}
    address = {"file": "https://host/net.safetensors", "sha256": "0" * 64}
    config = {}
    config["architectures"] = {
        "plain": {"backbone": "slim", "head": "decoder", "pretrained": "a.safetensors"},
        "told": {"backbone": "slim", "head": "decoder", "prior_init": "zero", "others": True},
        "released": released,
        "dilated": released | {"dilations": [1, 2]},
    }
    config["networks"] = {
        "first": {"architecture": "plain"},
        "file": {"file": "included:mask"},
        "away": address,
        "more": {"architecture": "plain", "start": "first"},
        "told": {"architecture": "told", "start": "more"},
        "taken": {"architecture": "released", "start": "file"},
        "fetched": {"architecture": "plain", "start": "away"},  # the training looks at it
        "branches": {"architecture": "dilated"},
        "again": {"architecture": "dilated", "start": "branches"},
    }
    check_starts(config)
    wrong = (
        ({"architecture": "released", "start": "first"}, "backbone 'slim'"),
        ({"architecture": "plain", "start": "told"}, "others True"),
        ({"architecture": "plain", "start": "first", "input": "box"}, "prior 'mask'"),
        ({"architecture": "plain", "start": "file"}, "backbone 'mobilenet_v2'"),
        ({"architecture": "dilated", "start": "file"}, "dilations None"),
    )
    for row, said in wrong:
        config["networks"]["last"] = row
        key = rf"networks\.last\.start: {row['start']}"
        with pytest.raises(InputError, match=rf"{key}: expected .*, got {said}; name"):
            check_starts(config)


@pytest.mark.parametrize("script", ["train", "finetune", "track"])
def test_own_trunks_heads_and_losses_are_part_of_the_code_of_a_job(script):
    reached = reached_modules(ROOT / "workflow_scripts" / f"{script}.py")
    own = [made for table in registry._TABLES.values() for made in table.values()]
    places = {str(made).partition(":")[0].removeprefix("masktrack_core.") for made in own}
    assert len(places) == 4 and places - {"training.optimisers"} <= reached
    assert script == "track" or "training.optimisers" in reached


def test_the_balanced_loss_gives_object_and_background_the_same_weight():
    margin = torch.tensor([[[2.0, -1.0, 0.5, 9.0]]])
    truth, known = torch.tensor([[[1.0, 0, 0, 1]]]), torch.tensor([[[1.0, 1, 1, 0]]])
    log = torch.nn.functional.softplus
    expected = (2 / 3 * log(torch.tensor(-2.0)) + 1 / 3 * log(torch.tensor([-1.0, 0.5])).sum()) / 3
    assert torch.allclose(find("loss", "balanced")(margin, truth, known), expected)
    nothing = find("loss", "balanced")(margin, truth, 0 * known)
    assert nothing == 0


def test_the_page_on_networks_of_your_own_runs(tmp_path, monkeypatch):
    """Its Python blocks, one after the other, in one process."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    scope = {}
    with torch.random.fork_rng():
        for block in blocks:
            exec(compile(block, "docs/your-own-network.md", "exec"), scope)
    assert scope["masks"].shape == (3, 64, 96) and (tmp_path / "mine.safetensors").is_file()
    assert scope["network"].spec.backbone == "patches"
