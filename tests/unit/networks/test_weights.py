import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from real_data import real_data
from safetensors.torch import save_file
from torch import nn

from masktrack_core.errors import InputError
from masktrack_core.files import tensors as tensor_files
from masktrack_core.files.tensors import read_tensors
from masktrack_core.networks.checkpoints import fold_batch_norm, recognise, translate
from masktrack_core.networks.network import MaskTrackNet, NetworkSpec, build_network
from masktrack_core.networks.records import read_record
from masktrack_core.networks.weights import (
    continue_network,
    load_network,
    load_pretrained,
    save_weights,
)
from masktrack_core.seeds import torch_generator
from tests.published_networks import drawn

REAL = real_data()
VGG16_CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def network(**fields) -> MaskTrackNet:
    fields = {"backbone": "slim", "head": "decoder"} | fields
    return build_network(NetworkSpec(**fields), generator=torch_generator(1, "network")).eval()


def real(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"{REAL / name} is not on this machine")
    return REAL / name


def example() -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.randint(0, 256, (1, 3, 40, 50), generator=torch_generator(2))
    return image, image[:, :1] > 128


def first_layers(*, channels: int = 3) -> dict[str, torch.Tensor]:
    """conv1_1 and conv1_2 of an invented VGG16, by torchvision's names."""
    rng = torch_generator(3)
    return {
        f"features.{index}.{kind}": torch.randn(shape, generator=rng)
        for index, inputs in ((0, channels), (2, 64))
        for kind, shape in (("weight", (64, inputs, 3, 3)), ("bias", (64,)))
    }


# Our own files


@pytest.mark.parametrize(
    "fields",
    [
        {"prior": "none"},
        {"backbone": "mobilenet_v2", "prior_values": (-0.5, 2.0), "prior_std": 0.3},
        {"head": "aspp", "normalisation": "caffe", "dropout": 0.25, "pretrained": "somebody's"},
    ],
)
def test_a_network_comes_back_from_disk_as_it_was(tmp_path, fields):
    net = network(**fields)
    save_weights(tmp_path / "deep" / "net.safetensors", net, {"stills": "ECSSD", "ö": "ü"})
    loaded, record = load_network(tmp_path / "deep" / "net.safetensors")
    assert record == {"stills": "ECSSD", "ö": "ü"}
    assert loaded.spec == net.spec
    assert not loaded.training
    assert torch.equal(loaded(*example()), net(*example()))


def test_a_training_goes_on_with_a_network_which_may_be_told_of_others_then(tmp_path):
    path = tmp_path / "before.safetensors"
    before = network(normalisation="caffe", pretrained="somebody's")
    save_weights(path, before, {"stills": "ECSSD"})
    digest = {"network": read_record(path).digest}
    asked = replace(before.spec, normalisation=None, pretrained=None, prior_init="zero")
    for told in (False, True):
        net, record = continue_network(replace(asked, others=told), path, seed=1)
        assert record == digest
        assert net.spec == replace(before.spec, others=told, prior_init="zero")
        image, prior = example()
        nobody = torch.zeros_like(prior)
        seen = torch.cat([prior, nobody], 1) if told else prior
        assert torch.equal(net.eval()(image, seen), before.eval()(image, prior))
    told_path = tmp_path / "told.safetensors"
    torch.nn.init.constant_(net.others.weight, 0.5)
    save_weights(told_path, net, {})
    again, _ = continue_network(net.spec, told_path, seed=1)
    assert torch.equal(again.others.weight, net.others.weight)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"head": "aspp"}, "head 'decoder'"),
        ({"backbone": "mobilenet_v2", "prior": "box"}, "backbone 'slim', prior 'mask'"),
        ({"others": False}, "others True"),
    ],
)
def test_a_network_of_another_architecture_is_nothing_to_go_on_with(tmp_path, change, said):
    save_weights(tmp_path / "told.safetensors", network(others=True), {})
    asked = replace(network(others=True).spec, **change)
    with pytest.raises(InputError, match=rf"told\.safetensors: .* got {said}; name another"):
        continue_network(asked, tmp_path / "told.safetensors", seed=1)


