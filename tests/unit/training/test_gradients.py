"""Gradients: bf16 beside float32, taps that get none, norms that jump."""

import gc
import logging
import math
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import yaml
from snakemake.utils import update_config
from torch import nn
from torch.nn import functional as F

from masktrack_core.devices import in_bf16
from masktrack_core.errors import InputError
from masktrack_core.experiment.network_files import local_file
from masktrack_core.experiment.recipes import NetworkRecipe
from masktrack_core.experiment.usage import read_usage
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.backbones import VGG16
from masktrack_core.networks.heads import build_head
from masktrack_core.networks.layers import Depthwise
from masktrack_core.networks.network import build_network
from masktrack_core.networks.spec import NetworkSpec
from masktrack_core.networks.weights import load_network
from masktrack_core.registry import find
from masktrack_core.seeds import torch_generator
from masktrack_core.training.gradients import Witness, clip_gradient, out_of_bounds, taught_nothing
from masktrack_core.training.loop import RunParams, TrainingDivergedError, train
from masktrack_core.training.optimisers import TrainParams, segmentation_loss
from tests.timm_models import needs_timm
from tests.unit.training.test_loop import (
    PARAMS,
    CrashError,
    Squares,
    breaking_in,
    crash,
    identical,
    network,
)
from tests.unit.training.test_loop import weights as copied

ROOT = Path(__file__).parents[3]
STACKS = (
    ("config.yaml",),
    ("config.yaml", "examples/short.yaml"),
    ("config.yaml", "paper.yaml"),
    ("config.yaml", "examples/davis_on_disk.yaml"),
    ("config.yaml", "examples/davis_on_disk.yaml", "examples/davis_experiments.yaml"),
    ("config.yaml", "examples/davis_on_disk.yaml", "examples/told_of_others.yaml"),
)
LOW = TrainParams(iterations=6, batch_size=2, learning_rate=1e-3, precision="bf16", ema=0.9)


pytestmark = pytest.mark.usefixtures("one_thread", "bf16")


class Learnt(NamedTuple):
    """What is trained somewhere in a configuration."""

    backbone: str
    head: str
    size: int


def trainings(files):
    """Return what these configurations train, offline and online."""
    config = {}
    for name in files:
        update_config(config, yaml.safe_load((ROOT / name).read_text()))
    sizes = {name: CropParams(**row).size for name, row in config["crops"].items()}
    specs = {}
    usages = {}
    for name, row in config["networks"].items():
        if file := local_file(NetworkRecipe.from_row(name, row)):
            network, record = load_network(file)
            specs[name] = network.spec.backbone, network.spec.head
            usages[name] = read_usage(record).finetuning
            continue
        architecture = dict(config["architectures"][row["architecture"]]) | {"pretrained": None}
        spec = NetworkSpec(**architecture)
        specs[name] = spec.backbone, spec.head
        if row.get("schedule"):
            yield Learnt(*specs[name], sizes[row["crop"]])
    for row in config["trackers"].values():
        if row.get("finetuning"):
            crop = config["finetunings"][row["finetuning"]].get("crop")
            own = usages.get(row["network"])
            size = sizes[crop] if crop else own.examples.crop.size  # as its file says
            yield Learnt(*specs[row["network"]], size)


CONFIGURED = sorted({learnt for files in STACKS for learnt in trainings(files)})
SIZES = sorted({learnt.size for learnt in CONFIGURED})


def test_the_scan_finds_what_the_configurations_train():
    assert CONFIGURED == [
        ("mobilenet_v2", "decoder", 155),
        ("mobilenet_v2", "decoder", 257),
        ("mobilenet_v2", "largefov", 321),
        ("mobilenet_v2", "largefov", 481),
        ("slim", "decoder", 97),
        ("vgg16", "aspp", 321),
    ]


class ThinVGG16(VGG16):
    """VGG16 of a quarter of its channels: a sixteenth of its time.

    Same layers, strides, dilations and maps, on which taps and faults of kernels depend; channels
    stay multiples of 16, the blocks of oneDNN. At full width every bf16 training looks at its own
    first step (`Witness`).
    """

    branch_width = 256

    def __init__(self, in_channels=4):
        super().__init__(in_channels, widths=(16, 32, 64, 128, 128))


