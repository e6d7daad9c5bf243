"""What `segment` says of its masks: doubt.csv, the stretch to look at, objects that have left."""

import logging

import numpy as np
import pandas as pd
import pytest

from masktrack_core.commands.doubts import absent_frames, write_doubts
from masktrack_core.datasets.video_files import Clip
from masktrack_core.exports.followed import Followed
from masktrack_core.files.archives import frame_key
from masktrack_core.files.io import write_frame
from masktrack_core.tracking.propagation import PropagationParams

SIZE = (64, 96)


@pytest.fixture
def clip(tmp_path):
    frame = np.zeros((*SIZE, 3), np.uint8)
    frame[:, :48] = 255, 0, 0
    for t in range(5):
        write_frame(tmp_path / "clip" / f"{t + 7:05d}.png", frame)
    return Clip(tmp_path / "clip")


def left():
    mask = np.zeros(SIZE, np.bool_)
    mask[:, :48] = True
    return mask


def track(fading=False):
    """Sure of frames 0 and 1; then sure, or a blurred corner on the other side."""
    lost = np.full(SIZE, 0.3, np.float32)
    lost[:10, 80:] = 0.6
    sure = np.where(left(), np.float32(0.98), np.float32(0.02))
    return {frame_key(t): lost if fading and t > 1 else sure for t in range(5)}


def written(clip, path, tracks, caplog, **options):
    caplog.set_level(logging.INFO)
    objects = {label: {0: left()} for label in tracks}
    write_doubts(clip, objects, tracks, PropagationParams(), path, **options)
    return pd.read_csv(path, dtype={"frame": str}), caplog.text


def test_there_is_a_row_an_object_and_frame_and_the_stretch_is_said(clip, tmp_path, caplog):
    table, said = written(clip, tmp_path / "doubt.csv", {1: track(), 3: track(True)}, caplog)
    assert table.object.tolist() == [1] * 5 + [3] * 5
    assert table.frame.tolist() == ["00007", "00008", "00009", "00010", "00011"] * 2
    assert table.annotated.tolist() == [True, False, False, False, False] * 2
    assert table.doubt[0] == 0 and table.doubt[:5].max() < 0.3 and table.doubt[7:].min() > 0.7
    assert "object 1: no stretch to look at" in said
    assert "object 3, frames 00009–00011: probably lost" in said
    assert not table.absent.any() and absent_frames(tmp_path / "doubt.csv", clip) == {}


def test_an_object_that_has_left_is_said_to_be_absent_and_is_not_drawn(clip, tmp_path, caplog):
    path, tracks = tmp_path / "doubt.csv", {1: track(), 3: track(True)}
    table, said = written(clip, path, tracks, caplog, absent_below=0.4)
    assert table.absent.tolist() == [False] * 7 + [True] * 3
    assert "object 3: absent from 3 frames" in said and "no stretch to look at" in said
    assert absent_frames(path, clip) == {3: frozenset({2, 3, 4})}
    absent = absent_frames(path, clip)
    followed = Followed(clip=clip, tracks=tracks, others={1: {}, 3: {}}, absent=absent)
    assert not followed.masks(3)[3].any() and followed.masks(3)[1].any()
    assert absent_frames(tmp_path / "none.csv", clip) == {}


def test_frames_of_a_stretch_keep_the_numbers_of_the_clip(clip, tmp_path, caplog):
    path, stretch = tmp_path / "doubt.csv", clip.cut([1, 3, 4])
    table, _ = written(stretch, path, {3: track(True)}, caplog, absent_below=0.4)
    assert table.t.tolist() == [1, 3, 4] and table.frame.tolist() == ["00008", "00010", "00011"]
    assert table.absent.tolist() == [False, False, True]
    assert absent_frames(path, stretch) == {3: frozenset({2})}
