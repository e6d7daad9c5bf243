"""The look of all figures: one style sheet, and one palette.

The palette is Okabe and Ito's, which people with any colour vision tell apart (Wong, Nature Methods
8, 2011). Its colours stand here in an order in which neighbours also differ in lightness, and lines
differ in their dashes too: a grey print keeps them apart.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PINK, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#777777"
PALETTE = (BLUE, ORANGE, BLACK, SKY, VERMILION, PINK, GREEN, GREY)
DASHES = ("-", "--", "-.", ":")

#: Matplotlib's settings; fonts are embedded as TrueType, so that a text stays a text.
STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": "0.9",
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "hatch.linewidth": 0.6,
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none",
    }
)

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def styled(draw: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """Return the function, which draws or writes in the style of the house, whatever rc says."""

    @wraps(draw)
    def drawn(*given: _Given.args, **named: _Given.kwargs) -> _Made:
        from matplotlib import style

        with style.context(dict(STYLE), after_reset=True):
            return draw(*given, **named)

    return drawn