BACKBONES = ("vgg16", "mobilenet_v2", "slim")
TRUNKS = {name: find("backbone", name) for name in BACKBONES} | {"vgg16": ThinVGG16}


def test_the_thin_vgg_has_the_layers_of_the_whole_one():
    thin, whole = ([*net(4).features] for net in (ThinVGG16, VGG16))
    assert [type(layer) for layer in thin] == [type(layer) for layer in whole]
    for narrow, wide in zip(thin, whole, strict=True):
        for key in ("kernel_size", "stride", "padding", "dilation"):
            assert getattr(narrow, key, None) == getattr(wide, key, None)
    assert ThinVGG16.stride == VGG16.stride


class Heads(nn.Module):
    """Every head on one trunk, so that the trunk is run once."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = TRUNKS[backbone](4)
        heads = ("aspp", "largefov", "decoder")
        self.heads = nn.ModuleDict({name: build_head(name, self.backbone) for name in heads})
        for place, parameter in enumerate(self.parameters()):
            if parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, generator=torch_generator(1, place))

    def forward(self, x):
        features = self.backbone(x)
        return [head(features).float() for head in self.heads.values()]


@cache
def deviations(backbone, size):
    """Return how the gradients of a step in bf16 compare, on a crop of this size."""
    net = Heads(backbone).to(memory_format=torch.channels_last)
    side = size + (1 - size) % net.backbone.stride
    x = 2 * torch.randn(1, 4, 12, 12, generator=torch_generator(2))
    x = F.interpolate(x, size=(side, side), mode="bicubic")
    x = x.contiguous(memory_format=torch.channels_last)
    target = (torch.rand(1, side, side, generator=torch_generator(3)) < 0.3).byte()
    witness = Witness(net)
    with torch.random.fork_rng(), witness.watching():
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = net(x)
        sum(segmentation_loss(one, target, at="pixels") for one in scores).backward()
    return witness.deviations()


def slow(size):
    return [pytest.mark.slow] if size > 400 else []


def affordable(backbone, size):
    """VGG16 at the sizes of its own configuration and of the smallest only."""
    return backbone != "vgg16" or size == 97 or (backbone, "aspp", size) in CONFIGURED


@pytest.mark.skipif(
    not in_bf16("bf16", torch.device("cpu")),
    reason="this CPU has no bf16; trainings are in float32 on it",
)
@pytest.mark.parametrize(
    ("backbone", "size"),
    [
        pytest.param(*case, marks=slow(case[1]))
        for case in product(BACKBONES, SIZES)
        if affordable(*case)
    ],
)
def test_gradients_in_bf16_are_those_of_float32_in_every_layer(backbone, size):
    found = deviations(backbone, size)
    assert {one.name for one in found} >= {name for name, _ in Heads(backbone).named_parameters()}
    assert [one for one in found if one.bad] == []
    # Far from the limits of the guard: they are not met by chance.
    assert min(one.cosine for one in found) > 0.999
    assert all(0.99 < one.ratio < 1.01 for one in found)


def first_step(learnt, **spec):
    """Return a network of random weights after one step of float32 without optimiser."""
    spec = NetworkSpec(backbone=learnt.backbone, head=learnt.head, **spec)
    net = build_network(spec, generator=torch_generator(1)).train()
    size = learnt.size
    image = torch.randint(0, 256, (1, 3, size, size), generator=torch_generator(2))
    prior = torch.zeros(1, 1, size, size)
    prior[..., size // 4 : size // 2, size // 4 : size // 2] = 1
    with torch.random.fork_rng():
        torch.manual_seed(1)
        scores = net(image, prior)
    segmentation_loss(scores, prior[:, 0].byte(), at="pixels").backward()
    return net


@pytest.mark.parametrize("learnt", [pytest.param(one, marks=slow(one.size)) for one in CONFIGURED])
def test_every_tap_of_every_configured_network_gets_a_gradient(learnt, monkeypatch):
    monkeypatch.setattr("masktrack_core.networks.network.find", lambda _, name: TRUNKS[name])
    net = first_step(learnt)
    assert taught_nothing(net) == {}
    for name, parameter in net.named_parameters():
        if parameter.ndim == 4:
            for i, j in product(range(parameter.shape[2]), range(parameter.shape[3])):
                assert parameter.grad[..., i, j].any(), (name, i, j)


@pytest.mark.parametrize("name", ["timm:mobilenetv3_small_050", "timm:test_vit"])
def test_every_parameter_of_a_trunk_of_timm_gets_a_gradient(name):
    needs_timm()
    net = first_step(Learnt(name, "decoder", 97), prior_init="zero")
    assert {part for part in taught_nothing(net) if "branches" not in part} == set()


def test_taps_beyond_the_map_of_a_crop_are_named_with_their_share():
    net = first_step(Learnt("mobilenet_v2", "decoder", 257), dilations=(1, 6, 12, 18))
    assert taught_nothing(net) == {"head.branches.3.weight": pytest.approx(8 / 9)}


def test_a_training_whose_taps_see_only_padding_says_so_once(caplog):
    net = build_network(
        NetworkSpec(backbone="slim", head="decoder", dilations=(1, 5)),
        generator=torch_generator(1),
    )
    with caplog.at_level(logging.WARNING):
        train(net, Squares(), PARAMS, seed=1)  # 33 px at stride 8: five cells
    (said,) = caplog.messages
    assert "crops of 33 px nothing is learnt by head.branches.1.weight (89%)" in said
    assert "network.dilations" in said


class Unknown(Squares):
    """Squares of which the first two, a batch, have no known pixel."""

    def __getitem__(self, number):
        example = super().__getitem__(number)
        example.target[:] = 255 if number < 2 else example.target
        return example


def one_cell():
    """A network whose taps all see something of a crop of 33 pixels."""
    spec = NetworkSpec(backbone="slim", head="largefov", prior_init="zero", dilations=(1,))
    return build_network(spec, generator=torch_generator(1))


def test_neither_zeros_dropout_nor_a_crop_without_truth_is_taken_for_a_dead_tap(caplog):
    with caplog.at_level(logging.WARNING):
        losses = train(one_cell(), Unknown(), LOW, seed=1)
    assert losses.gradient_norm[0] == 0 < losses.gradient_norm[1]
    assert caplog.messages == []


def test_nor_is_a_crop_without_truth_in_a_network_of_three_hundred_parameters(caplog):
    net = one_cell()
    net.head.shifts = nn.ParameterList(torch.zeros(1, 1, 1) for _ in range(300))

    def shifted(head, _given, scores):
        return scores + F.pad(sum(head.shifts), (0, 0, 0, 0, 0, 1))

    net.head.register_forward_hook(shifted)
    with caplog.at_level(logging.WARNING):
        train(net, Unknown(), PARAMS, seed=1)
    assert caplog.messages == []


class _Garbage(torch.autograd.Function):
    """Weights as they are; their gradients drawn anew, as large as they ought to be."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        noise = torch.randn(gradient.shape, generator=torch_generator(7), dtype=torch.float32)
        return noise.to(gradient.dtype) * gradient.std()


