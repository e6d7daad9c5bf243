"""DeepLabv2-VGG16 and MobileNetV2 against their publications, by hand or by naive code."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from masktrack_core.errors import InputError
from masktrack_core.networks.backbones import VGG16, MobileNetV2, Slim
from masktrack_core.networks.heads import Dropout, build_head
from masktrack_core.networks.network import MaskTrackNet, NetworkSpec, build_network
from masktrack_core.seeds import torch_generator, torch_scope

NARROW = (2, 2, 3, 3, 4)
# Widths of the 13 convolutions, and where VGG16 of torchvision has them in ``features``.
VGG_WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
VGG_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def on_paper(**fields) -> MaskTrackNet:
    with torch.device("meta"):
        return MaskTrackNet(NetworkSpec(**fields))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_as_many_as_counted_by_hand():
    trunk, channels = 0, 4
    for width in VGG_WIDTHS:
        trunk += 9 * channels * width + width
        channels = width
    branch = (9 * 512 * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 * 2 + 2)
    assert trunk == 14_715_264  # VGG16's 14,714,688 and 64 filters of 3 × 3 for the mask
    assert count(on_paper(head="aspp")) == trunk + 4 * branch == 37_800_328
    assert count(on_paper(head="largefov")) == trunk + branch == 20_486_530
    assert count(on_paper(head="aspp", prior="none")) == 37_800_328 - 576


def test_a_crop_of_321_gives_41_by_41_scores():
    net = on_paper()
    image, prior = (torch.zeros(1, c, 321, 321, device="meta") for c in (3, 1))
    assert net(image, prior).shape == (1, 2, 41, 41)
    assert net.stride == 8


def test_vgg16_has_torchvisions_names():
    names = {name for name, _ in VGG16().named_parameters()}
    assert names == {
        f"features.{index}.{kind}" for index in VGG_INDICES for kind in ("weight", "bias")
    }


def prototxt_vgg16(x: torch.Tensor, parameters: dict[str, torch.Tensor]) -> torch.Tensor:
    """DeepLabv2's train.prototxt, layer by layer, with the names of Caffe's layers in comments."""

    def conv(x: torch.Tensor, index: int, pad: int = 1, dilation: int = 1) -> torch.Tensor:
        weight, bias = (parameters[f"features.{index}.{kind}"] for kind in ("weight", "bias"))
        return F.relu(F.conv2d(x, weight, bias, padding=pad, dilation=dilation))

    x = F.max_pool2d(conv(conv(x, 0), 2), 3, 2, 1)  # conv1_1 conv1_2 pool1
    x = F.max_pool2d(conv(conv(x, 5), 7), 3, 2, 1)  # conv2_1 conv2_2 pool2
    x = F.max_pool2d(conv(conv(conv(x, 10), 12), 14), 3, 2, 1)  # conv3_1 … pool3
    x = F.max_pool2d(conv(conv(conv(x, 17), 19), 21), 3, 1, 1)  # conv4_1 … pool4
    for index in (24, 26, 28):  # conv5_1 conv5_2 conv5_3
        x = conv(x, index, pad=2, dilation=2)
    return F.max_pool2d(x, 3, 1, 1)  # pool5


def test_the_trunk_computes_what_deeplabs_prototxt_says():
    trunk = VGG16(widths=NARROW)
    x = torch.randn(2, 4, 65, 49, generator=torch_generator(1))
    expected = prototxt_vgg16(x, dict(trunk.named_parameters()))
    assert torch.equal(trunk(x).deep, expected)
    assert expected.shape == (2, 4, 9, 7)


def test_skip_maps_are_conv3_and_conv4():
    trunk = VGG16(widths=NARROW)
    features = trunk(torch.zeros(1, 4, 65, 49))
    assert features.fine.shape == (1, 3, 17, 13)
    assert features.middle.shape == (1, 3, 9, 7)
    assert trunk.channels == (3, 3, 4)


def test_aspp_sums_four_branches_of_dilation_6_12_18_24():
    net = build_network(
        NetworkSpec(backbone="slim", head="aspp"), generator=torch_generator(1)
    ).eval()
    x = torch.randn(1, 64, 9, 9, generator=torch_generator(2))
    p = dict(net.head.named_parameters())
    expected = torch.zeros(1, 2, 9, 9)
    for k, dilation in enumerate((6, 12, 18, 24)):
        y = F.conv2d(
            x, p[f"fc6.{k}.weight"], p[f"fc6.{k}.bias"], padding=dilation, dilation=dilation
        )
        y = F.conv2d(F.relu(y), p[f"fc7.{k}.weight"], p[f"fc7.{k}.bias"])
        expected += F.conv2d(F.relu(y), p[f"fc8.{k}.weight"], p[f"fc8.{k}.bias"])
    features = net.backbone(torch.zeros(1, 4, 65, 65))._replace(deep=x)
    torch.testing.assert_close(net.head(features), expected)


def test_dropout_of_a_half_follows_fc6_and_fc7_in_training_only():
    assert on_paper().head.dropout.p == 0.5
    net = build_network(NetworkSpec(backbone="slim", head="aspp"), generator=torch_generator(1))
    image = torch.randint(0, 256, (1, 3, 65, 65), generator=torch_generator(2))
    prior, head, dropped, followed = torch.zeros(1, 1, 65, 65), net.head, [], []
    head.dropout.register_forward_hook(
        lambda _layer, given, answer: dropped.append((given[0].clone(), answer))
    )
    for fc7, fc8 in zip(head.fc7, head.fc8, strict=True):
        for layer in (fc7, fc8):
            layer.register_forward_pre_hook(lambda _layer, given: followed.append(given[0]))
    with torch.no_grad():
        net(image, prior)
        # fc7 sees what was dropped of fc6's map and fc8 of fc7's, in each of the four branches.
        assert len(dropped) == len(followed) == 8
        for (given, answer), seen in zip(dropped, followed, strict=True):
            assert seen is answer and given.min() == 0 < given.max()  # behind the ReLU
            assert (answer[given > 0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
        assert torch.equal(net.eval()(image, prior), net(image, prior))
        assert all(torch.equal(given, answer) for given, answer in dropped[8:])


@pytest.mark.parametrize(("p", "kept"), [(0.0, 1), (0.25, 0.75), (0.5, 0.5), (1.0, 0)])
def test_dropout_keeps_the_share_and_the_mean_and_its_gradient_the_same_values(p, kept):
    x = torch.ones(2, 32, 40, 51).to(memory_format=torch.channels_last).requires_grad_()
    with torch_scope(1, "dropout"):
        y = Dropout(p)(x)
    survived = y != 0
    assert abs(survived.float().mean().item() - kept) < 0.01
    assert torch.equal(y[survived], torch.full_like(y[survived], 1 / max(kept, 1e-9)))
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_dropout_of_neighbours_is_independent(axis):
    with torch_scope(1, "dropout"):
        kept = Dropout(0.5)(torch.ones(16, 32, 24, 24)) > 0
    left, right = (kept.narrow(axis, k, kept.shape[axis] - 1) for k in (0, 1))
    assert abs((left & right).float().mean().item() - 0.25) < 0.005


def test_dropout_repeats_with_the_seed():
    def drawn(seed):
        with torch_scope(seed, "dropout"):
            return Dropout(0.5)(torch.ones(3, 5, 7))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def field_of(module: nn.Module, pixels: int) -> int:
    """Width in pixels of what the centre cell of ``module(x)`` depends on.

    Measured on positive filters, with means in the place of maxima (every tap counts)
    and without group norms, whose statistics are of the whole picture.
    """
    for name, layer in list(module.named_modules()):
        parent, _, child = name.rpartition(".")
        if isinstance(layer, nn.MaxPool2d):
            mean = nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
            setattr(module.get_submodule(parent), child, mean)
        elif isinstance(layer, nn.GroupNorm):
            setattr(module.get_submodule(parent), child, nn.Identity())
    for parameter in module.parameters():
        nn.init.constant_(parameter, 1.0 if parameter.ndim == 1 else 1 / parameter[0].numel())
    x = torch.ones(1, 4, pixels, 33, requires_grad=True)
    y = module(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    touched = x.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert touched[0] + touched[-1] == pixels - 1, "the cell is not centred on its pixel"
    return int(touched[-1] - touched[0] + 1)


class Chain(nn.Module):
    """A trunk and one head on it; or the trunk's map of that name."""

    def __init__(self, trunk, head=None, level="deep"):
        super().__init__()
        self.trunk, self.head, self.level = trunk, head, level

    def forward(self, x):
        features = self.trunk(x)
        return self.head(features) if self.head else getattr(features, self.level)