def test_the_same_network_is_the_same_bytes(tmp_path):
    for name in ("a.safetensors", "b.safetensors"):
        save_weights(tmp_path / name, network(), {"x": "1", "a": "2"})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_half_precision_halves_the_file_and_hardly_moves_the_scores(tmp_path):
    net = network()
    save_weights(tmp_path / "full.safetensors", net, {})
    save_weights(tmp_path / "half.safetensors", net, {}, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.52 * (
        tmp_path / "full.safetensors"
    ).stat().st_size
    loaded, _ = load_network(tmp_path / "half.safetensors")
    assert loaded.backbone.first.weight.dtype == torch.float32
    torch.testing.assert_close(loaded(*example()), net(*example()), rtol=0.02, atol=1e-3)


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"old")

    def interrupted(tensors, name, metadata):
        Path(name).write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(tensor_files, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_weights(path, network(), {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.safetensors"]
    assert path.read_bytes() == b"old"


def test_tensors_that_do_not_fit_are_all_listed(tmp_path):
    path = tmp_path / "net.safetensors"
    save_weights(path, network(), {})
    tensors, metadata = read_tensors(path)
    tensors["head.score.bias"] = torch.zeros(3)
    tensors["head.surplus"] = tensors.pop("head.score.weight")
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(InputError) as caught:
        load_network(path)
    message = str(caught.value)
    assert "missing head.score.weight (2, 32, 1, 1)" in message
    assert "not expected head.surplus (2, 32, 1, 1)" in message
    assert "head.score.bias is (3,) instead of (2,)" in message
    assert message.startswith(str(path))


def test_a_published_file_is_not_taken_for_a_network(tmp_path):
    save_file(first_layers(), tmp_path / "vgg.safetensors")
    with pytest.raises(InputError, match="read by load_pretrained"):
        load_network(tmp_path / "vgg.safetensors")


# Files that cannot be read


class Intruder:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path):
    witness = tmp_path / "witness"
    torch.save({"features.0.weight": Intruder(witness)}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="wants to run code"):
        read_tensors(tmp_path / "evil.pth")
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Intruder(witness), protocol=2))
    with pytest.raises(InputError, match=r"old\.pt"):
        read_tensors(tmp_path / "old.pt")
    assert not witness.exists()


@pytest.mark.parametrize("name", ["a.safetensors", "a.npz", "a.pth", "a.caffemodel", "absent.npz"])
def test_a_file_that_is_no_weights_is_named(tmp_path, name):
    if name != "absent.npz":
        (tmp_path / name).write_bytes(b"neither of them" * 40)
    with pytest.raises(InputError, match=name):
        read_tensors(tmp_path / name)


def test_an_archive_of_python_objects_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", conv1_1_w=np.array([Intruder(tmp_path / "witness")]))
    with pytest.raises(InputError, match=r"a\.npz"):
        read_tensors(tmp_path / "a.npz")
    assert not (tmp_path / "witness").exists()


# Published VGG16


def test_torchvision_and_caffe_files_fill_the_same_filters_under_their_own_normalisation(tmp_path):
    torchvision = first_layers()
    torch.save({"state_dict": torchvision}, tmp_path / "vgg16.pth")
    np.savez(
        tmp_path / "deeplab.npz",
        **{
            f"{layer}_{kind}": torchvision[f"features.{index}.{kind}"].numpy()
            for layer, index in (("conv1_1", 0), ("conv1_2", 2))
            for kind in ("weight", "bias")
        },
    )
    for name, layout, normalisation in (
        ("vgg16.pth", "vgg16", "torchvision"),
        ("deeplab.npz", "deeplab", "caffe"),
    ):
        net = network(backbone="vgg16")
        drawn = net.backbone.first.weight[:, 3].clone()
        done = load_pretrained(net, tmp_path / name, partial=True)
        assert (done.layout, done.normalisation) == (layout, normalisation)
        assert net.normalisation == normalisation
        assert net.spec.pretrained == name
        assert torch.equal(net.backbone.first.weight[:, :3], torchvision["features.0.weight"])
        assert torch.equal(net.backbone.features[2].bias, torchvision["features.2.bias"])
        scale = 10 if normalisation == "torchvision" else 1
        torch.testing.assert_close(net.backbone.first.weight[:, 3], drawn * scale)
        assert "backbone.features.2.weight" in done.loaded
        assert "backbone.features.5.weight" in done.random
        assert done.record()["layout"] == layout


