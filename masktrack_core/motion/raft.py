"""RAFT-small: a learned dense flow, written so that its published weights load by name.

Teed and Deng, *RAFT: Recurrent All-Pairs Field Transforms for Optical Flow*, ECCV 2020; the small
model has 990,162 parameters. It is used as it is; nothing here trains.

# Paper: MaskTrack's flow is EpicFlow (2015); this network is a later, stronger alternative that a
# tracker may choose by name. It is never the default.
"""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masktrack_core.arrays import Flow, Frame
from masktrack_core.devices import send
from masktrack_core.errors import InputError

STRIDE = 8  # of the feature maps; the flow is estimated at this grid and upsampled
LEVELS = 4  # of the correlation pyramid
RADIUS = 3  # of the window read from each level: (2 * 3 + 1)² = 49 values
FEATURES, HIDDEN, CONTEXT, MOTION = 128, 96, 64, 82
SMALLEST = STRIDE * 2 ** (LEVELS - 1) * 2  # px: below it, the coarsest level has one row or none


class _Bottleneck(nn.Module):
    """Residual block 1×1, 3×3, 1×1, each followed by the norm and a ReLU."""

    def __init__(self, inputs: int, outputs: int, norm: type[nn.Module], stride: int) -> None:
        super().__init__()
        inner = outputs // 4
        self.conv1 = nn.Conv2d(inputs, inner, 1)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1)
        self.conv3 = nn.Conv2d(inner, outputs, 1)
        self.norm1, self.norm2, self.norm3 = norm(inner), norm(inner), norm(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        y = torch.relu(self.norm2(self.conv2(y)))
        y = torch.relu(self.norm3(self.conv3(y)))
        return torch.relu(self.downsample(x) + y)


class _Encoder(nn.Module):
    """Frames in [-1, 1] to features at one eighth of their size."""

    def __init__(self, outputs: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, 2, 3)
        self.norm1 = norm(32)
        self.layer1 = nn.Sequential(_Bottleneck(32, 32, norm, 1), _Bottleneck(32, 32, norm, 1))
        self.layer2 = nn.Sequential(_Bottleneck(32, 64, norm, 2), _Bottleneck(64, 64, norm, 1))
        self.layer3 = nn.Sequential(_Bottleneck(64, 96, norm, 2), _Bottleneck(96, 96, norm, 1))
        self.conv2 = nn.Conv2d(96, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(x)))
        return self.conv2(self.layer3(self.layer2(self.layer1(x))))  # type: ignore[no-any-return]


class _MotionEncoder(nn.Module):
    """Correlations and the present flow to motion features."""

    def __init__(self) -> None:
        super().__init__()
        self.convc1 = nn.Conv2d(LEVELS * (2 * RADIUS + 1) ** 2, 96, 1)
        self.convf1 = nn.Conv2d(2, 64, 7, padding=3)
        self.convf2 = nn.Conv2d(64, 32, 3, padding=1)
        self.conv = nn.Conv2d(128, MOTION - 2, 3, padding=1)

    def forward(self, flow: Tensor, correlation: Tensor) -> Tensor:
        from_correlation = torch.relu(self.convc1(correlation))
        from_flow = torch.relu(self.convf2(torch.relu(self.convf1(flow))))
        both = torch.relu(self.conv(torch.cat([from_correlation, from_flow], 1)))
        return torch.cat([both, flow], 1)


class _ConvGRU(nn.Module):
    """Gated recurrent unit whose gates are 3×3 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        inputs = HIDDEN + CONTEXT + MOTION
        self.convz = nn.Conv2d(inputs, HIDDEN, 3, padding=1)
        self.convr = nn.Conv2d(inputs, HIDDEN, 3, padding=1)
        self.convq = nn.Conv2d(inputs, HIDDEN, 3, padding=1)

    def forward(self, hidden: Tensor, x: Tensor) -> Tensor:
        both = torch.cat([hidden, x], 1)
        update, reset = torch.sigmoid(self.convz(both)), torch.sigmoid(self.convr(both))
        proposal = torch.tanh(self.convq(torch.cat([reset * hidden, x], 1)))
        return (1 - update) * hidden + update * proposal


class _FlowHead(nn.Module):
    """Hidden state to the change of the flow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(HIDDEN, 128, 3, padding=1)
        self.conv2 = nn.Conv2d(128, 2, 3, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.conv2(torch.relu(self.conv1(hidden)))  # type: ignore[no-any-return]


class _UpdateBlock(nn.Module):
    """One refinement of the flow."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.gru, self.flow_head = _MotionEncoder(), _ConvGRU(), _FlowHead()

    def forward(
        self, hidden: Tensor, context: Tensor, correlation: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        motion = self.encoder(flow, correlation)
        hidden = self.gru(hidden, torch.cat([context, motion], 1))
        return hidden, self.flow_head(hidden)


class RaftSmall(nn.Module):
    """The network; its ``state_dict`` has the names and shapes of the published checkpoint."""

    def __init__(self) -> None:
        """Build the layers with torch's default initialisation; :func:`load_raft` fills them."""
        super().__init__()
        self.fnet = _Encoder(FEATURES, nn.InstanceNorm2d)
        self.cnet = _Encoder(HIDDEN + CONTEXT, nn.Identity)
        self.update_block = _UpdateBlock()

    def forward(self, first: Tensor, second: Tensor, *, iterations: int = 12) -> Tensor:
        """Return the flow ``(B, 2, H, W)`` in pixels from ``first`` to ``second``.

        Both are RGB ``(B, 3, H, W)`` in [-1, 1] with H and W multiples of 8. Memory grows with
        the square of the area: 0.2 GB at 480p, 5.6 GB at 1080p.
        """
        batch, _, height, width = first.shape
        features = self.fnet(torch.cat([first, second]))
        pyramid = correlation_pyramid(features[:batch], features[batch:])
        hidden, context = self.cnet(first).split([HIDDEN, CONTEXT], 1)
        hidden, context = torch.tanh(hidden), torch.relu(context)
        start = _pixel_grid(height // STRIDE, width // STRIDE, like=first)
        points = start.expand(batch, -1, -1, -1)
        for _ in range(iterations):
            correlation = read_windows(pyramid, points)
            hidden, change = self.update_block(hidden, context, correlation, points - start)
            points = points + change
        flow = F.interpolate(points - start, (height, width), mode="bilinear", align_corners=True)
        return STRIDE * flow

    def estimate(self, frame: Frame, next_frame: Frame, *, iterations: int = 12) -> Flow:
        """Return :func:`raft_flow` of this network; ``flow.dense_flow`` calls it."""
        return raft_flow(self, frame, next_frame, iterations=iterations)


def _pixel_grid(height: int, width: int, *, like: Tensor) -> Tensor:
    """Return x and y of each cell, shape ``(1, 2, height, width)``."""
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y])[None]


