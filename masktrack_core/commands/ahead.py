"""The stages of ``masktrack segment`` in order, and guesses of what they cost: for its bars."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from masktrack_core.arrays import Size
from masktrack_core.commands.outputs import Export
from masktrack_core.commands.stages import SHARED, Request, learns_all
from masktrack_core.progress import Stage

#: Guesses until a run has its own rates, CPU seconds of one thread (`segment` on 40 frames of 720p;
#: benchmarks/README.md): of a step and a frame, whose work is in a region of fixed size,
_FIXED_S: Mapping[str, float] = {"learn": 0.42, "follow": 0.09}
#: and of a million pixels of a frame.
_PER_MEGAPIXEL_S: Mapping[str, float] = {
    "flow": 0.18,
    "refine": 2.9,
    "doubt": 0.03,
    "write masks": 0.01,
    "export coco": 0.006,
    "export contours": 0.007,
    "export probs": 0.011,
    "export .mov": 0.17,
    "export .webm": 0.05,
    "export folder": 0.036,
    "overlay": 0.024,
}


def stages(
    frames: int,
    objects: int,
    request: Request,
    exports: Sequence[Export] = (),
    overlay: Path | None = None,
) -> list[Stage]:
    """Return the stages of a run over a clip of so many frames, by the words of their bars."""
    found = [Stage("flow", "flow", frames)] * (request.motion is not None)
    runs = [f"object {place} of {objects}" for place in range(1, objects + 1)]
    if learns_all(request, objects):
        found += _learnt([SHARED], request)
        request = replace(request, usage=replace(request.usage, finetuning=None))
    if request.together:
        found += _learnt(runs, request)
        found.append(Stage(f"{objects} objects: follow", "follow", objects * frames))
        found += _refined(runs, frames, request)
    for words in () if request.together else runs:
        found += _of_object(words, frames, request)
    found += [Stage(f"{words}: doubt", "doubt", frames) for words in runs]
    found.append(Stage("write masks", "write masks", frames))
    for kind, path in exports:
        of = kind if kind != "cutout" else path.suffix.lower() or "folder"
        found.append(Stage(f"export {kind}", f"export {of}", frames))
    return found + [Stage("overlay", "overlay", frames)] * (overlay is not None)


def _of_object(words: str, frames: int, request: Request) -> list[Stage]:
    found = _learnt([words], request)
    found.append(Stage(f"{words}: follow", "follow", len(request.marks) or frames))
    if request.marks:
        found.append(Stage(f"{words}: fill", "follow", frames))
    return found + _refined([words], frames, request)


def _learnt(runs: Sequence[str], request: Request) -> list[Stage]:
    finetuning = request.usage.finetuning
    steps = 0 if finetuning is None else finetuning.schedule.iterations
    return [Stage(f"{words}: learn", "learn", steps) for words in runs if steps]


def _refined(runs: Sequence[str], frames: int, request: Request) -> list[Stage]:
    refines = request.crf is not None
    return [Stage(f"{words}: refine", "refine", frames) for words in runs if refines]


def guesses(size: Size) -> dict[str, float]:
    """Return seconds of a unit by kind, for frames of a size."""
    megapixels = size.height * size.width / 1e6
    return {**_FIXED_S} | {kind: s * megapixels for kind, s in _PER_MEGAPIXEL_S.items()}