def test_filters_for_four_channels_are_taken_whole(tmp_path):
    save_file(first_layers(channels=4), tmp_path / "a.safetensors")
    net = network(backbone="vgg16")
    load_pretrained(net, tmp_path / "a.safetensors", partial=True)
    assert torch.equal(net.backbone.first.weight, first_layers(channels=4)["features.0.weight"])


def test_a_record_in_the_file_overrides_what_the_names_suggest(tmp_path):
    path = tmp_path / "oxford.safetensors"
    save_file(first_layers(), path, metadata={"preprocess": "BGR 0-255 minus (1, 2, 3)"})
    net = network(backbone="vgg16")
    assert load_pretrained(net, path, partial=True).normalisation == "caffe"
    stated = network(backbone="vgg16", normalisation="torchvision")
    before = stated.backbone.first.weight.clone()
    with pytest.raises(InputError, match="preprocess"):
        load_pretrained(stated, path, partial=True)
    assert torch.equal(stated.backbone.first.weight, before)


def test_a_stated_normalisation_wins_where_the_file_has_no_record(tmp_path):
    save_file(first_layers(), tmp_path / "converted.safetensors")
    net = network(backbone="vgg16", normalisation="caffe")
    load_pretrained(net, tmp_path / "converted.safetensors", partial=True)
    assert net.normalisation == "caffe"


def test_a_file_of_some_layers_is_refused_unless_asked_for(tmp_path):
    save_file(first_layers(), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"missing backbone\.features\.10\.bias .*needs partial"):
        load_pretrained(network(backbone="vgg16"), tmp_path / "a.safetensors")


def test_weights_of_another_trunk_are_refused(tmp_path):
    save_file(first_layers(), tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"weights for vgg16.*backbone is slim"):
        load_pretrained(network(), tmp_path / "a.safetensors")


def test_mis_shaped_and_foreign_tensors_are_listed(tmp_path):
    tensors = first_layers() | {"features.2.bias": torch.zeros(65)}
    save_file(tensors, tmp_path / "a.safetensors")
    net = network(backbone="vgg16")
    with pytest.raises(InputError, match=r"features\.2\.bias is \(65,\) instead of \(64,\)"):
        load_pretrained(net, tmp_path / "a.safetensors", partial=True)
    save_file(
        first_layers() | {"features.1.running_mean": torch.zeros(64)}, tmp_path / "bn.safetensors"
    )
    with pytest.raises(InputError, match=r"features\.1\.running_mean"):
        load_pretrained(net, tmp_path / "bn.safetensors", partial=True, layout="vgg16")


def test_layouts_are_recognised_by_their_names():
    vgg19 = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    assert recognise(f"features.{i}.weight" for i in VGG16_CONVS) == "vgg16"
    assert recognise(f"features.{i}.weight" for i in vgg19) == "vgg19"
    assert recognise(["conv1_1.weight", "fc6_1.weight"]) == "deeplab"
    assert recognise(["features.1.conv.0.0.weight"]) == "mobilenet_v2_folded"
    assert recognise(["features.1.conv.0.0.weight", "features.0.1.running_mean"]) == "mobilenet_v2"
    assert recognise(["cnet.conv1.weight"]) is None


