"""Pages from templates: what all templates know, and the addresses of pages."""

from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from regrade.cells.layout import label
from regrade.config.claims import Origin
from regrade.reporting import CELLS, TEMPLATES, number_format
from regrade.reporting.figures import style
from regrade.reporting.findings import why_open
from regrade.statistics.wording import phrase

# The origins of claims for a reader
ORIGINS: dict[Origin, str] = {"stated": "stated", "table": "read off", "ours": "ours"}


@cache
def environment(*folders: Path, escaped: bool = True) -> Environment:
    """Templates in `folders` and those shared by all pages, each compiled once in a process.

    A missing value is an error. `escaped`: whether values are, as in HTML.
    """
    templates = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]), autoescape=escaped, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters |= {"cell_page": cell_page, "why_open": why_open, "phrase": phrase}
    templates.filters |= {
        name: getattr(number_format, name)
        for name in ("formatted", "rounded", "short", "interval", "p_value", "size", "counted", "in_unit")
    }
    colours = {"cells": style.COLOURS, "splits": style.SPLITS}
    templates.globals |= {"label": label, "origins": ORIGINS, "colours": colours}
    return templates


def render(template: str, root: str, **values: object) -> str:
    """A whole page. `root`: the way from the page's folder to the folder of the front page, "" or "../" repeated."""
    return environment().get_template(template).render(root=root, **values)


def cell_page(folder: str) -> str:
    """The address of a cell's page from its study's page; `folder` as in results/<study>/<experiment>/<cell>."""
    experiment, cell = PurePosixPath(folder).parts[-2:]
    return quote(f"{CELLS}/{experiment}/{cell}.html", safe="/=,")
