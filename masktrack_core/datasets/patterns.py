"""Path patterns with placeholders: which files match, and what the placeholders stand for.

A pattern is a path below a root. ``{word}`` stands for any text without ``/``, ``{number}`` for
digits, ``{object}`` for a number from 1, the suffix ``.*`` for any picture's. The case of a
picture's suffix does not count: cameras write ``.JPG``.
"""

import re
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path

from masktrack_core.errors import InputError

PICTURE_SUFFIXES = ("jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp", "ppm", "pgm")

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
#: What a placeholder stands for where it is not any text.
_VALUES = {"number": "[0-9]+", "object": "[1-9][0-9]*"}


def find_files(
    root: Path, pattern: str, fields: Mapping[str, str]
) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give each file of a pattern, with the values of the placeholders that were free.

    ``fields`` holds the values known beforehand. Hidden files are passed over (macOS leaves
    ``._00001.jpg`` beside ``00001.jpg``). The order is that of the names. Raises `InputError` when
    ``root`` is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            f"{root}: expected the root folder of a data set, got no such folder; download the "
            "data set or correct its root"
        )
    known = {name: escape(value) for name, value in fields.items()}
    stem, suffix = _parts(pattern)
    wildcards = _PLACEHOLDER.sub(lambda free: known.get(free[1], "*"), stem)
    wildcards += "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in suffix)
    for path in sorted(root.glob(wildcards)):
        free = match_pattern(pattern, path.relative_to(root).as_posix(), fields)
        if free is not None and not path.name.startswith(".") and path.is_file():
            yield path, free


def match_pattern(pattern: str, text: str, fields: Mapping[str, str]) -> dict[str, str] | None:
    """Return the values of the free placeholders in a text; None where it does not match."""
    match = re.fullmatch(_regex(pattern, fields), text)
    return None if match is None else match.groupdict()


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key under which frame 2 comes before frame 10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((int(part) if i % 2 else 0, part) for i, part in enumerate(parts))


def _regex(pattern: str, fields: Mapping[str, str]) -> str:
    """Return the regular expression of a pattern, known placeholders filled in."""
    stem, suffix = _parts(pattern)
    seen: set[str] = set()
    regex = ""
    for position, part in enumerate(_PLACEHOLDER.split(stem)):
        if position % 2 == 0:
            regex += re.escape(part)
        elif part in fields:
            regex += re.escape(fields[part])
        elif part in seen:
            regex += f"(?P={part})"
        else:
            regex += f"(?P<{part}>{_VALUES.get(part, '[^/]+')})"
            seen.add(part)
    kinds = "|".join(PICTURE_SUFFIXES) if suffix == ".*" else suffix[1:]
    return regex + (rf"\.(?i:{kinds})" if suffix else "")


def _parts(pattern: str) -> tuple[str, str]:
    """Return a pattern without and with the suffix of a picture, whose case does not count."""
    stem, _, last = pattern.rpartition(".")
    known = last == "*" or last.lower() in PICTURE_SUFFIXES
    return (stem, f".{last.lower()}") if known and stem else (pattern, "")


def placeholders(pattern: str) -> set[str]:
    """Return the names of the placeholders in a pattern."""
    return set(_PLACEHOLDER.findall(pattern))


def check_pattern(pattern: str, allowed: set[str]) -> None:
    """Raise `InputError` for a pattern that leaves the root or has other placeholders."""
    unknown = placeholders(pattern) - allowed
    rest = _PLACEHOLDER.sub("", pattern.removesuffix(".*"))
    if unknown or pattern.startswith("/") or ".." in pattern.split("/") or set(rest) & set("{}*?["):
        raise InputError(
            f"layout: expected a path below the root with placeholders among {sorted(allowed)}, "
            f"got {pattern!r}; correct the pattern"
        )