def test_vgg19_gives_the_first_layers_of_each_block_and_drops_the_fourth():
    vgg19 = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    tensors = {f"features.{i}.bias": torch.tensor([i]) for i in vgg19}
    checkpoint = translate(tensors, layout="vgg19", branches=0)
    taken = {name: tensor.item() for name, tensor in checkpoint.tensors.items()}
    sources = (0, 2, 5, 7, 10, 12, 14, 19, 21, 23, 28, 30, 32)
    assert taken == {
        f"backbone.features.{ours}.bias": theirs
        for ours, theirs in zip(VGG16_CONVS, sources, strict=True)
    }
    assert set(checkpoint.unused) == {f"features.{i}.bias" for i in (16, 25, 34)}


def test_fc6_and_fc7_are_decimated_and_copied_into_every_branch():
    units, taps = torch.arange(4096, dtype=torch.int16), torch.arange(25088, dtype=torch.int16)
    tensors = {
        "classifier.0.weight": units[:, None].expand(4096, 25088),
        "classifier.0.bias": units,
        "classifier.3.weight": units[None].expand(4096, 4096),
        "classifier.6.bias": torch.zeros(1000),
    }
    checkpoint = translate(tensors, layout="vgg16", branches=4)
    assert checkpoint.unused == ("classifier.6.bias",)
    for branch in range(4):
        fc6 = checkpoint.tensors[f"head.fc6.{branch}.weight"]
        assert fc6.shape == (1024, 512, 3, 3)
        assert torch.equal(fc6[:, 7, 2, 1], torch.arange(0, 4096, 4, dtype=torch.int16))
        assert torch.equal(checkpoint.tensors[f"head.fc6.{branch}.bias"], fc6[:, 0, 0, 0])
        fc7 = checkpoint.tensors[f"head.fc7.{branch}.weight"]
        assert fc7.shape == (1024, 1024, 1, 1)
        assert torch.equal(fc7[5, :, 0, 0], torch.arange(0, 4096, 4, dtype=torch.int16))
    tensors = {"classifier.0.weight": taps[None].expand(4096, 25088)}
    fc6 = translate(tensors, layout="vgg16", branches=1).tensors["head.fc6.0.weight"]
    # Input 49 c + 7 row + column of the flattened 7 × 7 window; rows and columns 0, 3, 6 stay.
    assert fc6[0, 2].tolist() == [[98, 101, 104], [119, 122, 125], [140, 143, 146]]


def test_branches_of_a_deeplab_file_stay_apart():
    names = [f"fc6_{k}.bias" for k in (1, 2, 3, 4)] + ["fc7.bias", "fc8_voc12_1.bias"]
    tensors = {name: torch.tensor([k]) for k, name in enumerate(names)}
    checkpoint = translate(tensors, layout="deeplab", branches=4)
    assert {name: t.item() for name, t in checkpoint.tensors.items()} == {
        f"head.fc6.{k}.bias": k for k in range(4)
    } | {f"head.fc7.{k}.bias": 4 for k in range(4)}
    assert checkpoint.unused == ("fc8_voc12_1.bias",)


# Published MobileNetV2


def test_a_torchvision_mobilenet_with_batch_norm_computes_the_same_once_folded(tmp_path):
    rng = torch_generator(5)
    published = drawn(rng).eval()
    torch.save(published.state_dict(), tmp_path / "mobilenet_v2.pth")
    net = network(backbone="mobilenet_v2", prior="none")
    done = load_pretrained(net, tmp_path / "mobilenet_v2.pth")
    assert (done.layout, done.normalisation) == ("mobilenet_v2", "torchvision")
    assert not any(name.startswith("backbone.") for name in done.random)
    x = torch.randn(1, 3, 65, 65, generator=rng)
    with torch.inference_mode():
        expected = published.features[:18](x)
        deep = net.backbone(x).deep[..., ::2, ::2]
    torch.testing.assert_close(deep, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())


