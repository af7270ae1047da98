"""Checksums of files and folders on this machine, by which params.yaml knows them."""

import hashlib
import tarfile
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote, urlparse

from regrade.core import files
from regrade.core.errors import UserError

# What file managers leave in folders
_LEFT_BY_OTHERS = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})


def local(url: str) -> Path | None:
    """The path that an address stands for if it is on this machine: `file://…`, or a path in the project's folder."""
    if url.startswith("file://"):
        return Path(unquote(urlparse(url).path))
    return None if "://" in url else Path(url)


def checksum(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; of a folder, that of the archive that `pack` makes of it.

    UserError for a folder without files.
    """
    if not path.is_dir():
        return files.sha256(path)
    digest = _Digest()
    pack(path, digest)
    return digest.hexdigest()


class _Digest:
    """A file to write to that keeps nothing but the SHA-256 of what is written."""

    def __init__(self) -> None:
        self._total = hashlib.sha256()
        self.hexdigest = self._total.hexdigest

    def write(self, content: bytes) -> int:
        self._total.update(content)
        return len(content)


def pack(folder: Path, target: IO[bytes] | _Digest) -> None:
    """Write a tar archive of all files in `folder` that are not `hidden` to `target`.

    Its bytes depend on the files' sorted names in the folder and on their contents alone. UserError when there are
    none.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    names = sorted(name for name in paths if not hidden(name))
    if not names:
        raise UserError(f"the folder {folder} has no files; correct its address under datasets in params.yaml")
    with tarfile.open(fileobj=cast("IO[bytes]", target), mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = paths[name].stat().st_size
            with paths[name].open("rb") as content:
                archive.addfile(member, content)


def hidden(name: str) -> bool:
    """Whether a file, by its path in a folder or an archive, is no part of the data: hidden, or a file manager's."""
    return any(part.startswith(".") or part in _LEFT_BY_OTHERS for part in name.split("/"))


def missing(url: str) -> str:
    """What to say of an address without a checksum: what the checksum is, or how to get it."""
    path = local(url)
    if path is None:
        return f"sha256 is missing; add what `curl -L {url} | sha256sum` prints"
    if not path.exists():
        return f"sha256 is missing, and there is no {path}, of which it would be; correct the address"
    return f"sha256 is missing; it is {checksum(path)}"
