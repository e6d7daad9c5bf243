"""What `segment` writes beside masks: asked for, checked before anything is learnt, noted."""

from collections.abc import Mapping, Sequence
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
    taken = {clip.path.resolve(): "the clip", out.resolve(): "the folder of masks"}
    for kind, path in exports:
        FORMS[kind].check(path)
        holder = taken.setdefault(path.resolve(), f"--export {kind}")
        if holder != f"--export {kind}" or [one.path for one in exports].count(path) > 1:
            raise InputError(
                f"--export {kind}={path}: expected a place of its own, got that of {holder}; give "
                "another name"
            )


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
