"""Deforming one 480p mask: ours beside a naive float64 implementation, in one run.

    python benchmarks/bench_deform.py

Prints both times, their ratio (expected: 10 or more) and the agreement (expected: IoU 0.999 or
more). The naive one evaluates the spline at every pixel with SciPy and warps and dilates with
scikit-image; it shares no code with ours.
"""

import sys
import time

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator
from skimage.morphology import dilation, disk
from skimage.transform import warp

from masktrack_core.masks.deform import (
    Deformation,
    DeformationParams,
    apply_deformation,
    sample_deformation,
)
from masktrack_core.seeds import numpy_rng

ROUNDS = 7


def walker() -> np.ndarray:
    """Return a 480p mask with a body and limbs."""
    mask = np.zeros((480, 854), np.uint8)
    cv2.ellipse(mask, (430, 240), (60, 120), 10, 0, 360, 1, -1)
    for x, y in ((330, 130), (540, 160), (350, 440), (520, 430)):
        cv2.line(mask, (430, 240), (x, y), 1, 24)
    return mask > 0


def naive_deformation(mask: np.ndarray, deformation: Deformation) -> np.ndarray:
    """Return the deformed mask, every step in float64 at every pixel."""
    height, width = mask.shape
    target = np.array(deformation.target, np.float64)
    source = np.array(deformation.source, np.float64)
    r = np.linalg.norm(target[:, None] - target[None], axis=-1)
    kernel = r**2 * np.log(np.maximum(r, 1e-300))
    q, _ = np.linalg.qr(np.column_stack([np.ones(len(target)), target]), mode="complete")
    bending = np.diag(q[:, 3:].T @ kernel @ q[:, 3:]).mean()
    spline = RBFInterpolator(target, source, smoothing=deformation.smoothing * bending, degree=1)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    unbent = spline(np.column_stack([x.ravel(), y.ravel()]))
    centre, shift = np.array(deformation.centre), np.array(deformation.shift)
    origin = (unbent - centre - shift) / deformation.scale + centre
    rows_columns = origin[:, ::-1].T.reshape(2, height, width)
    moved = warp(mask.astype(np.float64), rows_columns, order=1, mode="constant") > 0.5
    return dilation(moved, disk(deformation.dilation_radius))


def median_ms(work) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def main() -> int:
    cv2.setNumThreads(1)
    mask = walker()
    agreement = []
    for item in range(ROUNDS):
        deformation = sample_deformation(mask, DeformationParams(), rng=numpy_rng(1, item))
        ours, naive = apply_deformation(mask, deformation), naive_deformation(mask, deformation)
        agreement.append((ours & naive).sum() / (ours | naive).sum())
    fast = median_ms(lambda: apply_deformation(mask, deformation))
    sampled = median_ms(lambda: sample_deformation(mask, DeformationParams(), rng=numpy_rng(1)))
    slow = median_ms(lambda: naive_deformation(mask, deformation))
    sys.stdout.write(
        f"ours {fast:.2f} ms (and {sampled:.2f} ms to draw), naive {slow:.1f} ms, "
        f"ratio {slow / fast:.1f}, smallest IoU {min(agreement):.5f}\n"
    )
    return 0 if slow / fast >= 10 and min(agreement) >= 0.999 else 1


if __name__ == "__main__":
    sys.exit(main())