def test_receptive_fields_of_vgg16_are_those_counted_by_hand():
    # r grows by (kernel - 1) * dilation * jump: conv1 5, pool1 7, conv2 15, pool2 19, conv3 43,
    # pool3 51, conv4 99, pool4 115, conv5 (dilation 2) 211, pool5 227; fc6 adds 16 * dilation.
    assert field_of(Chain(VGG16(widths=NARROW), level="fine"), 129) == 43
    assert field_of(Chain(VGG16(widths=NARROW), level="middle"), 129) == 99
    assert field_of(Chain(VGG16(widths=NARROW)), 257) == 227
    for head, field in (("aspp", 227 + 16 * 24), ("largefov", 227 + 16 * 12)):
        trunk = VGG16(widths=NARROW)
        trunk.branch_width = 2
        assert field_of(Chain(trunk, build_head(head, trunk, dropout=0.0)), 657) == field


@pytest.mark.parametrize(("head", "dilations"), [("aspp", (6, 12, 18, 24)), ("largefov", (12,))])
def test_branches_reach_as_far_in_pixels_on_every_trunk(head, dilations):
    for backbone in ("vgg16", "slim", "mobilenet_v2"):
        network = on_paper(backbone=backbone, head=head)
        stride = network.backbone.stride
        assert [d * stride for d in network.head.dilations] == [8 * d for d in dilations]
        assert [branch.dilation[0] for branch in network.head.fc6] == list(network.head.dilations)


