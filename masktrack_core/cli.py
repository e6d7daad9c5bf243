"""The command ``masktrack``. Each subcommand imports what it needs when it runs."""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from masktrack_core import cli_check, cli_overlay, cli_plan, cli_score, cli_segment
from masktrack_core.errors import InputError

if TYPE_CHECKING:
    from masktrack_core.cli_score import Commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status of ``masktrack ARGUMENTS``.

    0 when all is well, 2 where the input cannot be used, 130 after Ctrl-C.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except InputError as error:
        sys.stderr.write(f"masktrack: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("masktrack: stopped; the same command goes on with what is complete\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="masktrack", description="MaskTrack: video object segmentation (CVPR 2017)."
    )
    commands: Commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (cli_segment, cli_overlay, cli_score, cli_check, cli_plan):
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
