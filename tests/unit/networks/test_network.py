import pytest
import torch
from torch import nn
from torch.nn import functional as F

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.networks.backbones import VGG16, MobileNetV2, Slim
from masktrack_core.networks.heads import _enlarge
from masktrack_core.networks.network import (
    MaskTrackNet,
    NetworkSpec,
    build_network,
    foreground,
    parameter_groups,
    upsample,
)
from masktrack_core.networks.spec import NORMALISATIONS
from masktrack_core.registry import find
from masktrack_core.seeds import torch_generator

PAIRS = [
    ("slim", "decoder"),
    ("slim", "aspp"),
    ("mobilenet_v2", "decoder"),
    ("mobilenet_v2", "largefov"),
    ("vgg16", "aspp"),
    ("vgg16", "decoder"),
]


def network(*, seed: int = 1, **fields) -> MaskTrackNet:
    fields = {"backbone": "slim", "head": "decoder"} | fields
    return build_network(NetworkSpec(**fields), generator=torch_generator(seed, "network")).eval()


def example(height: int, width: int, *, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch_generator(2, height, width)
    image = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=rng)
    prior = torch.zeros(batch, 1, height, width, dtype=torch.bool)
    prior[..., 9:25, 7:20] = True
    return image, prior


def seen(net: MaskTrackNet, image: torch.Tensor, prior: torch.Tensor | None) -> torch.Tensor:
    """What the first convolution of the network gets."""
    inputs: list[torch.Tensor] = []
    handle = net.backbone.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with torch.inference_mode():
        net(image, prior)
    handle.remove()
    return inputs[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("caffe", (30 - 104.008, 20 - 116.669, 10 - 122.675)),
        (
            "torchvision",
            ((10 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (30 / 255 - 0.406) / 0.225),
        ),
        ("centred", (-118 / 128, -108 / 128, -98 / 128)),
    ],
)
def test_weights_see_the_channel_order_mean_and_scale_they_were_trained_with(name, expected):
    image = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 33, 33)
    x = seen(network(normalisation=name), image, torch.ones(1, 1, 33, 33))
    torch.testing.assert_close(x[0, :3, 4, 5], torch.tensor(expected))


def test_the_prior_is_fed_at_the_scale_of_the_picture():
    image, prior = example(33, 33)
    for name, (low, high) in {"caffe": (-100, 100), "centred": (-1, 1)}.items():
        x = seen(network(normalisation=name), image, prior)[:, 3:]
        assert torch.equal(x, torch.where(prior, float(high), float(low)))
    x = seen(network(prior_values=(0.0, 5.0)), image, prior)[:, 3:]
    assert torch.equal(x, torch.where(prior, 5.0, 0.0))


def test_without_prior_the_network_has_three_channels_and_ignores_the_mask():
    net = network(prior="none")
    image, prior = example(40, 50)
    assert net.backbone.first.weight.shape[1] == 3
    assert torch.equal(net(image), net(image, prior))


def test_uint8_and_float_pictures_and_masks_are_the_same():
    net = network()
    image, prior = example(40, 50)
    assert torch.equal(net(image, prior), net(image.float(), prior.float()))


@pytest.mark.parametrize(("backbone", "head"), PAIRS)
def test_any_size_gives_a_probability_a_pixel(backbone, head):
    net = network(backbone=backbone, head=head)
    for height, width in [(33, 33), (34, 47), (64, 50)]:
        image, prior = example(height, width)
        with torch.inference_mode():
            prob = foreground(net(image, prior), Size(height, width))
        assert prob.shape == (1, height, width)
        assert prob.dtype == torch.float32
        assert 0 < prob.min() <= prob.max() < 1


def test_padding_is_the_mean_colour_and_neither_mask_nor_background():
    net = network()
    image, prior = example(40, 50)
    whole_image = torch.full((1, 3, 41, 57), 128.0)
    whole_prior = torch.full((1, 1, 41, 57), 0.5)
    whole_image[..., :40, :50], whole_prior[..., :40, :50] = image, prior
    torch.testing.assert_close(net(image, prior), net(whole_image, whole_prior))


