"""The files in an archive, read without extracting it."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from regrade.core.errors import UserError
from regrade.datasets.checksums import hidden

MOST_BYTES = 2**28  # of a file in an archive, unpacked
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, OSError),
)


def read(path: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file in a zip or tar archive of whatever name, one at a time, in the archive's order.

    Files that are hidden or a file manager's are left out. UserError when the archive is damaged or none, or has a file
    that is too large or encrypted.
    """
    try:
        yield from _zipped(path) if zipfile.is_zipfile(path) else _taped(path)
    except _DAMAGED as error:
        raise UserError(
            f"{path} is damaged, or no zip or tar archive ({error}): delete it, and get an intact one"
        ) from error


def within(name: str, folder: str) -> PurePosixPath | None:
    """The path of a member below `folder`, "" for all; None where it is elsewhere."""
    path, top = PurePosixPath(name), PurePosixPath(folder)
    return path.relative_to(top) if path.is_relative_to(top) else None


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir() and not hidden(member.filename):
                _require_small(member.file_size, f"{path}: {member.filename}")
                if member.flag_bits & 1:
                    raise UserError(f"{path}: {member.filename} is encrypted; get an archive without a password")
                yield member.filename, archive.read(member)


def _taped(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if member.isfile() and not hidden(name) and (file := archive.extractfile(member)):
                _require_small(member.size, f"{path}: {name}")
                yield name, file.read()


def _require_small(size: int, where: str) -> None:
    if size > MOST_BYTES:
        raise UserError(f"{where} has {size:,} bytes, more than {MOST_BYTES:,}; make it smaller")
