"""``masktrack check``: every problem of a data set, a clip or a configuration, in one pass."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktrack_core.commands.options import add_mask_values

if TYPE_CHECKING:
    from masktrack_core.commands.score import Commands

ROOT = Path(__file__).parents[2]
_HELP = """\
Read every file once and report every problem, one a line, with the names of the files.

PATH is a configuration (.yaml: all its data sets and stills), the root of a data set in a known
layout, a folder of frames, or a video.

exit status: 0 sound; 2 problems, which are on the standard output.
"""


def add(commands: "Commands") -> None:
    """Add the command to the parser."""
    check = commands.add_parser(
        "check",
        help="read data once and report every problem",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("path", type=Path, metavar="PATH", help="configuration, folder or video")
    check.add_argument("--layout", help="layout of the folder (default: the first that fits)")
    add_mask_values(check)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from masktrack_core.datasets.checks import check_config, check_path

    path, count = options.path, 0
    if path.suffix in (".yaml", ".yml") and path.is_file():
        problems = check_config(_completed(path))
    else:
        problems = check_path(path, layout=options.layout, values=options.mask_values)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
        count += 1
    logging.getLogger(__name__).info("%s: %d problems", options.path, count)
    return 2 if count else 0


def _completed(path: Path) -> dict[str, Any]:
    """Return a configuration whose sets have what the rows that they are based on say.

    Such a row may be of the file itself, or of config.yaml, over which it is laid.
    """
    from masktrack_core.datasets.checks import read_config
    from masktrack_core.experiment.selection import complete_rows

    config, below = read_config(path), read_config(ROOT / "config.yaml")
    for table in ("datasets", "stills"):
        if isinstance(config.get(table), dict):
            rows = below[table] | config[table]
            complete_rows({table: rows})
            config[table] = {name: rows.get(name) for name in config[table]}
    return config
