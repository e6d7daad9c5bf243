"""The words of a command that tracks: what they must ask for. Readable without torch."""

import shlex
import string

from masktrack_core.errors import InputError

#: What a command must ask for, and what it may.
NEEDED = ("frames", "annotations", "out")
PLACEHOLDERS = (*NEEDED, "object", "sequence")


def check_command(where: str, command: str) -> None:
    """Raise `InputError` naming the key (``where``) for a command that cannot be filled in."""
    try:
        words = shlex.split(command)
        named = {name for word in words for _, name, _, _ in string.Formatter().parse(word) if name}
    except ValueError as error:
        raise InputError(
            f"{where}: expected a command as a shell reads it, got {command!r} ({error}); correct "
            "it"
        ) from error
    if not set(NEEDED) <= named <= set(PLACEHOLDERS):
        raise InputError(
            f"{where}: expected {', '.join(f'{{{name}}}' for name in NEEDED)}, and at most "
            f"{{object}} and {{sequence}} beside them, got {sorted(named)}; correct the command"
        )
