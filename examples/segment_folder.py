"""From a folder of frames and a first mask to masks, scores and a film: the library on a page.

    python examples/segment_folder.py frames/ first.png out/ [truth/]

``frames/`` holds pictures, in the order of their names; ``first.png`` is the mask of the first,
black and white; ``truth/``, if there is one, holds true masks named like the frames.
"""

import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from masktrack_core import FrameFolder, load, read_mask, region_similarity, write_mask


def main(frames_in: Path, first: Path, out: Path, truth: Path | None = None) -> None:
    """Follow the object of ``first`` through a folder of frames."""
    # A sequence of frames: frames[t] is uint8 (H, W, 3), RGB, read from disk when it is asked for,
    # so a long clip needs no more memory than a short one. Clip(Path("clip.mp4")) is the same of
    # a film.
    frames = FrameFolder(frames_in)

    # A network and how it wants to be used: how far the mask is dilated before it guides the next
    # frame, which region of the frame the network sees, how it learns an object. All of it stands
    # in the network's file; model.usage shows it.
    model = load("included:mask")

    # What the user gives, by frame. More frames may be given: {0: …, 40: …}; frames in between
    # are reached from the nearer one. A Mask is bool (H, W).
    annotations = {0: read_mask(first)}

    # Trains a copy of the network on the annotated frame (about a minute on a CPU; finetune=False
    # leaves it out), then goes through the video: the mask of a frame, dilated, guides the next.
    # An iterator: frame t is there before frame t + 1 is read.
    masks = {}
    for t, mask in tqdm(model.segment(frames, annotations), total=len(frames), unit="frame"):
        write_mask(out / f"{frames.names[t]}.png", mask)  # 0 and 255
        masks[t] = mask

    if truth is None:
        return
    # J of the DAVIS benchmark, frame by frame; its protocol leaves out the first and the last.
    scored = range(1, len(frames) - 1)
    pred = np.stack([masks[t] for t in scored])
    true = np.stack([read_mask(truth / f"{frames.names[t]}.png") for t in scored])
    per_frame = 100 * region_similarity(pred, true)
    worst = frames.names[scored[int(np.argmin(per_frame))]]
    print(f"mean J {per_frame.mean():.1f}; worst in {worst}: {per_frame.min():.1f}")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
