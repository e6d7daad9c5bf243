"""`Depthwise` is the convolution that it says, in bf16 too, forward and backward."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from masktrack_core.devices import in_bf16
from masktrack_core.networks.layers import Depthwise
from masktrack_core.seeds import torch_generator

#: (dilation, stride); maps on both sides of 29 cells, and too small to be taken apart.
KINDS = ((1, 1), (1, 2), (2, 1), (3, 1), (6, 1), (9, 1))
SIZES = ((13, 13), (17, 18), (31, 33), (47, 30))


@pytest.mark.skipif(
    not in_bf16("bf16", torch.device("cpu")),
    reason="this CPU has no bf16, and what imitates it rounds in another way",
)
@pytest.mark.parametrize(("kind", "size", "last"), [*product(KINDS, SIZES, (True, False))])
def test_in_bf16_it_gives_what_float64_gives_forward_and_backward(kind, size, last):
    dilation, stride = kind
    layer = Depthwise(24, stride=stride, dilation=dilation)
    shape = torch.channels_last if last else torch.contiguous_format
    x = torch.randn(2, 24, *size, generator=torch_generator(1)).bfloat16()
    x = x.contiguous(memory_format=shape).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    given = torch.randn(y.shape, generator=torch_generator(2)).bfloat16()
    y.backward(given)
    exact = [one.detach().double().requires_grad_() for one in (x, layer.weight, layer.bias)]
    kinds = {"stride": stride, "padding": dilation, "dilation": dilation, "groups": 24}
    right = F.conv2d(*exact, **kinds)
    right.backward(given.double())
    assert y.dtype == torch.bfloat16 and y.shape == right.shape
    pairs = [
        (y, right),
        *((a.grad, b.grad) for a, b in zip((x, *layer.parameters()), exact, strict=True)),
    ]
    for got, wanted in pairs:
        assert (got.double() - wanted).norm() < 0.01 * wanted.norm()


def test_in_float32_it_is_pytorchs_convolution_bit_by_bit():
    layer = Depthwise(8, dilation=2)
    x = torch.randn(1, 8, 31, 31, generator=torch_generator(1))
    wanted = F.conv2d(x, layer.weight, layer.bias, padding=2, dilation=2, groups=8)
    assert torch.equal(layer(x), wanted)
