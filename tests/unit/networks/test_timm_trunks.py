"""Models of timm as trunks: maps on the common grid, weights, normalisation, a training."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from masktrack_core.errors import InputError
from masktrack_core.experiment.usage import Usage, usage_text
from masktrack_core.networks import timm_trunks
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.records import USAGE
from masktrack_core.networks.weights import load_network, load_pretrained, save_weights
from masktrack_core.registry import made_by
from masktrack_core.seeds import torch_generator
from masktrack_core.training.loop import TrainParams, train
from tests.timm_models import needs_timm
from tests.unit.training.test_loop import Squares

CNN, VIT = "timm:mobilenetv3_small_050", "timm:test_vit"

pytestmark = pytest.mark.usefixtures("one_thread")


def built(backbone=CNN, **spec):
    needs_timm()
    spec = NetworkSpec(backbone=backbone, head="decoder", **spec)
    return build_network(spec, generator=torch_generator(1))


def scores(net, size=(65, 97)):
    image = torch.randint(0, 256, (1, 3, *size), generator=torch_generator(2))
    prior = torch.zeros(1, 1, *size)
    prior[..., 10:40, 20:60] = 1
    with torch.no_grad():
        return net.eval()(image, prior)


@pytest.mark.parametrize(
    ("backbone", "stride", "asked"), [(CNN, 16, None), (CNN, 8, 8), (VIT, 16, None)]
)
def test_maps_lie_on_the_common_grid(backbone, stride, asked):
    trunk = built(backbone, output_stride=asked).backbone
    assert trunk.stride == stride
    maps = trunk(torch.zeros(1, 4, 65, 97))
    assert [map_.shape[1] for map_ in maps] == [*trunk.channels]
    sizes = [(64 // each + 1, 96 // each + 1) for each in (4, 8, stride)]
    assert [tuple(map_.shape[-2:]) for map_ in maps] == sizes


def test_maps_of_even_layers_are_moved_onto_the_grid():
    ramp = torch.arange(16.0) * 4 + 1.5  # the pixel on which each cell of stride 4 is centred
    moved = timm_trunks._recentred(ramp.expand(1, 1, 16, 16), 4, (57, 57))
    assert moved.shape == (1, 1, 15, 15)
    assert torch.allclose(moved[0, 0, 3, 1:], torch.arange(1.0, 15) * 4, atol=1e-4)


def test_a_patch_of_a_vit_is_around_the_pixel_of_its_cell():
    trunk, seen = built(VIT).backbone, []
    trunk.net.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for cell in range(5):
        image = torch.zeros(1, 4, 65, 97)
        image[..., 16 * cell, 16 * (cell + 1)] = 1
        trunk(image)
        assert seen[-1].shape[-2:] == (80, 112)  # a patch a cell
        place = seen[-1][0, 0].nonzero()[0].tolist()
        assert place == [16 * cell + 8, 16 * (cell + 1) + 8]  # of 0 to 15 as near as can be


def test_the_mask_has_filters_drawn_as_said_and_pictures_the_norm_of_timms_record():
    net = built(prior_init="zero")
    first = net.backbone.first.weight
    assert first.shape[1] == 4 and not first[:, 3].any() and first[:, :3].any()
    record = net.backbone.net.pretrained_cfg
    assert net.mean.flatten().tolist() == pytest.approx([255 * one for one in record["mean"]])
    assert net.scale.flatten().tolist() == pytest.approx([1 / 255 / one for one in record["std"]])
    assert built().backbone.first.weight[:, 3].std().item() == pytest.approx(0.1, rel=0.3)


def test_the_same_seed_draws_the_same_network_and_leaves_the_global_generator():
    before = torch.get_rng_state()
    one, two = built(VIT).state_dict(), built(VIT).state_dict()
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_batch_norm_keeps_its_statistics_in_a_training_and_the_file_holds_all(tmp_path):
    net = built()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    train(net, Squares(), TrainParams(iterations=2, batch_size=2), seed=1)
    after = net.state_dict()
    for name, tensor in after.items():
        kept = name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
        assert torch.equal(tensor, before[name]) == kept or not tensor.any(), name
    save_weights(tmp_path / "net.safetensors", net, {})
    again, _ = load_network(tmp_path / "net.safetensors")
    assert torch.allclose(scores(again), scores(net), atol=1e-5)  # other strides in memory


@pytest.mark.parametrize("backbone", [CNN, VIT])
def test_a_published_file_is_loaded_and_the_mask_adds_to_it(tmp_path, backbone):
    net = built(backbone, prior_init="zero")
    name = backbone.partition(":")[2]
    torch.manual_seed(3)
    theirs = timm_trunks.timm_package().create_model(name)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    loaded = load_pretrained(net, tmp_path / "theirs.pth")
    assert (loaded.layout, loaded.normalisation) == ("timm", "timm")
    assert net.spec.pretrained == "theirs.pth"
    own = dict(net.backbone.net.state_dict())
    wanted = {key.removeprefix("model."): tensor for key, tensor in own.items()}
    for key, tensor in theirs.state_dict().items():
        if key in wanted:
            assert torch.equal(
                wanted[key][:, : tensor.shape[1]] if tensor.ndim > 1 else wanted[key], tensor
            )
    assert len(wanted) > 20 and not net.backbone.first.weight[:, 3].any()


def test_a_file_of_another_model_and_a_silent_hub_are_one_line(tmp_path, monkeypatch):
    net = built()
    torch.save({"x.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth: expected weights of timm:mobilenetv3"):
        load_pretrained(net, tmp_path / "other.pth")
    asked = []

    def create(name, **options):
        asked.append(options["pretrained"])
        raise OSError("no address")

    monkeypatch.setattr(timm_trunks.timm_package(), "create_model", create)
    with pytest.raises(InputError, match=r"hub: expected weights of timm:.*OSError: no address"):
        load_pretrained(net, "hub")
    assert asked == [True]


def test_the_hubs_weights_go_the_same_way(monkeypatch):
    net = built()
    timm = timm_trunks.timm_package()
    real = timm.create_model

    def hub(name, *, pretrained=False, **options):
        model = real(name, **options)
        if pretrained:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.fill_(0.25)
        return model

    monkeypatch.setattr(timm, "create_model", hub)
    loaded = load_pretrained(net, "hub")
    assert "mobilenetv3_small_050" in loaded.source and net.spec.pretrained == "hub"
    assert (net.backbone.first.weight[:, :3] == 0.25).all()
    assert not (net.backbone.first.weight[:, 3] == 0.25).any()


def test_a_trunk_trained_for_a_few_steps_is_exported_and_used_by_segment(tmp_path):
    from masktrack_core.commands.cli import main
    from masktrack_core.files.io import read_mask, write_frame, write_mask
    from masktrack_core.tracking.propagation import PropagationParams

    net = built()
    train(net, Squares(), TrainParams(iterations=2, batch_size=2, optimizer="adamw"), seed=1)
    usage = Usage(propagation=PropagationParams(), finetuning=None, trained_on="squares")
    save_weights(tmp_path / "n.safetensors", net, {USAGE: usage_text(usage)}, half=True)
    frames, mask = np.full((2, 48, 64, 3), 90, np.uint8), np.zeros((48, 64), np.bool_)
    mask[10:30, 10:40] = True
    frames[:, mask] = 200
    for t, frame in enumerate(frames):
        write_frame(tmp_path / "clip" / f"{t:05d}.png", frame)
    write_mask(tmp_path / "first.png", mask)
    words = ["segment", tmp_path / "clip", "--weights", tmp_path / "n.safetensors"]
    words += ["--first", tmp_path / "first.png", "--out", tmp_path / "masks", "--no-finetune"]
    assert main([str(word) for word in words]) == 0
    half, _ = load_network(tmp_path / "n.safetensors")
    found = scores(half, (48, 64))
    assert found.shape == (1, 2, 13, 17)
    assert read_mask(tmp_path / "masks" / "00001.png").shape == (48, 64)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet_50", r"timm:resnet_50: expected a name of timm\.list_models\(\), .*resnet50"),
        ("test_mlp_mixer_nope", r"expected a name of"),
        ("swin_tiny_patch4_window7_224", r"timm:swin_tiny\S+: expected "),
    ],
)
def test_a_model_that_is_none_or_gives_no_maps_is_one_line(name, said):
    needs_timm()
    with pytest.raises(InputError, match=said) as raised:
        timm_trunks.TimmTrunk(name)
    assert "\n" not in str(raised.value)


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    timm_trunks.timm_package.cache_clear()
    timm_trunks._plan.cache_clear()
    with pytest.raises(InputError, match=r"timm:NAME needs the package timm .*masktrack\[timm\]"):
        build_network(NetworkSpec(backbone=CNN), generator=torch_generator(1))


def test_the_version_that_decides_is_timms():
    needs_timm()
    lines = (Path(__file__).parents[3] / "requirements-timm.lock").read_text().splitlines()
    assert f"timm=={made_by('backbone', CNN)['timm']}" in lines
