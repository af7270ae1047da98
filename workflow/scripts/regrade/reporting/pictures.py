"""Arrays as pictures in charts."""

import base64
import io

import altair as alt
import numpy as np
from PIL import Image

GAP = 2


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


def panel(title: str, picture: Image.Image) -> alt.Chart:
    """A chart of a picture, pixel by pixel, under its title."""
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    width, height = picture.size
    chart = alt.Chart(alt.Data(values=[{"url": url}])).mark_image(width=width, height=height)
    chart = chart.encode(url="url:N", x=alt.value(width / 2), y=alt.value(height / 2))
    return chart.properties(width=width, height=height, title=alt.Title(title, anchor="start", fontSize=11))
