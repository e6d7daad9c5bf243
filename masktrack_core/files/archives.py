"""Many small pictures in one file: deformed masks, annotations, probabilities of a video.

The deformed masks of a training set are two per still, some 20 000: one file is kinder to a file
system, to Snakemake and to a copy than 20 000. The file is a plain zip of PNGs, stored without
further compression, so that anyone can look inside. It is written one picture at a time, while
the next is computed: memory does not grow with the video.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masktrack_core.arrays import Frame, Mask, Prob
from masktrack_core.errors import InputError
from masktrack_core.files.decoding import bilevel
from masktrack_core.files.picture_zip import Picture, PictureZip, write_pictures

#: How far interpolation may carry a probability beyond [0, 1].
_ROUNDING = 1e-5


def frame_key(t: int) -> str:
    """Return the name of frame ``t`` in an archive: five digits."""
    return f"{t:05d}"


def write_mask_archive(path: Path, masks: Iterable[tuple[str, Mask]], *, made_of: str = "") -> None:
    """Write named masks into one file, in the order given, as 1-bit PNGs.

    A name may have folders (``ecssd/0001-a``). Equal masks give equal bytes. The masks are taken
    one at a time and may come from a generator, which makes the next ones while a thread writes;
    it must not change a mask it has given. If it raises, no file is left. ``made_of`` is a word by
    which a reader knows from what the masks come (`PictureZip.made_of`). Raises `InputError` for a
    doubled or unsafe name and for what is not a bool ``(H, W)`` array.
    """
    write_pictures(path, masks, np.bool_, lambda mask: mask, made_of=made_of)


def write_prob_archive(path: Path, probs: Iterable[tuple[str, Prob]]) -> None:
    """Write named foreground probabilities into one file as 8-bit PNGs: steps of 1/255.

    Otherwise as `write_mask_archive`; what is not float32 ``(H, W)`` in [0, 1] is refused. A
    probability above one half stays above it.
    """

    def encode(prob: Prob) -> NDArray[np.uint8]:
        if not (prob.min() >= -_ROUNDING and prob.max() <= 1 + _ROUNDING):  # also refuses NaN
            raise InputError(
                f"{path}: expected probabilities in [0, 1], got {prob.min()} … {prob.max()}"
            )
        return np.ceil(prob.clip(0, 1) * 255 - 0.5).astype(np.uint8)

    write_pictures(path, probs, np.float32, encode)


def write_grey_archive(path: Path, frames: Iterable[tuple[str, Frame]]) -> None:
    """Write named frames of three equal channels (flow magnitudes) into one file as grey PNGs.

    Otherwise as `write_mask_archive`; a frame whose channels differ is refused.
    """

    def only_grey() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for name, frame in frames:
            if frame.ndim != 3 or (frame != frame[..., :1]).any():
                raise InputError(
                    f"{path}: {name!r}: expected a frame (H, W, 3) of three equal channels, got "
                    f"{frame.shape} or colours; store colours as pictures of their own"
                )
            yield name, frame[..., 0]

    write_pictures(path, only_grey(), np.uint8, lambda grey: grey)


class MaskArchive(PictureZip[Mask]):
    """The masks that `write_mask_archive` wrote, by name; each read when it is asked for."""

    @staticmethod
    def _decoded(picture: Image.Image) -> Mask:
        return bilevel(picture)


class ProbArchive(PictureZip[Prob]):
    """The probabilities that `write_prob_archive` wrote, by name, to 1/510."""

    @staticmethod
    def _decoded(picture: Image.Image) -> Prob:
        return np.array(picture, dtype=np.float32) / np.float32(255)


class GreyArchive(PictureZip[Frame]):
    """The frames that `write_grey_archive` wrote, by name, grey in three equal channels."""

    @staticmethod
    def _decoded(picture: Image.Image) -> Frame:
        return np.repeat(np.array(picture, dtype=np.uint8)[..., None], 3, axis=2)


class Archives(Mapping[str, Picture], Generic[Picture]):
    """Several archives as one mapping; the first that has a name answers."""

    def __init__(self, archives: Sequence[PictureZip[Picture]]) -> None:
        """Take the archives, at least one."""
        self._archives = tuple(archives)

    def __iter__(self) -> Iterator[str]:
        """Return the names, archive by archive."""
        return (name for archive in self._archives for name in archive)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return sum(len(archive) for archive in self._archives)

    def __getitem__(self, name: str) -> Picture:
        """Return the picture of this name; raise `InputError` where no archive has it."""
        holder = next((one for one in self._archives if name in one), self._archives[-1])
        return holder[name]


class ArchivedFrames:
    """A sequence of frames in an archive, named by `frame_key`: a stream to propagate over."""

    def __init__(self, frames: Mapping[str, Frame]) -> None:
        """Take the archive."""
        self._frames = frames

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._frames)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t``; raise `InputError` when it is missing or damaged."""
        return self._frames[frame_key(t)]


class _OfObject(Mapping[str, Prob]):
    """The frames of one object in an archive of several, by `frame_key`."""

    def __init__(self, archive: ProbArchive, object_id: int) -> None:
        self._archive, self._folder = archive, f"{object_id}/"

    def __iter__(self) -> Iterator[str]:
        names = (name for name in self._archive if name.startswith(self._folder))
        return (name.removeprefix(self._folder) for name in names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Prob:
        return self._archive[f"{self._folder}{name}"]


def object_key(object_id: int, t: int) -> str:
    """Return the name of an object's frame in an archive of several objects."""
    return f"{object_id}/{frame_key(t)}"


def read_track(path: Path, object_id: int) -> Mapping[str, Prob]:
    """Return an object's probabilities by `frame_key`, from its archive or one of several objects.

    Raises `InputError` for an archive of several that has none of this one.
    """
    archive = ProbArchive(path)
    if not any("/" in name for name in archive):
        return archive
    track = _OfObject(archive, object_id)
    if not track:
        raise InputError(
            f"{path}: expected frames of object {object_id}, got others alone; delete the file and "
            "run again, it is then made anew"
        )
    return track


def mean_prob(tracks: Sequence[Mapping[str, Prob]], t: int) -> Prob:
    """Return the foreground probability of frame ``t`` averaged over tracks, float32 ``(H, W)``."""
    mean: Prob = np.mean([track[frame_key(t)] for track in tracks], axis=0, dtype=np.float32)
    return mean


def read_annotations(path: Path) -> dict[int, Mask]:
    """Return the annotated masks of a video by frame number, from an archive of them."""
    archive = MaskArchive(path)
    return {int(name): archive[name] for name in archive}
