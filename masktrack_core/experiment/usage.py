"""How a network wants to be used: what its file says of first-frame training and propagation."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from masktrack_core.errors import InputError
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.records import FINETUNING_DEFAULTS, USAGE
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.tracking.propagation_usage import (
    propagation_of,
    taught_propagation,
    unreadable,
)
from masktrack_core.tracking.segmentation import FinetuningParams
from masktrack_core.training.loop import TrainParams

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What to run a network with."""

    #: Of the masks from frame to frame.
    propagation: PropagationParams
    #: Of the online stage; None for a network that is used as trained offline.
    finetuning: FinetuningParams | None
    #: What it was trained on, in words.
    trained_on: str = "unknown"

    def untaught(self) -> "Usage":
        """Return how the network follows what it has not learnt: with `tracking.guard`."""
        propagation = replace(self.propagation, guard=True)
        return replace(self, propagation=propagation, finetuning=None)


def usage_record(
    propagation: Mapping[str, Any],
    finetuning: Mapping[str, Any] | None,
    rows: Mapping[str, Any],
    trained_on: str,
) -> str:
    """Return what `read_usage` reads: rows of the configuration as JSON."""
    values = {"propagation": propagation, "finetuning": finetuning, "rows": rows}
    return json.dumps(values | {"trained_on": trained_on}, sort_keys=True, default=str)


def usage_text(usage: Usage) -> str:
    """Return what `read_usage` reads: every parameter written out, as JSON."""
    learns = usage.finetuning
    row, rows = None, {}
    if learns is not None:
        row = {"samples": learns.examples.samples, "offline_share": learns.offline_share}
        row |= {"neighbours": learns.examples.neighbours, "shared": learns.shared}
        examples = asdict(learns.examples)
        parts = ("crop", "augmentation", "deformation")
        rows = {"schedule": asdict(learns.schedule)} | {part: examples[part] for part in parts}
    return usage_record(asdict(usage.propagation), row, rows, usage.trained_on)


def finetuning_of(
    record: Mapping[str, str], own: Mapping[str, Any], rows: Mapping[str, Any], *, where: str
) -> FinetuningParams:
    """Return how a network learns an object: what a row leaves out is what its file says.

    ``own`` are the row's numbers that were given, ``rows`` the rows that it names, None where it
    names none. Raises `InputError` for a file whose network is used without learning.
    """
    if None not in rows.values() and own.keys() == FINETUNING_DEFAULTS.keys():
        return FinetuningParams.from_rows(rows, **own)
    said = read_usage(record, where=where).finetuning
    if said is None:
        raise InputError(
            f"{where}: says that it is used without learning an object, so a row of finetunings "
            f"must name all of {', '.join(rows)}, got {own} and {dict(rows)}; complete the row"
        )
    given = {key: row for key, row in rows.items() if row is not None}
    examples = said.examples
    given_here = {key: own[key] for key in ("samples", "neighbours") if key in own}
    examples = replace(examples, **given_here)
    if "crop" in given:
        examples = replace(examples, crop=CropParams(**given["crop"]))
    if "augmentation" in given:
        examples = replace(examples, augmentation=AugmentationParams(**given["augmentation"]))
    if "deformation" in given:
        examples = replace(examples, deformation=DeformationParams(**given["deformation"]))
    schedule = TrainParams(**given["schedule"]) if "schedule" in given else said.schedule
    share, shared = own.get("offline_share", said.offline_share), own.get("shared", said.shared)
    return FinetuningParams(
        schedule=schedule, examples=examples, offline_share=share, shared=shared
    )


def usage_of_tracker(
    record: Mapping[str, str],
    propagation: Mapping[str, Any] | None,
    finetuning: Mapping[str, Any] | None,
    rows: Mapping[str, Any],
    *,
    where: str,
) -> str:
    """Return what `read_usage` reads of a tracker whose network comes from a file.

    The arguments are those of `usage_record`; what they leave open is taken from the file.
    """
    said = read_usage(record, where=where)
    learns = None if finetuning is None else finetuning_of(record, finetuning, rows, where=where)
    steps = propagation_of(record, propagation, where=where)
    return usage_text(replace(said, propagation=steps, finetuning=learns))


def exported_record(record: Mapping[str, str], usage: str) -> dict[str, str]:
    """Return the record of a network that is handed on: with its usage, without private paths."""
    rows = json.loads(record.get("rows", "{}"))
    architecture = rows.get("architecture") or {}
    if architecture.get("pretrained"):
        rows["architecture"] = architecture | {"pretrained": Path(architecture["pretrained"]).name}
    return dict(record) | {"rows": json.dumps(rows, sort_keys=True), USAGE: usage}


def read_usage(record: Mapping[str, str], *, where: str = "weights") -> Usage:
    """Return how a network is used, from the record in its file.

    Where the file says nothing: the paper's propagation, in the region that its offline training
    showed, if one, and a first-frame training of 200 steps with that optimiser and crop. Raises
    `InputError` for a record that cannot be read.
    """
    try:
        if USAGE not in record:
            log.info("%s: says nothing of its use; the paper's 5 px and 200 steps are taken", where)
            return _inferred(json.loads(record.get("rows", "{}")))
        values = json.loads(record[USAGE])
        return Usage(
            propagation=propagation_of(record, None, where=where),
            finetuning=_finetuning(values["finetuning"], values["rows"]),
            trained_on=str(values["trained_on"]),
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise unreadable(where, error) from error


def _finetuning(row: Mapping[str, Any] | None, rows: Mapping[str, Any]) -> FinetuningParams | None:
    if row is None:
        return None
    said = {key: row[key] for key in FINETUNING_DEFAULTS if key in row}
    return FinetuningParams.from_rows(rows, **said)


def _inferred(rows: Mapping[str, Any]) -> Usage:
    schedule = dict(rows.get("schedule") or {}) | {"iterations": 200, "warmup": 0, "ema": None}
    taught = {"schedule": schedule, "crop": rows.get("crop") or {}}
    taught |= {"augmentation": {}, "deformation": {}}
    finetuning = FinetuningParams.from_rows(taught)
    # What it is shown at test is what training shows it.
    return Usage(propagation=taught_propagation(rows), finetuning=finetuning)
