"""Training with the real input pipeline beside training on one constant batch, in one run.

    python benchmarks/bench_loader.py --workers 0 --size 321

Prints both rates in steps a second, their ratio (expected: 0.95 or more) and the time of one
example. Stills are JPEG and PNG files drawn for the occasion, of ECSSD's size. On two cores give
no workers: there is no idle core for them. Beside a GPU give as many as there are cores to spare.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from masktrack_core.arrays import Frame, Mask
from masktrack_core.masks.deform import DeformationParams, apply_deformation, sample_deformation
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.seeds import numpy_rng, torch_generator
from masktrack_core.training.examples import Example, Examples, StillExamples, Stills
from masktrack_core.training.loop import RunParams, TrainParams, train
from masktrack_core.training.stills import kept

STILLS = 40


@dataclass
class Constant:
    """The same example again and again: what the pipeline costs nothing for."""

    example: Example

    def __len__(self) -> int:
        """Return the number of examples."""
        return 1

    def __getitem__(self, number: int) -> Example:
        """Return the example, whatever the number."""
        return self.example


class MaskFiles(dict[str, Mask]):
    """Masks in memory as PNG files are on disk: decoded when asked for."""

    def __getitem__(self, name: str) -> Mask:
        """Return the decoded mask."""
        return cv2.imdecode(super().__getitem__(name), cv2.IMREAD_GRAYSCALE) > 0


def write_stills(folder: Path) -> Stills:
    """Return stills read from files in the folder."""
    deformed = MaskFiles()
    for number in range(STILLS):
        rng = numpy_rng(0, "still", number)
        noise = rng.integers(0, 256, (38, 50, 3), dtype=np.uint8)
        frame = cv2.resize(noise, (400, 300), interpolation=cv2.INTER_CUBIC)
        mask = np.zeros((300, 400), np.uint8)
        centre = (int(rng.integers(120, 280)), int(rng.integers(100, 200)))
        cv2.ellipse(mask, centre, (70, 50), float(rng.uniform(0, 180)), 0, 360, 255, -1)
        cv2.imwrite(str(folder / f"{number}.jpg"), frame)
        cv2.imwrite(str(folder / f"{number}.png"), mask)
        for k in range(2):
            drawn = sample_deformation(mask > 0, DeformationParams(), rng=rng)
            shown = apply_deformation(mask > 0, drawn).astype(np.uint8) * 255
            deformed[f"{number}/{k}"] = cv2.imencode(".png", shown)[1]

    def read(name: str) -> tuple[Frame, Mask]:
        frame = cv2.imread(str(folder / f"{name}.jpg"))[..., ::-1]
        return np.ascontiguousarray(frame), cv2.imread(str(folder / f"{name}.png"), 0) > 0

    names = [str(number) for number in range(STILLS)]
    return Stills(names=names, read=read, deformed=deformed, digest=lambda: "noise")


def rate(network, examples: Examples, params: TrainParams, workers: int) -> float:
    """Return steps a second by the median step, the first three left out."""
    starts = []
    hook = network.register_forward_pre_hook(lambda *_: starts.append(time.perf_counter()))
    train(network, examples, params, seed=1, run=RunParams(workers=workers))
    hook.remove()
    return 1 / float(np.median(np.diff(starts)[3:]))


def cost(examples: Examples, count: int = 100) -> float:
    """Return CPU seconds of an example, in this process."""
    start = time.process_time()
    for number in range(count):
        examples[number]
    return (time.process_time() - start) / count


def kept_beside_read(stills: Stills, size: int, rounds: int) -> int:
    """Print what an example costs with stills that are read each time and with kept ones."""
    sources = [
        StillExamples(each, CropParams(size=size), seed=1) for each in (stills, kept(stills, 1024))
    ]
    costs = [[cost(source) for source in sources] for _ in range(rounds)]
    ratio = float(np.median([read / held for read, held in costs]))
    read, held = 1000 * np.median(costs, axis=0)
    sys.stdout.write(f"an example {read:.2f} CPU ms read, {held:.2f} kept: {ratio:.2f} times\n")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=161)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--head", default="decoder")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--kept", action="store_true", help="beside stills that stay decoded")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    spec = NetworkSpec(backbone=asked.backbone, head=asked.head)
    network = build_network(spec, generator=torch_generator(1)).to(device)
    params = TrainParams(
        iterations=asked.iterations, batch_size=asked.batch, precision=asked.precision
    )
    with tempfile.TemporaryDirectory() as folder:
        stills = write_stills(Path(folder))
        if asked.kept:
            return kept_beside_read(stills, asked.size, asked.rounds)
        examples = StillExamples(stills, CropParams(size=asked.size), seed=1)
        start = time.perf_counter()
        for number in range(50):
            examples[number]
        each = (time.perf_counter() - start) / 50
        # In turns, since other work on the machine comes and goes.
        rounds = [
            [
                rate(network, source, params, asked.workers)
                for source in (examples, Constant(examples[0]))
            ]
            for _ in range(asked.rounds)
        ]
    real, constant = np.median(rounds, axis=0)
    ratio = float(np.median([a / b for a, b in rounds]))
    sys.stdout.write(
        f"{device}: real pipeline {real:.2f} steps/s, constant batch {constant:.2f} steps/s, "
        f"ratio {ratio:.3f}, {1000 * each:.2f} ms an example\n"
    )
    return 0 if ratio >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