def correlation_pyramid(first: Tensor, second: Tensor) -> list[Tensor]:
    """Return the inner products of all pairs of cells, coarser and coarser in the second frame.

    ``first`` and ``second`` are features ``(B, C, h, w)``; level k is ``(B*h*w, 1, h/2^k, w/2^k)``,
    divided by √C.
    """
    batch, channels, height, width = first.shape
    products = torch.bmm(first.flatten(2).transpose(1, 2), second.flatten(2)) / math.sqrt(channels)
    pyramid = [products.view(batch * height * width, 1, height, width)]
    while len(pyramid) < LEVELS:
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    return pyramid


def read_windows(pyramid: list[Tensor], points: Tensor) -> Tensor:
    """Return the correlations around each point, ``(B, 196, h, w)``, bilinear and 0 outside.

    ``points`` is ``(B, 2, h, w)``, x and y in cells of the finest level. Inside the 49 values of
    a level the *x* offset is the slow index: the order in which the published weights were trained.
    """
    batch, _, height, width = points.shape
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=points.dtype, device=points.device)
    window = torch.stack(torch.meshgrid(offsets, offsets, indexing="ij"), -1)
    centres = points.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
    read = []
    for level, correlation in enumerate(pyramid):
        at = centres / 2**level + window
        # Filled where they are: numbers sent there would make the host wait.
        lengths = correlation.shape[-1], correlation.shape[-2]
        extent = torch.stack([at.new_full((), length - 1) for length in lengths])
        values = F.grid_sample(correlation, 2 * at / extent - 1, align_corners=True)
        read.append(values.view(batch, height, width, -1))
    return torch.cat(read, -1).permute(0, 3, 1, 2).contiguous()


def load_raft(path: str | Path, *, device: str | torch.device = "cpu") -> RaftSmall:
    """Return RAFT-small with the published weights, in evaluation mode, on ``device``.

    ``path`` is a safetensors file with the names of ``raft-small.pth`` (without ``module.``).
    Raises ``InputError`` if it is missing or if a name or shape differs.
    """
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise InputError(f"{path}: expected the RAFT-small weights (safetensors), found no file")
    model = RaftSmall()
    try:
        model.load_state_dict(load_file(path))
    except RuntimeError as error:
        raise InputError(
            f"{path}: expected the weights of RAFT-small, got others: {error}"
        ) from None
    return model.eval().requires_grad_(False).to(device)


def raft_flow(model: RaftSmall, frame: Frame, next_frame: Frame, *, iterations: int = 12) -> Flow:
    """Return the flow from ``frame`` to ``next_frame`` in pixels, by RAFT-small.

    Sizes that are no multiple of 8 are padded by repeating the border, half on each side, and
    cropped again. Runs on the device of the model. ``iterations``: 12, as in the published demo.
    Raises ``InputError`` for frames of different shapes or with a side below 128 px.
    """
    if frame.shape != next_frame.shape or min(frame.shape[:2]) < SMALLEST:
        raise InputError(
            f"frame, next_frame: expected one size with sides of {SMALLEST} px or more; "
            f"got {frame.shape} and {next_frame.shape}; use method 'dis' for small frames"
        )
    height, width = frame.shape[:2]
    spare_y, spare_x = -height % STRIDE, -width % STRIDE
    top, left = spare_y // 2, spare_x // 2
    device = next(model.parameters()).device
    stack = send(np.stack([frame, next_frame]), device).permute(0, 3, 1, 2)
    padding = (left, spare_x - left, top, spare_y - top)
    padded = F.pad(stack.float() / 127.5 - 1, padding, mode="replicate")
    with torch.inference_mode():
        flow = model(padded[:1], padded[1:], iterations=iterations)[0]
    cropped = flow[:, top : top + height, left : left + width]
    return np.ascontiguousarray(cropped.permute(1, 2, 0).float().cpu().numpy())
