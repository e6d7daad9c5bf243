"""Print endpoint error and milliseconds of every dense flow on rendered clips with exact flow.

The clips of the embedded benchmark, rendered anew at ``--scale`` times their size. Errors are means
over the pixels that are seen again in the next frame, and over the object's pixels among them.

    python benchmarks/bench_flow_rendered.py [--scale 2] [--every 4] [--raft weights.safetensors]
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from masktrack_core.arrays import Size
from masktrack_core.motion.flow import FlowParams, dense_flow
from masktrack_core.rendered.clips import VIDEO_SETS
from masktrack_core.rendered.scenes import render_clip, seen_again
from masktrack_core.seeds import numpy_rng

METHODS = {
    "no flow": None,
    "dis": FlowParams(),
    "epic": FlowParams(method="epic"),
    "farneback": FlowParams(method="farneback"),
    "raft_small": FlowParams(method="raft_small"),
}


def measure(layout, options, model):
    """Return, by method, lists of milliseconds and of errors everywhere and on the object."""
    rows = {name: [] for name in METHODS if name != "raft_small" or model}
    for script in VIDEO_SETS[layout]:
        height, width = script.size
        script = replace(script, size=Size(height * options.scale, width * options.scale))
        clip = render_clip(script, rng=numpy_rng(1, "render", layout, script.name))
        seen = seen_again(clip)
        for t in range(0, len(clip.flow), options.every):
            for name, values in rows.items():
                start = time.perf_counter()
                flow = np.zeros_like(clip.flow[t])
                if METHODS[name]:
                    pair = clip.frames[t], clip.frames[t + 1]
                    flow = dense_flow(*pair, METHODS[name], model=model)
                elapsed = 1000 * (time.perf_counter() - start)
                error = np.hypot(*(flow - clip.flow[t]).transpose(2, 0, 1))
                on_object = seen[t] & (clip.labels[t] > 0)
                values.append((elapsed, error[seen[t]].mean(), error[on_object].mean()))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--every", type=int, default=4, help="every so many frames")
    parser.add_argument("--raft", type=Path, help="weights of RAFT-small")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model = None
    if options.raft:
        import torch

        from masktrack_core.motion.raft import load_raft

        torch.set_num_threads(1)
        model = load_raft(options.raft)
    print("| set | method | error, px | on the object, px | ms |")
    print("| --- | --- | ---: | ---: | ---: |")
    for layout in VIDEO_SETS:
        for name, values in measure(layout, options, model).items():
            times, everywhere, on_object = zip(*values, strict=True)
            errors = f"{np.mean(everywhere):.2f} | {np.mean(on_object):.2f}"
            print(f"| {layout} | `{name}` | {errors} | {statistics.median(times):.0f} |")


if __name__ == "__main__":
    main()
