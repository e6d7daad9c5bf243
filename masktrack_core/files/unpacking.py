"""Zip and tar archives unpacked with suspicion: nothing outside the folder, no links, no bombs."""

import errno
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias

from masktrack_core.errors import InputError, describe
from masktrack_core.files.durability import rename

_Member: TypeAlias = tuple[str, IO[bytes] | None]
"""Name and contents of one member; None for a folder."""

#: Bytes read at a time.
_CHUNK = 1 << 20

_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # zipfile: encrypted
    NotImplementedError,  # zipfile: a compression that Python does not know
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
)


@dataclass(frozen=True, kw_only=True)
class UnpackLimits:
    """What an archive may hold at most; the defaults are a multiple of the largest data set."""

    max_bytes: int = 64 * 2**30
    max_members: int = 1_000_000
    #: Unpacked bytes over packed bytes. Pictures are compressed already: 1 to 3; text reaches 20.
    max_ratio: float = 200.0


def unpack(
    archives: Path | Sequence[Path],
    into: Path,
    *,
    limits: UnpackLimits | None = None,
    choose: Callable[[Path], Path] | None = None,
) -> Path:
    """Return ``into``, a new folder with the contents of the archives.

    Zip, tar and compressed tar, told by their contents. Several archives go into one folder (ECSSD
    comes as two). The folder appears when all is unpacked, or not at all. ``choose`` looks at what
    was unpacked and returns the folder inside it that is kept; what it raises leaves nothing
    behind. Raises `InputError` when
    ``into`` is there, an archive is missing, damaged, encrypted, larger than ``limits`` (declared
    or not), or has an absolute path, ``..``, a link, a device, or a name twice.
    """
    into = Path(into)
    if into.exists() or into.is_symlink():
        raise InputError(
            f"{into}: expected to make this folder, but it is there; delete it to unpack again"
        )
    paths = [Path(archives)] if isinstance(archives, str | Path) else list(archives)
    into.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=into.parent))
    try:
        folder = temporary / into.name  # made here, for the permissions of any other folder
        folder.mkdir()
        for path in paths:
            _unpack_one(path, folder, limits or UnpackLimits())
        rename(choose(folder) if choose else folder, into)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return into


def _unpack_one(path: Path, folder: Path, limits: UnpackLimits) -> None:
    try:
        allowed = min(limits.max_bytes, int(limits.max_ratio * path.stat().st_size))
        with _members(path) as members:
            for count, (name, contents) in enumerate(members):
                if count >= limits.max_members:
                    raise _refusal(path, f"more than {limits.max_members} members")
                target = folder / _safe_name(path, name)
                if contents is None:
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                allowed -= _copy(path, contents, target, allowed)
    except InputError:
        raise
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"{path}: expected a whole zip or tar archive, got {describe(error)}; delete it and "
            "download it again"
        ) from error


def _copy(path: Path, contents: IO[bytes], target: Path, allowed: int) -> int:
    """Write one member and return its size; counts what comes, whatever the archive declares."""
    size = 0
    try:
        file = target.open("xb")
    except FileExistsError as error:
        raise _refusal(path, f"{target.name!r} twice") from error
    with file:
        while chunk := contents.read(_CHUNK):
            size += len(chunk)
            if size > allowed:
                raise _refusal(path, "more bytes than an archive of pictures of its size holds")
            file.write(chunk)
    return size


@contextmanager
def _members(path: Path) -> Iterator[Iterator[_Member]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _zip_members(path, archive)
    else:
        with tarfile.open(path, "r:*") as archive:
            yield _tar_members(path, archive)


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[_Member]:
    for member in archive.infolist():
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refusal(path, f"a link or device {member.filename!r}")
        if member.is_dir():
            yield member.filename, None
            continue
        with archive.open(member) as contents:
            yield member.filename, contents


def _tar_members(path: Path, archive: tarfile.TarFile) -> Iterator[_Member]:
    for member in archive:
        if not (member.isreg() or member.isdir()):
            raise _refusal(path, f"a link or device {member.name!r}")
        yield member.name, archive.extractfile(member) if member.isreg() else None
    # The checksum of a gzip lies at its end, behind the last member: read on to have it compared.
    while archive.fileobj is not None and archive.fileobj.read(_CHUNK):
        pass


def _safe_name(path: Path, name: str) -> PurePosixPath:
    """Return the name as a path below the folder; Windows' separators count as separators."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or pure.as_posix()[1:2] == ":":
        raise _refusal(path, f"the path {name!r}")
    return pure


def _refusal(path: Path, what: str) -> InputError:
    return InputError(
        f"{path}: expected an archive of plain files below one folder, got {what}; do not unpack "
        "it by other means before you have looked inside"
    )
