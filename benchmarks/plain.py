"""What most people would write: PyTorch's own modules, Dataset, DataLoader, one run at a time, `.item()` at every step."""

from collections.abc import Iterator

import torch
from regrade.cells.configuration import Configuration
from regrade.config.layer_specs import LayerSpec
from regrade.datasets.sources import palindromes
from regrade.training.trainer import Data
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, IterableDataset

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "elu": nn.ELU}
RECURRENT = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


class States(nn.Module):
    """A recurrent module without its second output; of all states, the last one only where no more are asked for."""

    def __init__(self, recurrent: nn.Module, last: bool):
        super().__init__()
        self.recurrent, self.last = recurrent, last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(examples, steps, features) → (examples, [steps,] units)."""
        states, _ = self.recurrent(x)
        return states[:, -1] if self.last else states


class HardSigmoid(nn.Module):
    """An LSTM or GRU with hard sigmoids, which PyTorch does not have: written out step by step; its last state."""

    def __init__(self, cell: str, features: int, units: int):
        super().__init__()
        gates = 4 if cell == "lstm" else 3
        self.cell, self.inputs, self.recurrent = (
            cell,
            nn.Linear(features, gates * units),
            nn.Linear(units, gates * units),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(examples, steps, features) → (examples, units)."""
        state = memory = x.new_zeros(len(x), self.recurrent.in_features)
        for step in self.inputs(x).unbind(1):
            if self.cell == "lstm":
                i, f, new, o = (step + self.recurrent(state)).chunk(4, 1)
                memory = hard_sigmoid(f) * memory + hard_sigmoid(i) * new.tanh()
                state = hard_sigmoid(o) * memory.tanh()
            else:
                z, r, new = step.chunk(3, 1)
                of_z, of_r, of_new = self.recurrent(state).chunk(3, 1)
                new = (new + hard_sigmoid(r + of_r) * of_new).tanh()
                z = hard_sigmoid(z + of_z)
                state = z * state + (1 - z) * new
        return state


def hard_sigmoid(x: torch.Tensor) -> torch.Tensor:
    """As Keras 2.0 had it."""
    return torch.clamp(0.2 * x + 0.5, 0, 1)


class Bag(nn.EmbeddingBag):
    """The mean of a row's vectors; id 0 does not count."""

    def __init__(self, ids: int, units: int):
        super().__init__(ids, units, padding_idx=0)


def network(specs: list[LayerSpec], example: torch.Tensor, data: Data) -> nn.Sequential:
    """The layers of params.yaml in PyTorch's own modules. `example` (1, *shape) is passed on from layer to layer."""
    made: list[nn.Module] = []
    for spec in specs:
        modules = [module(spec, example, data)]
        if getattr(spec, "activation", None) not in (None, "linear"):
            modules.append(ACTIVATIONS[spec.activation]())
        with torch.no_grad():
            example = nn.Sequential(*modules)(example)
        made += modules
    return nn.Sequential(*made)


