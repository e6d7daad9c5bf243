import io
import os
import tarfile
import zipfile

import pytest

from masktrack_core.errors import InputError
from masktrack_core.files.unpacking import UnpackLimits, unpack


def make_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return path


def make_tar(path, members, mode="w:gz", kind=tarfile.REGTYPE):
    with tarfile.open(path, mode) as archive:
        for name, contents in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(contents), kind, "/etc/passwd"
            archive.addfile(member, io.BytesIO(contents))
    return path


MEMBERS = {"images/ä 1.jpg": b"one", "images/deep/2.jpg": b"two", "readme": b""}


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_files_come_out_as_they_went_in(tmp_path, make):
    folder = unpack(make(tmp_path / "a.archive", MEMBERS), tmp_path / "new" / "set")
    assert contents(folder) == MEMBERS
    assert [entry.name for entry in folder.parent.iterdir()] == ["set"]


def test_several_archives_share_a_folder(tmp_path):
    images = make_zip(tmp_path / "a.zip", {"images/1.jpg": b"1"})
    masks = make_tar(tmp_path / "b.tar", {"masks/1.png": b"2"}, mode="w")
    folder = unpack([images, masks], tmp_path / "set")
    assert contents(folder) == {"images/1.jpg": b"1", "masks/1.png": b"2"}


def test_folders_of_windows_archives_are_folders(tmp_path):
    folder = unpack(make_zip(tmp_path / "a.zip", {"images\\1.jpg": b"1"}), tmp_path / "set")
    assert contents(folder) == {"images/1.jpg": b"1"}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("name", ["../a", "/a", "b/../../a", "..\\a", "C:\\a", "C:a"])
def test_nothing_is_written_outside_the_folder(tmp_path, make, name):
    path = make(tmp_path / "a.archive", {"good": b"1", name: b"2"})
    with pytest.raises(InputError, match=r"a\.archive: .*the path"):
        unpack(path, tmp_path / "sub" / "set")
    assert list((tmp_path / "sub").iterdir()) == []
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["a.archive"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_tar_are_refused(tmp_path, kind):
    path = make_tar(tmp_path / "a.tar", {"link": b""}, kind=kind)
    with pytest.raises(InputError, match="link or device"):
        unpack(path, tmp_path / "set")


def test_links_in_zip_are_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="link or device"):
        unpack(tmp_path / "a.zip", tmp_path / "set")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_bombs_are_refused_whatever_limit_they_break(tmp_path, make):
    path = make(tmp_path / "a", {"zeros": bytes(3_000_000)})
    with pytest.raises(InputError, match="more bytes"):
        unpack(path, tmp_path / "set")
    small = make(tmp_path / "b", MEMBERS)
    for limits in (UnpackLimits(max_bytes=5), UnpackLimits(max_members=2)):
        with pytest.raises(InputError, match="more"):
            unpack(small, tmp_path / "set", limits=limits)
    assert not (tmp_path / "set").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("a", "2")
    with pytest.raises(InputError, match="'a' twice"):
        unpack(tmp_path / "a.zip", tmp_path / "set")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path, make):
    whole = make(tmp_path / "whole", {"a": os.urandom(50_000), "b": os.urandom(50_000)})
    damaged = tmp_path / "damaged"
    bytes_ = whole.read_bytes()
    for bad in (bytes_[:60_000], bytes_[:30_000] + bytes(100) + bytes_[30_100:], b"", b"hello"):
        damaged.write_bytes(bad)
        with pytest.raises(InputError, match=r"damaged.*download it again"):
            unpack(damaged, tmp_path / "set")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["damaged", "whole"]


def test_a_missing_archive_and_a_folder_that_is_there_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        unpack(tmp_path / "absent.zip", tmp_path / "set")
    (tmp_path / "set").mkdir()
    with pytest.raises(InputError, match="delete it"):
        unpack(make_zip(tmp_path / "a.zip", MEMBERS), tmp_path / "set")
