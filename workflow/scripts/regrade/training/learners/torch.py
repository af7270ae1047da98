"""Learning with PyTorch: a network of several runs, its gradients by autograd, its optimizer."""

from typing import TYPE_CHECKING

import torch

from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.training import optimizers
from regrade.training.losses import classes, losses

if TYPE_CHECKING:
    from regrade.cells.configuration import Configuration


class Learner:
    """The networks of several runs in training."""

    def __init__(self, configuration: "Configuration", shape: tuple[int, ...], context: Context, device: torch.device):
        """Networks for examples of `shape`, at their start. ValueError when the layers do not fit it."""
        self.settings = configuration.settings
        self.network = Network(configuration.network, shape, context).to(device)
        self.output_shape = self.network.output_shape
        self.optimizer = optimizers.make(
            self.settings.optimizer,
            configuration.conventions,
            self.network.parameters(),
            self.settings.lr,
            self.settings.momentum,
        )
        self.norms: list[torch.Tensor] = []
        self.kernels = [value for name, value in self.network.named_parameters() if _is_kernel(name.split(".")[-1])]

    def learn(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Take one step per batch of a block; (2, runs): summed loss and correct rows, as they went by."""
        self.network.train()
        size = self.settings.batch_size or inputs.shape[1]
        all_outputs, all_losses = [], []
        for batch, batch_targets in zip(inputs.split(size, dim=1), targets.split(size, dim=1), strict=True):
            outputs = self.network(batch)
            loss = losses(outputs, batch_targets, self.settings.loss)
            self.optimizer.zero_grad()
            loss.flatten(1).mean(1).sum().backward()
            self._change_gradients()
            self.optimizer.step()
            all_outputs.append(outputs.detach())
            all_losses.append(loss.detach())
        correct = classes(torch.cat(all_outputs, dim=1)) == targets
        summed = torch.cat(all_losses, dim=1).flatten(1).sum(1, dtype=torch.float64)
        return torch.stack([summed, correct.flatten(1).sum(1)])

    def _change_gradients(self) -> None:
        """What the settings do to gradients before the optimizer sees them."""
        if self.settings.l2:
            for kernel in self.kernels:
                assert kernel.grad is not None
                kernel.grad.add_(kernel.detach(), alpha=self.settings.l2)
        if self.settings.clip_value:
            torch.nn.utils.clip_grad_value_(self.network.parameters(), self.settings.clip_value)
        if not (self.settings.clip_norm or self.settings.gradient_norm):
            return
        gradients = [gradient for one in self.network.parameters() if (gradient := one.grad) is not None]
        parts = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients]
        # A run's parts beside each other: down a column, the order of the sum depends on how many runs there are
        norms = torch.linalg.vector_norm(torch.stack(parts, dim=1), dim=1)
        if self.settings.gradient_norm:
            self.norms.append(norms)
        if self.settings.clip_norm:
            # As PyTorch's clip_grad_norm_, but for each run by itself
            factors = (self.settings.clip_norm / (norms + 1e-6)).clamp(max=1)
            for parameter, gradient in zip(self.network.parameters(), gradients, strict=True):
                # Not in place: two biases that are added to each other share the memory of their gradients
                parameter.grad = gradient * factors.view(-1, *[1] * (parameter.dim() - 1))

    def gradient_norms(self) -> dict[str, torch.Tensor]:
        """The mean norm of all gradients together, (runs,), over the steps since the last call; if it is recorded."""
        norms, self.norms = self.norms, []
        return {"gradient_norm": torch.stack(norms, dim=1).mean(1)} if norms else {}

    @torch.no_grad()
    def outputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """(runs, rows, …) → (runs, rows, units), outside training."""
        self.network.eval()
        return self.network(inputs)

    @torch.no_grad()
    def layer_outputs(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """The output of each layer by name, after its activation, the network's own last; as `outputs` otherwise."""
        self.network.eval()
        return self.network.outputs(inputs)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All that training goes on from, each with the runs first: parameters, buffers, the optimizer's averages.

        A step count of the optimizer is the same for all runs and has no dimension.
        """
        names = {parameter: name for name, parameter in self.network.named_parameters()}
        tensors = {f"network/{name}": parameter.detach() for parameter, name in names.items()}
        tensors |= {f"buffers/{name}": buffer for name, buffer in self.network.named_buffers()}
        for parameter, values in self.optimizer.state.items():
            tensors |= {f"optimizer/{names[parameter]}/{key}": value for key, value in values.items()}
        return tensors

    @torch.no_grad()
    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from `tensors`, as `state_dict()` gave them."""
        for name, buffer in self.network.named_buffers():
            buffer.copy_(tensors[f"buffers/{name}"])
        for name, parameter in self.network.named_parameters():
            parameter.copy_(tensors[f"network/{name}"])
            prefix = f"optimizer/{name}/"
            for key in (key.removeprefix(prefix) for key in tensors if key.startswith(prefix)):
                self.optimizer.state[parameter][key].copy_(tensors[prefix + key])


def _is_kernel(name: str) -> bool:
    """Whether L2 applies to a parameter of this name: not to biases, embeddings and what normalisation scales by."""
    return name.startswith(("kernel", "recurrent")) and "bias" not in name
