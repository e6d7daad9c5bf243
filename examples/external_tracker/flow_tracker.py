"""A small tracker that knows nothing of masktrack: the mask before, carried along by optical flow.

OpenCV's dense inverse search from each frame back to the one before says where a pixel comes from.

    python flow_tracker.py --frames FOLDER --annotations FOLDER --out FOLDER
"""

import argparse
from pathlib import Path

import cv2
import numpy as np


def carried(greys, annotations):
    """Yield the mask of every frame, 0 and 255: as annotated, else the mask before, warped.

    ``greys``: the frames, uint8 (H, W); ``annotations``: frame number → mask of 0 and not 0.
    """
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before, mask = None, None
    for t, grey in enumerate(greys):
        if mask is None:
            mask = np.zeros(grey.shape, np.float32)
        if t in annotations:
            mask = (annotations[t] > 0).astype(np.float32)
        elif before is not None:
            x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grey.shape[::-1]))
            back = flow.calc(grey, before, None)
            mask = cv2.remap(mask, x + back[..., 0], y + back[..., 1], cv2.INTER_LINEAR)
        yield np.where(mask > 0.5, 255, 0).astype(np.uint8)
        before = grey


def read(path, flags):
    """Return a picture; end where it cannot be read."""
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise SystemExit(f"{path}: cannot be read")
    return picture


def follow(frames, annotations, out):
    """Read frames and annotated masks of folders, and write the mask of every frame."""
    paths = sorted(frames.glob("*.png"))
    colours = (read(path, cv2.IMREAD_COLOR) for path in paths)
    greys = (cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY) for colour in colours)
    given = {int(p.stem): read(p, cv2.IMREAD_GRAYSCALE) for p in annotations.glob("*.png")}
    for path, mask in zip(paths, carried(greys, given), strict=True):
        cv2.imwrite(str(out / path.name), mask)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("frames", "annotations", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    follow(options.frames, options.annotations, options.out)
