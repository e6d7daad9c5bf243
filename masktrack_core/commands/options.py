"""Options that several commands have."""

import argparse


def add_mask_values(command: argparse.ArgumentParser) -> None:
    """Add the option that says what the values of mask files are, where they do not say it."""
    command.add_argument(
        "--mask-values",
        choices=("labels", "binary", "palette"),
        help="read masks as object ids, as one object, or as colours of DAVIS' palette and the "
        "greys they became (default: what a file can only mean; else it is refused)",
    )


def add_quiet(command: argparse.ArgumentParser) -> None:
    """Add the option that leaves warnings alone on the standard error (`cli.main` obeys it)."""
    command.add_argument(
        "--quiet", action="store_true", help="no bars, and nothing in the log but warnings"
    )
