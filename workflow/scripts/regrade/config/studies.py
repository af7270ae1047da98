"""Where the files of studies are: what each source stated, claimed and did, and the layout of its page."""

from pathlib import Path

# Every study is a folder in it; a command that grades a study from elsewhere sets it once, when it starts
FOLDER = Path(__file__).resolve().parents[3] / "studies"


def folder(study: str) -> Path:
    """The folder of a study."""
    return FOLDER / study
