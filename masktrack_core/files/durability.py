"""What stays on disk when the power is cut: a rename is only there when its folder is."""

import errno
import os
from pathlib import Path

_CANNOT = errno.EINVAL, errno.ENOTSUP


def rename(temporary: Path, path: Path) -> None:
    """Give a whole file or folder its name; return when the name is on disk."""
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Return when what was renamed or removed in a folder is on disk.

    Does nothing where the file system cannot sync folders, as some of a network cannot.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(handle)
