"""The trained networks that come with the package, to start with."""

from importlib import resources
from pathlib import Path

from masktrack_core.errors import InputError

INCLUDED = "included:"
"""Before the name of a network that comes with the package."""

NAMES = "mask", "box", "objects"
"""Of them: shown a previous mask; its box; a mask, and told where the other objects are."""


def included_file(given: str) -> Path | None:
    """Return the file of one of `NAMES` after ``included:``; None for any other kind of text.

    Raises `InputError` for an included network that does not exist.
    """
    name = given.removeprefix(INCLUDED)
    if name == given:
        return None
    if name not in NAMES:
        known = " or ".join(INCLUDED + one for one in NAMES)
        raise InputError(f"expected {known}, got {given!r}; correct it, or give a path")
    return included_network(name)


def included_network(name: str) -> Path:
    """Return the file of the included network of a name, one of `NAMES`.

    ``trained/README.md`` beside it says what it was trained on, and how it is made again. Raises
    `InputError` where none is included.
    """
    path = Path(str(resources.files("masktrack_core.networks") / "trained" / f"{name}.safetensors"))
    if not path.is_file():
        option = "--box-weights" if name == "box" else "--weights"
        raise InputError(
            f"{path}: expected a network that comes with the project, got none; give one with "
            f"{option}"
        )
    return path