def module(spec: LayerSpec, x: torch.Tensor, data: Data) -> nn.Module:
    """One layer for inputs like x (1, *shape)."""
    match spec.kind:
        case "rescale":
            return Function(lambda x: x.float() / spec.divisor)
        case "normalize":
            return Function(lambda x: (x - spec.mean) / spec.deviation)
        case "grayscale":
            return Function(lambda x: (0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]).round())
        case "flatten":
            return nn.Flatten()
        case "dropout":
            return nn.Dropout(spec.rate)
        case "dense":
            return nn.Linear(x.shape[-1], data.classes if spec.units == "classes" else spec.units)
        case "convolution":
            return nn.Conv2d(x.shape[1], spec.filters, spec.kernel, padding=spec.padding)
        case "max_pooling":
            return nn.MaxPool2d(spec.size, spec.stride, spec.padding)
        case "batch_normalization":
            return nn.BatchNorm2d(x.shape[1])
        case "tokens" if spec.level == "char":
            return Function(lambda x: functional.one_hot(x.long(), spec.one_hot).float())
        case "tokens":
            return nn.Embedding(data.vocabulary_size, spec.embedding)
        case "embedding":
            return nn.Embedding(data.vocabulary_size, spec.units)
        case "bag":
            return Bag(data.vocabulary_size, spec.units)
        case "sequence_convolution":
            return _along_steps(nn.Conv1d(x.shape[2], spec.filters, spec.kernel))
        case "sequence_pooling":
            return _along_steps(nn.MaxPool1d(spec.size, spec.stride, spec.size // 2))
        case "maximum_over_steps":
            return Function(lambda x: x.max(1).values)
        case "image_rows":
            return Function(lambda x: x.squeeze(1))
        case "recurrent":
            if spec.recurrent_activation == "hard_sigmoid":
                return HardSigmoid(spec.cell, x.shape[2], spec.units)
            options = {"nonlinearity": spec.nonlinearity} if spec.nonlinearity else {}
            recurrent = RECURRENT[spec.cell](x.shape[2], spec.units, spec.layers, batch_first=True, **options)
            return States(recurrent, last=spec.output == "last")
    raise ValueError(f"no PyTorch module for {spec.kind}")


def _along_steps(layer: nn.Module) -> nn.Module:
    """A layer for (examples, features, steps) in a network of (examples, steps, features)."""
    return nn.Sequential(Function(lambda x: x.transpose(1, 2)), layer, Function(lambda x: x.transpose(1, 2)))


class Rows(Dataset):
    """One row at a time. The targets of a text are its own tokens, one further."""

    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor, language: bool):
        self.inputs, self.targets, self.language = inputs, targets, language

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.inputs[row]
        return (x[:-1], x[1:].long()) if self.language else (x, self.targets[row])


class Palindromes(IterableDataset):
    """One new palindrome at a time."""

    def __init__(self, rows: int, length: int):
        self.rows, self.length = rows, length

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for _ in range(self.rows):
            inputs, targets = palindromes.draw(1, self.length, torch.default_generator)
            yield inputs[0], targets[0]


class PlainLoop:
    """Trains one network, an epoch at a time; rows go to the device batch by batch."""

    def __init__(self, configuration: Configuration, data: Data, device: str = "cpu"):
        self.device = device
        self.settings = settings = configuration.settings
        size = settings.batch_size or settings.batch_tokens // data.train_inputs.shape[1]
        language = data.language is not None
        if data.draw:
            train = Palindromes(settings.train_rows, data.evaluation_inputs.shape[1])
        else:
            train = Rows(data.train_inputs, data.train_targets, language)
        evaluated = Rows(data.evaluation_inputs, data.evaluation_targets, language)
        self.train = DataLoader(train, size, shuffle=None if data.draw else True)
        self.test = DataLoader(evaluated, max(size, 100))
        self.model = network(configuration.network, evaluated[0][0][None], data).to(device)
        momentum = {"momentum": settings.momentum} if settings.optimizer == "sgd" else {}
        self.optimizer = OPTIMIZERS[settings.optimizer](self.model.parameters(), settings.lr, **momentum)

    def advance(self) -> dict[str, float]:
        """Train one epoch and evaluate; the epoch's numbers."""
        self.model.train()
        losses, correct = 0.0, 0
        for inputs, targets in self._moved(self.train):
            self.optimizer.zero_grad()
            outputs = self.model(inputs)
            loss = self.loss(outputs, targets)
            loss.backward()
            self._clip()
            self.optimizer.step()
            losses += loss.item() * len(targets)
            correct += (_classes(outputs) == targets).sum().item()
        self.model.eval()
        test_loss, test_correct = 0.0, 0
        with torch.no_grad():
            for inputs, targets in self._moved(self.test):
                outputs = self.model(inputs)
                test_loss += self.loss(outputs, targets).item() * len(targets)
                test_correct += (_classes(outputs) == targets).sum().item()
        return {"loss": losses, "correct": correct, "test_loss": test_loss, "test_correct": test_correct}

    def _moved(self, loader: DataLoader) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return ((inputs.to(self.device), targets.to(self.device)) for inputs, targets in loader)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss of a batch."""
        if self.settings.loss == "squared_error":
            wanted = functional.one_hot(targets, outputs.shape[-1]).float()
            return (outputs - wanted).square().sum(1).mean() / 2
        if outputs.shape[-1] == 1:
            return functional.binary_cross_entropy_with_logits(outputs[:, 0], targets.float())
        return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())

    def _clip(self) -> None:
        if self.settings.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        if self.settings.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.settings.clip_value)


def _classes(outputs: torch.Tensor) -> torch.Tensor:
    return (outputs[:, 0] > 0).long() if outputs.shape[-1] == 1 else outputs.argmax(-1)
