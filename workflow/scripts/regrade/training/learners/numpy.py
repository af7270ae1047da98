"""Learning with the numpy network; the counterpart of `regrade.training.learners.torch`."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.models.numpy_mlp import ACTIVATIONS, Layer, NumpyMlp

if TYPE_CHECKING:
    from regrade.cells.configuration import Configuration


class Learner:
    """The numpy networks of several runs in training, on the CPU."""

    def __init__(self, configuration: "Configuration", shape: tuple[int, ...], context: Context, device: torch.device):
        """Networks for examples of `shape` (inputs,), which begin with the parameters that PyTorch's would begin with.

        ValueError when the layers do not fit the shape, when there are others than dense ones, or with a single output.
        """
        specs = [spec for spec in configuration.network if spec.kind == "dense" and spec.activation in ACTIVATIONS]
        if len(specs) < len(configuration.network):
            raise ValueError(f"the numpy backend has dense layers with {', '.join(ACTIVATIONS)} only")
        self.settings = configuration.settings
        network = Network(configuration.network, shape, context)
        self.output_shape = network.output_shape
        if self.output_shape[-1] < 2:
            raise ValueError("the numpy backend has an output for each class; it cannot end with one unit")
        start = {name: values.detach().double().numpy() for name, values in network.named_parameters()}
        names = dict.fromkeys(name.split(".")[0] for name in start)
        self.layers = {
            name: Layer(start[f"{name}.kernel"], start[f"{name}.bias"], spec.activation)
            for name, spec in zip(names, specs, strict=True)
        }
        self.network = NumpyMlp(list(self.layers.values()), self.settings.loss)

    def learn(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Take one step per batch of a block; (2, runs): summed loss and correct rows, as they went by."""
        x, classes = inputs.double().numpy(force=True), targets.numpy(force=True)
        losses, predicted = np.empty(classes.shape), np.empty_like(classes)
        size = self.settings.batch_size
        assert size is not None, "numbers, the only inputs of dense layers, make batches by their rows"
        for start in range(0, classes.shape[1], size):
            batch = slice(start, start + size)
            loss, outputs = self.network.step(x[:, batch], classes[:, batch], self.settings.lr, self.settings.l2)
            losses[:, batch], predicted[:, batch] = loss, outputs.argmax(2)
        return torch.from_numpy(np.stack([losses.sum(1), (predicted == classes).sum(1)]))

    def gradient_norms(self) -> dict[str, torch.Tensor]:
        """None are recorded."""
        return {}

    def outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """(runs, rows, inputs) → (runs, rows, units)."""
        return torch.from_numpy(self.network.forward(inputs.double().numpy(force=True))[-1])

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The parameters, each with the runs first."""
        return {
            f"network/{name}.{part}": torch.from_numpy(getattr(layer, part))
            for name, layer in self.layers.items()
            for part in ("kernel", "bias")
        }

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from `tensors`, as `state_dict()` gave them."""
        for name, layer in self.layers.items():
            layer.kernel[...], layer.bias[...] = (tensors[f"network/{name}.{part}"] for part in ("kernel", "bias"))
