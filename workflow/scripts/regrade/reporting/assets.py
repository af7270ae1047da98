"""What all pages share: the style sheet, the scripts, and Vega, which draws charts, for use without a network."""

import shutil
from pathlib import Path

import vl_convert

from regrade.files import write_text
from regrade.reporting import TEMPLATES

FOLDER = TEMPLATES / "assets"
VEGA = "vega.js"


def write(target: Path) -> None:
    """Write all shared files into the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    # Vega, Vega-Lite and vega-embed as one classic script that sets window.vegaEmbed
    write_text(target / VEGA, vl_convert.javascript_bundle())
    for path in FOLDER.iterdir():
        shutil.copyfile(path, target / path.name)