def spoil(monkeypatch, *, weights):
    """Make the backward of depthwise layers garbage in bf16: weights' gradients, or the input's."""
    real = nn.Conv2d.forward

    def forward(layer, x):
        if not torch.is_autocast_enabled("cpu"):
            return real(layer, x)
        weight = _Garbage.apply(layer.weight) if weights else layer.weight
        x = x if weights else _Garbage.apply(x)
        return layer._conv_forward(x, weight, layer.bias)

    monkeypatch.setattr(Depthwise, "forward", forward)


@pytest.mark.parametrize("weights", [True, False])
def test_a_layer_with_garbage_for_gradients_stops_a_bf16_training(monkeypatch, weights):
    spoil(monkeypatch, weights=weights)
    with pytest.raises(InputError, match=r"train\.precision: .* on crops of 33 px") as raised:
        train(network("decoder"), Squares(), LOW, seed=1)
    said = str(raised.value)
    assert "head.branches.0" + (".weight" if weights else " input") in said
    assert "set `precision: fp32`" in said
    train(network("decoder"), Squares(), PARAMS, seed=1)  # nothing is compared in float32


def test_the_weights_are_those_of_a_training_that_nothing_compared(monkeypatch):
    compared = network("aspp")
    train(compared, Squares(), LOW, seed=1)
    monkeypatch.setattr("masktrack_core.training.loop._Loop._inspect", lambda *_, **__: None)
    monkeypatch.setattr(Witness, "_watch", lambda *_: None)
    alone = network("aspp")
    train(alone, Squares(), LOW, seed=1)
    assert identical(copied(compared), copied(alone))


