"""From one integer to a random generator for one place in the experiment.

The generator of item ``i`` of stage ``s`` depends on ``(seed, s, i)`` only: the same item comes
out whatever the order, the batch or the number of workers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_sequence(seed: int, *where: str | int) -> np.random.SeedSequence:
    """Return the seed of one place, e.g. ``seed_sequence(1, "deform", 17)``.

    Words enter by their CRC-32, which is the same in every process (``hash`` is not).
    """
    words = [crc32(place.encode()) if isinstance(place, str) else place for place in where]
    return np.random.SeedSequence([seed, *words])


def numpy_rng(seed: int, *where: str | int) -> np.random.Generator:
    """Return the NumPy generator of one place."""
    return np.random.default_rng(seed_sequence(seed, *where))


def torch_seed(seed: int, *where: str | int) -> int:
    """Return a 63-bit seed for torch of one place."""
    return int(seed_sequence(seed, *where).generate_state(1, np.uint64)[0] >> 1)


def torch_generator(seed: int, *where: str | int) -> "torch.Generator":
    """Return a torch generator (on the CPU) of one place."""
    import torch

    generator = torch.Generator()
    generator.manual_seed(torch_seed(seed, *where))
    return generator


@contextmanager
def torch_scope(
    seed: int, *where: str | int, device: "torch.device | None" = None
) -> Iterator[None]:
    """Seed torch's global generators inside the block; restore the CPU's and ``device``'s after it.

    For what takes no generator: dropout draws from the global one.
    """
    import torch

    # Only the one in use: to ask another GPU for its generator takes memory there.
    used = [] if device is None or device.type == "cpu" else [device]
    with torch.random.fork_rng(used, device_type=used[0].type if used else "cuda"):
        torch.manual_seed(torch_seed(seed, *where))
        yield
