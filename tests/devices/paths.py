"""The project's roads over a device, run on the pretended one; prints what came of them as JSON.

    python tests/devices/paths.py
    python tests/devices/paths.py cuda     # on a real one, no slips: a line for each path

Each path gives its largest difference to the CPU, and the waits of each of its steps or frames.
`SLIPS` are mistakes that no run on a CPU shows: each is put into a module's text before it is
imported, in a process of its own, and one path is run.
"""

import json
import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from unittest.mock import patch

# What takes long to import is there before the processes part.
import cv2  # noqa: F401
import numpy as np
import pandas  # noqa: F401
import pretend
import torch
import torch._dynamo
import torch.distributed.tensor

SIDE = 65
DEVICE = sys.argv[1] if __name__ == "__main__" and sys.argv[1:] else pretend.NAME

#: What is wrong: the module, its text, the slip, and the path that sees it.
SLIPS = {
    "a frame's answer stays on the device": (
        "tracking.resident",
        "found.to(torch.uint8)[None]]).cpu().numpy()",
        "found.to(torch.uint8)[None]]).numpy()",
        "propagation",
    ),
    "the disk stays on the host": (
        "masks.tensors",
        "send(disk(radius).copy(), masks.device)",
        "torch.from_numpy(disk(radius).copy())",
        "propagation",
    ),
    "the matrix of a region stays on the host": (
        "masks.tensors",
        "return send(np.asarray(matrix, np.float32)[None], device)",
        "return torch.from_numpy(np.asarray(matrix, np.float32)[None])",
        "propagation in a region",
    ),
    "the host waits until a frame is sent": (
        "devices",
        "tensor.to(device, non_blocking=True)",
        "tensor.to(device)",
        "propagation in a region",
    ),
    "the host asks whether a mask is empty": (
        "tracking.resident",
        "torch.where(found, mask, previous)",
        "mask if found else previous",
        "propagation of touching parts",
    ),
    "dropout's noise is drawn on the host": (
        "networks.heads",
        "dtype=torch.int64, device=x.device)",
        "dtype=torch.int64)",
        "training of aspp",
    ),
    "dropout sends a number": (
        "networks.heads",
        "torch.full((), 256 / max(kept, 1), dtype",
        "torch.tensor(256 / max(kept, 1), dtype",
        "training of aspp",
    ),
    "mean and scale are no buffers": (
        "networks.network",
        'self.register_buffer("mean", torch.empty(1, 3, 1, 1), persistent=False)',
        "self.mean = torch.empty(1, 3, 1, 1)",
        "training of the decoder",
    ),
    "the target stays on the host": (
        "training.loop",
        "for part in batch)",
        "for part in batch[:2]) if 0 else (batch[0].to(self.device, non_blocking=True), "
        "batch[1].to(self.device, non_blocking=True), batch[2])",
        "training of the decoder",
    ),
    "every loss is read at once": (
        "training.loop",
        "_LOSSES_AT_ONCE = 20",
        "_LOSSES_AT_ONCE = 1",
        "training of the decoder",
    ),
    "the running mean is kept on the host": (
        "training.optimisers",
        "name: weight.detach().clone() for name",
        "name: weight.detach().cpu().clone() for name",
        "training with AdamW, mean and clipping",
    ),
    "the digest looks at the device's weights": (
        "training.state",
        "tensor.detach().cpu().contiguous()",
        "tensor.detach().contiguous()",
        "a training that goes on",
    ),
    "saved weights stay on the device": (
        "networks.weights",
        'tensor.detach().to("cpu", dtype).contiguous()',
        "tensor.detach().to(dtype).contiguous()",
        "saving and loading",
    ),
    "the offline weights are kept on the host": (
        "tracking.segmentation",
        "before = copy.deepcopy(network.state_dict())",
        "before = {name: one.cpu() for name, one in network.state_dict().items()}",
        "fine-tuning",
    ),
    "the grid of RAFT is made on the host": (
        "motion.raft",
        "columns = torch.arange(width, dtype=like.dtype, device=like.device)",
        "columns = torch.arange(width, dtype=like.dtype)",
        "RAFT",
    ),
    "RAFT sends the extent of every level": (
        "motion.raft",
        "torch.stack([at.new_full((), length - 1) for length in lengths])",
        "at.new_tensor([length - 1 for length in lengths])",
        "RAFT",
    ),
}


