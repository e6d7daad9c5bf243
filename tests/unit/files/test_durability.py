"""In which order files reach the disk: the calls of the system, written down."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from masktrack_core.files import io
from masktrack_core.files.durability import sync_folder
from masktrack_core.files.tensors import write_tensors
from masktrack_core.training.state import remove_state, write_state


@pytest.fixture
def calls(monkeypatch):
    """Return what is synced, renamed (its new name) and removed, in order."""
    seen, fsync, replace, unlink = [], os.fsync, os.replace, os.unlink

    def synced(handle):
        seen.append(("sync", Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def renamed(old, new, **more):
        replace(old, new, **more)
        seen.append(("rename", Path(new)))

    def removed(path, **more):
        unlink(path, **more)
        seen.append(("remove", Path(path)))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    monkeypatch.setattr(os, "unlink", removed)
    return seen


def test_a_file_is_synced_then_renamed_then_its_folder_is_synced(tmp_path, calls):
    io.write_mask(tmp_path / "a.png", np.ones((2, 3), bool))
    (first, partial), *after = calls[:3]
    assert first == "sync" and partial.parent == tmp_path and partial.name != "a.png"
    assert after == [("rename", tmp_path / "a.png"), ("sync", tmp_path)]


def test_a_folder_of_files_is_synced_once_then_renamed_then_the_one_it_lies_in_is_synced(
    tmp_path, calls
):
    with io.atomic_folder(tmp_path / "masks") as folder:
        for number in range(3):
            io.write_mask(folder / "deep" / f"{number}.png", np.ones((2, 3), bool))
        assert [what for what, _ in calls] == ["sync", "rename"] * 3
        calls.clear()
    assert calls[:4] == [
        ("sync", folder),
        ("sync", folder / "deep"),
        ("rename", tmp_path / "masks"),
        ("sync", tmp_path),
    ]


def test_a_network_is_on_disk_before_the_state_of_its_training_goes(tmp_path, calls):
    state, network = tmp_path / "state", tmp_path / "networks" / "a.safetensors"
    write_state(state, {"digest": "a", "iteration": 1})
    assert calls[-2:] == [("rename", state), ("sync", tmp_path)]
    calls.clear()
    write_tensors(network, {"a": torch.ones(2)}, {})
    remove_state(state)
    assert calls[1:] == [
        ("rename", network),
        ("sync", network.parent),
        ("remove", state),
        ("sync", tmp_path),
    ]


def test_a_file_system_that_cannot_sync_folders_is_no_error_but_a_failing_disk_is(
    tmp_path, monkeypatch
):
    def failing(number):
        def fsync(_handle):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)
        sync_folder(tmp_path)

    failing(errno.EINVAL)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        failing(errno.EIO)
