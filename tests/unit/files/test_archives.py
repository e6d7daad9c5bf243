import multiprocessing
import os
import pickle
import threading
import weakref

import numpy as np
import pytest

from masktrack_core.errors import InputError
from masktrack_core.files import archives
from masktrack_core.files.archives import (
    MaskArchive,
    ProbArchive,
    frame_key,
    object_key,
    read_annotations,
    read_track,
    write_mask_archive,
    write_prob_archive,
)


def masks(count=20, shape=(13, 17)):
    rng = np.random.default_rng(0)
    return [(f"set/ü {i:04d}", rng.random(shape) < 0.5) for i in range(count)]


@pytest.fixture
def archive(tmp_path):
    write_mask_archive(tmp_path / "a.zip", iter(masks()))
    return MaskArchive(tmp_path / "a.zip")


def test_a_track_is_an_objects_own_archive_or_its_part_of_one_of_several(tmp_path):
    probs = {(n, t): np.full((4, 6), (n + t) / 255, np.float32) for t in (0, 1) for n in (1, 12)}
    own = ((frame_key(t), probs[1, t]) for t in (0, 1))
    write_prob_archive(tmp_path / "1.zip", own)
    write_prob_archive(tmp_path / "all.zip", ((object_key(*key), probs[key]) for key in probs))
    for name, n in [("1.zip", 1), ("all.zip", 1), ("all.zip", 12)]:
        track = read_track(tmp_path / name, n)
        assert list(track) == ["00000", "00001"] and len(track) == 2
        assert all(np.array_equal(track[frame_key(t)], probs[n, t]) for t in (0, 1))
    with pytest.raises(InputError, match=r"all\.zip: expected frames of object 2, got others"):
        read_track(tmp_path / "all.zip", 2)


def test_bytes_of_masks_are_zero_and_one(archive):
    for name, mask in masks(3):
        assert np.array_equal(archive[name].view(np.uint8), mask)


def test_masks_come_back_by_name(archive):
    assert tuple(archive) == tuple(name for name, _ in masks())
    assert len(archive) == 20
    assert masks()[3][0] in archive
    assert "other" not in archive
    for name, mask in reversed(masks()):
        came = archive[name]
        assert came.dtype == np.bool_
        assert np.array_equal(came, mask)


def test_equal_masks_give_equal_bytes(tmp_path):
    write_mask_archive(tmp_path / "a.zip", masks())
    write_mask_archive(tmp_path / "b.zip", masks())
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_used_archive_is_picklable(archive):
    assert len(archive) == 20
    again = pickle.loads(pickle.dumps(archive))
    assert again.path == archive.path
    assert np.array_equal(again["set/ü 0007"], masks()[7][1])


