"""What a trained CNN makes of one image: the feature maps of its convolutions and poolings."""

import base64
import io

import altair as alt
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from regrade import datasets
from regrade.cells import MODEL, Cell
from regrade.datasets import prepared
from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.reporting.evidence import Evidence

COLUMNS, MAP_PIXELS, GAP = 16, 36, 2
SHOWN = ("convolution", "max_pooling")


def feature_maps(evidence: Evidence, cell: Cell, image: int) -> alt.VConcatChart | None:
    """The test image number `image` (from 0) and every map of every convolution and pooling. None without a kept model.

    The maps of a layer share one scale, black at zero, so that maps that do not respond stay black.
    """
    weights = _weights(cell)
    if not weights:
        return None
    configuration = cell.configuration(evidence.resolved(cell))
    pixels, _ = prepared.load(datasets.folder(configuration.data), "test", image + 1)
    context = Context(configuration.conventions, [torch.Generator()], [torch.Generator()])
    network = Network(configuration.network, pixels.shape[1:], context).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(weights[name][None])
        outputs = network.outputs(torch.from_numpy(pixels[image])[None, None])
    panels = [
        _panel("input", Image.fromarray(pixels[image].transpose(1, 2, 0)).resize((96, 96), Image.Resampling.NEAREST))
    ]
    for name, maps in outputs.items():
        if name.rstrip("0123456789") in SHOWN:
            shape = " × ".join(map(str, maps.shape[2:]))
            panels.append(_panel(f"{name.replace('_', ' ')} ({shape})", _mosaic(maps[0, 0].numpy())))
    return alt.vconcat(*panels)


def _weights(cell: Cell) -> dict[str, torch.Tensor]:
    """The parameters of the first kept seed; empty when there is none."""
    path = cell.folder / MODEL
    if not path.exists():
        return {}
    weights = load_file(path)
    seeds = sorted({int(name.split("/")[0].removeprefix("seed=")) for name in weights})
    return (
        {name.split("/")[1]: weights[name] for name in weights if name.startswith(f"seed={seeds[0]}/")} if seeds else {}
    )


def _mosaic(maps: np.ndarray) -> Image.Image:
    """Maps (count, height, width) side by side, `COLUMNS` in a row, each `MAP_PIXELS` wide."""
    levels = (np.clip(maps / max(maps.max(), 1e-12), 0, 1) * 255).astype(np.uint8)
    step = MAP_PIXELS + GAP
    rows = -(-len(levels) // COLUMNS)
    mosaic = Image.new("L", (min(len(levels), COLUMNS) * step - GAP, rows * step - GAP), 255)
    for i, level in enumerate(levels):
        tile = Image.fromarray(level).resize((MAP_PIXELS, MAP_PIXELS), Image.Resampling.NEAREST)
        mosaic.paste(tile, (i % COLUMNS * step, i // COLUMNS * step))
    return mosaic


def _panel(title: str, picture: Image.Image) -> alt.Chart:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    width, height = picture.size
    chart = alt.Chart(alt.Data(values=[{"url": url}])).mark_image(width=width, height=height)
    chart = chart.encode(url="url:N", x=alt.value(width / 2), y=alt.value(height / 2))
    return chart.properties(width=width, height=height, title=alt.Title(title, anchor="start", fontSize=11))