def test_folding_is_the_batch_norm_formula():
    tensors = {
        "a.0.weight": torch.full((1, 1, 1, 1), 3.0),
        "a.1.weight": torch.tensor([2.0]),
        "a.1.bias": torch.tensor([0.5]),
        "a.1.running_mean": torch.tensor([4.0]),
        "a.1.running_var": torch.tensor([16.0]),
    }
    folded = fold_batch_norm(tensors, epsilon=0.0)
    assert {name: t.item() for name, t in folded.items()} == {"a.0.weight": 1.5, "a.0.bias": -1.5}


# Real weights


@pytest.mark.real
def test_the_real_folded_mobilenet_loads_whole():
    net = network(backbone="mobilenet_v2")
    path = real("weights/mobilenet_v2_imagenet_bnfolded_fp16.safetensors")
    done = load_pretrained(net, path)
    assert (done.layout, done.normalisation) == ("mobilenet_v2_folded", "centred")
    assert not any(name.startswith("backbone.") for name in done.random)
    assert net.backbone.first.weight[:, 3].any()
    assert set(done.unused) == {
        f"{layer}.{kind}"
        for layer in ("classifier.1", "features.18.0")
        for kind in ("weight", "bias")
    }


@pytest.mark.real
@pytest.mark.parametrize(("sequence", "name"), [("bear", 294), ("bus", 874), ("mallard-water", 97)])
def test_a_real_frame_is_recognised_through_our_normalisation(sequence, name):
    """Brown bear, trolleybus, drake: the ImageNet classes. With BGR the drake is not found."""
    import cv2

    path = real("weights/mobilenet_v2_imagenet_bnfolded_fp16.safetensors")
    frame = cv2.imread(str(min(real(f"DAVIS/JPEGImages/480p/{sequence}").glob("*.jpg"))))
    height, width = frame.shape[:2]
    left = (width - height) // 2
    frame = cv2.resize(frame[:, left : left + height], (257, 257), interpolation=cv2.INTER_AREA)
    image = torch.from_numpy(frame).permute(2, 0, 1)[None]
    net = network(backbone="mobilenet_v2", prior_init="zero")
    load_pretrained(net, path)
    last = {key: tensor.float() for key, tensor in read_tensors(path)[0].items()}

    def best(image: torch.Tensor) -> int:
        maps: list[torch.Tensor] = []
        handle = net.backbone.register_forward_hook(lambda *args: maps.append(args[2].deep))
        with torch.inference_mode():
            net(image, torch.zeros(1, 1, 257, 257))
            x = nn.functional.conv2d(
                maps[0][..., ::2, ::2], last["features.18.0.weight"], last["features.18.0.bias"]
            )
        handle.remove()
        x = x.clamp(0, 6).mean((2, 3)) @ last["classifier.1.weight"].T + last["classifier.1.bias"]
        return int(x.argmax())

    assert best(image.flip(1)) == name
    if sequence == "mallard-water":
        assert best(image) != name


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "layout", "layers"),
    [
        ("vgg16_conv1_1-conv2_2_plus_all_biases_fp32", "vgg16", 4),
        ("vgg19_caffe_conv1_1-conv3_4_fp32", "vgg19", 7),
    ],
)
def test_the_real_parts_of_vgg_load_their_whole_layers(file, layout, layers):
    net = network(backbone="vgg16")
    done = load_pretrained(net, real(f"weights/{file}.safetensors"), partial=True)
    assert (done.layout, done.normalisation) == (layout, "caffe")
    assert len(done.loaded) == 2 * layers
    assert done.unused  # biases without weights, or VGG19's fourth layer


@pytest.mark.real
def test_a_flow_network_is_not_taken_for_a_trunk():
    path = real("weights/raft_small_fp32.safetensors")
    with pytest.raises(InputError, match="no known layout"):
        load_pretrained(network(backbone="vgg16"), path)
