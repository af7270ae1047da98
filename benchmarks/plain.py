"""The loop that most people would write: Dataset, DataLoader, one run at a time, `.item()` at every step."""

import torch
from regrade.training.pack import Data
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    """One row at a time, scaled to [0, 1]."""

    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor):
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inputs[row].float() / 255, self.targets[row]


def image_cnn(filters1: int, filters2: int) -> torch.nn.Module:
    """The network of ce4042, in PyTorch's own modules."""
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


class PlainLoop:
    """Trains one network with SGD, an epoch at a time."""

    def __init__(self, model: torch.nn.Module, data: Data, lr: float, batch_size: int):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        self.train = DataLoader(Images(data.train_inputs, data.train_targets), batch_size, shuffle=True)
        self.test = DataLoader(Images(data.test_inputs, data.test_targets), batch_size)

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
