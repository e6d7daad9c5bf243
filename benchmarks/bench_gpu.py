"""What a person waits for: a frame of a propagation and the steps of a fine-tuning, on a device.

    python benchmarks/bench_gpu.py --device cuda

Prints milliseconds a frame of 480 × 854, in float32 and bf16, whole and in a region of 321, and
seconds of a fine-tuning with its examples made by workers and between the steps. Random weights.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch

from masktrack_core.arrays import Mask
from masktrack_core.devices import device_facts, use_device
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.network import MaskTrackNet, NetworkSpec, build_network
from masktrack_core.seeds import torch_generator
from masktrack_core.tracking.propagation import PropagationParams, propagate
from masktrack_core.tracking.segmentation import FinetuningParams, finetune
from masktrack_core.training.examples import FirstFrameParams
from masktrack_core.training.loop import RunParams, TrainParams


def clip(count: int, height: int, width: int) -> tuple[list[np.ndarray], Mask]:
    """Return frames of smooth noise with a dark part, and its mask."""
    noise = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    frame = cv2.resize(noise, (width, height))
    mask = np.zeros((height, width), np.bool_)
    mask[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = True
    frame[mask] //= 3
    return [frame] * count, mask


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return wall seconds until a device is done."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--head", default="aspp")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 854))
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--crop", type=int, default=321)
    parser.add_argument("--workers", type=int, nargs="+", default=(0, 4))
    asked = parser.parse_args()
    device = use_device(asked.device, 1)
    sys.stdout.write(f"{device_facts(device)}\n")

    def network() -> MaskTrackNet:
        spec = NetworkSpec(backbone=asked.backbone, head=asked.head)
        return build_network(spec, generator=torch_generator(1)).to(device)

    frames, mask = clip(asked.frames, *asked.size)
    net = network()
    for precision in ("fp32", "bf16"):
        for region in (None, 1.5):
            params = PropagationParams(
                precision=precision, region=region, region_size=asked.crop, threshold=0.1
            )
            for few in (frames[:4], frames):  # the first turn warms up
                work = partial(list, propagate(net, [few], {0: mask}, params))
                took = seconds(work, device)
            each = 1000 * took / (len(frames) - 1)
            sys.stdout.write(f"propagation, {precision}, region {region}: {each:.1f} ms a frame\n")
    schedule = {"batch_size": asked.batch, "precision": "bf16", "clip_norm": 1.0}
    examples = FirstFrameParams(crop=CropParams(size=asked.crop))
    for workers in asked.workers:
        for iterations in (2, asked.iterations):
            params = FinetuningParams(
                schedule=TrainParams(iterations=iterations, **schedule), examples=examples
            )
            run, net = RunParams(workers=workers), network()
            work = partial(finetune, net, frames, {0: mask}, params, seed=1, run=run)
            took = seconds(work, device)
        sys.stdout.write(f"fine-tuning, {iterations} steps, {workers} workers: {took:.2f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
