"""What is done to masks and frames, on tensors: for a GPU, where nothing may wait for the host.

The same maps as in `warp` and `regions`, whose matrices they take; bilinear like OpenCV's, but
exact where OpenCV rounds to 32nds of a pixel. No function here waits for the device, but
`bounding_box_of`.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from masktrack_core.arrays import Box, Size
from masktrack_core.devices import send
from masktrack_core.masks.elementary import disk
from masktrack_core.masks.warp import MEAN_COLOUR, Matrix


def dilated(masks: Tensor, radius: float) -> Tensor:
    """Return bool masks ``(B, 1, H, W)`` grown by a true disk of ``radius`` pixels."""
    kernel = send(disk(radius).copy(), masks.device)[None, None].float()
    return F.conv2d(masks.float(), kernel, padding=kernel.shape[-1] // 2) > 0.5


def boxed(masks: Tensor) -> Tensor:
    """Return the filled bounding box of each bool mask ``(B, 1, H, W)``; an empty one stays so."""

    def span(line: Tensor) -> Tensor:  # from the first to the last that is set
        counts = line.flip(-1).int().cumsum(-1).flip(-1)
        return (line.int().cumsum(-1) > 0) & (counts > 0)

    return span(masks.any(-1))[..., None] & span(masks.any(-2))[..., None, :]


def bounding_box_of(mask: Tensor) -> Box | None:
    """Return the smallest box that holds a bool mask ``(H, W)``, or None; waits for the device."""
    lines = torch.cat([mask.any(1), mask.any(0)]).cpu().numpy()
    rows, columns = (np.flatnonzero(part) for part in np.split(lines, [mask.shape[0]]))
    if not len(rows):
        return None
    (left, right), (top, bottom) = ((int(ends[0]), int(ends[-1])) for ends in (columns, rows))
    return Box(left, top, right - left + 1, bottom - top + 1)


def affine_coordinates(matrices: Tensor, size: Size) -> Tensor:
    """Return where each output pixel comes from, ``(B, h, w, 2)``, by matrices ``(B, 2, 3)``."""
    x = torch.arange(size.width, device=matrices.device, dtype=torch.float32)
    y = torch.arange(size.height, device=matrices.device, dtype=torch.float32)
    along, across, offset = matrices[:, None, None].unbind(-1)
    return x[:, None] * along + (y[:, None, None] * across + offset)


def sampled(pictures: Tensor, coordinates: Tensor, *, outside: str = "zeros") -> Tensor:
    """Return float pictures ``(B, C, H, W)`` seen through coordinates in pixels ``(B, h, w, 2)``.

    ``outside``: ``zeros``, or ``border`` to repeat the outermost pixels.
    """
    height, width = pictures.shape[-2:]
    x, y = coordinates.unbind(-1)
    places = torch.stack([x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1], -1)
    return F.grid_sample(
        pictures, places, mode="bilinear", padding_mode=outside, align_corners=True
    )


def viewed_frames(frames: Tensor, view: Matrix, size: Size) -> Tensor:
    """Return frames ``(B, 3, H, W)`` of 0–255 seen through an affine change, as `view_frame`.

    Float, of whole numbers.
    """
    frames, view = frames.float(), np.array(view)
    while abs(np.linalg.det(view[:, :2])) >= 4 and min(frames.shape[-2:]) > 1:
        frames = torch.floor(F.avg_pool2d(frames, 2) + 0.5)
        view /= 2
        view[:, 2] -= 0.25
    mean = torch.stack([frames.new_full((1, 1), level) for level in MEAN_COLOUR])[None]
    coordinates = affine_coordinates(sent_matrix(view, frames.device), size)
    seen = sampled(frames - mean, coordinates.expand(len(frames), -1, -1, -1))
    return (seen + mean).round()


def viewed_masks(masks: Tensor, view: Matrix, size: Size) -> Tensor:
    """Return bool masks ``(B, 1, H, W)`` seen through an affine change; no object outside."""
    coordinates = affine_coordinates(sent_matrix(view, masks.device), size)
    return sampled(masks.float(), coordinates.expand(len(masks), -1, -1, -1)) > 0.5


def sent_matrix(matrix: Matrix, device: torch.device) -> Tensor:
    """Return an affine change as float32 ``(1, 2, 3)`` on the device."""
    return send(np.asarray(matrix, np.float32)[None], device)
