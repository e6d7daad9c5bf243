"""First values of layers, and convolutions that PyTorch computes wrongly or slowly as they are."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def draw_layers(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of all convolutions: He's normal of the fan-in, biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, nn.GroupNorm | nn.BatchNorm2d | nn.LayerNorm):
            layer.reset_parameters()  # ones and zeros: nothing drawn


class Depthwise(nn.Conv2d):
    """A depthwise 3×3 convolution: one filter a channel, padding as wide as the dilation.

    On a CPU with native bf16, torch 2.13.0 computes the weights' gradients of *dilated* depthwise
    convolutions wrongly on maps of 29 cells a side and more (docs/bf16-depthwise.md), and is slow
    there and at strides (benchmarks/bench_depthwise.py). So a dilated one is run as plain ones, on
    the cells that belong together, and what that does not fit leaves bf16. On a GPU and in float32
    nothing changes.
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
        # Smaller maps than that come out of it as single rows and columns.
        if self.stride[0] == 1 and min(x.shape[-2:]) > 2 * self.dilation[0]:
            return self._by_cells(x.to(dtype))
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(dtype)

    def _by_cells(self, x: Tensor) -> Tensor:
        """Return the same from plain filters: every d-th row and column is a map of its own."""
        d, (batch, channels, height, width) = self.dilation[0], x.shape
        x = F.pad(x, (0, -width % d, 0, -height % d)).permute(0, 2, 3, 1)
        rows, columns = x.shape[1] // d, x.shape[2] // d
        x = x.reshape(batch, rows, d, columns, d, channels).permute(0, 2, 4, 1, 3, 5)
        x = x.reshape(batch * d * d, rows, columns, channels).permute(0, 3, 1, 2)
        y = F.conv2d(x, self.weight, self.bias, padding=1, groups=channels).permute(0, 2, 3, 1)
        y = y.reshape(batch, d, d, rows, columns, channels).permute(0, 3, 1, 4, 2, 5)
        y = y.reshape(batch, rows * d, columns * d, channels)[:, :height, :width]
        return y.contiguous().permute(0, 3, 1, 2)
