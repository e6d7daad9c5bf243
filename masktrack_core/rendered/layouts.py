"""Writes the embedded benchmark in the original layouts of the data sets.

The same readers, rules and protocols then run on it as on DAVIS-2016, YouTube-Objects,
SegTrack-v2 and ECSSD. Same seed: byte-identical files. A set appears whole or not at all.
"""

import csv
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masktrack_core.arrays import Mask, Size
from masktrack_core.errors import InputError
from masktrack_core.files.io import atomic_folder
from masktrack_core.rendered.clips import VIDEO_SETS
from masktrack_core.rendered.scenes import Clip, render_clip, render_still
from masktrack_core.rendered.scripts import DAVIS_ATTRIBUTES, ClipScript
from masktrack_core.seeds import numpy_rng

LOG = logging.getLogger(__name__)

JPEG_QUALITY = 92
LABEL_SPACING = 10
"""Frames between two annotated frames of YouTube-Objects."""

BMP_FOLDERS = (
    "JPEGImages/sidewinder",
    "GroundTruth/sidewinder",
    "GroundTruth/squid_spider/1",
)
"""Folders of the SegTrack-v2 layout with BMP: as ``girl`` and the first object of ``cheetah``."""


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a grey or RGB picture; the suffix tells the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"quality": JPEG_QUALITY} if path.suffix == ".jpg" else {}
    Image.fromarray(np.ascontiguousarray(picture)).save(path, **options)


def _black_and_white(mask: Mask) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * 255


def _write_davis(root: Path, script: ClipScript, clip: Clip) -> None:
    """Write frames as JPEG and the truth as grey PNG 0/255, numbered from 0."""
    for t, (frame, labels) in enumerate(zip(clip.frames, clip.labels, strict=True)):
        _save(root / "JPEGImages" / "480p" / script.name / f"{t:05d}.jpg", frame)
        truth = root / "Annotations" / "480p" / script.name / f"{t:05d}.png"
        _save(truth, _black_and_white(labels > 0))


def half_mask(mask: Mask) -> Mask:
    """Return the mask at half the size: a pixel is set where 2 or more of its 4 are.

    Raises ``InputError`` for an odd height or width.
    """
    height, width = mask.shape
    if height % 2 or width % 2:
        raise InputError(f"mask: expected an even height and width, got {mask.shape}")
    blocks = mask.reshape(height // 2, 2, width // 2, 2)
    return np.asarray(blocks.sum(axis=(1, 3)) >= 2)


def _write_youtube_objects(root: Path, script: ClipScript, clip: Clip) -> None:
    """Write frames from 1 and the truth of every tenth, a grey JPEG of half the size."""
    name, video, shot = script.shot
    folder = root / "youtube_masks" / name / "data" / video / "shots" / shot
    for t, (frame, labels) in enumerate(zip(clip.frames, clip.labels, strict=True)):
        _save(folder / "images" / f"frame{t + 1:04d}.jpg", frame)
        if t % LABEL_SPACING == 0:
            truth = _black_and_white(half_mask(labels > 0))
            _save(folder / "labels" / f"{t + 1:05d}.jpg", truth)


def soft_truth(mask: Mask) -> NDArray[np.uint8]:
    """Return the mask in RGB with greys along its border; > 127 gives the exact mask back."""
    solid = _black_and_white(mask)
    soft = cv2.GaussianBlur(solid, (3, 3), 0.6)
    grey = np.where(mask, np.maximum(soft, 128), np.minimum(soft, 127)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _save_bmp_or_png(root: Path, folder: str, stem: str, picture: NDArray[np.uint8]) -> None:
    suffix = ".bmp" if folder in BMP_FOLDERS else ".png"
    _save(root / folder / f"{stem}{suffix}", picture)


def _write_segtrack_v2(root: Path, script: ClipScript, clip: Clip) -> None:
    """Write frames, one truth folder an object where there are several, and the frame list."""
    stems = [f"{script.name}_{t + 1:05d}" for t in range(script.length)]
    objects = sorted({actor.label for actor in script.actors} - {0})
    truth = f"GroundTruth/{script.name}"
    for stem, frame, labels in zip(stems, clip.frames, clip.labels, strict=True):
        _save_bmp_or_png(root, f"JPEGImages/{script.name}", stem, frame)
        for label in objects:
            folder = f"{truth}/{label}" if len(objects) > 1 else truth
            _save_bmp_or_png(root, folder, stem, soft_truth(labels == label))
    listing = root / "ImageSets" / f"{script.name}.txt"
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text("\n".join([f"*{script.name}", *stems]) + "\n", encoding="utf-8")


_WRITERS: Mapping[str, Callable[[Path, ClipScript, Clip], None]] = MappingProxyType(
    {
        "davis": _write_davis,
        "youtube_objects": _write_youtube_objects,
        "segtrack_v2": _write_segtrack_v2,
    }
)


def _write_attributes(path: Path, scripts: tuple[ClipScript, ...]) -> None:
    """Write which DAVIS attributes each sequence has, 0 or 1."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sequence", *DAVIS_ATTRIBUTES])
        for script in scripts:
            held = [int(code in script.attributes) for code in DAVIS_ATTRIBUTES]
            writer.writerow([script.name, *held])


def write_video_set(root: Path, layout: str, *, seed: int) -> None:
    """Render the clips of a layout and write them below ``root`` as the original set lies.

    ``layout`` is a key of ``VIDEO_SETS``; ``attributes.csv`` is written at the root. Clip ``c``
    depends on ``(seed, layout, c)`` only. Raises ``InputError`` for another layout.
    """
    if layout not in VIDEO_SETS:
        raise InputError(f"layout: expected one of {sorted(VIDEO_SETS)}, got {layout!r}")
    with atomic_folder(root) as folder:
        for script in VIDEO_SETS[layout]:
            clip = render_clip(script, rng=numpy_rng(seed, "render", layout, script.name))
            _WRITERS[layout](folder, script, clip)
            LOG.info("rendered %s/%s: %d frames", layout, script.name, script.length)
        _write_attributes(folder / "attributes.csv", VIDEO_SETS[layout])


def write_stills(root: Path, count: int, *, size: Size, seed: int) -> None:
    """Render stills with their masks and write them as ECSSD lies, numbered from 1.

    Still ``i`` depends on ``(seed, i)`` only, so a larger count keeps the first ones. Raises
    ``InputError`` for a count below 1.
    """
    if count < 1:
        raise InputError(f"count: expected at least 1 still, got {count}")
    with atomic_folder(root) as folder:
        for index in range(count):
            frame, mask = render_still(size=size, rng=numpy_rng(seed, "still", index))
            stem = f"{index + 1:04d}"
            _save(folder / "images" / f"{stem}.jpg", frame)
            _save(folder / "ground_truth_mask" / f"{stem}.png", _black_and_white(mask))
    LOG.info("rendered %d stills of %d x %d", count, size.width, size.height)
