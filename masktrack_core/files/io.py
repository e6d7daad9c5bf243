"""Frames, masks, labels and tables on disk.

Everything is written under a temporary name and renamed: a file that exists is complete.
"""

import errno
import hashlib
import io
import logging
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from masktrack_core.arrays import Frame, Labels, Mask
from masktrack_core.errors import InputError, describe
from masktrack_core.files.decoding import Picture, distinct_colours, is_deep, read_picture
from masktrack_core.files.durability import rename, sync_folder
from masktrack_core.progress import bar
from masktrack_core.tables import Schema, format_table, parse_table, sealed, unsealed

_log = logging.getLogger(__name__)

_PARTIAL = ".partial-"
#: Bytes from which on a digest takes seconds, and has a bar.
_LARGE = 2**28
_LOSSY = (".jpg", ".jpeg", ".webp")
#: A drawing has at most so many colours, a photograph more.
_FLAT_COLOURS = 8


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of what a file holds.

    Raises `InputError` for a file that cannot be read.
    """
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as file:
            if size < _LARGE:
                return hashlib.file_digest(file, algorithm).hexdigest()
            digest = hashlib.new(algorithm)
            shown: Any = bar(
                words=f"read {Path(path).name}",
                total=size,
                unit="B",
                unit_scale=True,
                leave=False,
            )
            with shown:
                while part := file.read(2**20):
                    digest.update(part)
                    shown.update(len(part))
            return digest.hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: expected a file that can be read, got {describe(error)}; check the disk"
        ) from error


def write_digest(path: Path, folder: Path) -> None:
    """Write a digest of the names and contents of all files below a folder, in one line."""
    digest = hashlib.sha256()
    for file in sorted(found for found in Path(folder).rglob("*") if found.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file_digest(file)}\n".encode())
    write_text(path, digest.hexdigest() + "\n")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; rename it to ``path`` when the block ends well.

    Readers see the old file or the new one, never a part of it, also after a power cut; when this
    returns the new one is there for good. Missing
    parent folders are made. When the block raises, nothing is left behind. The temporary name keeps
    the suffix of ``path``, because many writers choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        if any(part.startswith(_PARTIAL) for part in path.parent.parts):
            temporary.replace(path)  # its folder is synced once, when it gets its own name
        else:
            rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; it takes the place of ``path`` when the block ends.

    When the block raises, nothing is left behind and an older ``path`` stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        for folder, _, _ in os.walk(temporary):
            sync_folder(Path(folder))
        rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_frame(path: Path, *, deep: tuple[int, int] = (0, 65535)) -> Frame:
    """Return a frame as RGB, upright.

    Grey and palette pictures become RGB, alpha is dropped, an EXIF rotation is applied. 16-bit
    greys are scaled to 8 bits, from the range ``deep``: that of `grey_range` in a sequence, whose
    sensor may use a small part of the bits. Raises `InputError` naming the file when it is missing,
    damaged, truncated or larger than `masktrack_core.files.decoding.MAX_PIXELS`.
    """
    picture = read_picture(path)
    values = picture.coloured
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    elif values.dtype == np.uint16:
        low, high = deep
        span = max(high - low, 1)
        above = values.clip(low, high).astype(np.uint32) - low
        values = (above * 255 + span // 2) // span
    values = values.astype(np.uint8, copy=False)
    return np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values


def grey_range(paths: Sequence[Path]) -> tuple[int, int]:
    """Return the smallest and the largest value of a sequence's 16-bit greys, which is logged.

    All of 16 bits, and nothing is read or said, where the first picture has no such greys.
    """
    if not is_deep(paths[0]):
        return 0, 65535
    values = [read_picture(path).values for path in paths if is_deep(path)]
    low, high = min(int(v.min()) for v in values), max(int(v.max()) for v in values)
    _log.warning(
        "%s and after: frames of 16 bits, their values %d to %d are stretched over 8 bits",
        paths[0],
        low,
        high,
    )
    return low, high


def read_mask(path: Path, *, threshold: int | None = 127) -> Mask:
    """Return a binary mask.

    A lossless file whose values are {0, 1} or {0, full} is foreground where > 0; any other, and
    every JPEG, where > ``threshold`` of 255; None is half of the file's largest value (the rule
    for results, DAVIS' ``db_read_result``). Colour masks (SegTrack-v2 stores grey as RGB) count by
    their largest channel; where pixels differ in opacity, what is opaque (`opaque_object`). A
    coloured palette counts by its indices, which must be {0, 1} or {0, 255}.
    Raises `InputError` for unreadable files and for several objects in one palette.
    """
    picture = read_picture(path)
    cutout = opaque_object(path, picture)
    if cutout is not None:
        return cutout
    if picture.palette is not None and not picture.grey_palette:
        ids = np.unique(picture.values)
        if ids[-1] not in (0, 1, 255) or ids.size > 2 or (ids.size == 2 and ids[0] != 0):
            raise InputError(
                f"{path}: expected one object, palette indices {{0, 1}} or {{0, 255}}, got "
                f"{ids.tolist()}; read as labels and choose an object (masktrack score --object)"
            )
        return np.asarray(picture.values > 0)
    values = picture.coloured
    if values.ndim == 3:
        values = values.max(axis=2)
    if values.dtype == np.bool_:
        return values
    full = int(np.iinfo(values.dtype).max)
    largest = values.max()
    binary = largest in (0, 1, 255, full) and bool(((values == 0) | (values == largest)).all())
    if picture.lossless and binary:
        return np.asarray(values > 0)
    cut = float(largest) / 2 if threshold is None else threshold * (full // 255)
    return np.asarray(values > cut)


def opaque_object(path: Path, picture: Picture) -> Mask | None:
    """Return what is opaque in a picture with transparent pixels; None for one without.

    None, too, where a palette makes only its index 0, the background, transparent. Raises
    `InputError` where all is transparent, and where the visible pixels show a few flat colours that
    say something else than the opacity.
    """
    if picture.alpha is None:
        return None
    opaque: Mask = picture.alpha > 127
    if picture.palette is not None and not picture.values[~opaque].any():
        return None
    if not opaque.any():
        raise InputError(
            f"{path}: expected a visible object, got a picture that is transparent everywhere; "
            "save it without transparency"
        )
    colours = picture.coloured
    colours = np.dstack([colours] * 3) if colours.ndim == 2 else colours
    visible = distinct_colours(colours[opaque])
    bright = colours.max(axis=2) > colours.max() // 2
    if 1 < len(visible) <= _FLAT_COLOURS and not np.array_equal(bright, opaque):
        raise InputError(
            f"{path}: expected a mask by its colours or by its transparency, got both: "
            f"{len(visible)} colours in what is opaque; save it without transparency"
        )
    return opaque


def read_labels(path: Path) -> Labels:
    """Return the object ids of a label picture, unchanged: palette indices or grey values.

    A grey 0/255 mask therefore reads as void, 255: use `read_mask` for those. Raises `InputError`
    for unreadable files, lossy ones (their values are not exact), colours and ids above 255.
    """
    picture = read_picture(path)
    values = picture.values
    if values.ndim == 3 and (values == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim == 3 or not picture.lossless:
        raise InputError(
            f"{path}: expected object ids as palette indices or grey values in a lossless file, "
            f"got {'colours' if picture.lossless else 'a lossy one (JPEG)'}; save a palette PNG"
        )
    if values.max() > 255:
        raise InputError(
            f"{path}: expected object ids 0 to 255, got {int(values.max())}; renumber the objects"
        )
    return values.astype(np.uint8)


def write_frame(path: Path, frame: Frame) -> None:
    """Write a frame; the suffix chooses the format (JPEG at quality 95, or PNG, BMP, …)."""
    _save(path, Image.fromarray(_checked(path, frame, np.uint8, (..., ..., 3))), quality=95)


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as a grey picture of 0 and 255. Raises `InputError` for a lossy suffix."""
    _refuse_lossy(path)
    grey = _checked(path, mask, np.bool_, (..., ...)).astype(np.uint8) * 255
    _save(path, Image.fromarray(grey))


