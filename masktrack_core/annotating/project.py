"""What a person has drawn on a clip: in a folder as it is done, with undo."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import yaml

from masktrack_core.arrays import Mask
from masktrack_core.datasets.annotation_folder import annotation_files, write_annotated_frame
from masktrack_core.datasets.object_masks import read_annotation_files
from masktrack_core.datasets.video_files import Clip
from masktrack_core.errors import InputError
from masktrack_core.files.io import write_text
from masktrack_core.pictures.overlays import OBJECTS
from masktrack_core.tracking.annotations import annotations_by_object

#: Files of a project's folder.
SETTINGS, DRAWN = "annotate.yaml", "annotations"
#: The largest object id: 255 is void.
_LAST = 254


@dataclass(frozen=True)
class Object:
    """A followed object, as a person knows it."""

    name: str
    #: Hexadecimal RGB, ``#d55e00``.
    colour: str


@dataclass(frozen=True)
class _Change:
    t: int
    before: Mapping[int, Mask]


class Project:
    """Objects and drawn masks of a clip; every change is on disk before it counts.

    Raises `InputError` for a folder of another clip, and for one with something else in it.
    """

    def __init__(self, clip: Clip, folder: Path) -> None:
        """Open the folder, or begin it."""
        self.clip, self.folder = clip, Path(folder)
        self.lock = RLock()
        self.drawn: dict[int, dict[int, Mask]] = {}
        self.objects: dict[int, Object] = {}
        self._undo: list[_Change] = []
        self._digest = clip.digest()
        if (self.folder / SETTINGS).exists():
            self._read()
        elif self.folder.is_dir() and any(self.folder.iterdir()):
            raise InputError(
                f"{folder}: expected a new folder, or one of `masktrack annotate`, got one with "
                "other files; give another with --out"
            )
        else:
            (self.folder / DRAWN).mkdir(parents=True, exist_ok=True)
            self.name_object(1, "object 1")

    def _read(self) -> None:
        path = self.folder / SETTINGS
        try:
            said: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            digest, clip, objects = said["digest"], said["clip"], said["objects"]
            self.objects = {
                int(n): Object(row["name"], row["colour"]) for n, row in objects.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise InputError(
                f"{path}: expected the settings that `masktrack annotate` wrote, got something "
                f"else ({type(error).__name__}); give another folder with --out"
            ) from error
        if digest != self._digest:
            raise InputError(
                f"{self.folder}: expected annotations of {self.clip.path}, got those of {clip}, "
                "which has other frames; give another folder with --out"
            )
        if any((self.folder / DRAWN).glob("[!.]*.png")):
            files = annotation_files(self.folder / DRAWN, self.clip.names)
            for file, found in zip(files, read_annotation_files(files), strict=True):
                self.drawn.setdefault(file.t, {}).update(found)

    def name_object(self, label: int, name: str, colour: str | None = None) -> None:
        """Add an object, or give it another name or colour."""
        if not 1 <= label <= _LAST:
            raise InputError(f"object: expected a number from 1 to {_LAST}, got {label}")
        with self.lock:
            known = self.objects.get(label)
            default = "#{:02x}{:02x}{:02x}".format(*OBJECTS[(label - 1) % len(OBJECTS)])
            chosen = colour or (known.colour if known else default)
            objects = self.objects | {label: Object(name[:60] or f"object {label}", chosen)}
            rows = {n: {"name": one.name, "colour": one.colour} for n, one in objects.items()}
            said = {"clip": self.clip.path.name, "digest": self._digest, "objects": rows}
            write_text(self.folder / SETTINGS, yaml.safe_dump(said, allow_unicode=True))
            self.objects = dict(sorted(objects.items()))

    def draw(self, t: int, label: int, mask: Mask) -> None:
        """Take the mask of an object in a frame; other drawn objects lose its pixels there.

        An empty mask says that the object is not there.
        """
        self._check(t)
        if mask.shape != tuple(self.clip.size):
            raise InputError(
                f"mask: expected the size of the frames, {tuple(self.clip.size)}, got {mask.shape}"
            )
        with self.lock:
            others = {n: m & ~mask for n, m in self.drawn.get(t, {}).items() if n != label}
            self._keep(t, others | {label: mask})

    def clear(self, t: int, label: int) -> None:
        """Take back what was drawn of an object in a frame: it is as predicted there."""
        self._check(t)
        with self.lock:
            self._keep(t, {n: m for n, m in self.drawn.get(t, {}).items() if n != label})

    def undo(self) -> int | None:
        """Take back the last change of masks; return its frame, None where there is none."""
        with self.lock:
            if not self._undo:
                return None
            last = self._undo[-1]
            self._write(last.t, last.before)
            self._undo.pop()
            return last.t

    def _check(self, t: int) -> None:
        if not 0 <= t < len(self.clip):
            raise InputError(f"frame: expected 0 to {len(self.clip) - 1}, got {t}")

    def _keep(self, t: int, shown: Mapping[int, Mask]) -> None:
        before = self.drawn.get(t, {})
        self._write(t, shown)
        self._undo.append(_Change(t, before))

    def _write(self, t: int, shown: Mapping[int, Mask]) -> None:
        """Put a frame on disk, then into memory: a full disk changes nothing."""
        write_annotated_frame(self.folder / DRAWN, self.clip.names[t], shown, self.clip.size)
        self.drawn = {n: masks for n, masks in self.drawn.items() if n != t}
        if shown:
            self.drawn[t] = dict(shown)

    def annotations(self) -> dict[int, dict[int, Mask]]:
        """Return object → frame → mask, as `masktrack segment --annotations` reads the folder.

        Raises `InputError` where nothing is drawn, or an object nowhere.
        """
        with self.lock:
            if not self.drawn:
                raise InputError("expected a mask or a box in some frame, got none; draw one")
            return annotations_by_object(dict(sorted(self.drawn.items())))

    def digest(self) -> str:
        """Return a digest of what is drawn."""
        digest = hashlib.sha256()
        with self.lock:
            for t, shown in sorted(self.drawn.items()):
                for label, mask in sorted(shown.items()):
                    digest.update(f"{t} {label} ".encode() + np.packbits(mask).tobytes())
        return digest.hexdigest()
