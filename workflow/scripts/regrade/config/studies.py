"""Where the files of studies are: what each source stated, claimed and did, and the layout of its page."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

# Every study is a folder in it; a command that grades a study from elsewhere sets it once, when it starts
FOLDER = Path(__file__).resolve().parents[3] / "studies"


def folder(study: str) -> Path:
    """The folder of a study."""
    return FOLDER / study


def misnamed(study: str, names: Sequence[str]) -> Iterator[str]:
    """Complaints about files of a study that nobody reads, since they are not quite called what is read: `names`."""
    files = {file.name: file for file in sorted(folder(study).glob("*")) if not file.name.startswith(".")}
    missing = [name for name in names if name not in files]
    for name in sorted(files.keys() - set(names)):
        # Case and the ending, too, may be what is wrong; beside the right file, it may be a copy
        if meant := difflib.get_close_matches(name.lower(), missing, 1, cutoff=0.8):
            yield f"{files[name]} is never read; what is read is called {meant[0]}: rename it"