def write_labels(path: Path, labels: Labels) -> None:
    """Write object ids as a palette PNG with the colours of DAVIS.

    The palette ends with the largest id, so that one object takes one bit a pixel. Raises
    `InputError` for a lossy suffix and another shape or dtype.
    """
    _refuse_lossy(path)
    picture = Image.fromarray(_checked(path, labels, np.uint8, (..., ...)))
    picture.putpalette(label_colours()[: max(int(labels.max()), 1) + 1].tobytes())
    _save(path, picture)


def label_colours() -> NDArray[np.uint8]:
    """Return the colour of each object id as DAVIS and PASCAL VOC paint it, RGB ``(256, 3)``.

    Bit 3 k + c of an id is bit 7 - k of colour channel c.
    """
    ids, channels = np.arange(256)[:, None], np.arange(3)
    bits = [((ids >> (3 * k + channels)) & 1) << (7 - k) for k in range(3)]
    return np.asarray(np.bitwise_or.reduce(bits), dtype=np.uint8)


def read_table(path: Path, schema: Schema) -> pd.DataFrame:
    """Return the table that `write_table` wrote, checked against its schema.

    Raises `InputError` naming the file when it is missing, was damaged or changed since, or
    `masktrack_core.tables.parse_table` refuses it.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: expected a table of {schema.name} as UTF-8 CSV, got {describe(error)}; "
            "check the path or write the table again"
        ) from error
    table = parse_table(unsealed(text, where=str(path)), schema, where=str(path))
    if table.empty and not schema.may_be_empty:
        raise InputError(
            f"{path}: expected at least one row of {schema.name}, got none; delete the file and "
            "run again, it is then made anew"
        )
    return table


def write_table(path: Path, table: pd.DataFrame, schema: Schema) -> None:
    """Write a table as CSV; equal tables give equal bytes, a reread gives equal values.

    It has one more column, ``check``, by which `read_table` knows that it is whole.
    """
    write_text(path, sealed(format_table(table, schema, where=str(path))))


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_csv(path: Path, table: pd.DataFrame, *, decimals: int | None = None) -> None:
    """Write a table for people, whole or not at all: no index, floats rounded if so wished."""
    form = None if decimals is None else f"%.{decimals}f"
    write_text(path, table.to_csv(index=False, float_format=form, lineterminator="\n"))


def _checked(
    path: Path, array: NDArray[Any], dtype: DTypeLike, shape: tuple[Any, ...]
) -> NDArray[Any]:
    """Return the array, contiguous; raise when its dtype or shape (``...``: any) is another."""
    fits = array.ndim == len(shape) and all(
        want is ... or want == came for want, came in zip(shape, array.shape, strict=False)
    )
    if array.dtype != dtype or not fits or array.size == 0:
        wanted = ", ".join("n" if want is ... else str(want) for want in shape)
        raise InputError(
            f"{path}: expected a {np.dtype(dtype)} array of shape ({wanted}) to write, got "
            f"{array.dtype} {array.shape}; convert it first"
        )
    return np.ascontiguousarray(array)


def _refuse_lossy(path: Path) -> None:
    if Path(path).suffix.lower() in _LOSSY:
        raise InputError(
            f"{path}: expected a lossless format for masks and labels, got {Path(path).suffix}; "
            "write a .png"
        )


def _save(path: Path, picture: Image.Image, **options: Any) -> None:
    form = Image.registered_extensions().get(Path(path).suffix.lower())
    if form is None:
        raise InputError(f"{path}: expected a picture's suffix, got none known; write a .png")
    encoded = io.BytesIO()
    picture.save(encoded, form, **options)
    with atomic_path(path) as temporary:
        try:
            temporary.write_bytes(encoded.getbuffer())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        if temporary.read_bytes() != encoded.getbuffer():
            raise OSError(errno.EIO, "what was written does not come back", str(path))
