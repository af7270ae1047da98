"""An archive like that of IMDB, with six reviews or others."""

import io
import tarfile
from pathlib import Path

from regrade.datasets import prepared
from regrade.datasets.sources import imdb

# Words by frequency in training: good 4, film 3, not 3, a 2, bad 2, don't 1
REVIEWS = {
    "train/neg/0_1.txt": "Not good.<br /><br />NOT a good film!",
    "train/neg/10_2.txt": "Bad,bad",
    "train/pos/0_9.txt": "A good (good) film",
    "train/pos/1_10.txt": "not film... don't",
    "test/neg/0_3.txt": "A terrible film",
    "test/pos/0_8.txt": "don't don't good",
}


def archive(folder: Path, texts: dict[str, str] = REVIEWS, **others: bytes) -> Path:
    """Write an archive of reviews, and of other members by their whole names; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / imdb.ARCHIVE
    with tarfile.open(path, "w:gz") as file:
        for name, body in ({f"aclImdb/{name}": text.encode() for name, text in texts.items()} | others).items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            file.addfile(member, io.BytesIO(body))
    return path


def prepare_from(path: Path) -> prepared.Prepared:
    return imdb.prepare({imdb.ARCHIVE: path}, imdb.Options())