class Squares:
    """Examples of a bright square on noise."""

    def __len__(self):
        return 8

    def digest(self):
        return "squares"

    def __getitem__(self, number):
        from masktrack_core.seeds import numpy_rng
        from masktrack_core.training.examples import Example

        rng = numpy_rng(0, number)
        target = np.zeros((SIDE, SIDE), np.uint8)
        x, y = rng.integers(0, SIDE - 20, 2)
        target[y : y + 20, x : x + 20] = 1
        image = rng.integers(0, 90, (3, SIDE, SIDE), dtype=np.uint8) + 120 * target[None]
        prior = np.roll(target, 2, axis=0)[None] == 1
        target[:, -1] = 255
        return Example(image, prior, target)


class BreakingSquares(Squares):
    def __getitem__(self, number):
        if number == 5:
            raise InterruptedError
        return super().__getitem__(number)


def network(head="decoder", *, prior="mask", on=False):
    from masktrack_core.networks.network import NetworkSpec, build_network
    from masktrack_core.seeds import torch_generator

    spec = NetworkSpec(backbone="slim", head=head, prior=prior)
    made = build_network(spec, generator=torch_generator(1))
    return made.to(DEVICE) if on else made


def clip():
    """Return five frames of noise with a dark part that moves, and its mask in the first."""
    noise = np.random.default_rng(0).integers(0, 255, (5, 97, 129, 3), dtype=np.uint8)
    mask = np.zeros((97, 129), np.bool_)
    mask[20:60, 30:80] = True
    for t, frame in enumerate(noise):
        frame[np.roll(mask, 2 * t, axis=1)] //= 3
    return list(noise), mask


