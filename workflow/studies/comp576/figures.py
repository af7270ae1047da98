"""What a trained CNN looks for, how it fares with parts of an image hidden, and how large its activations are."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from regrade.bundle.manifest import BundledCell
from regrade.core.errors import UserError
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import style
from regrade.reporting.figures.pictures import channels_last, heat_map, levels, mosaic, panels, show
from regrade.reporting.number_format import four
from regrade.reporting.tables import table_format
from regrade.reporting.template_functions import figure, table
from regrade.statistics.intervals import mean_interval

# PyTorch, and what needs it, is imported where there is a network to look at: the report of a bundle does without
if TYPE_CHECKING:
    import torch
    from regrade.training.trained import Trained

KERNEL_COLUMNS, KERNEL_PIXELS = 16, 36
PANEL_COLUMNS, TILE_PIXELS, BETWEEN = 3, 44, 8
# The middle of a pixel's 256 levels
GREY = 128
IMAGE_PIXELS, SCALE_PIXELS = 220, 90


@figure
def filters(evidence: Evidence, cell: BundledCell | None) -> Figure | None:
    """The kernels of the first convolution as images, each from its smallest to its largest weight.

    In colour where the convolution sees colours. None without a kept model.
    """
    model = evidence.trained(cell)
    if model is None:
        return None
    kernels = model.network.convolution1.kernel[0].detach().numpy()
    tiles = np.stack([levels(kernel, kernel.min(), kernel.max()) for kernel in channels_last(kernels)])
    shape = " × ".join(map(str, kernels.shape))
    return panels([(f"convolution1 ({shape})", mosaic(tiles, KERNEL_COLUMNS, KERNEL_PIXELS))])


@figure
def projections(evidence: Evidence, cell: BundledCell | None, layer: str, maps: int = 9, top: int = 9) -> Figure | None:
    """For feature maps of `layer` (convolution1, …), what excites them most among the test images.

    Per map, on the left its `top` strongest activations projected back to pixels (see `models.inspect.deconvolution`),
    on the right the patches of the images that caused them, the strongest first. A projection is grey where it is
    zero, and has a scale of its own. A patch cut by an image's edge leaves white. The maps are the first `maps`: their
    order is arbitrary. None without a kept model; UserError when the network has no such layer or it cannot be
    projected.
    """
    model = evidence.trained(cell)
    if model is None:
        return None
    import torch
    from regrade.models.inspect.activations import strongest
    from regrade.models.inspect.deconvolution import project, receptive_field

    images, _ = model.test()
    inputs = torch.from_numpy(images)
    try:
        excited = strongest(model.network, inputs, layer, top)
        count, top = excited.values[:maps].shape
        chosen, positions = excited.images[:maps].flatten(), excited.positions[:maps].flatten(0, 1)
        numbers = torch.arange(count).repeat_interleave(top)
        pixels = project(model.network, inputs[chosen], layer, numbers, positions).numpy()
    except ValueError as error:
        raise UserError(f"the template of {cell.study} asks for projections of {layer!r}: {error}") from error
    boxes = [receptive_field(model.network, images.shape[1:], layer, position) for position in positions.tolist()]
    # A map that no image excites has nothing but zeros to show
    limits = [np.abs(image).max() or 1 for image in pixels]
    projected = [levels(image, -limit, limit) for image, limit in zip(pixels, limits, strict=True)]
    tiles = [_cut(channels_last(np.stack(pictures)), boxes) for pictures in (projected, images[chosen.numpy()])]
    pictures = [
        (
            f"map {number + 1}, activations {excited.values[number, -1]:.3g} to {excited.values[number, 0]:.3g}",
            _pair(*(mosaic(group[number * top :][:top], math.isqrt(top - 1) + 1, TILE_PIXELS) for group in tiles)),
        )
        for number in range(count)
    ]
    return panels(pictures, PANEL_COLUMNS)


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


@figure
def occlusion_map(evidence: Evidence, cell: BundledCell | None, images: int, size: int, stride: int) -> Figure | None:
    """Accuracy on the first `images` test images by where a grey square hides a part. None without a kept model.

    `size`: pixels of the square's side. `stride`: pixels from one place of it to the next.
    """
    model = evidence.trained(cell)
    if model is None:
        return None
    import torch
    from regrade.models.inspect.occlusion import recognised

    inputs, targets = (torch.from_numpy(part[:images]) for part in model.test())
    accuracy, _ = _occlusion(cell, model, inputs, targets, size, stride)
    whole, _ = recognised(model.network, inputs, targets)
    made, (axes,) = style.grid(width=IMAGE_PIXELS, height=IMAGE_PIXELS, right=SCALE_PIXELS, top=24, bottom=44)
    heading = f"{len(inputs):,} images, accuracy {whole:.3f} without the square"
    _by_place(axes, heading, accuracy, stride, "accuracy")
    return made


@figure
def occluded_image(evidence: Evidence, cell: BundledCell | None, image: int, size: int, stride: int) -> Figure | None:
    """The test image number `image` (from 0) and its true class's probability by where the square is.

    See `occlusion_map`. None without a kept model.
    """
    model = evidence.trained(cell)
    if model is None:
        return None
    import torch
    from regrade.models.inspect.occlusion import recognised

    inputs, targets = (torch.from_numpy(part[image:]) for part in model.test(image + 1))
    _, probability = _occlusion(cell, model, inputs, targets, size, stride)
    _, whole = recognised(model.network, inputs, targets)
    made, (left, right) = style.grid(
        2, 2, IMAGE_PIXELS, IMAGE_PIXELS, left=10, right=SCALE_PIXELS, top=24, bottom=44, gap=(56, 0)
    )
    show(left, model.classes[targets[0]], mosaic(channels_last(inputs.numpy()), 1, IMAGE_PIXELS))
    heading = f"probability {whole:.3f} without the square"
    _by_place(right, heading, probability, stride, "probability of the true class")
    return made


def _occlusion(
    cell: BundledCell, model: "Trained", inputs: "torch.Tensor", targets: "torch.Tensor", size: int, stride: int
) -> "tuple[torch.Tensor, torch.Tensor]":
    from regrade.models.inspect.occlusion import occlusion

    try:
        return occlusion(model.network, inputs, targets, size, stride, GREY)
    except ValueError as error:
        raise UserError(f"the template of {cell.study} asks for occlusion: {error}; make it smaller") from error


def _by_place(axes: Axes, heading: str, values: "torch.Tensor", stride: int, name: str) -> None:
    """Values (rows, columns) by the square's upper edge and left edge, in pixels."""
    heat_map(axes, heading, values.numpy(), stride, name)
    axes.set_xlabel("left edge of the square, pixels")
    axes.set_ylabel("upper edge of the square, pixels")


