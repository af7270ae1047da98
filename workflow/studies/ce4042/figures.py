"""What a trained CNN makes of one image: the feature maps of its convolutions and poolings; and what is trained."""

from matplotlib.figure import Figure
from regrade.bundle.manifest import BundledCell
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures.pictures import channels_last, levels, mosaic, panels
from regrade.reporting.template_functions import figure, value

COLUMNS, MAP_PIXELS, IMAGE_PIXELS = 16, 36, 96
SHOWN = ("convolution", "max_pooling")


@figure
def feature_maps(evidence: Evidence, cell: BundledCell | None, image: int) -> Figure | None:
    """The test image number `image` (from 0) and every map of every convolution and pooling. None without a kept model.

    The maps of a layer share one scale, black at zero, so that maps that do not respond stay black.
    """
    model = evidence.trained(cell)
    if model is None:
        return None
    import torch

    images, _ = model.test(image + 1)
    with torch.no_grad():
        outputs = model.network.outputs(torch.from_numpy(images[image])[None, None])
    pictures = [("input", mosaic(channels_last(images[image:]), 1, IMAGE_PIXELS))]
    for name, tensor in outputs.items():
        if name.rstrip("0123456789") in SHOWN:
            maps = tensor[0, 0].numpy()
            shape = " × ".join(map(str, maps.shape))
            picture = mosaic(levels(maps, 0, maps.max()), COLUMNS, MAP_PIXELS)
            pictures.append((f"{name.replace('_', ' ')} ({shape})", picture))
    return panels(pictures)


@value
def any_trained(evidence: Evidence, experiment: str) -> bool:
    """Whether a cell of the experiment has results."""
    return evidence.any_trained(experiment)
