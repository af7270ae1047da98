"""Figures as files: SVG for the page, PNG for slides, PDF for LaTeX, all small, and the same for the same data."""

import io
import re
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from regrade.core.files import write_bytes
from regrade.reporting.figures.style import look

KINDS = ("svg", "png", "pdf")
# Most colours of a chart are from smooth edges: it needs few of them
PALETTE, ALMOST_WHITE = 64, 248
TAG, FRACTION = re.compile(rb"<[^>]+>"), re.compile(rb"(\.\d\d)\d+")
# What changes nothing in an image: comments, identifiers of groups, indentation, turns by nothing
IDLE = re.compile(rb'<!--.*?-->|(?<=<g) id="[\w.]+"|(?<=\n) +| transform="rotate\(-?0 [^"]*"', re.DOTALL)


def write(figure: Figure, folder: Path, stem: str) -> None:
    """Write folder/stem.svg, .png (at the style's resolution) and .pdf; none of them says when."""
    with look():
        write_bytes(folder / f"{stem}.svg", _svg(figure))
        write_bytes(folder / f"{stem}.png", png(figure))
        write_bytes(folder / f"{stem}.pdf", _pdf(figure))


def _svg(figure: Figure) -> bytes:
    file = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(file, metadata=nothing)
    # Of positions, a hundredth of a point is less than anyone sees; texts between the tags stay as they are
    return TAG.sub(lambda tag: FRACTION.sub(rb"\1", tag[0]), IDLE.sub(b"", file.getvalue()))


def png(figure: Figure) -> bytes:
    """A picture in few bytes: with a palette, unless images are a part of it."""
    # Writing an SVG leaves its own resolution behind
    figure.dpi = matplotlib.rcParams["figure.dpi"]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    if not any(axes.images for axes in figure.axes):
        picture = picture.quantize(PALETTE, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        # The octree's colours are means, of white and what is almost white, too
        picture.putpalette([255 if level > ALMOST_WHITE else level for level in picture.getpalette() or []])
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _pdf(figure: Figure) -> bytes:
    file = io.BytesIO()
    FigureCanvasPdf(figure).print_pdf(file, metadata={"CreationDate": None})
    return file.getvalue()
