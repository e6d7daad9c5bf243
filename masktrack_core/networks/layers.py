"""Convolutions that PyTorch computes wrongly or slowly as they are."""

import torch
from torch import Tensor, nn


class Depthwise(nn.Conv2d):
    """A depthwise 3×3 convolution: one filter a channel, padding as wide as the dilation.

    On a CPU with native bf16, torch 2.13.0 computes the weights' gradients of *dilated* depthwise
    convolutions wrongly on maps of 29 cells a side and more (docs/bf16-depthwise.md). In float32
    they are right, and faster: strided and dilated ones cost bf16 1.5 to 5 times as much
    (benchmarks/bench_depthwise.py). So these two kinds leave bf16 here; on a GPU nothing changes.
    """

    def __init__(self, channels: int, *, stride: int = 1, dilation: int = 1) -> None:
        """Build the layer with undrawn parameters."""
        super().__init__(
            channels, channels, 3, stride, padding=dilation, dilation=dilation, groups=channels
        )
        self._plain = stride == 1 and dilation == 1

    def forward(self, x: Tensor) -> Tensor:
        """Return the filtered maps, in the precision that autocast asks for."""
        if self._plain or x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        dtype = torch.get_autocast_dtype("cpu")
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(dtype)
