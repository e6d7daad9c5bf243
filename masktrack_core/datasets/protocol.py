"""Which frames of a sequence a benchmark scores."""

from collections.abc import Collection

from masktrack_core.errors import InputError


def scored_frames(length: int, skip: Collection[str]) -> slice:
    """Return the frames of a sequence that count, as a slice.

    ``skip`` holds ``"first"``, ``"last"``, both (DAVIS) or neither. The other data sets of the
    paper skip the first frame only, which is given to the method. Raises :class:`InputError` on
    other words and where no frame would remain.
    """
    unknown = set(skip) - {"first", "last"}
    if isinstance(skip, str) or unknown:
        raise InputError(f"skip: expected a collection of 'first' and 'last', got {skip!r}")
    start, stop = int("first" in skip), length - int("last" in skip)
    if start >= stop:
        raise InputError(
            f"length: a sequence of {length} frames has none left to score without its "
            f"{' and '.join(sorted(skip)) or 'frames'}; give a longer sequence or skip less"
        )
    return slice(start, stop)
