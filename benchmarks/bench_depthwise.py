"""Depthwise convolutions in bf16 on a CPU: each kind beside float32, and a training step with each.

``bf16`` is `nn.Conv2d` under autocast, ``layer`` our `Depthwise`, which takes the
faster and the right one; CPU time of forward and backward of one batch over that of float32, which
takes and returns float32. ``error`` is that of the weights' gradients in bf16, over their norm:
0.002 is rounding. All in one run, turn by turn, medians.

    python benchmarks/bench_depthwise.py                              # 257² crops, as ours
    python benchmarks/bench_depthwise.py --crop 481 --batch 4         # as paper-like online
"""

import argparse
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from masktrack_core.networks.layers import Depthwise
from masktrack_core.networks.network import MaskTrackNet, NetworkSpec, build_network
from masktrack_core.seeds import torch_generator
from masktrack_core.training.optimisers import segmentation_loss


def in_turns(tasks: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each task, run in turns; the first turn does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            start = time.process_time()
            task()
            if number:
                seconds[name].append(time.process_time() - start)
    return {name: sorted(times)[len(times) // 2] for name, times in seconds.items()}


def depthwise_kinds(network: MaskTrackNet, crop: int) -> dict[tuple[int, int, int, int], int]:
    """Return how many depthwise layers there are of each (channels, stride, dilation, side)."""
    kinds: dict[tuple[int, int, int, int], int] = {}

    def note(layer: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        assert isinstance(layer, Depthwise)
        kind = (layer.in_channels, layer.stride[0], layer.dilation[0], inputs[0].shape[-1])
        kinds[kind] = kinds.get(kind, 0) + 1

    handles = [
        layer.register_forward_hook(note)
        for layer in network.modules()
        if isinstance(layer, Depthwise)
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, crop, crop), torch.zeros(1, 1, crop, crop))
    for handle in handles:
        handle.remove()
    return kinds


def measure_layer(kind: tuple[int, int, int, int], batch: int, rounds: int) -> str:
    """Return a line of ratios and of the error of the gradient for one kind of layer."""
    channels, stride, dilation, side = kind
    layer = Depthwise(channels, stride=stride, dilation=dilation)
    last = torch.channels_last
    x = torch.randn(batch, channels, side, side).bfloat16().float().contiguous(memory_format=last)
    low = x.bfloat16()
    given = torch.randn_like(nn.Conv2d.forward(layer, x).detach()).bfloat16()

    def run(forward: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype | None) -> Tensor:
        layer.zero_grad()
        x = x.detach().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is None):
            y = forward(x)
        y.backward(given.to(y.dtype))
        assert layer.weight.grad is not None
        return layer.weight.grad

    def plain(x: Tensor) -> Tensor:
        return nn.Conv2d.forward(layer, x)

    tasks: dict[str, Callable[[], object]] = {
        "float32": lambda: run(plain, x, torch.float32),
        "bf16": lambda: run(plain, low, None),
        "layer": lambda: run(layer, low, None),
    }
    right, wrong = (run(plain, one, dtype) for one, dtype in ((x, torch.float32), (low, None)))
    error = ((wrong - right).norm() / right.norm()).item()
    times = in_turns(tasks, rounds)
    ratios = " ".join(f"{times[name] / times['float32']:8.2f}" for name in ("bf16", "layer"))
    return f"{times['float32'] * 1e3:9.1f} {ratios} {error:9.3g}"


def measure_step(network: MaskTrackNet, crop: int, batch: int, rounds: int) -> str:
    """Return the time of a training step with `Depthwise` over that with plain convolutions."""
    image = torch.randint(0, 256, (batch, 3, crop, crop), dtype=torch.uint8)
    prior = torch.zeros(batch, 1, crop, crop)
    prior[..., crop // 4 : crop // 2, crop // 4 : crop // 2] = 1
    mended = Depthwise.forward

    def step(forward: Callable[..., Tensor]) -> None:
        Depthwise.forward = forward  # type: ignore[method-assign]
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = network(image, prior)
        segmentation_loss(scores, prior[:, 0].byte(), at="pixels").backward()
        Depthwise.forward = mended  # type: ignore[method-assign]

    times = in_turns(
        {"plain": lambda: step(nn.Conv2d.forward), "layer": lambda: step(mended)}, rounds
    )
    ratio = times["layer"] / times["plain"]
    return f"{times['plain']:.2f} s before, {times['layer']:.2f} s now: ratio {ratio:.2f}"


def main() -> int:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crop", type=int, default=257)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    spec = NetworkSpec(backbone="mobilenet_v2", head="decoder")
    network = build_network(spec, generator=torch_generator(1)).to(
        memory_format=torch.channels_last
    )
    print(
        f"{asked.batch} crops of {asked.crop}, {asked.threads} thread(s), torch {torch.__version__}"
    )
    print("channels stride dilation side layers  f32, ms     bf16    layer     error")
    for kind, count in sorted(depthwise_kinds(network, asked.crop).items()):
        line = measure_layer(kind, asked.batch, asked.rounds)
        print(f"{kind[0]:8d} {kind[1]:6d} {kind[2]:8d} {kind[3]:4d} {count:6d} {line}", flush=True)
    print("training step:", measure_step(network, asked.crop, asked.batch, asked.rounds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
