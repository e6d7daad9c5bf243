"""A small tracker that knows nothing of masktrack: the mask before, carried along by optical flow.

OpenCV's dense inverse search from each frame back to the one before says where a pixel comes from.

    python flow_tracker.py --frames FOLDER --annotations FOLDER --out FOLDER
"""

import argparse
from pathlib import Path

import cv2
import numpy as np


def read(folder, name, flags):
    """Return a picture of a folder; end where it cannot be read."""
    picture = cv2.imread(str(folder / name), flags)
    if picture is None:
        raise SystemExit(f"{folder / name}: cannot be read")
    return picture


def follow(frames, annotations, out):
    """Write the mask of every frame: as annotated, else the mask before, warped."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    given = {path.name for path in annotations.glob("*.png")}
    before, mask = None, None
    for path in sorted(frames.glob("*.png")):
        grey = read(frames, path.name, cv2.IMREAD_GRAYSCALE)
        if mask is None:
            mask = np.zeros(grey.shape, np.float32)
        if path.name in given:
            mask = read(annotations, path.name, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        elif before is not None:
            x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grey.shape[::-1]))
            back = flow.calc(grey, before, None)
            mask = cv2.remap(mask, x + back[..., 0], y + back[..., 1], cv2.INTER_LINEAR)
        cv2.imwrite(str(out / path.name), np.where(mask > 0.5, 255, 0).astype(np.uint8))
        before = grey


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("frames", "annotations", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    follow(options.frames, options.annotations, options.out)