@pytest.mark.parametrize(("backbone", "head"), PAIRS)
def test_mirror_symmetric_filters_make_a_mirror_symmetric_network(backbone, head):
    """No stage may shift its map by half a cell: then the mirrored picture gives other scores."""
    net = network(backbone=backbone, head=head)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 4:
                parameter.copy_((parameter + parameter.flip(3)) / 2)
        image, prior = example(49, 65)
        logits = net(image, prior)
        mirrored = net(image.flip(3), prior.flip(3)).flip(3)
    scale = logits.abs().max().item()
    torch.testing.assert_close(mirrored, logits, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("size", [Size(33, 33), Size(40, 95), Size(480, 854)])
def test_upsampling_puts_cell_i_on_pixel_stride_times_i(stride, size):
    rows, columns = (
        torch.arange(-(-(side - 1) // 16) * 16 // stride + 1) * stride for side in size
    )
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None].float()
    expected = torch.stack(
        torch.meshgrid(torch.arange(size.height), torch.arange(size.width), indexing="ij")
    )
    torch.testing.assert_close(upsample(grid, size)[0], expected.float(), rtol=1e-5, atol=1e-3)


def test_maps_of_the_decoder_are_joined_where_they_lie():
    coarse = (torch.arange(5.0) * 16).expand(1, 1, 5, 5)
    fine = _enlarge(coarse, torch.empty(1, 1, 9, 9))
    torch.testing.assert_close(fine[0, 0, 0], torch.arange(9.0) * 8)


def test_foreground_is_the_softmax_of_the_upsampled_scores():
    logits = torch.randn(2, 2, 11, 13, generator=torch_generator(1))
    size = Size(38, 47)
    expected = torch.softmax(
        F.interpolate(logits, size=(41, 49), mode="bilinear", align_corners=True), dim=1
    )[:, 1, :38, :47]
    torch.testing.assert_close(foreground(logits, size), expected)


def test_a_map_of_another_picture_is_refused():
    with pytest.raises(InputError, match=r"\(11, 13\) cells does not belong .* \(80, 40\)"):
        upsample(torch.zeros(1, 2, 11, 13), Size(80, 40))


def test_same_generator_gives_the_same_network_and_the_global_one_is_not_touched():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second = network().state_dict(), network().state_dict()
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("backbone", ["slim", "mobilenet_v2"])
def test_bfloat16_channels_last_agrees_with_float32(backbone):
    image, prior = example(97, 129)
    agreements = []
    for seed in range(5):  # random networks differ in how much they amplify rounding
        net = network(seed=seed, backbone=backbone)
        with torch.inference_mode():
            exact = net(image, prior)
            net = net.to(memory_format=torch.channels_last)
            torch.testing.assert_close(net(image, prior), exact, rtol=1e-3, atol=1e-4)
            with torch.autocast("cpu", torch.bfloat16):
                rough = net(image, prior)
            whole = net.to(torch.bfloat16)(image, prior)
        assert rough.dtype == whole.dtype == torch.float32
        for other in (rough, whole):
            agreement = F.cosine_similarity(other.flatten(), exact.flatten(), dim=0)
            agreements.append(agreement.item())
    assert min(agreements) > 0.99
    assert sum(agreements) / len(agreements) > 0.995


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_agrees_with_the_cpu():
    net = network()
    image, prior = example(97, 129)
    with torch.inference_mode():
        exact = net(image, prior)
        logits = net.cuda()(image.cuda(), prior.cuda()).cpu()
    torch.testing.assert_close(logits, exact, rtol=1e-2, atol=1e-3)


def test_every_parameter_is_in_one_group_with_deeplabs_rates():
    net = network(backbone="slim", head="aspp")
    groups = {group["name"]: group for group in parameter_groups(net, learning_rate=1.0)}
    rates = {name: (group["lr"], group["weight_decay"]) for name, group in groups.items()}
    assert rates == {
        "first.weight": (1, 0.0005),
        "first.bias": (2, 0),
        "backbone.weight": (1, 0.0005),
        "backbone.bias": (2, 0),
        "head.weight": (10, 0.0005),
        "head.bias": (20, 0),
    }
    members = [id(p) for group in groups.values() for p in group["params"]]
    assert sorted(members) == sorted(id(p) for p in net.parameters())
    assert {id(p) for p in groups["head.weight"]["params"]} == {
        id(layer.weight) for layer in net.head.classifiers()
    }
    assert groups["first.weight"]["params"][0] is net.backbone.first.weight


def test_the_whole_decoder_is_new_and_learns_at_the_heads_rate():
    net = network()
    groups = {group["name"]: group["params"] for group in parameter_groups(net)}
    in_head = {id(p) for p in groups["head.weight"] + groups["head.bias"]}
    assert in_head == {id(p) for p in net.head.parameters()}


def test_the_small_network_learns_to_follow_the_prior_in_forty_steps():
    net = network().train()
    image, prior = example(65, 65, batch=4)
    for item in range(4):  # the same noise everywhere: only the prior tells the object
        prior[item] = prior[item].roll((item * 9, item * 6), (1, 2))
    optimiser = torch.optim.AdamW(parameter_groups(net, learning_rate=2e-3, head_multiplier=1))
    for _ in range(40):
        loss = F.cross_entropy(upsample(net(image, prior), Size(65, 65)), prior[:, 0].long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = foreground(net(image, prior), Size(65, 65)) > 0.5
    union = (found | prior[:, 0]).sum()
    assert (found & prior[:, 0]).sum() / union > 0.8


def test_names_of_the_spec_are_the_trunks_and_a_wrong_one_is_refused():
    own = {"vgg16": VGG16, "mobilenet_v2": MobileNetV2, "slim": Slim}
    assert {name: find("backbone", name) for name in own} == own
    assert all(trunk.normalisation in NORMALISATIONS for trunk in own.values())
    with pytest.raises(InputError, match=r"network\.backbone: .*vgg16.* got 'vgg19'"):
        NetworkSpec(backbone="vgg19")
    with pytest.raises(InputError, match=r"network\.head"):
        NetworkSpec(head="crf")
    with pytest.raises(InputError, match=r"network\.normalisation"):
        NetworkSpec(normalisation="bgr")


@pytest.mark.parametrize(
    ("image", "prior", "message"),
    [
        ((1, 33, 33, 3), (1, 1, 33, 33), r"image: expected \(B, 3, H, W\).*\(1, 33, 33, 3\)"),
        ((1, 3, 32, 40), (1, 1, 32, 40), r"at least 33"),
        ((2, 3, 40, 50), (2, 1, 50, 40), r"prior: expected \(2, 1, 40, 50\).*\(2, 1, 50, 40\)"),
        ((1, 3, 40, 50), None, r"prior: .*got none"),
    ],
)
def test_wrong_shapes_are_refused_with_what_was_expected(image, prior, message):
    with pytest.raises(InputError, match=message):
        network()(torch.zeros(image), None if prior is None else torch.zeros(prior))


def test_no_layer_remembers_batches():
    for backbone, head in PAIRS:
        with torch.device("meta"):
            net = MaskTrackNet(NetworkSpec(backbone=backbone, head=head))
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


def test_scores_of_a_picture_do_not_depend_on_its_neighbours_in_the_batch():
    net = network()
    image, prior = example(40, 50, batch=3)
    torch.testing.assert_close(net(image, prior)[1:2], net(image[1:2], prior[1:2]))