def shown_activations(activations: pd.DataFrame) -> table_format.Shown:
    """`activations` for a reader."""
    shown, folders = {"": activations["layer"]}, {}
    for kind, name in (("mean", "mean"), ("std", "standard deviation")):
        shown[f"Reported, {name}"] = activations[f"reported_{kind}"].map(four)
        shown[f"Reproduced, {name}"] = table_format.with_interval(activations, kind)
        folders[f"Reproduced, {name}"] = activations["folder"]
    return table_format.Shown(pd.DataFrame(shown), folders)


@table(shown_activations)
def activations(evidence: Evidence, cell: BundledCell | None) -> pd.DataFrame:
    """Mean and standard deviation of the activations of each layer that the source names: reported, and ours.

    Ours are at the epoch of each seed's lowest test loss (see the setting activation_statistics), as means over the
    seeds with their 95 % intervals.
    """
    layers = dict.fromkeys(row["cell"]["layer"] for row in evidence.reported if "layer" in row["cell"])
    return pd.DataFrame([{"layer": layer} | _of_layer(evidence, cell, layer) for layer in layers if cell])


def _of_layer(evidence: Evidence, cell: BundledCell, layer: str) -> dict[str, float | str | None]:
    row = {"folder": cell.folder.as_posix()}
    for kind in ("mean", "std"):
        metric = f"test_activation_{kind}_{layer.replace('relu', 'convolution')}_at_lowest_loss"
        row[f"reported_{kind}"] = evidence.stated_of_layer(cell, layer, f"activation_{kind}")
        row[kind], row[f"{kind}_low"], row[f"{kind}_high"] = mean_interval(evidence.values(cell, metric))
    return row
