"""The state behind the page: what is drawn, what was found from it, what is under way."""

import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event, RLock
from typing import Any

import numpy as np
import yaml

from masktrack_core.annotating.following import Follower
from masktrack_core.annotating.jobs import Jobs, Progress, run_command
from masktrack_core.annotating.project import DRAWN, Project
from masktrack_core.arrays import Box, Labels, Prob
from masktrack_core.errors import InputError
from masktrack_core.experiment.models import Model
from masktrack_core.exports.followed import Followed
from masktrack_core.exports.forms import FORMS
from masktrack_core.exports.masks import write_masks
from masktrack_core.files.archives import ProbArchive, frame_key
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import atomic_folder, write_text
from masktrack_core.masks.elementary import box_mask, merge_objects
from masktrack_core.pictures.films import overlay_clip
from masktrack_core.tracking.doubt import doubt_of
from masktrack_core.tracking.segmentation import segment_boxes

LEARNT, EXPORTS = "learnt", "exports"
#: What is written on request → the file below `EXPORTS`.
PLACES = {
    "masks": "masks",
    "overlay": "overlay.mp4",
    "coco": "coco.json",
    "contours": "contours.json",
    "cutout": "cutout.mov",
}
#: Seconds after which a tab that says nothing has put its pen down.
_SILENT_S = 5.0


