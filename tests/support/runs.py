"""Networks and runs in training, step by step: what tests of layers and of the trainer have in common."""

from collections.abc import Iterable

import torch
from regrade.cells.configuration import Configuration
from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.training import job, stacking
from regrade.training.state import RunState
from regrade.training.streams import stream
from regrade.training.trainer import Data, Trainer

CPU = torch.device("cpu")
MLP = [{"kind": "dense", "units": 5, "activation": "tanh"}, {"kind": "dense", "units": "classes"}]


def configuration(
    network: list[dict], data: dict | None = None, conventions: str = "torch", **settings
) -> Configuration:
    settings = {
        "dataset": "moons",
        "network": "n",
        "optimizer": "sgd",
        "lr": 0.1,
        "batch_size": 4,
        "epochs": 2,
    } | settings
    data = data or {"dataset": settings["dataset"]}
    return Configuration(conventions=conventions, data=data, settings=settings, network=network)


def context(seeds: Iterable[int], conventions: str = "torch", **about) -> Context:
    streams = ([stream(seed, purpose) for seed in seeds] for purpose in ("initial", "dropout"))
    return Context(conventions, *streams, **about)


def network(layers: list[dict], shape: tuple[int, ...], runs: int = 1, conventions: str = "torch", **about) -> Network:
    """The network of the runs with seeds from 0 on; `about`: what the context of its layers says of the data."""
    specs = configuration(layers, conventions=conventions).network
    return Network(specs, shape, context(range(runs), conventions, **about))


def points(rows: int, tested: int = 6) -> Data:
    """Points whose first coordinate is their number."""

    def split(count: int) -> list[torch.Tensor]:
        x = torch.stack([torch.arange(count, dtype=torch.float64), torch.ones(count)], dim=1)
        return [x, torch.arange(count) % 2]

    return Data(*split(rows), *split(tested), classes=2)


def watched(trainer: Trainer, layer: str = "dense1") -> list[torch.Tensor]:
    """A list that the training batches (runs, rows, …) which reach a layer are added to."""
    seen: list[torch.Tensor] = []
    trainer.learner.network.get_submodule(layer).register_forward_hook(
        lambda layer, inputs, output: seen.append(inputs[0].clone()) if layer.training else None
    )
    return seen


def advanced(this: Configuration, states: list[RunState], data: Data, times: int) -> list[RunState]:
    """The states after `times` advances on the data's device, in the groups that a job would train together there."""
    for group in stacking.groups(this, states, data.train_inputs.device):
        trainer = job.make_trainer(this, group, data)
        for _ in range(times):
            trainer.advance()
        trainer.save()
    return states


def timeless(state: RunState) -> list[dict]:
    """The history without the seconds, which differ from time to time."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in state.history]
