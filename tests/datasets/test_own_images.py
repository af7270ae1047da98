"""Images of one's own: the same from a folder and from archives, in one size and kind, or refused in one sentence."""

import io
import os
import random
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from regrade.core.errors import UserError
from regrade.datasets.checksums import checksum
from regrade.datasets.formats import images
from regrade.datasets.kinds import members
from support.own_data import prepare, sentence

pytestmark = pytest.mark.usefixtures("elsewhere")
IMAGES = {"format": "images"}
BY_FOLDER = {"train": ["pets/train"], "test": ["pets/test"], "seed": 1}


def pixels(seed: int, shape: tuple[int, ...] = (4, 6, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def saved(name: str, image: Image.Image | np.ndarray, **options: object) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def pets(top: str = "pets") -> Path:
    """Two splits of two classes, four images each."""
    for number, (split, kind) in enumerate((a, b) for a in ("train", "test") for b in ("cat", "dog")):
        for each in range(4):
            saved(f"{top}/{split}/{kind}/{each}.png", pixels(10 * number + each))
    return Path(top)


def zipped(folder: Path, name: str = "pets.zip", inside: str = "") -> Path:
    with zipfile.ZipFile(name, "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, f"{inside}{path.relative_to(folder)}")
    return Path(name)


def test_folders_and_archives_give_the_same_images():
    folder = pets()
    (folder / ".DS_Store").write_text("x")
    (folder / "train/Thumbs.db").write_text("x")
    from_folder = prepare(folder, **IMAGES, split=BY_FOLDER)
    with tarfile.open("pets.tar.gz", "w:gz") as archive:
        archive.add("pets", "./")
    for path, top in ((zipped(folder), ""), (Path("pets.tar.gz"), ""), (zipped(folder, "in.zip", "a/b/"), "/a/b")):
        split = {part: [f"{path.name}{top}/{part}"] for part in ("train", "test")} | {"seed": 1}
        data = prepare(path, **IMAGES, split=split)
        np.testing.assert_array_equal(data.train_inputs, from_folder.train_inputs)
        np.testing.assert_array_equal(data.test_targets, from_folder.test_targets)
    assert from_folder.classes == ["cat", "dog"]
    assert from_folder.train_inputs.shape == (8, 3, 4, 6) and from_folder.train_inputs.dtype == np.uint8
    every = {
        image.tobytes(): target for image, target in zip(from_folder.test_inputs, from_folder.test_targets, strict=True)
    }
    for number in range(4):
        assert every[pixels(20 + number).transpose(2, 0, 1).tobytes()] == 0
        assert every[pixels(30 + number).transpose(2, 0, 1).tobytes()] == 1


def test_the_checksum_of_a_folder_is_that_of_names_and_contents():
    first, second = pets("first"), pets("second")
    for path in second.rglob("*.png"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    (second / ".hidden").write_text("x")
    assert checksum(first) == checksum(second)
    (second / "test/cat/0.png").rename(second / "test/cat/9.png")
    assert checksum(first) != checksum(second)
    Path("empty").mkdir()
    with pytest.raises(UserError, match="the folder empty has no files"):
        checksum(Path("empty"))


def test_a_draw_of_all_images_and_a_common_size():
    for number in range(8):
        saved(f"pets/{'cat' if number % 2 else 'dog'}/{number}.png", pixels(number, (4 + number, 5, 3)))
    (Path("pets") / "README.txt").write_text("on top, it is no image and no class")
    said = sentence(Path("pets"), **IMAGES)
    assert "cat/1.png and cat/3.png are of 5×5 and 7×5 pixels" in said and "give size" in said
    data = prepare(Path("pets"), **IMAGES, size=[3, 2])
    assert data.train_inputs.shape == (6, 3, 3, 2) and data.test_inputs.shape == (2, 3, 3, 2)
    expected = Image.fromarray(pixels(1, (5, 5, 3))).resize((2, 3), Image.Resampling.BILINEAR)
    every = [*data.train_inputs, *data.test_inputs]
    assert any((image == np.asarray(expected).transpose(2, 0, 1)).all() for image in every)


def test_kinds_of_images_become_one():
    colour = pixels(1)
    kinds = {
        "rgb": Image.fromarray(colour),
        "gray": Image.fromarray(colour).convert("L"),
        "palette": Image.fromarray(colour).quantize(256),
        "clear": Image.fromarray(np.dstack([colour, np.zeros((4, 6), np.uint8)])),
    }
    for name, image in kinds.items():
        for number in range(2):
            saved(f"pets/{name}/{number}.png", image)
    turned = Image.Exif()
    turned[0x0112] = 6  # a telephone held upright
    saved("pets/rgb/2.jpg", np.full((6, 4, 3), 200, np.uint8), exif=turned)
    split = {"test_share": 0.5, "seed": 1}
    data = prepare(Path("pets"), **IMAGES, split=split)
    assert data.train_inputs.shape[1:] == (3, 4, 6)
    by_class = {data.classes[target]: image for image, target in zip(data.test_inputs, data.test_targets, strict=True)}
    assert (by_class["clear"] == 255).all(), "what cannot be seen is white"
    assert (by_class["gray"] == by_class["gray"][:1]).all()
    gray = prepare(Path("pets"), **IMAGES, split=split, colours="gray")
    assert gray.train_inputs.shape[1:] == (1, 4, 6)


def deep_colours(top: Path) -> None:
    """A PNG of 6 × 4 pixels in colours of 16 bits, which Pillow cannot write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 6, 4, 16, 2, 0, 0, 0)
    lines = zlib.compress((b"\0" + bytes(6 * 3 * 2)) * 4)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    (top / "train/cat/deep.png").write_bytes(png)


def test_mistakes_are_one_sentence_with_the_image():
    def said(change, **keys: object) -> str:
        folder = pets(f"pets{len(list(Path().iterdir()))}")
        change(folder)
        split = {part: [f"{folder.name}/{part}"] for part in ("train", "test")} | {"seed": 1}
        return sentence(folder, **IMAGES, **({"split": split} | keys))

    draw = {"test_share": 0.5, "seed": 1}
    assert "test/dog/x.png is no image that can be read" in said(lambda top: (top / "test/dog/x.png").write_text("x"))
    assert "the class 'cat' has two folders, test/cat and train/cat" in said(lambda top: None, split=draw)
    assert "on-top.png is in no folder" in said(lambda top: saved(f"{top}/train/on-top.png", pixels(1)))
    deep = Image.fromarray(np.zeros((4, 6), np.uint16))
    assert "16.png has more than 8 bits per channel" in said(lambda top: saved(f"{top}/train/cat/16.png", deep))
    # Pillow reads the first eight bits of each of its channels only
    assert "deep.png has more than 8 bits per channel (RGB;16B)" in said(deep_colours)
    assert "have none of the class 'fox'" in said(lambda top: saved(f"{top}/train/fox/1.png", pixels(1)))
    assert "4×6 and 5×6 pixels" in said(lambda top: saved(f"{top}/train/cat/x.png", pixels(1, (5, 6, 3))))
    assert "is damaged, or no zip or tar archive" in sentence(saved("a.png", pixels(1)), **IMAGES)


def test_a_part_that_is_not_there_is_one_sentence():
    split = {"train": ["pets/train"], "test": ["pets/tset"]}
    assert "pets: tset has no images in folders named as their classes" in sentence(pets(), **IMAGES, split=split)


@pytest.mark.parametrize(
    ("module", "limit", "said"),
    [(Image, "MAX_IMAGE_PIXELS", "is too large"), (members, "MOST_BYTES", "make it smaller")],
)
def test_bombs_are_refused(module: object, limit: str, said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, limit, 20)
    assert said in sentence(pets(), **IMAGES, split=BY_FOLDER)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "webp", "tiff"])
def test_damaged_images_are_one_sentence_or_read(kind: str):
    buffer, rng = io.BytesIO(), random.Random(1)
    Image.fromarray(pixels(1, (20, 20, 3))).save(buffer, kind)
    options = images.Options(split={"test_share": 0.5, "seed": 1})
    for _ in range(150):
        content = bytearray(
            buffer.getvalue()[: rng.choice([len(buffer.getvalue()), rng.randrange(len(buffer.getvalue()))])]
        )
        for _ in range(rng.randrange(4)):
            if content:
                content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            assert images._pixels(bytes(content), "a.png", options).ndim == 3
        except UserError as error:
            assert str(error).startswith("a.png")


def test_archives_that_are_damaged_or_locked_are_one_sentence():
    path = zipped(pets())
    content = path.read_bytes()
    for place in range(0, len(content), 97):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        Path("bad.zip").write_bytes(changed)
        split = {part: [f"bad.zip/{part}"] for part in ("train", "test")} | {"seed": 1}
        try:
            prepare(Path("bad.zip"), **IMAGES, split=split)
        except UserError as error:
            assert "bad.zip" in str(error)
