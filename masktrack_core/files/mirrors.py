"""What is downloaded: one file, the places that offer it, and what is known of its contents."""

import re
from dataclasses import dataclass
from pathlib import Path

from masktrack_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file to download. Raises `InputError` for an unusable name, URL or checksum."""

    #: File name below the folder of downloads.
    name: str
    #: The same file at several places, tried in this order; http or https. Empty where the owner
    #: wants a registration: then the file is put there by hand.
    urls: tuple[str, ...] = ()
    #: ``md5:…`` or ``sha256:…`` in hexadecimal, of the latter at least the first 8 digits (PyTorch
    #: publishes those). Empty where none is published: then the SHA-256 of the first download is
    #: written beside it and holds from then on.
    checksum: str = ""
    #: What a person must do where a download does not.
    instructions: str = ""
    #: Tries at each place; every try goes on where the last one broke off.
    attempts: int = 3
    #: Seconds before the second try; doubled before each further one.
    pause_s: float = 2.0

    def __post_init__(self) -> None:
        """Check name, URLs and checksum."""
        named = self.name == Path(self.name).name and not self.name.startswith(".")
        placed = all(re.match(r"https?://", url) for url in self.urls)
        obtainable = self.urls or self.instructions
        if not named or not placed or not obtainable or self.attempts < 1:
            raise InputError(
                f"archive {self.name!r}: expected a plain file name, http(s) URLs or instructions, "
                f"and at least one attempt, got {list(self.urls)} and {self.attempts}; correct the "
                "archive"
            )
        if self.checksum and not re.fullmatch(
            r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{8,64}", self.checksum
        ):
            raise InputError(
                f"archive {self.name!r}: expected a checksum like md5:<32 digits> or sha256:<8 "
                f"to 64 digits>, got {self.checksum!r}; correct the archive"
            )

    def missing(self, path: Path, failures: list[str]) -> InputError:
        """Return the error that says why the file is not at ``path`` and what a person can do."""
        tried = (
            f"expected a download from one of {len(self.urls)} places, got "
            + "; ".join(dict.fromkeys(failures))
            + f"; try again later, or put the file at {path} yourself"
            if self.urls
            else f"expected the file at {path}, where a person must put it"
        )
        return InputError(f"{self.name}: {tried}. {self.instructions}".strip(" ."))
