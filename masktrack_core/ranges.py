"""Which numbers a parameter may have: checked and said in one way by every parameter dataclass."""

import math
from numbers import Integral, Real
from typing import Any, NamedTuple

from masktrack_core.errors import InputError


class Range(NamedTuple):
    """Finite numbers from ``low`` to ``high``, both included unless said otherwise."""

    low: float
    high: float = math.inf
    above_low: bool = False
    below_high: bool = False
    whole: bool = False
    """Whole numbers only."""
    or_none: bool = False
    """None is good too: the parameter is switched off."""

    def __contains__(self, value: object) -> bool:
        """Return whether the parameter may have this value; NaN, infinity and bool never."""
        if value is None:
            return self.or_none
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return False
        number = float(value)
        low = number > self.low if self.above_low else number >= self.low
        high = number < self.high if self.below_high else number <= self.high
        return math.isfinite(number) and low and high

    def __str__(self) -> str:
        """Return the range in words."""
        words = f"{'above' if self.above_low else 'from'} {self.low:g}"
        if self.high < math.inf:
            words += f" to {'below ' if self.below_high else ''}{self.high:g}"
        elif not self.above_low:
            words = f"at least {self.low:g}"
        words = f"a whole number, {words}" if self.whole else words
        return f"{words}, or none" if self.or_none else words


def optional(limits: Range) -> Range:
    """Return the range with None."""
    return limits._replace(or_none=True)


POSITIVE = Range(0, above_low=True)
NOT_NEGATIVE = Range(0)
COUNT = Range(1, whole=True)
COUNT_FROM_0 = Range(0, whole=True)
SHARE = Range(0, 1)
PERCENT = Range(0, 100, above_low=True)
FRACTION = Range(0, 1, below_high=True)
BETWEEN_0_AND_1 = Range(0, 1, above_low=True, below_high=True)


def check_fields(table: str, params: object, **expected: Range | tuple[str | None, ...]) -> None:
    """Raise `InputError` for the first field that has none of its values: a range, or names.

    ``table`` is what the fields belong to, for the message:
    ``propagation.region: expected above 0, or none, got 0``.
    """
    for name, allowed in expected.items():
        value: Any = getattr(params, name)
        if value not in allowed:
            wanted = allowed if isinstance(allowed, Range) else _one_of(allowed)
            raise InputError(f"{table}.{name}: expected {wanted}, got {value!r}")


def _one_of(names: tuple[str | None, ...]) -> str:
    return "one of " + ", ".join("none" if name is None else name for name in names)
