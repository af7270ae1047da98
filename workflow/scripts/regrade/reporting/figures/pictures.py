"""Arrays as pictures in figures, pixel by pixel, and as heat maps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from regrade.reporting.figures import style

GAP = 2
# Around pictures in a figure, in pixels; above each is its title
MARGIN, TITLE = 6, 20


def levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """`values` as uint8: `low` and less is 0, `high` and more 255."""
    return (np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)


def channels_last(images: np.ndarray) -> np.ndarray:
    """Images (…, channels, height, width) as pictures have them: (…, height, width, 3), without the 3 for one channel.

    ValueError for any other number of channels.
    """
    channels = images.shape[-3]
    if channels not in (1, 3):
        raise ValueError(f"{channels} channels are neither grey nor colour")
    return images[..., 0, :, :] if channels == 1 else np.moveaxis(images, -3, -1)


def mosaic(tiles: np.ndarray, columns: int, side: int) -> Image.Image:
    """Tiles (count, height, width[, 3]) uint8 on white, `columns` in a row, each enlarged to `side`² pixels."""
    step, rows = side + GAP, -(-len(tiles) // columns)
    size = (min(len(tiles), columns) * step - GAP, rows * step - GAP)
    picture = Image.new("RGB" if tiles.ndim == 4 else "L", size, "white")
    for i, tile in enumerate(tiles):
        enlarged = Image.fromarray(tile).resize((side, side), Image.Resampling.NEAREST)
        picture.paste(enlarged, (i % columns * step, i // columns * step))
    return picture


def panels(pictures: Sequence[tuple[str, Image.Image]], columns: int = 1) -> Figure:
    """A figure of pictures, (title, picture), `columns` in a row, each as large as it is in pixels under its title."""
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    widths = [max(_width(*one) for one in pictures[column::columns]) for column in range(min(columns, len(pictures)))]
    heights = [TITLE + max(picture.height for _, picture in row) for row in rows]
    across, down = (sum(sizes) + MARGIN * (len(sizes) + 1) for sizes in (widths, heights))
    figure = Figure(figsize=(across / style.INCH, down / style.INCH))
    top = MARGIN
    for row, height in zip(rows, heights, strict=True):
        left: float = MARGIN
        for (title, picture), width in zip(row, widths, strict=False):
            bottom = down - top - TITLE - picture.height
            place = (left / across, bottom / down, picture.width / across, picture.height / down)
            show(figure.add_axes(place), title, picture)
            left += width + MARGIN
        top += height + MARGIN
    return figure


def show(axes: Axes, title: str, picture: Image.Image) -> None:
    """Fill the axes with a picture, without ticks."""
    axes.imshow(np.asarray(picture.convert("RGB")), aspect="auto")
    axes.set_axis_off()
    axes.set_title(title)


def heat_map(axes: Axes, title: str, values: np.ndarray, step: int, name: str) -> None:
    """Draw values (rows, columns) that are `step` pixels of an image apart, with a scale called `name`."""
    rows, columns = (np.arange(-0.5, count) * step for count in values.shape)
    mesh = axes.pcolormesh(columns, rows, values, edgecolors="face", linewidth=0.2)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_title(title)
    axes.figure.colorbar(mesh, cax=axes.inset_axes((1.04, 0, 0.05, 1)), label=name)


def _width(title: str, picture: Image.Image) -> float:
    return max(picture.width, style.text_width([title]))
