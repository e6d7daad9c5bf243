"""How a network is propagated: as a row of the configuration says, or as its own file does."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from masktrack_core.errors import InputError
from masktrack_core.files.archives import ArchivedFrames, GreyArchive
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.records import USAGE, read_record
from masktrack_core.tracking.propagation import FrameSequence, PropagationParams


def propagation_of(
    record: Mapping[str, str], row: Mapping[str, Any] | None, *, where: str
) -> PropagationParams:
    """Return the propagation of a row, else of a network's record.

    Where the record says nothing: the paper's, in the region that the offline training showed, if
    one. Raises `InputError` naming the file (``where``) for a record that cannot be read.
    """
    if row is not None:
        return PropagationParams(**row)
    try:
        if USAGE in record:
            return PropagationParams(**json.loads(record[USAGE])["propagation"])
        return taught_propagation(json.loads(record.get("rows", "{}")))
    except (ValueError, KeyError, TypeError) as error:
        raise unreadable(where, error) from error


def streams_of(
    names: Sequence[str], frames: FrameSequence, flow: Sequence[str | Path]
) -> list[FrameSequence]:
    """Return the streams ``rgb`` and ``flow`` by name; ``flow``: its archive, or no entry."""
    given: dict[str, FrameSequence] = {"rgb": frames}
    for path in flow:
        given["flow"] = ArchivedFrames(GreyArchive(Path(path)))
    return [given[name] for name in names]


def propagation_in_files(
    paths: Iterable[str | Path], row: Mapping[str, Any] | None
) -> PropagationParams:
    """Return the propagation of a row, else what the file of its network says, the first given.

    Raises `InputError` as `read_record` and `propagation_of` do.
    """
    said = {str(path): read_record(Path(path)).record for path in paths}
    where, record = next(iter(said.items()), ("", {}))
    return propagation_of(record, row, where=where)


def taught_propagation(rows: Mapping[str, Any]) -> PropagationParams:
    """Return the propagation that shows a network what training, of these rows, showed it."""
    crop = CropParams(**(rows.get("crop") or {}))
    if crop.region is None:  # a crop without region is one of a frame
        return PropagationParams()
    return PropagationParams(
        region=crop.region, region_size=crop.size, region_minimum=crop.region_minimum
    )


def unreadable(where: str, error: Exception) -> InputError:
    """Return the error that names a file whose record of use cannot be read."""
    return InputError(
        f"{where}: its record of use cannot be read ({type(error).__name__}: {error}); written "
        "by another version?"
    )
