"""Memory of tracking a short and a long video, and how far its three kinds of work overlap.

    python benchmarks/bench_track.py                       # 200 and 2000 frames of 64 × 96
    python benchmarks/bench_track.py --size 480 854 --frames 20 60
    python benchmarks/bench_track.py --layouts 5           # channels last beside channels first

Each video is tracked in a process of its own, from JPEG files to the archive of probabilities as
rule `track` does it; the frames are links to a few files. Prints the peak of resident memory and
its growth a frame (one frame's picture and probabilities together are 7 bytes a pixel), the
seconds that reading, computing and writing take alone, and those of all together. With
``--layouts`` instead: CPU seconds of a frame with the weights in either order, medians of so many
rounds in turn, and the largest difference of a probability.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from masktrack_core.arrays import Size
from masktrack_core.datasets.videos import FrameFolder
from masktrack_core.files.archives import frame_key, write_prob_archive
from masktrack_core.files.io import write_frame
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.seeds import numpy_rng, torch_generator
from masktrack_core.tracking.propagation import PropagationParams, predict, propagate

DIFFERENT = 4


def write_video(folder: Path, length: int, size: Size) -> FrameFolder:
    """Return frames of noise, every fourth a link to the same file."""
    for t in range(length):
        path = folder / f"{t:05d}.jpg"
        if t < DIFFERENT:
            noise = numpy_rng(1, "frame", t).integers(0, 256, (*size, 3), dtype=np.uint8)
            write_frame(path, noise)
        else:
            os.link(folder / f"{t % DIFFERENT:05d}.jpg", path)
    return FrameFolder(folder)


class Copy(torch.nn.Module):
    """Answers the prior: what is left is the memory of everything but the network."""

    def __init__(self) -> None:
        """Have a parameter, whose device is asked for."""
        super().__init__()
        self.spec = NetworkSpec()
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        """Return scores that are sure of the prior."""
        score = 20.0 * prior.float() - 10
        return torch.cat([-score, score], dim=1)


def first_mask(size: Size) -> dict[int, np.ndarray]:
    mask = np.zeros(size, np.bool_)
    mask[size.height // 4 : size.height // 2, size.width // 4 : size.width // 2] = True
    return {0: mask}


def child(length: int, size: Size, kind: str) -> dict[str, float]:
    """Return peak memory and times of tracking one video in this process."""
    torch.set_num_threads(1)
    spec = NetworkSpec(backbone="slim", head="decoder")
    network = build_network(spec, generator=torch_generator(1)) if kind == "slim" else Copy()
    params = PropagationParams()
    with tempfile.TemporaryDirectory() as name:
        video = write_video(Path(name), length, size)
        start = time.perf_counter()
        probs = propagate(network, [video], first_mask(size), params)
        write_prob_archive(Path(name) / "a.zip", ((frame_key(t), prob) for t, prob in probs))
        together = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        alone = separately(network, video, first_mask(size)[0], Path(name))
    return {"frames": length, "peak_mib": peak, "together_s": together, **alone}


def separately(network, video: FrameFolder, mask: np.ndarray, folder: Path) -> dict[str, float]:
    """Return what each kind of work takes for all frames, from a few of them."""
    few = range(min(len(video), 20))
    times = [time.perf_counter()]
    frames = [video[t] for t in few]
    times.append(time.perf_counter())
    probs = [predict(network, frame, mask, PropagationParams()) for frame in frames]
    times.append(time.perf_counter())
    write_prob_archive(folder / "few.zip", ((frame_key(t), probs[t]) for t in few))
    times.append(time.perf_counter())
    names = ("reading_s", "computing_s", "writing_s")
    return dict(zip(names, np.diff(times) * len(video) / len(few), strict=True))


def layouts(rounds: int) -> None:
    """Print what a frame takes with channels first and last, of three networks."""
    torch.set_num_threads(1)
    frame = numpy_rng(1, "frame", 0).integers(0, 256, (480, 854, 3), dtype=np.uint8)
    mask = first_mask(Size(480, 854))[0]
    mobile = NetworkSpec(backbone="mobilenet_v2", head="decoder")
    region = PropagationParams(region=1.5, region_size=321)
    cases = {
        "MobileNetV2, 480 x 854": (mobile, PropagationParams()),
        "MobileNetV2, region 321": (mobile, region),
        "VGG16-ASPP, 480 x 854": (NetworkSpec(), PropagationParams()),
    }
    for name, (spec, params) in cases.items():
        network = build_network(spec, generator=torch_generator(1))
        seconds: dict[torch.memory_format, list[float]] = {}
        probs = {}
        for turn in range(rounds + 1):  # the first is not counted
            for order in (torch.contiguous_format, torch.channels_last):
                network.to(memory_format=order)
                start = time.process_time()
                probs[order] = predict(network, frame, mask, params)
                if turn:
                    seconds.setdefault(order, []).append(time.process_time() - start)
        first, last = (statistics.median(seconds[order]) for order in seconds)
        ratio = statistics.median(b / a for a, b in zip(*seconds.values(), strict=True))
        before, after = probs.values()
        line = f"{name:24} {first:.3f} s to {last:.3f} s, ratio {ratio:.2f}"
        sys.stdout.write(f"{line}, difference {np.abs(after - before).max():.1e}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=(200, 2000))
    parser.add_argument("--size", type=int, nargs=2, default=(64, 96), metavar=("H", "W"))
    parser.add_argument("--network", default="slim", choices=("slim", "copy"))
    parser.add_argument("--layouts", type=int, metavar="ROUNDS", help="compare orders of channels")
    parser.add_argument("--child", action="store_true", help="measure in this process")
    asked = parser.parse_args()
    if asked.layouts:
        layouts(asked.layouts)
        return
    if asked.child:
        sys.stdout.write(json.dumps(child(asked.frames[0], Size(*asked.size), asked.network)))
        return
    size = [str(side) for side in asked.size]
    found = []
    for frames in asked.frames:
        command = [sys.executable, __file__, "--child", "--frames", str(frames), "--size", *size]
        command += ["--network", asked.network]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout))
        sys.stdout.write(json.dumps({k: round(v, 2) for k, v in found[-1].items()}) + "\n")
    growth = found[-1]["peak_mib"] - found[0]["peak_mib"]
    each = 2**20 * growth / max(1, found[-1]["frames"] - found[0]["frames"])
    whole = 7 * asked.size[0] * asked.size[1]
    sys.stdout.write(f"growth: {growth:.1f} MiB, {each:.0f} bytes a frame (a frame has {whole})\n")


if __name__ == "__main__":
    main()