def test_nothing_of_the_step_that_was_compared_is_kept():
    """Its tensors were, through their own hooks: 0.3 GB an object that `segment` learns."""

    def kept():
        gc.collect()
        return sum(type(one) is torch.Tensor for one in gc.get_objects())

    learnt = network("decoder")
    train(learnt, Squares(), LOW, seed=1)
    before = kept()
    train(learnt, Squares(), LOW, seed=1)
    assert kept() == before


def test_a_training_that_goes_on_does_not_compare_again(tmp_path, monkeypatch):
    whole = network("decoder")
    train(whole, Squares(), LOW, seed=1)
    run = RunParams(state=tmp_path / "state", save_every_s=0)
    with pytest.raises(CrashError):
        train(network("decoder"), breaking_in(7, crash), LOW, seed=1, run=run)

    def never(*_):
        raise AssertionError("compared again")

    monkeypatch.setattr(Witness, "deviations", never)
    again = network("decoder")
    train(again, Squares(), LOW, seed=1, run=run)
    assert identical(copied(again), copied(whole))


def test_the_norm_is_that_before_clipping():
    net = first_step(Learnt("slim", "decoder", 97))
    norm = math.sqrt(sum(one.grad.double().square().sum().item() for one in net.parameters()))
    assert clip_gradient(net.parameters(), None).item() == pytest.approx(norm)
    assert clip_gradient(net.parameters(), norm / 2).item() == pytest.approx(norm)
    assert clip_gradient(net.parameters(), None).item() == pytest.approx(norm / 2, rel=1e-4)


def test_a_norm_is_out_of_bounds_without_number_or_at_a_thousand_times_the_usual():
    usual = [1.0, 2.0, 3.0] * 40
    assert out_of_bounds([*usual, 1999.0]) is None
    assert "1050 times the median" in str(out_of_bounds([*usual, 2100.0]))
    assert out_of_bounds([math.nan]) == "nan" and out_of_bounds([*usual, math.inf]) == "inf"
    assert out_of_bounds([1.0, 1e9]) is None  # one step is no measure
    assert out_of_bounds([0.0] * 50 + [1.0]) is None
    # The last hundred count, not what was before.
    assert out_of_bounds([1e-6] * 200 + [1.0] * 100 + [5.0]) is None


class Jumps:
    """A gradient that is a million times too long at some steps."""

    def __init__(self, monkeypatch, steps):
        self.steps, self.step = steps, 0
        monkeypatch.setattr("masktrack_core.training.loop.clip_gradient", self)

    def __call__(self, parameters, largest):
        norm = clip_gradient(parameters, largest) * (1e6 if self.step in self.steps else 1)
        self.step += 1
        return norm


def test_one_jump_is_said_and_recorded_and_three_end_the_training(monkeypatch, caplog):
    params = TrainParams(iterations=30, batch_size=1)
    Jumps(monkeypatch, {12, 20})
    with caplog.at_level(logging.WARNING):
        losses = train(network(), Squares(), params, seed=1)
    said = [text for text in caplog.messages if "norm of the gradient" in text]
    assert [text.partition(":")[0] for text in said] == ["step 12", "step 20"]
    usual = losses.gradient_norm.median()
    assert (losses.gradient_norm > 1000 * usual).to_numpy().nonzero()[0].tolist() == [12, 20]
    Jumps(monkeypatch, {12, 20, 25})
    with pytest.raises(TrainingDivergedError, match=r"gradients of steps \[12, 20, 25\]"):
        train(network(), Squares(), params, seed=1)


def test_jumps_far_apart_and_before_an_interruption_are_counted(monkeypatch, tmp_path):
    params = TrainParams(iterations=130, batch_size=1)
    Jumps(monkeypatch, {12, 20, 112, 121})
    train(network(), Squares(), params, seed=1)  # never three within a hundred steps
    run = RunParams(state=tmp_path / "state", save_every_s=0)
    Jumps(monkeypatch, {12, 20})
    with pytest.raises(CrashError):
        train(network(), breaking_in(22, crash), params, seed=1, run=run)
    Jumps(monkeypatch, {3})  # of what is left: step 25
    with pytest.raises(TrainingDivergedError, match=r"steps \[12, 20, 25\]"):
        train(network(), Squares(), params, seed=1, run=run)
