"""Downloads by pooch: several addresses per file, checked, whole or not at all."""

import errno
import os
import re
import shutil
from pathlib import Path

import pooch

from regrade.config.dataset import DataFile
from regrade.core.errors import UserError
from regrade.core.files import atomic_write
from regrade.datasets import checksums


def fetch(file: DataFile, target: Path) -> None:
    """Bring `file` to `target` from the first of its addresses that gives the content with its checksum.

    The download goes to a temporary file beside `target`; a broken one leaves nothing behind. A folder becomes a tar
    archive of its files.
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
                    downloader=_copy if checksums.local(url) else pooch.HTTPDownloader(progressbar=True, timeout=30),
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
    path = checksums.local(url)
    assert path is not None
    if path.is_dir():
        with Path(output_file).open("wb") as archive:
            checksums.pack(path, archive)
    else:
        shutil.copyfile(path, output_file)


def _reason(error: Exception) -> str:
    if actual := re.search(r"hash.* got:? (\w{64})", str(error), re.DOTALL):
        return f"its SHA-256 is {actual[1]}, not the one in params.yaml"
    return " ".join(str(error).split())[:200]
