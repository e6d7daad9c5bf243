"""The command ``masktrack``. Each subcommand imports what it needs when it runs."""

import argparse
import io
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from masktrack_core.commands import annotate as cli_annotate
from masktrack_core.commands import check as cli_check
from masktrack_core.commands import flat as cli_flat
from masktrack_core.commands import frames as cli_frames
from masktrack_core.commands import info as cli_info
from masktrack_core.commands import overlay as cli_overlay
from masktrack_core.commands import plan as cli_plan
from masktrack_core.commands import score as cli_score
from masktrack_core.commands import segment as cli_segment
from masktrack_core.errors import InputError, describe, lacks_memory

if TYPE_CHECKING:
    from masktrack_core.commands.score import Commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status of ``masktrack ARGUMENTS``.

    0 when all is well, 2 where the input or the disk cannot be used, 130 after Ctrl-C and SIGTERM.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names and words that a locale cannot show
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    options = command_line().parse_args(arguments)
    try:
        with _stoppable(), _told(quiet=getattr(options, "quiet", False)):
            return int(options.run(options))
    except InputError as error:
        sys.stderr.write(f"masktrack: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("masktrack: stopped; the same command goes on with what is complete\n")
        return 130
    except Exception as error:
        if lacks_memory(error):
            sys.stderr.write(
                f"masktrack: not enough memory ({describe(error)}); free some, or give smaller "
                "frames or fewer --threads: the same command goes on with what is complete\n"
            )
            return 2
        if not isinstance(error, OSError):
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(
            f"masktrack: {where}{error.strerror or error}; make room or correct the path, the same "
            "command goes on with what is complete\n"
        )
        return 2


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that nothing half-written is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _told(*, quiet: bool) -> Iterator[None]:
    """Let the block log warnings alone, and show no bars (`progress.is_quiet`)."""
    logger = logging.getLogger("masktrack_core")
    before = logger.level
    logger.setLevel(logging.WARNING if quiet else before)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Versions(argparse.Action):
    """Print what a report of a fault needs to say of the program, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print a line each for the project, Python, the libraries and the system."""
        import platform
        from importlib.metadata import version

        import masktrack_core
        from masktrack_core.experiment.provenance import commit

        print(f"masktrack {masktrack_core.__version__} (commit {commit()})")
        print(f"Python {platform.python_version()} on {platform.platform()}")
        for package in ("torch", "opencv-contrib-python-headless", "av", "numpy", "snakemake"):
            print(f"{package} {version(package)}")
        parser.exit()


def command_line() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="masktrack", description="MaskTrack: video object segmentation (CVPR 2017)."
    )
    parser.add_argument(
        "--version", action=_Versions, nargs=0,
        help="version and commit, and those of what masks depend on, for a report; exit",
    )  # fmt: skip
    commands: Commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (
        cli_segment, cli_annotate, cli_info, cli_frames, cli_overlay, cli_score, cli_check,
        cli_plan, cli_flat,
    ):  # fmt: skip
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
