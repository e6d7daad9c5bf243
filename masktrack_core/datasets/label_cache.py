"""What files hold, ids and digests, remembered as long as the files do not change."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from masktrack_core.datasets.object_masks import MaskValues, read_found
from masktrack_core.files.io import file_digest, write_text

#: Part of what is remembered: another one where files are read by another rule.
_RULE = 2


@dataclass
class LabelCache:
    """Object ids or digests by file: a data set is read whole to know them, but only once.

    A file counts as unchanged while its size and the time of its last change, which nobody can set
    back, are the same. ``path`` None remembers for this object's life only.
    """

    path: Path | None = None
    _known: dict[str, object] = field(default_factory=dict)
    _is_new: bool = False

    def __post_init__(self) -> None:
        """Read what is remembered; a file that does not parse is as good as none."""
        with suppress(OSError, ValueError):
            known = json.loads(self.path.read_text(encoding="utf-8")) if self.path else {}
            self._known = known if isinstance(known, dict) else {}

    def labels(self, file: Path, values: MaskValues | None = "labels") -> set[int]:
        """Return the ids of the objects in a label picture, as `object_masks.read_found` has them.

        Raises `InputError` for a picture that holds no labels.
        """
        mark = [*_state(file), f"{values} {_RULE}"]
        match self._known.get(str(file)):
            case [known, list(ids)] if known == mark:
                return set(ids)
        labels = set(read_found(file, values))
        self._remember(file, mark, sorted(labels))
        return labels

    def digest(self, file: Path) -> str:
        """Return the SHA-256 of what a file holds; raise `InputError` where it cannot be read."""
        mark = _state(file)
        match self._known.get(str(file)):
            case [known, str(digest)] if known == mark:
                return digest
        digest = file_digest(file)
        self._remember(file, mark, digest)
        return digest

    def _remember(self, file: Path, mark: list[int | str], value: list[int] | str) -> None:
        self._known[str(file)] = [mark, value]
        self._is_new = True

    def keep(self) -> None:
        """Write what is remembered, where something new is."""
        if self.path is not None and self._is_new:
            with suppress(OSError):  # a folder that cannot be written costs time, no result
                write_text(self.path, json.dumps(self._known))
            self._is_new = False


def _state(file: Path) -> list[int | str]:
    state = file.stat()
    return [state.st_size, state.st_ctime_ns]
