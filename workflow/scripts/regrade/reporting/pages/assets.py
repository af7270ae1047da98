"""What all pages share: the style sheet, our scripts, and Vega, which draws the explorer's curves without a network."""

import shutil
from pathlib import Path

from regrade.reporting import TEMPLATES

# Vega, Vega-Lite and vega-embed are among them as npm has them: `npm pack vega vega-lite vega-embed`, build/*.min.js
FOLDER = TEMPLATES / "assets"


def write(target: Path) -> None:
    """Write all shared files into the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.iterdir():
        shutil.copyfile(path, target / path.name)
