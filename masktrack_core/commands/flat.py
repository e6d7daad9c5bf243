"""``masktrack flat``: a configuration and its overlays in one piece, to be read."""

import argparse
import sys
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from masktrack_core.commands.score import Commands

ROOT = Path(__file__).parents[2]
_HELP = """\
Print what the workflow reads from config.yaml with files laid over it: the rows that the tables and
figures use, every default written out.

  masktrack flat paper.yaml

exit status: 0 printed; 2 a file is no configuration.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    flat = commands.add_parser(
        "flat",
        help="a configuration and its overlays in one piece",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flat.add_argument("configfile", nargs="*", type=Path, help="laid over config.yaml, in order")
    flat.set_defaults(run=_flat)


def _flat(options: argparse.Namespace) -> int:
    from masktrack_core.datasets.checks import read_config
    from masktrack_core.experiment.flat_config import flat_text, laid_over
    from masktrack_core.experiment.selection import complete_rows

    configs = [read_config(path) for path in (ROOT / "config.yaml", *options.configfile)]
    names = " ".join(path.name for path in options.configfile)
    sys.stdout.write(f"# Made by `masktrack flat {names}`; to be read, not to be edited.\n")
    config = reduce(laid_over, configs)
    complete_rows(config)
    sys.stdout.write(flat_text(config))
    return 0
