"""Archives from the internet: mirrors in turn, resumed after a break, checked, whole or not at all.

`masktrack_core.files.unpacking` opens them.
"""

import logging
import re
import tarfile
import time
import zipfile
from pathlib import Path

import requests
from tqdm import tqdm

from masktrack_core.errors import InputError
from masktrack_core.files.io import atomic_path, file_digest, write_text
from masktrack_core.files.mirrors import Archive

__all__ = ["Archive", "fetch", "received", "write_receipt"]

log = logging.getLogger(__name__)

#: Suffix of the receipt of a download, behind the whole name of the file.
RECEIPT = ".receipt"
#: Bytes read at a time; a break loses what came of the last chunk.
_CHUNK = 1 << 16
#: Seconds to connect, and between two chunks.
_TIMEOUT_S = (15.0, 60.0)


class _Broken(Exception):  # noqa: N818 - never leaves this module
    """One try failed; says why."""


class _Refused(_Broken):
    """The place does not have the file; another try there is in vain."""


def fetch(archive: Archive, into: Path) -> Path:
    """Return the downloaded file below ``into``, downloading what is missing.

    A file that is there and fits its checksum is returned without a request. What a broken download
    left (``.part``) is gone on with, if the server says that its file is still the same. Progress
    is shown on a terminal. Raises `InputError` when no place gave a good file, naming what each
    gave, and when the file that is there does not fit its checksum.
    """
    path = Path(into) / archive.name
    if path.exists():
        _check_present(path, archive)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = [
        failure for url in archive.urls if not path.exists() for failure in _try(url, path, archive)
    ]
    if not path.exists():
        raise archive.missing(path, failures)
    return path


def write_receipt(path: Path, receipt: Path) -> None:
    """Write that a file is there and what it is, in the form that ``sha256sum -c`` reads.

    Workflows wait for the receipt: Snakemake deletes the outputs of a job that runs again, and
    would delete gigabytes, or what a person put there by hand.
    """
    write_text(receipt, f"{file_digest(path)}  {path.name}\n")


def received(receipt: Path) -> Path:
    """Return the file that a receipt is for; any other path unchanged."""
    return receipt.with_suffix("") if receipt.suffix == RECEIPT else receipt


def _try(url: str, path: Path, archive: Archive) -> list[str]:
    """Download from one place; return what went wrong, try by try, also where the last was good."""
    failures = []
    for attempt in range(archive.attempts):
        try:
            _download(url, _part(path))
            _check_downloaded(path, archive)
            _finish(path, archive)
            break
        except (_Broken, requests.RequestException) as error:
            failures.append(f"{url}: {error}")
            log.warning("%s: %s: %s", archive.name, url, error)
            if isinstance(error, _Refused):
                break
        if attempt + 1 < archive.attempts:
            time.sleep(archive.pause_s * 2**attempt)
    return failures


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _validator(part: Path) -> Path:
    """Return where the server's mark of the partial file's version is kept."""
    return part.with_name(f"{part.name}-version")


def _recorded(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _download(url: str, part: Path) -> None:
    """Write the file at a URL to ``part``, going on behind what is there if it is the same file."""
    # Encoded transfer would make lengths and ranges those of other bytes.
    headers = {"Accept-Encoding": "identity"}
    version = _validator(part)
    if part.exists() and version.exists() and part.stat().st_size:
        headers["Range"] = f"bytes={part.stat().st_size}-"
        headers["If-Range"] = version.read_text(encoding="utf-8")
    else:
        _forget(part)
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
        start = _start(response, part)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        _remember(response, version)
        _receive(response, part, start=start, total=total)
    if total is not None and part.stat().st_size != total:
        raise _Broken(f"broke off after {part.stat().st_size} of {total} bytes")


def _start(response: requests.Response, part: Path) -> int:
    """Return at which byte the answer begins; raise `_Broken` for an answer that is no file."""
    if response.status_code == 206:
        begin = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if begin and part.exists() and int(begin[1]) == part.stat().st_size:
            return int(begin[1])
    if response.status_code != 200:
        if response.status_code in (206, 416):  # a partial file that does not fit
            _forget(part)
            raise _Broken(f"answered {response.status_code} to a partial request")
        permanent = 400 <= response.status_code < 500 and response.status_code not in (408, 429)
        failure = _Refused if permanent else _Broken
        raise failure(f"answered {response.status_code} {response.reason}")
    return 0


def _remember(response: requests.Response, version: Path) -> None:
    """Keep the mark of the file's version, without which a download is not gone on with."""
    mark = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    if mark and not mark.startswith("W/"):  # a weak mark does not promise equal bytes
        version.write_text(mark, encoding="utf-8")
    else:
        version.unlink(missing_ok=True)


def _receive(response: requests.Response, part: Path, *, start: int, total: int | None) -> None:
    name = part.name.removesuffix(".part")
    with (
        part.open("ab" if start else "wb") as file,
        tqdm(
            desc=name, initial=start, total=total, unit="B", unit_scale=True, disable=None
        ) as progress,
    ):
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            progress.update(len(chunk))


def _check_downloaded(path: Path, archive: Archive) -> None:
    """Raise `_Broken`, and forget the download, when it is not the file that was wanted."""
    part = _part(path)
    algorithm, _, digest = (archive.checksum or _first_digest(path)).partition(":")
    came = file_digest(part, algorithm) if algorithm else ""
    problem = "" if came.startswith(digest) else f"{algorithm} is {came}, expected {digest}"
    if not algorithm and not _looks_like_its_suffix(part, path.name):
        problem = "is no such archive: perhaps a page in its place"
    if problem:
        _forget(part)
        raise _Broken(problem)


def _first_digest(path: Path) -> str:
    recorded = _recorded(path)
    return f"sha256:{recorded.read_text(encoding='utf-8').split()[0]}" if recorded.exists() else ""


def _looks_like_its_suffix(part: Path, name: str) -> bool:
    if name.endswith(".zip"):
        return zipfile.is_zipfile(part)
    if name.endswith((".tar", ".tar.gz", ".tgz")):
        return tarfile.is_tarfile(part)
    return part.stat().st_size > 0


def _check_present(path: Path, archive: Archive) -> None:
    checksum = archive.checksum or _first_digest(path)
    algorithm, _, digest = checksum.partition(":")
    if algorithm and not file_digest(path, algorithm).startswith(digest):
        raise InputError(
            f"{path}: expected {checksum}, got {algorithm}:{file_digest(path, algorithm)}; delete "
            "the file to download it again, or correct the checksum"
        )
    if not algorithm:
        _record(path)


def _finish(path: Path, archive: Archive) -> None:
    if not archive.checksum and not _recorded(path).exists():
        _record(path, of=_part(path))
    with atomic_path(path) as temporary:
        _part(path).replace(temporary)
    _validator(_part(path)).unlink(missing_ok=True)


def _record(path: Path, *, of: Path | None = None) -> None:
    """Write the digest of the first download beside it, in the form that ``sha256sum -c`` reads."""
    digest = file_digest(of or path)
    log.info("%s: no checksum is published; from now on it is sha256:%s", path.name, digest)
    write_text(_recorded(path), f"{digest}  {path.name}\n")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator(part).unlink(missing_ok=True)
