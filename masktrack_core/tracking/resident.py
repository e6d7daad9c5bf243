"""A propagation on a GPU: the mask that guides stays there from frame to frame."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from masktrack_core.arrays import Frame, Mask, Prob, Size
from masktrack_core.devices import in_bf16, send
from masktrack_core.masks.deform import PriorKind
from masktrack_core.masks.regions import Window, box_window, crop_place, window_view
from masktrack_core.masks.tensors import (
    affine_coordinates,
    bounding_box_of,
    boxed,
    dilated,
    sampled,
    sent_matrix,
    viewed_frames,
    viewed_masks,
)
from masktrack_core.networks.network import MaskTrackNet, foreground
from masktrack_core.tracking.propagation_params import PropagationParams, untouched


class Resident:
    """Goes from frame to frame as `propagation` does on the CPU, to the last digits.

    Frames go to the device, 8-bit probabilities come back: one wait a frame, one more with a
    region, whose place the host works out, and one more with ``connected``, whose parts it finds.
    Two streams through one network are one batch.
    """

    def __init__(self, networks: Sequence[MaskTrackNet], params: PropagationParams) -> None:
        """Take a network for each stream, all on one device."""
        self._networks, self._params = networks, params
        self._device = next(networks[0].parameters()).device
        self._previous = torch.zeros(0)
        for network in networks:
            network.eval()

    def begin(self, mask: Mask) -> None:
        """Let a mask guide the next frame."""
        self._previous = self._sent(mask)

    @torch.inference_mode()
    def estimate(self, frames: Sequence[Frame], taken: Mask | None) -> tuple[Prob, bool]:
        """Return the probabilities of a frame, and whether the object was found in it.

        ``frames``: one a stream; ``taken``: the pixels of other objects.
        """
        params, previous = self._params, self._previous
        coarse = dilated(previous, params.dilation_radius)
        shown: dict[PriorKind, Tensor] = {"mask": coarse, "box": previous, "none": previous}
        prob = self._average(frames, shown)
        if params.connected:
            pair = torch.cat([prob > params.threshold, coarse])[:, 0].cpu().numpy()
            prob = prob.masked_fill(self._sent(untouched(*pair)), 0)
        if taken is not None:
            prob = prob.masked_fill(self._sent(taken), 0)
        mask = prob > params.threshold
        found = mask.any()
        self._previous = torch.where(found, mask, previous)
        # As `files.archives` rounds: what is above one half stays above it.
        levels = torch.ceil(prob * 255 - 0.5).to(torch.uint8)
        answer = torch.cat([levels.flatten(), found.to(torch.uint8)[None]]).cpu().numpy()
        steps = answer[:-1].reshape(prob.shape[-2:])
        return steps.astype(np.float32) / np.float32(255), bool(answer[-1])

    def _average(self, frames: Sequence[Frame], shown: Mapping[PriorKind, Tensor]) -> Tensor:
        """Return the probabilities of all streams together, ``(1, 1, H, W)``."""
        images = [
            send(np.ascontiguousarray(frame), self._device).permute(2, 0, 1)[None]
            for frame in frames
        ]
        networks = self._networks
        if len({id(network) for network in networks}) == 1:
            together = self._predicted(networks[0], torch.cat(images), shown)
            probs = [together[:1], together[1:]][: len(images)]
        else:
            pairs = zip(networks, images, strict=True)
            probs = [self._predicted(network, image, shown) for network, image in pairs]
        if len(probs) == 1:
            return probs[0]
        weight = self._params.flow_weight
        return (1 - weight) * probs[0] + weight * probs[1]

    def _predicted(
        self, network: MaskTrackNet, images: Tensor, shown: Mapping[PriorKind, Tensor]
    ) -> Tensor:
        """Return what `propagation.predict` does for each of the images, ``(B, 1, H, W)``."""
        params, kind = self._params, network.spec.prior
        prior = shown[kind]
        if params.region is None or kind == "none":
            return self._forward(network, images, prior)
        size, side = Size(*prior.shape[-2:]), params.region_size
        window = self._window(prior, size)
        view = window_view(window, side)
        crop = viewed_frames(images, view, Size(side, side))
        prob = self._forward(network, crop, viewed_masks(prior, view, Size(side, side)))
        return self._pasted(prob, window, size)

    def _window(self, prior: Tensor, size: Size) -> Window:
        box = bounding_box_of(prior[0, 0])
        assert box is not None  # what guides is never empty
        p = self._params
        assert p.region is not None
        return box_window(box, size, size=p.region_size, factor=p.region, minimum=p.region_minimum)

    def _forward(self, network: MaskTrackNet, images: Tensor, prior: Tensor) -> Tensor:
        kind = network.spec.prior
        channel = boxed(prior) if kind == "box" else prior & (kind == "mask")
        if network.spec.others:  # an object that is followed alone knows of none
            channel = F.pad(channel, (0, 0, 0, 0, 0, 1))
        low = in_bf16(self._params.precision, self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=low):
            logits = network(images, channel.expand(len(images), -1, -1, -1))
        return foreground(logits, Size(*prior.shape[-2:]))[:, None]

    def _pasted(self, prob: Tensor, window: Window, size: Size) -> Tensor:
        """Return the probabilities of crops at their place, 0 outside it; as `paste_prob`."""
        (rows, columns), to_crop = crop_place(window, prob.shape[-1], size)
        inside = Size(rows.stop - rows.start, columns.stop - columns.start)
        coordinates = affine_coordinates(sent_matrix(to_crop, self._device), inside)
        coordinates = coordinates.expand(len(prob), -1, -1, -1)
        part = sampled(prob, coordinates, outside="border")
        margins = columns.start, size.width - columns.stop, rows.start, size.height - rows.stop
        return F.pad(part, margins)

    def _sent(self, mask: Mask) -> Tensor:
        return send(np.ascontiguousarray(mask), self._device)[None, None]
