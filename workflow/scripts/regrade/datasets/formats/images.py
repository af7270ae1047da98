"""Images from folders or archives, each in a folder that is named as its class."""

import io
import struct
import warnings
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from regrade.config.own_data import ImagesOptions as Options
from regrade.core.errors import UserError
from regrade.datasets.form import Form
from regrade.datasets.kinds import labelled, members
from regrade.datasets.kinds.labelled import Rows, Splits
from regrade.datasets.prepared import Prepared
from regrade.datasets.standins import clusters

MODES = {"rgb": "RGB", "gray": "L"}
CHANNELS = {"rgb": 3, "gray": 1}
MOST_BYTES = 2**34  # of all prepared images together
MEND = "remove or replace it, and correct the sha256 in params.yaml"
# Modes of Pillow with more than 8 bits per channel, which it would cut off
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
# In how a file stores pixels that have other modes, such as RGB;16B
_DEEP_PIXELS = ";16"
# What Pillow raises for one that is damaged
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)


def form(options: Options) -> Form | None:
    """What its rows are; None where params.yaml does not say."""
    size = options.stand_in.size if options.stand_in else options.size
    classes = options.stand_in.classes if options.stand_in else len(options.classes or ())
    return Form((CHANNELS[options.colours], *size), classes, "bytes") if size and classes else None


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The images as (rows, 1 or 3, height, width) uint8, by the names of their files, or in an order drawn by a seed.

    Nothing is extracted. UserError for a file that is no image or in no folder, for images of several sizes without a
    common one, and for classes that are missing.
    """
    split = options.split
    assert split is not None
    names = list(files) if split.drawn else [*(split.train or ()), *(split.test or ())]
    parts = {name: _rows(files[name.partition("/")[0]], name.partition("/")[2], options) for name in names}
    return labelled.divided(parts, split, options.classes).prepared(labelled.source("images", files, split))


def _rows(path: Path, folder: str, options: Options) -> Rows:
    """The images of one part: those of an archive that are below `folder`."""
    where = f"{path}: {folder}" if folder else str(path)
    images: dict[str, np.ndarray] = {}
    total = 0
    for name, content in members.read(path):
        inside = members.within(name, folder)
        if inside is None or (len(inside.parts) == 1 and not _is_image(content)):
            continue  # elsewhere, or a file on top that says something of the others
        if len(inside.parts) == 1:
            raise UserError(f"{path}: {name} is in no folder, whose name would be its class; {MEND}")
        images[name] = _pixels(content, f"{path}: {name}", options)
        total += images[name].nbytes
        if total > MOST_BYTES:
            raise UserError(
                f"{where}: its images have more than {MOST_BYTES:,} bytes; give a smaller size in params.yaml"
            )
    if not images:
        raise UserError(
            f"{where} has no images in folders named as their classes; correct files or split in params.yaml"
        )
    order = sorted(images)
    _require_one_size(images, order, path)
    return Rows(
        np.stack([images[name] for name in order]), _classes(order, path), lambda row: f"{path}: {order[max(row, 0)]}"
    )


def _is_image(content: bytes) -> bool:
    from PIL import Image

    try:
        Image.open(io.BytesIO(content))
    except OSError:
        return False
    return True


def _pixels(content: bytes, where: str, options: Options) -> np.ndarray:
    """An image upright, without transparency and in the common size: (1 or 3, height, width) uint8."""
    # Whatever reads params.yaml imports this module
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(content))
            stored = [str(part) for tile in getattr(image, "tile", ()) for part in np.ravel([tile[-1]])]
            if deep := next((kind for kind in (image.mode, *stored) if kind in _DEEP or _DEEP_PIXELS in kind), None):
                raise UserError(f"{where} has more than 8 bits per channel ({deep}); save it with 8, and {MEND}")
            image = ImageOps.exif_transpose(image)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UserError(f"{where} is too large ({error}); {MEND}") from None
    except _UNREADABLE as error:
        raise UserError(f"{where} is no image that can be read ({error}); {MEND}") from None
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    image = image.convert(MODES[options.colours])
    if options.size:
        height, width = options.size
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def _require_one_size(images: dict[str, np.ndarray], order: list[str], path: Path) -> None:
    first = images[order[0]].shape[1:]
    for name in order:
        if images[name].shape[1:] != first:
            sizes = " and ".join("×".join(map(str, images[each].shape[1:])) for each in (order[0], name))
            raise UserError(
                f"{path}: {order[0]} and {name} are of {sizes} pixels (height×width); give size in params.yaml, to "
                "which all are resized"
            )


def _classes(order: list[str], path: Path) -> list[str]:
    """The name of the folder that each image is in. UserError when two folders of one part have the same name."""
    folders: dict[str, PurePosixPath] = {}
    for name in order:
        folder = PurePosixPath(name).parent
        if folders.setdefault(folder.name, folder) != folder:
            raise UserError(
                f"{path}: the class {folder.name!r} has two folders, {folders[folder.name]} and {folder}; name the "
                f"folder above under split, as in {path.name}/{folders[folder.name].parent}"
            )
    return [PurePosixPath(name).parent.name for name in order]


def stand_in(options: Options) -> Prepared:
    """Generated patterns, for runs without the files. See `regrade.datasets.standins.clusters`."""
    described = options.stand_in
    assert described is not None
    train, test = clusters.targets(described)
    shape = (CHANNELS[options.colours], *described.size)
    images = [clusters.pixels(of_class, shape, seed) for seed, of_class in enumerate((train, test))]
    return Splits(images[0], train, images[1], test, clusters.names(options, described)).prepared(clusters.SOURCE)
