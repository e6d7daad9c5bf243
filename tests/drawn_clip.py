"""A small clip of a disk that moves, and what a person draws on it."""

import numpy as np

from masktrack_core.datasets.video_files import Clip
from masktrack_core.files.io import write_frame

SIZE, LENGTH = (72, 96), 8


def disk(t, *, radius=12, row=36):
    rows, columns = np.indices(SIZE)
    return (rows - row) ** 2 + (columns - 24 - 5 * t) ** 2 <= radius**2


def write_clip(folder, length=LENGTH):
    noise = np.random.default_rng(0).integers(90, 130, (*SIZE, 3)).astype(np.uint8)
    for t in range(length):
        frame = noise.copy()
        frame[disk(t)] = 220, 60, 30
        frame[disk(-t + 7, radius=7, row=14)] = 30, 60, 220
        write_frame(folder / f"{t:05d}.png", frame)
    return Clip(folder)
