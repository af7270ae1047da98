"""What a trained CNN still recognises when a grey square hides a part of the image."""

import altair as alt
import numpy as np
import pandas as pd
import torch

from regrade.cells import Cell
from regrade.errors import UserError
from regrade.models.inspect.occlusion import occlusion, recognised
from regrade.reporting.evidence import Evidence
from regrade.reporting.pictures import channels_last, mosaic, panel
from regrade.training import trained

# The middle of a pixel's 256 levels
GREY = 128
IMAGE_PIXELS = 220


def occlusion_map(evidence: Evidence, cell: Cell, images: int, size: int, stride: int) -> alt.Chart | None:
    """Accuracy on the first `images` test images by where the square is. None without a kept model.

    `size`: pixels of the square's side. `stride`: pixels from one place of it to the next.
    """
    model = trained.load(cell)
    if model is None:
        return None
    inputs, targets = (torch.from_numpy(part[:images]) for part in model.test())
    accuracy, _ = _occlusion(cell, model, inputs, targets, size, stride)
    whole, _ = recognised(model.network, inputs, targets)
    return _heat(f"{len(inputs):,} images, accuracy {whole:.3f} without the square", accuracy, stride, "accuracy")


def occluded_image(evidence: Evidence, cell: Cell, image: int, size: int, stride: int) -> alt.HConcatChart | None:
    """The test image number `image` (from 0) and its true class's probability by where the square is.

    See `occlusion_map`. None without a kept model.
    """
    model = trained.load(cell)
    if model is None:
        return None
    inputs, targets = (torch.from_numpy(part[image:]) for part in model.test(image + 1))
    _, probability = _occlusion(cell, model, inputs, targets, size, stride)
    _, whole = recognised(model.network, inputs, targets)
    picture = panel(model.classes[targets[0]], mosaic(channels_last(inputs.numpy()), 1, IMAGE_PIXELS))
    heat = _heat(f"probability {whole:.3f} without the square", probability, stride, "probability of the true class")
    return alt.hconcat(picture, heat)


def _occlusion(
    cell: Cell, model: trained.Trained, inputs: torch.Tensor, targets: torch.Tensor, size: int, stride: int
) -> tuple[torch.Tensor, torch.Tensor]:
    try:
        return occlusion(model.network, inputs, targets, size, stride, GREY)
    except ValueError as error:
        raise UserError(f"the template of {cell.study} asks for occlusion: {error}; make it smaller") from error


def _heat(heading: str, values: torch.Tensor, stride: int, title: str) -> alt.Chart:
    """Values (rows, columns) by the square's upper edge and left edge, in pixels."""
    rows, columns = np.indices(values.shape) * stride
    data = pd.DataFrame({"top": rows.ravel(), "left": columns.ravel(), "value": values.flatten().numpy()})
    chart = alt.Chart(data).mark_rect()
    chart = chart.encode(
        x=alt.X("left:O", title="left edge of the square, pixels", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("top:O", title="upper edge of the square, pixels"),
        color=alt.Color("value:Q", title=title, scale=alt.Scale(scheme="viridis", zero=False)),
    )
    heading = alt.Title(heading, anchor="start", fontSize=11)
    return chart.properties(width=IMAGE_PIXELS, height=IMAGE_PIXELS, title=heading)
