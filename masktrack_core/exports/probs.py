"""The probabilities themselves: a folder an object, a grey PNG a frame."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from masktrack_core.errors import InputError
from masktrack_core.exports.followed import Followed
from masktrack_core.files.io import atomic_folder


def check_probs(path: Path) -> None:
    """Raise `InputError` for what looks like a file."""
    if path.suffix:
        raise InputError(
            f"{path}: expected a folder for the probabilities, got a name with '{path.suffix}'; "
            "leave it out"
        )


def write_probs(path: Path, followed: Followed, times: Iterable[int]) -> None:
    """Write ``<object>/<frame>.png``, 8 bits: the probability in 255ths, before objects meet."""
    with atomic_folder(path) as folder:
        for label in followed.tracks:
            (folder / str(label)).mkdir()
        for t in times:
            for label, prob in followed.probs(t).items():
                grey = np.ceil(prob * 255 - 0.5).astype(np.uint8)
                place = folder / str(label) / f"{followed.clip.names[t]}.png"
                Image.fromarray(grey).save(place, compress_level=1)
