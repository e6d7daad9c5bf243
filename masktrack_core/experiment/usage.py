"""How a network wants to be used: what its file says of first-frame training and propagation."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import FINETUNING_KEYS
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.tracking.segmentation import FinetuningParams

log = logging.getLogger(__name__)

#: Key of a network's record under which its usage is kept, as JSON.
USAGE = "usage"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What to run a network with."""

    #: Of the masks from frame to frame.
    propagation: PropagationParams
    #: Of the online stage; None for a network that is used as trained offline.
    finetuning: FinetuningParams | None
    #: What it was trained on, in words.
    trained_on: str = "unknown"


def usage_record(
    propagation: Mapping[str, Any],
    finetuning: Mapping[str, Any] | None,
    rows: Mapping[str, Any],
    trained_on: str,
) -> str:
    """Return what `read_usage` reads: rows of the configuration as JSON."""
    values = {"propagation": propagation, "finetuning": finetuning, "rows": rows}
    return json.dumps(values | {"trained_on": trained_on}, sort_keys=True, default=str)


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
            propagation=PropagationParams(**values["propagation"]),
            finetuning=_finetuning(values["finetuning"], values["rows"]),
            trained_on=str(values["trained_on"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{where}: its record of use cannot be read ({type(error).__name__}: {error}); written "
            "by another version?"
        ) from error


def _finetuning(row: Mapping[str, Any] | None, rows: Mapping[str, Any]) -> FinetuningParams | None:
    if row is None:
        return None
    said = {key: row[key] for key in FINETUNING_KEYS if key in row}
    return FinetuningParams.from_rows(rows, **said)


def _inferred(rows: Mapping[str, Any]) -> Usage:
    schedule = dict(rows.get("schedule") or {}) | {"iterations": 200, "warmup": 0, "ema": None}
    taught = {"schedule": schedule, "crop": rows.get("crop") or {}}
    taught |= {"augmentation": {}, "deformation": {}}
    finetuning = FinetuningParams.from_rows(taught)
    crop = finetuning.examples.crop
    # What it is shown at test is what training shows it; a crop without region is one of a frame.
    propagation = PropagationParams()
    if crop.region is not None:
        propagation = PropagationParams(
            region=crop.region, region_size=crop.size, region_minimum=crop.region_minimum
        )
    return Usage(propagation=propagation, finetuning=finetuning)