def test_the_decoder_reaches_as_far_in_pixels_on_every_trunk():
    # At stride 8 the dilations are DeepLab's 6, 12, 18 beside a plain branch; at 16 half of them.
    for backbone, dilations in (("vgg16", [1, 6, 12, 18]), ("mobilenet_v2", [1, 3, 6, 9])):
        branches = on_paper(backbone=backbone, head="decoder").head.branches
        assert [branch.dilation[0] for branch in branches] == dilations
    slim = on_paper(backbone="slim", head="decoder").head.branches
    assert [branch.dilation[0] for branch in slim] == [1, 2, 4, 6]


def test_stated_dilations_are_taken_on_any_head():
    for head, children in (("decoder", "branches"), ("aspp", "fc6")):
        network = on_paper(backbone="slim", head=head, dilations=[2, 5])
        branches = getattr(network.head, children)
        assert [branch.dilation[0] for branch in branches] == [2, 5]
        assert [branch.padding[0] for branch in branches] == [2, 5]
    for dilations in ([], [0, 3]):
        with pytest.raises(InputError, match=r"network\.dilations: expected at least one"):
            on_paper(dilations=dilations)


def test_the_small_trunk_sees_255_pixels():
    # 3, 7, block 23, 31, block 63, block of dilation 2 127, block of dilation 4 255
    assert field_of(Chain(Slim(), level="fine"), 65) == 23
    assert field_of(Chain(Slim()), 273) == 255
    assert 100_000 < count(on_paper(backbone="slim", head="decoder")) < 300_000


@pytest.mark.parametrize(
    ("normalisation", "std"), [("caffe", 0.01), ("torchvision", 0.1), ("centred", 0.1)]
)
def test_filters_of_the_mask_start_gaussian(normalisation, std):
    spec = NetworkSpec(head="decoder", normalisation=normalisation)
    filters = build_network(spec, generator=torch_generator(1)).backbone.first.weight[:, 3]
    assert filters.std().item() == pytest.approx(std, rel=0.1)  # 576 values: σ of the estimate 3 %
    assert abs(filters.mean().item()) < 3 * std / math.sqrt(filters.numel())


