"""What the file of a network says of itself, read without its weights and without torch."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from masktrack_core.errors import InputError

FORMAT = "masktrack-network-2"
"""The one metadata key of our own files: JSON of ``spec``, ``record`` and a ``digest`` of all.

One key only: safetensors writes several in an order that changes from process to process.
"""

USAGE = "usage"
"""Key of a network's record under which its usage is kept, as JSON."""

FINETUNING_DEFAULTS: Mapping[str, Any] = {
    "samples": 1000,
    "offline_share": 0.0,
    "neighbours": False,
    "shared": False,
}
"""What a row of ``finetunings`` says itself, beside the names of other rows; of `FinetuningParams`.

Here, as in `DEFAULT_THRESHOLD`, so that rules need no torch; a test compares them."""

DEFAULT_THRESHOLD = 0.5
"""Of a network whose file says nothing: that of `PropagationParams`."""


@dataclass(frozen=True, kw_only=True)
class NetworkRecord:
    """What stands in the file of a network beside its weights."""

    #: Fields of `NetworkSpec`.
    spec: Mapping[str, Any]
    #: What made it, as `run_record` wrote it.
    record: Mapping[str, str]
    #: SHA-256 of all of it, weights included.
    digest: str

    @property
    def prior(self) -> str:
        """Return what the network is shown of the previous frame: mask, box or none."""
        return str(self.spec.get("prior"))

    def described(self) -> dict[str, Any]:
        """Return it as plain values; what is JSON inside is unfolded, empty values are left out."""
        unfolded = {key: _unfolded(value) for key, value in self.record.items()}
        record = {key: value for key, value in unfolded.items() if value not in ({}, "")}
        return {"spec": dict(self.spec), "record": record}


def read_record(path: Path) -> NetworkRecord:
    """Return what a network's file says of itself; its weights are not looked at.

    Raises `InputError` naming a file that is absent, damaged, or no network of this project.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a network, no such file; give the path of one")
    try:
        with safe_open(path, framework="np") as file:
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a network of this project, .safetensors, got a file that cannot be "
            f"read ({str(error).splitlines()[0]}); download or export it again"
        ) from error
    if FORMAT not in metadata:
        raise InputError(
            f"{path}: expected a network of this project ({FORMAT}), got metadata "
            f"{sorted(metadata)}; weights of a trunk are the `pretrained` of an architecture"
        )
    try:
        about = json.loads(metadata[FORMAT])
        texts = {str(key): str(value) for key, value in about["record"].items()}
        return NetworkRecord(spec=dict(about["spec"]), record=texts, digest=str(about["digest"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: its record cannot be read ({type(error).__name__}: {error}); written by "
            "another version?"
        ) from error


def guiding_threshold(paths: Iterable[Path]) -> float:
    """Return the probability above which a pixel guides the next frame, as networks' files say.

    Raises `InputError` where they say unlike ones.
    """
    said = {}
    for path in paths:
        propagation = _usage_in(path, "propagation")
        said[Path(path).name] = float(propagation.get("threshold", DEFAULT_THRESHOLD))
    if len(set(said.values())) != 1:
        raise InputError(
            f"threshold: expected networks whose files say the same one, got {said}; give the "
            "variant a threshold"
        )
    return next(iter(said.values()))


def says_shared(path: Path) -> bool:
    """Return whether a network's file says that one training is for all objects of a video."""
    return bool(_usage_in(path, "finetuning").get("shared", FINETUNING_DEFAULTS["shared"]))


def _usage_in(path: Path, part: str) -> Mapping[str, Any]:
    """Return what a network's file says of one part of its usage; empty where nothing."""
    usage = _unfolded(read_record(path).record.get(USAGE, "{}"))
    return usage.get(part) or {} if isinstance(usage, dict) else {}


def _unfolded(text: str) -> Any:
    """Return the value of a text that is a JSON object, its own texts unfolded; else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, dict):
        return text
    return {k: _unfolded(v) if isinstance(v, str) else v for k, v in value.items()}
