"""Downloads by pooch: several addresses per file, checked, whole or not at all."""

import errno
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import pooch

from regrade.config.dataset import DataFile
from regrade.core.errors import UserError
from regrade.core.files import atomic_write


def fetch(file: DataFile, target: Path) -> None:
    """Bring `file` to `target` from the first of its addresses that gives the content with its checksum.

    The download goes to a temporary file beside `target`; a broken one leaves nothing behind.
    UserError, naming every address and what was wrong with each, when none does.
    """
    failures = []
    for url in file.urls:
        try:
            with atomic_write(target) as partial:
                pooch.retrieve(
                    url,
                    known_hash=f"sha256:{file.sha256}",
                    fname=partial.name,
                    path=partial.parent,
                    downloader=_copy
                    if url.startswith("file://")
                    else pooch.HTTPDownloader(progressbar=True, timeout=30),
                )
            return
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise
            failures.append(f"{url} ({_reason(error)})")
    raise UserError(
        f"could not get {target} from any of its addresses: {'; '.join(failures)}. Check the network and the entry "
        f"{target.name} under datasets in params.yaml, or run without a network on built-in data: --config scale=demo"
    )


def _copy(url: str, output_file: str | os.PathLike, _: pooch.Pooch) -> None:
    shutil.copyfile(unquote(urlparse(url).path), output_file)


def _reason(error: Exception) -> str:
    if "hash" in str(error):
        return "its SHA-256 is not the one in params.yaml"
    return " ".join(str(error).split())[:200]
