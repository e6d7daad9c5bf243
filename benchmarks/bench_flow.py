"""Print milliseconds and endpoint error of every dense flow, as ratios to ``dis``, in one run.

Two layers move by known affine maps: a background and an object on top of it, so the exact flow is
known everywhere. Methods take turns in every round; the median is printed.

    python benchmarks/bench_flow.py [--size 240 427] [--rounds 3] [--frames a.jpg b.jpg]
                                    [--raft raft_small_fp32.safetensors] [--threads 1]
"""

import argparse
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from masktrack_core.motion.flow import FlowParams, dense_flow
from masktrack_core.seeds import numpy_rng

METHODS = {
    "dis": FlowParams(),
    "dis fast": FlowParams(preset="fast"),
    "dis ultrafast": FlowParams(preset="ultrafast"),
    "epic": FlowParams(method="epic"),
    "farneback": FlowParams(method="farneback"),
}
BACKGROUND = np.float64([[1.01, 0.01, -3.0], [-0.01, 1.01, 1.5]])
OBJECT = np.float64([[0.99, -0.03, 9.0], [0.03, 0.99, -4.0]])


def texture(size, *, rng):
    """Return a colour picture with structure at every scale, as natural pictures have."""
    height, width = size
    picture = np.zeros((height, width, 3), np.float32)
    for scale in (1, 2, 4, 8, 16, 32):
        coarse = rng.normal(size=(height // scale + 2, width // scale + 2, 3)).astype(np.float32)
        picture += scale**0.7 * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 40 * picture / picture.std(), 0, 255).astype(np.uint8)


def about_the_middle(matrix, size):
    """Return the affine map with its linear part applied around the middle of the frame."""
    middle = np.array([size[1], size[0]]) / 2
    shifted = matrix.copy()
    shifted[:, 2] += middle - matrix[:, :2] @ middle
    return shifted


def scene(background, foreground):
    """Return two frames, the exact flow between them, the object, and where the flow is seen."""
    size = background.shape[:2]
    height, width = size
    mask = np.zeros(size, np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 6, height // 4), 20, 0, 360, 1, -1)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    points = np.stack([x, y, np.ones_like(x)], -1)
    layers = []
    for picture, matrix in ((background, BACKGROUND), (foreground, OBJECT)):
        placed = about_the_middle(matrix, size)
        moved = cv2.warpAffine(
            picture, placed, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        layers.append((moved, points @ placed.T - points[..., :2], placed))
    moved_mask = cv2.warpAffine(mask, layers[1][2], (width, height), flags=cv2.INTER_NEAREST)
    frame = np.where(mask[..., None] > 0, foreground, background)
    next_frame = np.where(moved_mask[..., None] > 0, layers[1][0], layers[0][0])
    flow = np.where(mask[..., None] > 0, layers[1][1], layers[0][1])
    ends = (points[..., :2] + flow).transpose(2, 0, 1)
    seen = (ends[0] >= 0) & (ends[0] < width) & (ends[1] >= 0) & (ends[1] < height)
    return frame, next_frame, flow, mask > 0, seen


def measure(pairs, methods, rounds, model):
    """Return, by method, the median milliseconds and the mean endpoint errors."""
    times = {name: [] for name in methods}
    errors = {name: [] for name in methods}
    for _ in range(rounds):
        for frame, next_frame, truth, mask, seen in pairs:
            for name, params in methods.items():
                start = time.perf_counter()
                flow = dense_flow(frame, next_frame, params, model=model)
                times[name].append(1000 * (time.perf_counter() - start))
                error = np.hypot(*(flow - truth).transpose(2, 0, 1))
                errors[name].append((error[seen].mean(), error[seen & mask].mean()))
    return {n: (statistics.median(times[n]), *np.mean(errors[n], axis=0)) for n in methods}


def read(path, size):
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path}: expected a picture, cannot read it")
    return cv2.cvtColor(cv2.resize(picture, size[::-1]), cv2.COLOR_BGR2RGB)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(240, 427), help="height, width")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=Path, nargs=2, help="background and object pictures")
    parser.add_argument("--raft", type=Path, help="weights of RAFT-small")
    return parser.parse_args()


def main():
    options = arguments()
    size = tuple(options.size)
    cv2.setNumThreads(options.threads)
    methods, model = dict(METHODS), None
    if options.raft:
        import torch

        from masktrack_core.motion.raft import load_raft

        torch.set_num_threads(options.threads)
        methods["raft_small"] = FlowParams(method="raft_small")
        model = load_raft(options.raft)
    if options.frames:
        pairs = [scene(*(read(path, size) for path in options.frames))]
    else:
        rngs = [numpy_rng(0, "bench_flow", n) for n in range(4)]
        layers = [texture(size, rng=rng) for rng in rngs]
        pairs = [scene(*layers[:2]), scene(*layers[2:])]
    table = measure(pairs, methods, options.rounds, model)
    print(f"{size[0]}x{size[1]}, {options.threads} thread(s), errors in px")
    print(f"{'method':14} {'ms':>8} {'ratio':>7} {'error all':>10} {'error object':>13}")
    for name, (milliseconds, everywhere, on_object) in table.items():
        ratio = milliseconds / table["dis"][0]
        print(f"{name:14} {milliseconds:8.1f} {ratio:7.2f} {everywhere:10.3f} {on_object:13.3f}")


if __name__ == "__main__":
    main()
