"""Annotated frames of video sets as stills: training on video (section 5.2, Table 1)."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from masktrack_core.datasets.videos import Video, open_video
from masktrack_core.files.io import write_mask
from masktrack_core.tables import STILLS, check_columns

log = logging.getLogger(__name__)


def stills_of_videos(indexes: Mapping[str, pd.DataFrame], folder: Path) -> pd.DataFrame:
    """Return the index of every annotated frame of some sequences (schema `tables.STILLS`).

    ``indexes`` are the indexes of sequences by ``dataset/sequence``. Each object of a frame is a
    still of its own, as each is tracked apart; frames without the object are left out. Its mask,
    at the size of the frame, is written below ``folder``; its picture is the frame where it lies.
    """
    rows = []
    for place, index in indexes.items():
        for object_id in sorted(set(index["object"])):
            video = open_video(index, int(object_id))
            rows += list(_stills(video, f"{place.replace('/', '-')}-{object_id}", folder))
    log.info("%d stills of %d sequences", len(rows), len(indexes))
    return check_columns(pd.DataFrame(rows, columns=list(STILLS.names)), STILLS, where=str(folder))


def _stills(video: Video, prefix: str, folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """Write the masks of one object; yield name, picture and mask of each annotated frame."""
    for t, frame_name in enumerate(video.frame_names):
        truth = video.truth(t)
        if truth is None or not truth.any():
            continue
        name = f"{prefix}-{frame_name}"
        path = folder / f"{name}.png"
        write_mask(path, truth)
        yield name, str(video.frame_paths[t]), str(path), ""
