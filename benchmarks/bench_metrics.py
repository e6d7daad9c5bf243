"""How many times faster J and F are than the official definition written plainly.

    python benchmarks/bench_metrics.py [ANNOTATIONS]

ANNOTATIONS is DAVIS' Annotations/480p; without it, wobbling ellipses of the same size are drawn.
The ratio is taken within one run, on one thread, best of five alternating rounds. Two baselines:
NumPy with scikit-image's dilation (the authors' Python code of 2016 and 2017) and NumPy with
OpenCV's (their later one).
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage.morphology import dilation, disk

from masktrack_core.measures import metrics


def drawn_masks(count):
    rows, columns = np.indices((480, 854))
    masks = []
    for t in range(count):
        x, y, a, b = 427 + 3 * t, 240 + np.sin(t / 3) * 20, 120 + 5 * np.sin(t), 80 + 4 * np.cos(t)
        masks.append(((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 < 1)
    return np.stack(masks)


def read_masks(folder, count):
    files = [sorted(f.glob("*.png"))[: count // 5 + 1] for f in sorted(Path(folder).iterdir())[:5]]
    return [np.stack([np.asarray(Image.open(f).convert("L")) > 0 for f in fs]) for fs in files]


def plain_boundary(mask):
    east, south, corner = (np.zeros_like(mask) for _ in range(3))
    east[:, :-1], south[:-1], corner[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    edge = (mask ^ east) | (mask ^ south) | (mask ^ corner)
    edge[-1], edge[:, -1] = mask[-1] ^ east[-1], mask[:, -1] ^ south[:, -1]
    edge[-1, -1] = False
    return edge


def plain_scores(pred, truth, grow):
    scores = []
    for p, t in zip(pred, truth, strict=True):
        jaccard = np.sum(p & t) / np.sum(p | t)
        edge_p, edge_t = plain_boundary(p), plain_boundary(t)
        precision = np.sum(edge_p * grow(edge_t)) / np.sum(edge_p)
        recall = np.sum(edge_t * grow(edge_p)) / np.sum(edge_t)
        scores.append((jaccard, 2 * precision * recall / (precision + recall)))
    return np.array(scores).T


def our_scores(pred, truth):
    return np.array([metrics.region_similarity(pred, truth), metrics.contour_accuracy(pred, truth)])


def main():
    cv2.setNumThreads(1)
    clips = read_masks(sys.argv[1], 20) if len(sys.argv) > 1 else [drawn_masks(21)]
    pred, truth = (
        np.concatenate([clip[part] for clip in clips]) for part in (slice(None, -1), slice(1, None))
    )
    kernel = disk(8)
    methods = {
        "numpy + scikit-image": lambda: plain_scores(
            pred, truth, lambda edge: dilation(edge.astype(np.uint8), kernel) > 0
        ),
        "numpy + OpenCV": lambda: plain_scores(
            pred, truth, lambda edge: cv2.dilate(edge.astype(np.uint8), kernel) > 0
        ),
        "masktrack_core": lambda: our_scores(pred, truth),
    }
    best = dict.fromkeys(methods, np.inf)
    scores = {}
    for _ in range(5):
        for name, method in methods.items():
            start = time.perf_counter()
            scores[name] = method()
            best[name] = min(best[name], time.perf_counter() - start)
    ours = best["masktrack_core"]
    print(f"J and F of {len(pred)} masks, {pred.shape[1]} x {pred.shape[2]}, one thread")
    print(f"{'':24}{'ms/frame':>10}{'ratio':>8}{'largest difference':>22}")
    for name, seconds in best.items():
        difference = np.abs(scores[name] - scores["masktrack_core"]).max()
        print(f"{name:24}{seconds / len(pred) * 1e3:10.2f}{seconds / ours:8.1f}{difference:22.1e}")


if __name__ == "__main__":
    main()
