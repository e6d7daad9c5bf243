"""Forward and training step of the network, as ratios to the floor of this machine, in one run.

The floor is the network's multiply-adds (convolutions only) at the rate that a large matrix
product reaches in the same run and number format. ``ratio`` counts every tap, as the operations
of a convolution are counted and as direct convolution does them; ``strict_ratio`` leaves out the
taps that fall on padding. Targets of ``ratio``: forward 1.15, training step 1.25.

    python benchmarks/bench_network.py                                # 480 × 854 and 10 × 321²
    python benchmarks/bench_network.py --frame 120 214 --batch 2 --crop 161        # quick
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from masktrack_core.arrays import Size
from masktrack_core.networks.network import (
    MaskTrackNet,
    NetworkSpec,
    build_network,
    foreground,
    parameter_groups,
    upsample,
)
from masktrack_core.seeds import torch_generator, torch_scope


def seconds(task: Callable[[], object], *, device: str, repeats: int) -> float:
    """Return the median duration; on a GPU up to the end of the work that the task queued."""
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        if device == "cuda":
            torch.cuda.synchronize()
        durations.append(time.perf_counter() - start)
    return sorted(durations)[len(durations) // 2]


def matmul_rate(dtype: torch.dtype, *, device: str) -> float:
    """Return the best rate of a square matrix product, in operations a second (add + multiply)."""
    n = 8192 if device == "cuda" else 2048
    a, b = (torch.ones(n, n, dtype=dtype, device=device) for _ in range(2))
    best = min(seconds(lambda: a @ b, device=device, repeats=1) for _ in range(8))
    return 2 * n**3 / best


def taps(layer: nn.Conv2d, x: torch.Tensor, y: torch.Tensor, axis: int) -> int:
    """Return how many taps of all output cells along one axis (0 rows, 1 columns) hit the map."""
    cells = torch.arange(y.shape[2 + axis], device="cpu")[:, None] * layer.stride[axis]
    offsets = torch.arange(layer.kernel_size[axis], device="cpu") * layer.dilation[axis]
    places = cells + offsets - int(layer.padding[axis])
    return int(((places >= 0) & (places < x.shape[2 + axis])).sum())


class Operations(NamedTuple):
    """Operations of one forward pass in the convolutions, two a multiply-add."""

    every_tap: float
    inside: float  # without the taps that fall on padding


def operations(network: MaskTrackNet, batch: int, size: Size) -> Operations:
    """Return the operations of one forward pass, counted on a twin without memory."""
    every_tap = inside = 0.0

    def count(layer: nn.Conv2d, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal every_tap, inside
        pairs = 2 * batch * layer.weight.shape[0] * layer.weight.shape[1]
        rows, columns = (taps(layer, inputs[0], output, axis) for axis in (0, 1))
        inside += pairs * rows * columns
        every_tap += pairs * layer.weight[0, 0].numel() * output.shape[2] * output.shape[3]

    with torch.device("meta"):
        twin = MaskTrackNet(network.spec)
        for layer in twin.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(count)
        twin(torch.zeros(batch, 3, *size), torch.zeros(batch, 1, *size))
    return Operations(every_tap, inside)


def ratios(name: str, duration: float, counted: Operations, rate: float) -> dict[str, float]:
    """Return a duration beside its floor, and over it."""
    return {
        f"{name}_s": duration,
        f"{name}_floor_s": counted.every_tap / rate,
        f"{name}_ratio": duration * rate / counted.every_tap,
        f"{name}_strict_ratio": duration * rate / counted.inside,
    }


def agreement(network: MaskTrackNet, frame: Size, crop: Size, *, device: str) -> dict[str, float]:
    """Return how far bf16 agrees with fp32: equal pixels of a mask, cosine of the gradients."""
    masks, gradients = [], []
    for precise in (False, True):
        with torch.autocast(device, torch.bfloat16, enabled=not precise):
            with torch.inference_mode():
                image, prior = example(1, frame, device=device)
                masks.append(foreground(network(image, prior), frame) > 0.5)
            image, prior = example(1, crop, device=device)
            logits = network(image, prior)
        network.zero_grad(set_to_none=True)
        F.cross_entropy(upsample(logits, crop), prior[:, 0].long()).backward()
        found = [parameter.grad for parameter in network.parameters()]
        gradients.append(torch.cat([one.flatten().double() for one in found if one is not None]))
    return {
        "bf16_equal_pixels": (masks[0] == masks[1]).float().mean().item(),
        "bf16_gradient_cosine": F.cosine_similarity(*gradients, dim=0).item(),
    }


def forward(network: MaskTrackNet, image: torch.Tensor, prior: torch.Tensor) -> None:
    size = Size(*image.shape[-2:])
    with torch.inference_mode(), torch.autocast(image.device.type, torch.bfloat16):
        foreground(network(image, prior), size)


def step(
    network: MaskTrackNet,
    optimiser: torch.optim.Optimizer,
    image: torch.Tensor,
    prior: torch.Tensor,
) -> None:
    with torch.autocast(image.device.type, torch.bfloat16):
        logits = network(image, prior)
    loss = F.cross_entropy(upsample(logits, Size(*image.shape[-2:])), prior[:, 0].long())
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def example(batch: int, size: Size, *, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch_generator(1, "bench")
    image = torch.randint(0, 256, (batch, 3, *size), dtype=torch.uint8, generator=generator)
    return image.to(device), (image[:, :1] > 128).to(device)


def measure(options: argparse.Namespace) -> dict[str, float | str]:
    """Return times, floors and their ratios."""
    device = options.device
    spec = NetworkSpec(backbone=options.backbone, head=options.head)
    network = build_network(spec, generator=torch_generator(1, "bench"))
    network = network.to(device, memory_format=torch.channels_last)
    rate = matmul_rate(torch.bfloat16, device=device)
    frame, crop = Size(*options.frame), Size(options.crop, options.crop)
    task = partial(forward, network.eval(), *example(1, frame, device=device))
    task()
    result: dict[str, float | str] = {"network": f"{spec.backbone}-{spec.head}", "rate": rate}
    duration = seconds(task, device=device, repeats=options.repeats)
    result |= ratios("forward", duration, operations(network, 1, frame), rate)
    result |= agreement(network, frame, crop, device=device)
    if options.batch:
        optimiser = torch.optim.SGD(parameter_groups(network), momentum=0.9)
        inputs = example(options.batch, crop, device=device)
        task = partial(step, network.train(), optimiser, *inputs)
        with torch_scope(1, "bench"):
            task()
            duration = seconds(task, device=device, repeats=options.repeats)
        # Backward: once for the weights, once for the maps.
        counted = operations(network, 3 * options.batch, crop)
        result |= ratios("step", duration, counted, rate)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--head", default="aspp")
    parser.add_argument("--frame", type=int, nargs=2, default=(480, 854), metavar=("H", "W"))
    parser.add_argument("--crop", type=int, default=321)
    parser.add_argument("--batch", type=int, default=10, help="0: forward only")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(json.dumps(measure(options), indent=1))


if __name__ == "__main__":
    main()
