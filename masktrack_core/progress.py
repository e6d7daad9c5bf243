"""Bars of long work, on the standard error, for people who look."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

_Item = TypeVar("_Item")

#: Units of a stage after which its own rate is taken, in the place of a guess.
_TRUSTED = 3


def is_quiet() -> bool:
    """Return whether the log tells warnings alone, as ``--quiet`` has it: then no bar is shown."""
    return not logging.getLogger("masktrack_core").isEnabledFor(logging.INFO)


class Stage(NamedTuple):
    """One stage of a run: the words of its bar, and how much there is to do."""

    words: str
    #: Stages of a kind have the same rate.
    kind: str
    units: int


class Course:
    """The stages of a run in their order, and the time that is left of all of them.

    The rate of a kind is what was measured in this run. Where nothing was yet, it is its guess,
    times what the measured ones took over theirs: a slower machine is slower in all.
    """

    def __init__(self, stages: Sequence[Stage], guesses: Mapping[str, float]) -> None:
        """Take the stages, and seconds of one unit by kind."""
        self._stages, self._guesses = list(stages), guesses
        self._place = 0
        #: Kind → units and seconds of the stages that ended.
        self._measured: dict[str, tuple[float, float]] = {}

    def begin(self, words: str) -> bool:
        """Note that a stage begins: those before it are done. Return whether it is one of ours."""
        found = [n for n, stage in enumerate(self._stages) if stage.words == words]
        self._place = found[0] if found else self._place
        return bool(found)

    def end(self, units: float, seconds: float) -> None:
        """Note that the stage under way did some units, and how long it took."""
        kind = self._stages[self._place].kind
        before = self._measured.get(kind, (0.0, 0.0))
        if units:
            self._measured[kind] = before[0] + units, before[1] + seconds

    def left_s(self, left: float, units: float, seconds: float) -> float:
        """Return the seconds that are left of all stages.

        ``left``: units that are left of the stage under way, ``units`` that it did in ``seconds``.
        """
        measured = dict(self._measured)
        here = self._stages[self._place].kind
        if units >= _TRUSTED:
            measured[here] = units, seconds
        expected_s = sum(self._guesses[kind] * done for kind, (done, _) in measured.items())
        pace = sum(took for _, took in measured.values()) / expected_s if expected_s else 1.0
        rates = {kind: pace * guess for kind, guess in self._guesses.items()}
        rates |= {kind: took / done for kind, (done, took) in measured.items()}
        later = self._stages[self._place + 1 :]
        return left * rates[here] + sum(stage.units * rates[stage.kind] for stage in later)


_COURSE: ContextVar[Course | None] = ContextVar("course", default=None)


@contextmanager
def course(stages: Sequence[Stage], guesses: Mapping[str, float]) -> Iterator[Course]:
    """Let the bars in the block say how long all of these stages will take."""
    under_way = Course(stages, guesses)
    token = _COURSE.set(under_way)
    try:
        yield under_way
    finally:
        _COURSE.reset(token)


def bar(
    items: Iterable[_Item] | None = None,
    words: str = "",
    *,
    total: int | None = None,
    unit: str = "it",
    **options: Any,
) -> "tqdm[_Item]":
    """Return tqdm's bar over items: with time left, after two seconds, for a terminal alone.

    Within a `course` the bar of one of its stages also says the time left over all of them.
    ``options`` are tqdm's.
    """
    from tqdm import tqdm

    options = {"delay": 2.0, "mininterval": 0.5, "disable": True if is_quiet() else None, **options}
    given: Any = items  # tqdm's types know no bar that may be without items
    under_way = _COURSE.get()
    kind = tqdm if under_way is None or not under_way.begin(words) else _bar_of(under_way)
    shown: tqdm[_Item] = kind(given, words, total=total, unit=unit, **options)
    return shown


def _bar_of(under_way: Course) -> Any:
    """Return tqdm's bar that adds the time left over all stages."""
    from tqdm import tqdm

    class StageBar(tqdm):  # type: ignore[type-arg]  # defined here: tqdm is loaded when needed
        is_noted = False

        @property
        def format_dict(self) -> dict[str, Any]:
            words = dict(super().format_dict)
            if self.disable or not self.total:
                return words
            done = self.n - self.initial
            left = under_way.left_s(self.total - self.n, done, words["elapsed"])
            return {**words, "postfix": f"all {tqdm.format_interval(left)}"}

        def close(self) -> None:
            if not self.disable and not self.is_noted:
                self.is_noted = True
                under_way.end(self.n - self.initial, self.format_dict["elapsed"])
            super().close()

    return StageBar
