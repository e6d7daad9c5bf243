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
def torch_scope(seed: int, *where: str | int) -> Iterator[None]:
    """Seed torch's global generators inside the block and restore them after it.

    For what takes no generator: dropout draws from the global one.
    """
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(seed, *where))
        yield
