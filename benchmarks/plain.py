"""The loop that most people would write: Dataset, DataLoader, one run at a time, `.item()` at every step."""

import torch
from regrade.training.pack import Data
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    """One row at a time; pixels scaled to [0, 1]."""

    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor):
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.inputs[row]
        return (x.float() / 255 if x.dtype == torch.uint8 else x), self.targets[row]


def image_cnn(filters1: int, filters2: int) -> torch.nn.Module:
    """The network of ce4042's images, in PyTorch's own modules."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, filters1, 9),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(filters1, filters2, 5),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(filters2 * 16, 300),
        torch.nn.Linear(300, 10),
    )


def toy_mlp() -> torch.nn.Module:
    """The network of cs324's toy sets."""
    return torch.nn.Sequential(torch.nn.Linear(2, 20), torch.nn.ReLU(), torch.nn.Linear(20, 2))


class TextRnn(torch.nn.Module):
    """The recurrent networks of ce4042's texts: one-hot characters or embedded words, last state, 15 classes."""

    def __init__(self, level: str, cell: str, vocabulary_size: int):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary_size, 20) if level == "word" else None
        made = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}[cell]
        self.recurrent = made(20 if level == "word" else 256, 20, batch_first=True)
        self.dense = torch.nn.Linear(20, 15)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embedding(x) if self.embedding else torch.nn.functional.one_hot(x, 256).float()
        return self.dense(self.recurrent(x)[0][:, -1])


class PlainLoop:
    """Trains one network, an epoch at a time."""

    def __init__(self, model: torch.nn.Module, data: Data, optimizer: torch.optim.Optimizer, batch_size: int):
        self.model, self.optimizer = model, optimizer
        self.train = DataLoader(Rows(data.train_inputs, data.train_targets), batch_size, shuffle=True)
        self.test = DataLoader(Rows(data.evaluation_inputs, data.evaluation_targets), batch_size)

    def advance(self) -> dict[str, float]:
        """Train one epoch and evaluate; the epoch's numbers."""
        self.model.train()
        losses, correct = 0.0, 0
        for inputs, targets in self.train:
            self.optimizer.zero_grad()
            logits = self.model(inputs)
            loss = torch.nn.functional.cross_entropy(logits, targets)
            loss.backward()
            self.optimizer.step()
            losses += loss.item() * len(targets)
            correct += (logits.argmax(1) == targets).sum().item()
        self.model.eval()
        test_correct = 0
        with torch.no_grad():
            for inputs, targets in self.test:
                test_correct += (self.model(inputs).argmax(1) == targets).sum().item()
        return {"loss": losses, "train": correct, "test": test_correct}
