"""Print the time of a region against the whole frame in the dense CRF, and what it changes.

A drawn object over a textured frame, its truth blurred as probability; or, with ``--frame`` and
``--truth``, a real one. Margins are in widths (``bilateral_sxy``) of each published set; the times
of a row are ratios within one round, of which the median is printed.

With ``--trials`` instead: twelve trials of a search, six a pair of widths, whose lattices are kept.
The last line of a set is the whole frame with no iterations: a ratio of what a search chose that
found no CRF better than none.

    python benchmarks/bench_crf.py [--size 240 427] [--rounds 3] [--frame a.jpg --truth a.png]
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from bench_flow import read, texture

from masktrack_core.seeds import numpy_rng
from masktrack_core.tracking.crf import PUBLISHED, CrfParams, refine
from masktrack_core.tracking.crf_kernels import KeptKernels
from masktrack_core.tracking.crf_search import SearchParams

MARGINS = (0.5, 1, 2, 3)


def drawn(size):
    """Return a frame with an object of another colour, and its truth."""
    height, width = size
    frame = texture(size, rng=numpy_rng(0, "bench_crf")) // 2
    mask = np.zeros(size, np.uint8)
    cv2.ellipse(mask, (width // 3, height // 2), (width // 10, height // 5), 20, 0, 360, 1, -1)
    frame[mask > 0] += np.uint8([90, 50, 20])
    return frame, mask > 0


def real(frame_path, truth_path, size):
    return read(frame_path, size), read(truth_path, size)[..., 0] > 127


def timed(frame, prob, params):
    start = time.perf_counter()
    refined = refine(frame, prob, params)
    return time.perf_counter() - start, refined


def jaccard(prob, truth):
    return ((prob > 0.5) & truth).sum() / ((prob > 0.5) | truth).sum()


def measure(frame, prob, params, rounds):
    """Return the whole frame's seconds and refinement, and a row for each margin."""
    seconds, ratios, regions = [], {margin: [] for margin in MARGINS}, {}
    for _ in range(rounds):
        whole_s, whole = timed(frame, prob, params)
        seconds.append(whole_s)
        for margin in MARGINS:
            pixels = round(margin * params.bilateral_sxy)
            region_s, regions[margin] = timed(frame, prob, replace(params, region_margin=pixels))
            ratios[margin].append(region_s / whole_s)
    rows = [(m, statistics.median(ratios[m]), regions[m]) for m in MARGINS]
    return statistics.median(seconds), whole, rows


def trials(frame, prob):
    """Print CPU seconds of twelve trials that build every lattice, and of twelve that keep them."""
    grid = {"bilateral_sxy": [12, 24], "bilateral_weight": [1, 2, 4], "gaussian_weight": [1, 3]}
    candidates = SearchParams(start=CrfParams(bilateral_srgb=6), grid=grid).candidates()
    answers, seconds = [], []
    for kept in (None, KeptKernels()):
        start = time.process_time()
        answers.append([refine(frame, prob, params, kept=kept) for params in candidates])
        seconds.append(time.process_time() - start)
    same = all(np.array_equal(a, b) for a, b in zip(*answers, strict=True))
    alone, shared = (value / len(candidates) for value in seconds)
    line = f"a trial: {alone:.2f} s, with kept kernels {shared:.2f} s, ratio {shared / alone:.2f}"
    print(f"{line}; the same bytes: {same}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(240, 427), help="height, width")
    parser.add_argument("--trials", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--blur", type=float, default=3.0, help="px, of the truth")
    parser.add_argument("--frame", type=Path)
    parser.add_argument("--truth", type=Path)
    return parser.parse_args()


def main():
    options = arguments()
    size = tuple(options.size)
    frame, truth = drawn(size)
    if options.frame and options.truth:
        frame, truth = real(options.frame, options.truth, size)
    prob = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), options.blur).clip(0, 1)
    if options.trials:
        trials(frame, prob)
        return
    print(f"{size[0]}x{size[1]}, J of the blurred truth {jaccard(prob, truth):.3f}")
    print(f"{'set':22} {'margin':>7} {'time':>7} {'flips ppm':>10} {'mean |d|':>9} {'J':>6}")
    for name, params in PUBLISHED.items():
        seconds, whole, rows = measure(frame, prob, params, options.rounds)
        print(f"{name:22} {'none':>7} {seconds:6.2f}s {0:10} {0:9} {jaccard(whole, truth):6.3f}")
        none = statistics.median(
            timed(frame, prob, replace(params, iterations=0))[0] for _ in range(options.rounds)
        )
        for margin, ratio, region in rows:
            flips = 1e6 * ((region > 0.5) != (whole > 0.5)).mean()
            change = np.abs(region - whole).mean()
            line = f"{flips:10.0f} {change:9.1e} {jaccard(region, truth):6.3f}"
            print(f"{name:22} {margin:6}s {ratio:7.2f} {line}")
        print(f"{name:22} no steps {none / seconds:6.3f}")


if __name__ == "__main__":
    main()
