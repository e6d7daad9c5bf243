"""The ids in label pictures, remembered as long as the files do not change."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from masktrack_core.files.io import read_labels, write_text
from masktrack_core.masks.elementary import VOID


@dataclass
class LabelCache:
    """Object ids by file: a data set is read whole to know its objects, but only once.

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

    def labels(self, file: Path) -> set[int]:
        """Return the object ids of a label picture, without background and void.

        Raises `InputError` for a picture that holds no labels.
        """
        state = file.stat()
        key, mark = str(file), [state.st_size, state.st_ctime_ns]
        match self._known.get(key):
            case [known, list(ids)] if known == mark:
                return set(ids)
        labels = {int(i) for i in np.unique(read_labels(file)) if i not in (0, VOID)}
        self._known[key] = [mark, sorted(labels)]
        self._is_new = True
        return labels

    def keep(self) -> None:
        """Write what is remembered, where something new is."""
        if self.path is not None and self._is_new:
            with suppress(OSError):  # a folder that cannot be written costs time, no result
                write_text(self.path, json.dumps(self._known))
            self._is_new = False
