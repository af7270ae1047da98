"""How commands print: tables without lines, durations in words, and nothing cut where nobody sets a width."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

# Columns where there is no terminal
WIDE = 1000


def console() -> Console:
    """Standard output; outside a terminal nothing is cut or broken into lines."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def lined(*titles: str, right: Iterable[str] = ()) -> Table:
    """A table with these titles, without lines; the columns `right` are of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", overflow="fold")
    return table


def duration(seconds: float) -> str:
    """With the two largest units, rounded: 40 s, 5 min, 3 h 20 min, 2 d 5 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"