def apart(one, other):
    """Return the largest difference between the weights of two networks."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a.cpu().float() - b.cpu().float()).abs().max()) for a, b in pairs)


def training(head="decoder", *, workers=0, **params):
    from masktrack_core.training.loop import RunParams, TrainParams, train

    on, off = network(head, on=True), network(head)
    params = TrainParams(iterations=2, batch_size=2, **params)
    train(on, Squares(), params, seed=1, run=RunParams(workers=workers))
    train(off, Squares(), params, seed=1)
    return apart(on, off)


def going_on():
    from masktrack_core.training.loop import RunParams, TrainParams, train

    params = TrainParams(iterations=3, batch_size=2, ema=0.9, optimizer="adamw")
    with tempfile.TemporaryDirectory() as folder:
        run = RunParams(state=Path(folder) / "state", save_every_s=0)
        with suppress(InterruptedError):
            train(network(on=True), BreakingSquares(), params, seed=1, run=run)
        resumed = network(on=True)
        train(resumed, Squares(), params, seed=1, run=run)
    straight = network(on=True)
    train(straight, Squares(), params, seed=1)
    return apart(resumed, straight)


def finetuning():
    from masktrack_core.masks.regions import CropParams
    from masktrack_core.tracking.segmentation import FinetuningParams, finetune
    from masktrack_core.training.examples import FirstFrameParams
    from masktrack_core.training.loop import TrainParams

    frames, mask = clip()
    params = FinetuningParams(
        schedule=TrainParams(iterations=2, batch_size=2),
        offline_share=0.25,
        examples=FirstFrameParams(crop=CropParams(size=SIDE), samples=10),
    )
    on, off = network(on=True), network()
    for each in (on, off):
        finetune(each, frames, {0: mask}, params, seed=1)
    return apart(on, off)


def propagation(*, networks=1, prior="mask", **row):
    from masktrack_core.tracking.propagation import PropagationParams, propagate

    frames, mask = clip()
    others = {3: np.roll(mask, 30, axis=1)}
    answers = []
    for on in (True, False):
        nets = [network(prior=prior, on=on) for _ in range(networks)]
        given = nets[0] if networks == 1 else nets
        streams = [frames, [255 - frame for frame in frames]]
        params = PropagationParams(region_size=SIDE, **row)
        answers.append(dict(propagate(given, streams, {1: mask}, params, others=others)))
    return max(float(np.abs(answers[0][t] - answers[1][t]).max()) for t in answers[1])


def boxes():
    from masktrack_core.tracking.propagation import PropagationParams
    from masktrack_core.tracking.segmentation import segment_boxes

    frames, mask = clip()
    params = PropagationParams(threshold=0.1)
    on, off = (
        segment_boxes(network(prior="box", on=on), frames, {0: mask}, params)[0]
        for on in (True, False)
    )
    return float((on != off).mean())


def saving():
    from masktrack_core.networks.weights import load_network, save_weights

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        save_weights(path, network(on=True), {})
        return apart(load_network(path)[0], network())


def raft():
    from masktrack_core.motion.raft import RaftSmall, raft_flow

    torch.manual_seed(0)
    model = RaftSmall().eval().requires_grad_(False)
    pair = np.random.default_rng(0).integers(0, 255, (2, 136, 152, 3), dtype=np.uint8)
    there = raft_flow(model, *pair, iterations=2)
    return float(np.abs(raft_flow(model.to(DEVICE), *pair, iterations=2) - there).max())


PATHS = {
    "training of the decoder": training,
    "training with AdamW, mean and clipping": lambda: training(
        optimizer="adamw", loss_at="pixels", ema=0.9, clip_norm=5.0
    ),
    "training in bf16": lambda: training(precision="bf16"),
    "training of aspp": lambda: training("aspp"),
    "training of aspp in bf16": lambda: training("aspp", precision="bf16"),
    "training with workers": lambda: training(workers=2),
    "a training that goes on": going_on,
    "fine-tuning": finetuning,
    "propagation": propagation,
    "propagation by two networks": lambda: propagation(networks=2, flow_weight=0.25),
    "propagation in a region": lambda: propagation(region=1.5),
    "propagation of a box in a region": lambda: propagation(prior="box", region=1.5),
    "propagation of touching parts": lambda: propagation(region=1.5, connected=True),
    "propagation in bf16": lambda: propagation(precision="bf16"),
    "segments in boxes": boxes,
    "saving and loading": saving,
    "RAFT": raft,
}


def counted(function, waits):
    """Return a step or a frame that notes where it waits."""

    def counting(*args, **kwargs):
        with pretend.watched() as traffic:
            out = function(*args, **kwargs)
        waits.append([f"{what} {place}" for what, place in traffic.waits.elements()])
        return out

    return counting


def walked(name):
    """Return what came of a path: error or difference to the CPU, and the waits of its parts."""
    from masktrack_core.motion.raft import RaftSmall
    from masktrack_core.tracking.resident import Resident
    from masktrack_core.training.loop import _Loop

    waits = []
    difference = error = None
    with ExitStack() as stack:
        for owner, method in ((_Loop, "step"), (Resident, "estimate"), (RaftSmall, "forward")):
            counting = counted(getattr(owner, method), waits)
            stack.enter_context(patch.object(owner, method, counting))
        try:
            difference = PATHS[name]()
        except Exception as caught:
            error = f"{type(caught).__name__}: {caught}"
    return {"difference": difference, "error": error, "waits": waits}


def strict(step):
    """Return a step of a training that raises where it makes the host wait for CUDA."""

    def stepping(loop, batch):
        waits = loop.device.type != "cuda" or not loop.inspected  # the first looks at its gradients
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode(before if waits else "error")
        try:
            return step(loop, batch)
        finally:
            torch.cuda.set_sync_debug_mode(before)

    return stepping


def on_cuda():
    """Run every path on CUDA; return how many failed."""
    from masktrack_core.training.loop import _Loop

    _Loop.step = strict(_Loop.step)
    failed = 0
    for name in PATHS:
        came = walked(name)
        failed += came["error"] is not None
        said = came["error"] or f"{came['difference']:.2g} from the CPU"
        sys.stdout.write(f"{name}: {said}\n")
    return failed


def plant(module, text, slip):
    """Have the slip in the module when it is imported."""
    plain = SourceFileLoader.get_code

    def get_code(loader, name):
        if name != f"masktrack_core.{module}":
            return plain(loader, name)
        source = loader.get_source(name)
        assert source.count(text) == 1, f"{module}: {source.count(text)} times {text!r}"
        return compile(source.replace(text, slip), loader.path, "exec")

    SourceFileLoader.get_code = get_code


def in_a_process(function):
    """Return what a function gives in a process of its own, through JSON."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        try:
            with os.fdopen(writer, "w") as file:
                json.dump(function(), file)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        found = json.load(file)
    os.wait()
    return found


def main():
    torch.set_num_threads(1)
    pretend.register()
    torch.cpu.get_capabilities = lambda: {"bf16": True}  # imitated on a CPU that has none of it
    with torch.device("meta"):  # sympy
        torch.nn.Conv2d(1, 1, 1)
    found = in_a_process(lambda: {name: walked(name) for name in PATHS})
    slips = {}
    for name, (module, text, slip, path) in SLIPS.items():

        def slipped(module=module, text=text, slip=slip, path=path):
            plant(module, text, slip)
            return walked(path)

        slips[name] = in_a_process(slipped)
    json.dump({"paths": found, "slips": slips}, sys.stdout)


if __name__ == "__main__":
    sys.exit(main() if DEVICE == pretend.NAME else on_cuda())