class Studio:
    """One clip under work. Methods may be called from several threads."""

    def __init__(
        self,
        project: Project,
        mask: Model,
        box: Model,
        *,
        threads: int,
        iterations: int | None = None,
    ) -> None:
        """Take a project as it is on disk, and the models that follow masks and look into boxes.

        ``iterations`` of learning, or as the network says.
        """
        self.project, self.clip = project, project.clip
        self.jobs, self.lock = Jobs(), RLock()
        self._propagation, self._box = mask.usage.propagation, box
        self._options = ["--threads", str(threads)]
        self._options += [] if iterations is None else ["--iterations", str(iterations)]
        self._follower = Follower(self.clip, mask.network, self._propagation)
        #: Of each frame; another number where its masks may be others.
        self.stamps = [0] * len(self.clip)
        self.problem = ""
        self._learnt: dict[int, ProbArchive] | None = None
        self._doubts: dict[int, Any] = {}
        self._pen, self._pen_seen = "", 0.0
        self.ended = Event()
        self._replan()

    def holds_pen(self, tab: str, *, take: bool = False) -> bool:
        """Return whether a tab may draw: the one that took the pen, or that found it free."""
        now = time.monotonic()
        with self.lock:
            if take or not self._pen or now - self._pen_seen > _SILENT_S:
                self._pen = tab
            if self._pen == tab:
                self._pen_seen = now
            return self._pen == tab

    def draw(self, t: int, label: int, mask: Any) -> None:
        """Take a drawn mask, `project.Project.draw`."""
        self.project.draw(t, label, mask)
        self._replan(t)

    def draw_box(self, t: int, label: int, box: Box) -> None:
        """Turn a box into a mask (paper §3.3); drawn objects keep their pixels.

        Raises `InputError` for a box without a pixel in the frame.
        """
        shown = box_mask(box, self.clip.size)
        if not shown.any():
            raise InputError(f"box: expected one with a pixel in the frame, got {tuple(box)}")
        propagation = self._box.usage.propagation
        found = segment_boxes(self._box.network, self.clip, {t: shown}, propagation)[t]
        for other, mask in self.project.drawn.get(t, {}).items():
            if other != label:
                found = found & ~mask
        self.draw(t, label, found)

    def clear(self, t: int, label: int) -> None:
        """Take back what is drawn of an object in a frame."""
        self.project.clear(t, label)
        self._replan(t)

    def undo(self) -> int | None:
        """Take back the last change; return its frame."""
        t = self.project.undo()
        if t is not None:
            self._replan(t)
        return t

    def _replan(self, *drawn: int) -> None:
        """Take what is drawn now; frames whose masks may be others get new stamps."""
        with self.lock:
            try:
                annotations = self.project.annotations()
                self.problem = ""
            except InputError as error:
                annotations, self.problem = {}, str(error) if self.project.drawn else ""
            changed = {*drawn, *self._follower.plan(annotations)}
            before = self._learnt
            self._learnt = self._read_learnt()
            if before is not None or self._learnt is not None:
                changed = set(range(len(self.clip)))
            for t in changed:
                self.stamps[t] += 1
            self._doubts = {}

    def _read_learnt(self) -> dict[int, ProbArchive] | None:
        """Return what a network that learnt found, where it is of what is drawn now."""
        folder = self.project.folder / LEARNT
        said = folder.parent / f"{LEARNT}.yaml"
        if not said.exists():
            return None
        record = yaml.safe_load(said.read_text(encoding="utf-8"))
        if record != {"annotations": self.project.digest(), "complete": True}:
            return None
        labels = {label for shown in self.project.drawn.values() for label in shown}
        paths = {label: folder / ".masktrack" / f"{label}.zip" for label in sorted(labels)}
        if not all(path.exists() for path in paths.values()):
            return None
        return {label: ProbArchive(path) for label, path in paths.items()}

    def followed(self) -> Followed:
        """Return all masks; raise `InputError` where some are still to be found."""
        with self.lock:
            self.project.annotations()
            if self._learnt is None and self._follower.missing():
                raise InputError(
                    f"expected masks of all frames, {self._follower.missing()} are still to be "
                    "found; follow first (F)"
                )
            return Followed(
                clip=self.clip,
                tracks=self._learnt or self._follower.tracks(),
                others=self._follower.others(),
                threshold=self._propagation.threshold,
            )

    def labels(self, t: int) -> Labels:
        """Return the object ids of a frame, as far as they are known."""
        with self.lock:
            others = self._follower.others()
            probs: dict[int, Prob] = {}
            for label in others:
                if self._learnt is not None:
                    prob: Prob | None = self._learnt[label][frame_key(t)]
                else:
                    prob = self._follower.prob(label, t)
                if prob is not None:
                    taken = others[label].get(t)
                    probs[label] = prob if taken is None else np.where(taken, np.float32(0), prob)
            if not probs:  # an object that is empty everywhere keeps nothing from being followed
                drawn = self.project.drawn.get(t, {})
                probs = {label: mask.astype(np.float32) for label, mask in drawn.items()}
            if not probs:
                return np.zeros(tuple(self.clip.size), np.uint8)
            return merge_objects(probs, threshold=self._propagation.threshold)

    def follow(self) -> None:
        """Find the masks that are missing, without learning, beside the page."""
        self.project.annotations()

        def work(progress: Progress, stop: Event) -> None:
            total = self._follower.missing()
            progress.at("follow", 0, total)
            for done, (_, t) in enumerate(self._follower.follow(stop), start=1):
                with self.lock:
                    self.stamps[t] += 1
                progress.at("follow", done, max(total, done))

        self.jobs.start("follow", work)

    def learn(self) -> None:
        """Learn the objects and follow them, by ``masktrack segment`` on what is drawn."""
        self.project.annotations()
        digest, folder = self.project.digest(), self.project.folder
        said = folder / f"{LEARNT}.yaml"

        def note(*, complete: bool) -> None:
            record = {"annotations": digest, "complete": complete}
            write_text(said, yaml.safe_dump(record))

        def work(progress: Progress, stop: Event) -> None:
            known = yaml.safe_load(said.read_text(encoding="utf-8")) if said.exists() else {}
            words = ["segment", str(self.clip.path), "--annotations", str(folder / DRAWN)]
            words += ["--out", str(folder / LEARNT), *self._options]
            words += [] if known.get("annotations") == digest else ["--overwrite"]
            note(complete=False)
            run_command(words, progress, stop)
            if not stop.is_set():
                note(complete=True)
                self._replan()

        self.jobs.start("learn and follow", work)

    def export(self, kind: str) -> Path:
        """Write all masks in a form, beside the page; return where."""
        if kind not in PLACES:
            raise InputError(f"export: expected one of {', '.join(PLACES)}, got {kind!r}")
        followed, place = self.followed(), self.project.folder / EXPORTS / PLACES[kind]

        def work(progress: Progress, stop: Event) -> None:
            progress.at(f"export {kind}", 0, 0)
            masks = place.with_name(PLACES["masks"])
            if kind in ("masks", "overlay"):
                with atomic_folder(masks) as folder:
                    write_masks(followed, [folder / f"{name}.png" for name in self.clip.names])
            if kind == "overlay":
                clip, drawn = self.clip, overlay_clip(self.clip, masks)
                write_video(place, drawn, rate=clip.rate, times=clip.times, sound=clip.sound)
            elif kind != "masks":
                FORMS[kind].write(place, followed, followed.times)
            progress.at(f"written: {place}", 1, 1)

        self.jobs.start(f"export {kind}", work)
        return place

    def doubt(self, label: int) -> list[float | None]:
        """Return the doubt of each frame in steps of 0.01; None where nothing is found yet."""
        with self.lock:
            if self._learnt is None:
                found = self._follower.doubt(label)
            elif label in self._doubts:
                found = self._doubts[label]
            else:
                track, masks = self._learnt[label], self.project.annotations()[label]
                probs = (track[frame_key(t)] for t in range(len(self.clip)))
                params = self._propagation
                found = doubt_of(self.clip, probs, masks, backwards=params.backwards).doubt
                self._doubts[label] = found
            return [None if np.isnan(one) else round(float(one), 2) for one in found]

    def state(self, tab: str) -> Mapping[str, Any]:
        """Return what the page shows beside frames and masks, as JSON has it."""
        pen = self.holds_pen(tab)
        with self.lock:
            progress, drawn = self.jobs.progress, self.project.drawn
            followed = sorted(self._follower.others())
            return {
                "clip": self.clip.path.name,
                "folder": str(self.project.folder),
                "size": [self.clip.size.width, self.clip.size.height],
                "frames": len(self.clip),
                "rate": float(self.clip.rate),
                "objects": {n: vars(one) for n, one in self.project.objects.items()},
                "drawn": {t: sorted(shown) for t, shown in sorted(drawn.items())},
                "doubt": {label: self.doubt(label) for label in followed},
                "learnt": self._learnt is not None,
                "missing": 0 if self._learnt is not None else self._follower.missing(),
                "stamps": list(self.stamps),
                "problem": self.problem,
                "pen": pen,
                "exports": list(PLACES),
                "job": None
                if progress is None
                else {
                    "kind": progress.kind, "words": progress.words, "done": progress.done,
                    "total": progress.total, "left_s": progress.left_s, "error": progress.error,
                    "running": progress.running,
                },
            }  # fmt: skip