def read_all(archive, repeats, failures):
    for _ in range(repeats):
        for name, mask in masks():
            if not np.array_equal(archive[name], mask):
                failures.put(name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork in a process with threads
def test_forked_workers_do_not_move_each_others_position(archive):
    assert len(archive) == 20  # opened before the fork: the workers inherit the handle
    context = multiprocessing.get_context("fork")
    failures = context.Queue()
    workers = [context.Process(target=read_all, args=(archive, 20, failures)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert failures.empty()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork in a process with threads
def test_a_forked_process_reads_through_a_handle_of_its_own(archive):
    """What a fork inherits shares its place in the file: one that reads there moves the other."""
    assert len(archive) == 20
    inherited = archive._handle[1].fp.fileno()
    os.lseek(inherited, 7, os.SEEK_SET)
    child = os.fork()
    if not child:  # nothing here may raise into pytest
        os._exit(0 if np.array_equal(archive["set/ü 0003"], masks()[3][1]) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert os.lseek(inherited, 0, os.SEEK_CUR) == 7


def test_an_error_among_the_masks_leaves_no_file(tmp_path):
    def broken():
        yield masks()[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_mask_archive(tmp_path / "a.zip", broken())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "/a", "../a", "a\\b", "set/ü 0000"])
def test_unsafe_and_doubled_names_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="distinct relative names"):
        write_mask_archive(tmp_path / "a.zip", [masks()[0], (name, masks()[0][1])])


def test_other_arrays_missing_names_and_broken_files_are_input_errors(tmp_path, archive):
    with pytest.raises(InputError, match="'a': expected a bool array"):
        write_mask_archive(tmp_path / "b.zip", [("a", np.zeros((2, 2), np.uint8))])
    with pytest.raises(InputError, match="expected a picture named 'other'"):
        archive["other"]
    with pytest.raises(InputError, match=r"absent\.zip.*no such file"):
        len(MaskArchive(tmp_path / "absent.zip"))
    whole = archive.path.read_bytes()
    archive.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.zip"):
        len(MaskArchive(archive.path))
    archive.path.write_bytes(whole[:60] + bytes(40) + whole[100:])
    with pytest.raises(InputError, match="whole picture"):
        MaskArchive(archive.path)["set/ü 0000"]


def test_probabilities_come_back_to_a_step_of_one_in_255(tmp_path):
    prob = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    write_prob_archive(tmp_path / "p.zip", [(frame_key(7), prob)])
    archive = ProbArchive(tmp_path / "p.zip")
    assert list(archive) == ["00007"]
    assert np.abs(archive["00007"] - prob).max() <= 1 / 510 + 1e-6
    assert archive["00007"].min() == 0 and archive["00007"].max() == 1


def test_annotations_are_read_by_frame_number(tmp_path):
    mask = np.eye(3, dtype=bool)
    write_mask_archive(tmp_path / "a.zip", [(frame_key(t), mask) for t in (0, 10)])
    assert list(read_annotations(tmp_path / "a.zip")) == [0, 10]


@pytest.mark.parametrize("wrong", [1.003, -0.1, np.nan])
def test_what_is_no_probability_is_refused(tmp_path, wrong):
    prob = np.full((2, 2), wrong, np.float32)
    with pytest.raises(InputError, match=r"expected probabilities in \[0, 1\]"):
        write_prob_archive(tmp_path / "p.zip", [("0", prob)])
    assert not list(tmp_path.iterdir())


def test_a_probability_keeps_its_side_of_one_half(tmp_path):
    half = np.float32(0.5)
    prob = np.array([[half, np.nextafter(half, 0), np.nextafter(half, 1)]], np.float32)
    write_prob_archive(tmp_path / "p.zip", [("0", prob)])
    assert ((ProbArchive(tmp_path / "p.zip")["0"] > 0.5) == (prob > 0.5)).all()


def test_the_next_picture_is_made_while_one_is_written(tmp_path, monkeypatch):
    asked_again = threading.Event()
    in_time = []

    def slow(encoded):
        in_time.append(asked_again.wait(timeout=20))
        return encode(encoded)

    encode = archives.Image.fromarray
    monkeypatch.setattr(archives.Image, "fromarray", slow)

    def probs():
        yield "0", np.zeros((4, 6), np.float32)
        asked_again.set()
        yield "1", np.ones((4, 6), np.float32)

    write_prob_archive(tmp_path / "a.zip", probs())
    assert in_time == [True, True]
    assert list(ProbArchive(tmp_path / "a.zip")) == ["0", "1"]


def test_no_more_pictures_wait_than_a_few(tmp_path):
    given, most = [], []

    class Watched(np.ndarray):
        """An array that can be watched by a weak reference."""

    def probs():
        for number in range(40):
            prob = np.full((4, 6), number / 40, np.float32).view(Watched)
            given.append(weakref.ref(prob))
            most.append(sum(one() is not None for one in given))
            yield f"{number}", prob

    write_prob_archive(tmp_path / "a.zip", probs())
    assert max(most) <= 6


def test_what_cannot_be_written_raises_and_leaves_no_file(tmp_path):
    bad = [np.zeros((4, 6), np.float32), np.full((4, 6), np.nan, np.float32)]
    with pytest.raises(InputError, match="expected probabilities"):
        write_prob_archive(tmp_path / "a.zip", zip("ab", bad, strict=True))
    assert not list(tmp_path.iterdir())
