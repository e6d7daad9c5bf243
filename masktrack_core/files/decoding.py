"""A picture file as stored, before anyone asks whether it is a frame, a mask or labels.

Pillow, because it keeps palette indices (OpenCV turns ids 1, 2 into the greys 38, 75) and raises on
a truncated file (OpenCV returns grey pixels).
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError, describe, lacks_memory

#: Pictures with more pixels are refused before they are decoded (8192 x 8192).
MAX_PIXELS = 2**26

_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_EXIF_ORIENTATION = 0x0112
#: What Pillow raises on damaged files; found by damaging files at random.
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The decoded values of a picture file, upright."""

    #: ``(H, W)`` or ``(H, W, channels)`` without alpha; bool, uint8 or uint16; palette indices.
    values: NDArray[Any]
    #: Colours of the indices, RGB ``(N, 3)``; None for a picture without palette.
    palette: NDArray[np.uint8] | None
    #: Whether the file keeps values exactly; False for JPEG and lossy WebP.
    lossless: bool
    #: Opacity ``(H, W)``, 0 to 255; None where every pixel is equally opaque.
    alpha: NDArray[np.uint8] | None = None

    @property
    def grey_palette(self) -> bool:
        """Return whether every colour in the palette is a grey."""
        return self.palette is not None and bool((self.palette == self.palette[:, :1]).all())

    @property
    def coloured(self) -> NDArray[Any]:
        """Return the values with indices replaced by their colours, by greys where all are."""
        if self.palette is None:
            return self.values
        colours: NDArray[Any] = self.palette[:, 0] if self.grey_palette else self.palette
        return np.asarray(colours[self.values])


def read_picture(path: Path) -> Picture:
    """Return the decoded values of a picture file.

    Alpha stands apart, an EXIF rotation is applied; of several frames in a file the first counts.
    Raises `InputError` naming the file when it is missing, damaged, truncated, larger than
    `MAX_PIXELS`, or not one of the usual formats.
    """
    with _opened(path) as image:
        lossless = _keeps_values(Path(path), image)
        if image.format == "PNG":
            _check_chunks(Path(path).read_bytes())
        image.load()
        upright = ImageOps.exif_transpose(image) if _orientation(image) != 1 else image
        values, palette = _values(upright), _palette(upright)
        if palette is not None and values.max() >= len(palette):
            raise ValueError(f"index {values.max()} in a palette of {len(palette)} colours")
        alpha = _alpha(upright)
        return Picture(values=values, palette=palette, lossless=lossless, alpha=alpha)


def read_size(path: Path) -> Size:
    """Return the size of a picture as it is shown, from its header alone.

    Raises what `read_picture` raises, except for damage behind the header.
    """
    with _opened(path) as image:
        width, height = image.size
        quarter_turned = _orientation(image) in (5, 6, 7, 8)
        return Size(width, height) if quarter_turned else Size(height, width)


def is_deep(path: Path) -> bool:
    """Return whether a picture has greys of 16 bits, from its header alone.

    Raises what `read_size` raises.
    """
    with _opened(path) as image:
        return image.mode.startswith("I")


def _check_chunks(png: bytes) -> None:
    """Raise ValueError where a chunk's CRC is wrong: Pillow does not look at that of the pixels."""
    at = 8
    while at + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        end = at + 8 + length
        if zlib.crc32(memoryview(png)[at + 4 : end]).to_bytes(4, "big") != png[end : end + 4]:
            raise ValueError(f"checksum of chunk {kind!r} is wrong")
        at = end + 4
        if kind == b"IEND":
            return
    raise ValueError("it is cut short")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(
                    f"{image.width} x {image.height} pixels, more than {MAX_PIXELS}"
                )
            yield image
    except _DECODE_ERRORS as error:
        if lacks_memory(error):
            raise InputError(
                f"{path}: expected memory for its pixels, got {describe(error)}; the file may be "
                "sound: free memory, or give a smaller picture"
            ) from error
        raise InputError(
            f"{path}: expected a picture ({', '.join(_FORMATS)}), got {describe(error)}; "
            "copy or download it again"
        ) from error


def distinct_colours(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colours among pixels ``(…, 3)`` in rising order, ``(N, 3)``."""
    codes = np.unique(pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32))
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def bilevel(image: Image.Image) -> NDArray[np.bool_]:
    """Return a picture of mode "1" as bool whose bytes are 0 and 1.

    Pillow's own conversion leaves 255 in the bytes of True: code that looks at a mask as uint8,
    as OpenCV does, would take it for another number.
    """
    return np.array(image.convert("L")) > 0


def _keeps_values(path: Path, image: Image.Image) -> bool:
    """Return whether a file's format keeps values exactly."""
    if image.format == "WEBP":  # the chunk of a lossless picture, behind at most a few small ones
        with path.open("rb") as file:
            return b"VP8L" in file.read(4096)
    return image.format not in ("JPEG", "MPO") and image.info.get("compression") != "jpeg"


def _alpha(image: Image.Image) -> NDArray[np.uint8] | None:
    marked = "transparency" in image.info and not image.mode.startswith("I")
    if image.mode not in ("LA", "PA", "RGBA") and not marked:
        return None
    alpha = np.array(image.convert("RGBA"))[..., 3]
    return None if alpha.min() == alpha.max() > 0 else alpha


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(_EXIF_ORIENTATION, 1))


def _palette(image: Image.Image) -> NDArray[np.uint8] | None:
    if image.mode not in ("P", "PA"):
        return None
    colours = image.getpalette("RGB") or []
    return np.asarray(colours, dtype=np.uint8).reshape(-1, 3)


def _values(image: Image.Image) -> NDArray[Any]:
    if image.mode == "1":
        return bilevel(image)
    if image.mode in ("L", "P", "RGB"):
        return np.array(image)
    if image.mode in ("LA", "PA", "RGBA"):
        colour = np.array(image)[..., :-1]
        return colour[..., 0] if colour.shape[2] == 1 else colour
    if image.mode.startswith("I"):  # 16-bit grey; Pillow itself reduces 16-bit colour to 8 bits
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ValueError(f"grey values {values.min()} to {values.max()}, not 16-bit")
        return values.astype(np.uint16)
    if image.mode in ("CMYK", "YCbCr", "RGBX", "LAB", "HSV"):
        return np.array(image.convert("RGB"))
    kind = "fractions" if image.mode == "F" else f"pixels of Pillow's mode {image.mode}"
    raise ValueError(f"{kind}, where whole numbers of 8 or 16 bits are read: convert the file")