def test_filters_of_the_mask_start_at_zero_where_the_spec_says_so():
    spec = NetworkSpec(backbone="slim", head="decoder", prior_init="zero")
    filters = build_network(spec, generator=torch_generator(1)).backbone.first.weight
    assert not filters[:, 3].any()
    assert filters[:, :3].all()


@pytest.mark.parametrize("backbone", ["slim", "mobilenet_v2"])
def test_a_network_that_is_told_of_nobody_is_the_network_without(backbone):
    told = NetworkSpec(backbone=backbone, head="decoder", others=True)
    net = build_network(told, generator=torch_generator(1)).eval()
    assert not net.others.weight.any()
    plain = build_network(replace(told, others=False), generator=torch_generator(2)).eval()
    weights = net.state_dict()
    plain.load_state_dict({name: weights[name] for name in weights.keys() - {"others.weight"}})
    image = torch.randint(0, 256, (1, 3, 65, 65), generator=torch_generator(2))
    prior, theirs = torch.zeros((2, 1, 1, 65, 65), dtype=torch.bool)
    prior[..., 20:40, 10:50], theirs[..., 30:50, 20:60] = True, True
    with torch.inference_mode():
        expected = plain(image, prior)
        for others in (torch.zeros_like(theirs), theirs):  # its filters begin at zero
            assert torch.equal(net(image, torch.cat([prior, others], 1)), expected)
        net.others.weight.normal_(generator=torch_generator(3))
        assert torch.equal(net(image, torch.cat([prior, torch.zeros_like(theirs)], 1)), expected)
        assert not torch.equal(net(image, torch.cat([prior, theirs], 1)), expected)
    with pytest.raises(InputError, match=r"prior: expected \(1, 2, 65, 65\) like image, got"):
        net(image, prior)


def test_a_network_without_a_mask_before_is_told_of_nobody():
    with pytest.raises(InputError, match=r"network\.others: expected beside a network"):
        NetworkSpec(prior="none", others=True)


def test_zero_and_gaussian_networks_differ_in_nothing_but_the_masks_filters():
    spec = {"backbone": "slim", "head": "decoder"}
    gaussian = build_network(NetworkSpec(**spec), generator=torch_generator(1)).state_dict()
    zero = NetworkSpec(**spec, prior_init="zero")
    other = build_network(zero, generator=torch_generator(1)).state_dict()
    differing = [name for name in other if not torch.equal(other[name], gaussian[name])]
    assert differing == ["backbone.features.0.0.weight"]


def test_fc8_starts_at_deeplabs_filler_and_every_bias_at_zero():
    net = build_network(NetworkSpec(head="largefov"), generator=torch_generator(1))
    assert net.head.fc8[0].weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not any(p.any() for name, p in net.named_parameters() if name.endswith("bias"))


def test_an_undrawn_vgg16_starts_at_unit_scale():
    net = build_network(NetworkSpec(head="decoder"), generator=torch_generator(1)).eval()
    image = torch.randint(0, 256, (1, 3, 65, 65), generator=torch_generator(2))
    with torch.inference_mode():
        assert 0.01 < net(image, torch.zeros(1, 1, 65, 65)).std() < 10


def test_mobilenet_has_as_many_parameters_as_published():
    # torchvision's mobilenet_v2 has 3,504,872: 1,281,000 in the classifier, 409,600 + 2,560 in
    # features.18, and 2 × 15,776 in the batch norms of the rest, which become 15,776 biases.
    published = 3_504_872 - 1_281_000 - 409_600 - 2_560 - 15_776
    assert count(MobileNetV2(3)) == published
    assert count(MobileNetV2(4)) == published + 32 * 9


def test_the_dilated_mobilenet_holds_every_cell_of_the_published_one():
    with torch.inference_mode():
        dilated, published = MobileNetV2(3), MobileNetV2(3, output_stride=32)
        published.load_state_dict(dilated.state_dict())
        x = torch.randn(1, 3, 129, 97, generator=torch_generator(1))
        fine, coarse = dilated(x), published(x)
    assert fine.deep.shape == (1, 320, 9, 7)
    assert torch.equal(fine.middle, coarse.middle)
    torch.testing.assert_close(fine.deep[..., ::2, ::2], coarse.deep, rtol=1e-4, atol=1e-5)
