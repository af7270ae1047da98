"""Files of one's own with bytes changed at random: read, or refused in one sentence, never a fault of ours."""

import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from regrade.core.errors import UserError
from regrade.datasets import registry
from safetensors.numpy import save_file

pytestmark = pytest.mark.usefixtures("elsewhere")
CHANGES = 60
TABLE = {"label": "kind", "features": ["x", "y"]}
TEXTS = {"label": "kind", "text": "said"}
ARRAYS = {"inputs": "x", "targets": "y"}
KINDS = {
    "table": [("a.csv", TABLE), ("a.parquet", TABLE)],
    "texts": [("a.csv", TEXTS), ("a.parquet", TEXTS)],
    "arrays": [("a.npz", ARRAYS), ("a.safetensors", ARRAYS)],
    "images": [(f"pets.{kind}", {}) for kind in ("zip", "tar", "tar.gz", "tar.xz", "tar.bz2")],
}


def write_all() -> None:
    """A file of each kind, of twenty rows in two classes."""
    numbers, arrays = np.arange(20), {"x": np.ones((20, 3)), "y": np.arange(20) % 2}
    texts = [f'text "{number}" a, b;\nc' for number in numbers]
    frame = pd.DataFrame({"x": numbers / 4, "y": numbers * 1.0, "kind": ["ä", "b"] * 10, "said": texts})
    frame.to_csv("a.csv", index=False, sep=";", decimal=",")
    frame.to_parquet("a.parquet")
    np.savez_compressed("a.npz", **arrays)
    save_file(arrays, "a.safetensors")
    for number in numbers:
        Path(f"pets/{number % 2}").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (int(number), 0, 0)).save(f"pets/{number % 2}/{number}.png")
    for kind in ("zip", "tar", "gztar", "xztar", "bztar"):
        shutil.make_archive("pets", kind, "pets")


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with some bytes changed, perhaps cut off."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 2, 5, 30])):
        changed[rng.randrange(len(changed))] = rng.choice([rng.randrange(256), *b';,\n"\r\t\0 -.'])
    return bytes(changed[: rng.choice([len(changed), len(changed), rng.randrange(len(changed))])])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("form", KINDS)
def test_damaged_files_are_read_or_one_sentence(form: str):
    write_all()
    rng, module = random.Random(5), registry.module("own", form)
    for name, keys in KINDS[form]:
        options = module.Options(split={"test_share": 0.5, "seed": 1}, **keys)
        content, refused = Path(name).read_bytes(), 0
        assert len(module.prepare({name: Path(name)}, options).train_targets) == 10
        for _ in range(CHANGES):
            Path("changed").write_bytes(damaged(content, rng))
            try:
                module.prepare({name: Path("changed")}, options)
            except UserError as error:
                assert "\n" not in str(error)
                refused += 1
        assert refused > CHANGES / 3, name
