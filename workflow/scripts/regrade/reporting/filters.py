"""What the convolutions of a trained CNN look for: kernels as images, and activations projected back to pixels."""

import math

import altair as alt
import numpy as np
import torch
from PIL import Image

from regrade.cells import Cell
from regrade.errors import UserError
from regrade.models.inspect.activations import strongest
from regrade.models.inspect.deconvolution import project, receptive_field
from regrade.reporting.evidence import Evidence
from regrade.reporting.pictures import channels_last, levels, mosaic, panel
from regrade.training import trained

KERNEL_COLUMNS, KERNEL_PIXELS = 16, 36
PANEL_COLUMNS, TILE_PIXELS, BETWEEN = 3, 44, 8


def filters(evidence: Evidence, cell: Cell) -> alt.Chart | None:
    """The kernels of the first convolution as images, each from its smallest to its largest weight.

    In colour where the images are. None without a kept model.
    """
    model = trained.load(cell)
    if model is None:
        return None
    kernels = model.network.convolution1.kernel[0].detach().numpy()
    tiles = np.stack([levels(kernel, kernel.min(), kernel.max()) for kernel in channels_last(kernels)])
    shape = " × ".join(map(str, kernels.shape))
    return panel(f"convolution1 ({shape})", mosaic(tiles, KERNEL_COLUMNS, KERNEL_PIXELS))


def projections(evidence: Evidence, cell: Cell, layer: str, maps: int = 9, top: int = 9) -> alt.ConcatChart | None:
    """For feature maps of `layer` (convolution1, …), what excites them most among the test images.

    Per map, on the left its `top` strongest activations projected back to pixels (`models.inspect.deconvolution`),
    on the right the patches of the images that caused them, the strongest first. A projection is grey where it is
    zero, and has a scale of its own. A patch cut by an image's edge leaves white. The maps are the first `maps`: their
    order is arbitrary. None without a kept model; UserError when the network has no such layer or it cannot be
    projected.
    """
    model = trained.load(cell)
    if model is None:
        return None
    images, _ = model.test()
    inputs = torch.from_numpy(images)
    try:
        found = strongest(model.network, inputs, layer, top)
        count, top = found.values[:maps].shape
        chosen, positions = found.images[:maps].flatten(), found.positions[:maps].flatten(0, 1)
        numbers = torch.arange(count).repeat_interleave(top)
        pixels = project(model.network, inputs[chosen], layer, numbers, positions).numpy()
    except ValueError as error:
        raise UserError(f"the template of {cell.study} asks for projections of {layer!r}: {error}") from error
    boxes = [receptive_field(model.network, images.shape[1:], layer, position) for position in positions.tolist()]
    # A map that no image excites has nothing but zeros to show
    limits = [np.abs(image).max() or 1 for image in pixels]
    projected = [levels(image, -limit, limit) for image, limit in zip(pixels, limits, strict=True)]
    tiles = [_cut(channels_last(np.stack(pictures)), boxes) for pictures in (projected, images[chosen.numpy()])]
    panels = [
        panel(
            f"map {number + 1}, activations {found.values[number, -1]:.3g} to {found.values[number, 0]:.3g}",
            _pair(*(mosaic(group[number * top :][:top], math.isqrt(top - 1) + 1, TILE_PIXELS) for group in tiles)),
        )
        for number in range(count)
    ]
    return alt.concat(*panels, columns=PANEL_COLUMNS)


def _cut(pictures: np.ndarray, boxes: list[tuple[slice, slice]]) -> np.ndarray:
    """The box of each picture, all made as large as the largest by white at the right and lower edges."""
    parts = [picture[box] for picture, box in zip(pictures, boxes, strict=True)]
    side = max(max(part.shape[:2]) for part in parts)
    tiles = np.full((len(parts), side, side, *pictures.shape[3:]), 255, np.uint8)
    for tile, part in zip(tiles, parts, strict=True):
        tile[: part.shape[0], : part.shape[1]] = part
    return tiles


def _pair(left: Image.Image, right: Image.Image) -> Image.Image:
    picture = Image.new(left.mode, (left.width + BETWEEN + right.width, left.height), "white")
    picture.paste(left, (0, 0))
    picture.paste(right, (left.width + BETWEEN, 0))
    return picture
