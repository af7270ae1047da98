"""Trained networks, from the files of their cells."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from regrade.cells.configuration import Configuration
from regrade.cells.layout import MODEL, RECORD
from regrade.core.integrity import checked, read_card, verify
from regrade.datasets import prepared
from regrade.datasets.identity import DataIdentity
from regrade.models.layer import Context
from regrade.models.network import Network


@dataclass(frozen=True)
class Trained:
    """The network of a cell's first kept seed, as it was after the last epoch, in evaluation."""

    network: Network
    configuration: Configuration
    classes: list[str]

    def test(self, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The first `rows` test inputs and targets, or all that the cell may use; inputs as the network takes them.

        UserError when there are fewer.
        """
        settings = self.configuration.settings
        folder = self.configuration.data.folder
        return prepared.load(folder, "test", rows or settings.test_rows, settings.test_rows_cap)


def load(folder: Path) -> Trained | None:
    """The trained network in the folder of a cell of images or other inputs without words; None without a kept model.

    None, too, for a network with an own module: pages are made without running the user's code, and a folder from
    elsewhere decides on no code that is run.
    UserError when the model, or the data that it was trained on, are damaged or missing.
    """
    by_seed = weights(checked(folder, MODEL, RECORD))
    if not by_seed:
        return None
    configuration = Configuration.model_validate(read_card(folder, RECORD)["configuration"])
    if configuration.own_modules:
        return None
    verify_data(configuration.data)
    card = prepared.card(configuration.data.folder)
    context = Context(configuration.conventions, [torch.Generator()], [torch.Generator()], len(card["classes"]))
    network = Network(configuration.network, tuple(card["tensors"]["test_inputs"]["shape"][1:]), context)
    # A network has the runs first; here there is one
    network.load_state_dict({name: tensor[None] for name, tensor in by_seed[min(by_seed)].items()})
    return Trained(network.eval(), configuration, card["classes"])


def verify_data(identity: DataIdentity) -> None:
    """Compare prepared data, and word vectors where there are any, with their checksums; see `regrade.core.integrity`.

    Finished cells do not have them made again, so UserError names what does.
    """
    verify(identity.folders, prepared.CARD, restored_by=f"snakemake prepare_{identity.dataset}")


def weights(path: Path) -> dict[int, dict[str, torch.Tensor]]:
    """The parameters and buffers by seed and name in the file of a cell's kept models; see `results.write`."""
    by_seed: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in load_file(path).items():
        seed, name = key.removeprefix("seed=").split("/")
        by_seed.setdefault(int(seed), {})[name] = tensor
    return dict(sorted(by_seed.items()))
