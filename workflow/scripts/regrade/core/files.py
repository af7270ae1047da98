"""Files that appear whole or not at all, and short names for content."""

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE
from typing import Any, cast

from regrade.core.errors import UserError

SEAL = "seal"


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield an empty file beside `path` to write to, renamed to `path` only when the block ends without an error.

    Its permissions are those of any new file, whatever the block does.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Named before it exists, so that it is removed whenever an interruption comes
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        partial.touch()
        mode = partial.stat().st_mode
        yield partial
        # Some libraries replace it by a private file, but the umask should decide who may read it
        if partial.stat().st_mode != mode:
            partial.chmod(S_IMODE(mode))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, renamed to `folder` only when the block ends without an error."""
    partial = folder.with_name(f".{folder.name}.part")
    # Left by an attempt that was killed
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_write(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path | str, content: object, sealed: bool = True) -> None:
    """Write `content` to `path` as indented JSON, whole or not at all. Floats must be finite, else ValueError.

    An object gets a last key `seal`, by which `read_json` notices any change; `sealed` is false for files that other
    programs read.
    """
    if sealed and isinstance(content, dict):
        content = content | {SEAL: _seal(content)}
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str) -> dict[str, Any]:
    """The object in a JSON file of ours, without its seal; UserError names the file when it is damaged."""
    try:
        content = json.loads(Path(path).read_text("utf-8"))
        # Lists and files of other programs have no seal
        if isinstance(content, dict) and content.pop(SEAL, seal := _seal(content)) != seal:
            raise ValueError("it does not match its own checksum")
        return cast("dict[str, Any]", content)
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}): delete it and run again") from error


def short_hash(content: object) -> str:
    """First 8 hexadecimal digits of the SHA-256 of `content` as canonical JSON: the short name of a configuration."""
    return hashlib.sha256(_canonical(content)).hexdigest()[:8]


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _seal(content: dict[str, Any]) -> str:
    """SHA-256 of the object as it will be read back, when all keys are strings, without its seal."""
    read_back = {key: value for key, value in json.loads(_canonical(content)).items() if key != SEAL}
    return hashlib.sha256(_canonical(read_back)).hexdigest()


def sha256(path: Path | str) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sealed(path: Path | str, content: bytes) -> None:
    """Write `content` behind its own SHA-256, so that `read_sealed` notices any damage."""
    write_bytes(path, hashlib.sha256(content).digest() + content)


def read_sealed(path: Path | str) -> bytes:
    """The content that `write_sealed` wrote; ValueError when a byte of it has changed or is missing."""
    sealed = Path(path).read_bytes()
    seal, content = sealed[:32], sealed[32:]
    if hashlib.sha256(content).digest() != seal:
        raise ValueError(f"{path} does not match its own checksum")
    return content
