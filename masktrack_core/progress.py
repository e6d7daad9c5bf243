"""Bars of long work, on the standard error, for people who look."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

_Item = TypeVar("_Item")


def is_quiet() -> bool:
    """Return whether the log tells warnings alone, as ``--quiet`` has it: then no bar is shown."""
    return not logging.getLogger("masktrack_core").isEnabledFor(logging.INFO)


def bar(
    items: Iterable[_Item] | None = None,
    words: str = "",
    *,
    total: int | None = None,
    unit: str = "it",
    **options: Any,
) -> "tqdm[_Item]":
    """Return tqdm's bar over items: with time left, after two seconds, for a terminal alone.

    ``options`` are tqdm's.
    """
    from tqdm import tqdm

    options = {"delay": 2.0, "mininterval": 0.5, "disable": True if is_quiet() else None, **options}
    given: Any = items  # tqdm's types know no bar that may be without items
    shown: tqdm[_Item] = tqdm(given, words, total=total, unit=unit, **options)
    return shown
