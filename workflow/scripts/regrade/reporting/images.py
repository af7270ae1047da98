"""Charts as files: SVG for the page, PNG for slides, both small."""

import io
import re
from pathlib import Path

import altair as alt
import vl_convert
from PIL import Image

from regrade.files import write_bytes, write_text

# Charts have at most so many colours, most of them from smooth edges, and need few; pictures have more
CHART_COLOURS, PALETTE = 4096, 64
GEOMETRY = re.compile(r' (d|transform|x|y|x1|x2|y1|y2|width|height)="[^"]*"')
# What changes nothing in an image, which a page shows with a text beside it: hooks, labels of every mark, defaults
IDLE = re.compile(r' (?:(?:class|role|aria-[a-z]+|pointer-events)="[^"]*"|(?:opacity|stroke-width)="1")')
FRACTION = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")


def write(chart: alt.TopLevelMixin, folder: Path, stem: str) -> None:
    """Write folder/stem.svg, and the same as folder/stem.png at 1.5 pixels per point."""
    # Altair refuses more than 5,000 rows, since notebooks would grow; here they go into a picture
    with alt.data_transformers.disable_max_rows():
        specification = chart.configure_view(continuousHeight=200).to_dict()
    svg = GEOMETRY.sub(_rounded, IDLE.sub("", vl_convert.vegalite_to_svg(specification)))
    write_text(folder / f"{stem}.svg", svg)
    write_bytes(folder / f"{stem}.png", _small(vl_convert.svg_to_png(svg, scale=1.5)))


def _rounded(attribute: re.Match) -> str:
    """An attribute with its numbers to a tenth of a point."""
    return FRACTION.sub(lambda number: f"{float(number[0]):.1f}", attribute[0])


def _small(png: bytes) -> bytes:
    """The same picture in fewer bytes: with a palette if it is a chart, else as it is."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if picture.getcolors(CHART_COLOURS):
        picture = picture.quantize(PALETTE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
