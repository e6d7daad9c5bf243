"""What `segment` writes beside masks: asked for, checked before anything is learnt, noted."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.exports.forms import FORMS


class Export(NamedTuple):
    """One form that a person asks for: a name of `exports.forms.FORMS`, and where it goes."""

    kind: str
    path: Path

    @property
    def place(self) -> str:
        """Return the path by which a record knows it again."""
        return str(self.path.resolve())


def check_exports(exports: Sequence[Export], clip: Clip, out: Path) -> None:
    """Raise `InputError` for names that do not fit their forms, and for two that are one place."""
    for kind, path in exports:
        FORMS[kind].check(path)
    check_places(
        [("the folder of masks", out), *((f"--export {one.kind}", one.path) for one in exports)],
        [("the clip", clip.path)],
    )


def check_places(written: Iterable[tuple[str, Path]], read: Iterable[tuple[str, Path]]) -> None:
    """Raise `InputError` where something would be written onto what is read, or two onto one.

    Both are names for a person, and paths; links count as what they lead to.
    """
    taken = {path.resolve(): name for name, path in read}
    for name, path in written:
        holder = taken.get(path.resolve())
        if holder is not None:
            raise InputError(
                f"{name}={path}: expected a place of its own, got that of {holder}; give another "
                "name"
            )
        taken[path.resolve()] = name


def left_to_write(
    exports: Sequence[Export], noted: Mapping[str, str], *, overwrite: bool
) -> list[Export]:
    """Return the exports that are not there yet; ``noted``, place → kind, are those of this run.

    Raises `InputError` for what is there and is none of them: a file without ``overwrite``, and a
    folder in any case, as it would go with all that is in it.
    """
    left = []
    for export in exports:
        ours = noted.get(export.place) == export.kind
        if export.path.exists() and not ours and not (overwrite and export.path.is_file()):
            raise InputError(
                f"--export {export.kind}={export.path}: expected a new name, got one that is "
                f"there; {'remove the folder' if export.path.is_dir() else 'give --overwrite'}, or "
                "give another name"
            )
        if overwrite or not (ours and export.path.exists()):
            left.append(export)
    return left


def noted_exports(record: Mapping[str, object]) -> dict[str, str]:
    """Return what a record says of exports that are whole: place → kind."""
    noted = record.get("exports")
    return {str(key): str(noted[key]) for key in noted} if isinstance(noted, dict) else {}
