"""A multilayer perceptron in numpy alone: forward pass, backpropagation by hand, L2, gradient descent.

A second implementation, to compare with PyTorch's: it shares nothing with it but the initial parameters. In float64, as
numpy does by default. Like all networks here it holds several runs, the first dimension of every array.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass
class Layer:
    """The product x · kernel + bias, then the activation. kernel (runs, inputs, units), bias (runs, units), float64."""

    kernel: np.ndarray
    bias: np.ndarray
    activation: str


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0, out=x)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # 1 / (1 + exp(-x)), without its overflow
    x *= 0.5
    np.tanh(x, out=x)
    x += 1
    x *= 0.5
    return x


def _tanh(x: np.ndarray) -> np.ndarray:
    return np.tanh(x, out=x)


# In place
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
}
# The slopes of those that are not linear, as functions of the activation's value
SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda y: y > 0,
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y * y,
}


class NumpyMlp:
    """Networks of several runs."""

    def __init__(self, layers: list[Layer], loss: str):
        """`loss`: cross_entropy (of the softmax over the outputs) or squared_error (half the sum of squares)."""
        self.layers, self.loss = layers, loss

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Inputs (runs, rows, inputs), then the values of every layer; the last (runs, rows, units) are outputs."""
        values = [x]
        for layer in self.layers:
            z = values[-1] @ layer.kernel
            z += layer.bias[:, None]
            values.append(ACTIVATIONS[layer.activation](z))
        return values

    def losses(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each row (runs, rows) for classes (runs, rows), and its gradient by the outputs."""
        one_hot = targets[..., None] == np.arange(outputs.shape[2])
        if self.loss == "squared_error":
            difference = outputs - one_hot
            return (difference * difference).sum(2) / 2, difference
        logits = outputs - outputs.max(2, keepdims=True)
        exponentials = np.exp(logits)
        totals = exponentials.sum(2, keepdims=True)
        loss = np.log(totals[:, :, 0]) - (logits * one_hot).sum(2)
        exponentials /= totals
        exponentials -= one_hot
        return loss, exponentials

    def backward(self, values: list[np.ndarray], gradient: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Gradients (of kernel, of bias) for each layer, from `forward`'s values and the gradient by the outputs."""
        gradients = []
        for layer, below, above in zip(reversed(self.layers), values[-2::-1], values[:0:-1], strict=True):
            if layer.activation in SLOPES:
                gradient = gradient * SLOPES[layer.activation](above)
            gradients.append((_products(below, gradient), gradient.sum(1)))
            if len(gradients) < len(self.layers):
                gradient = gradient @ layer.kernel.transpose(0, 2, 1)
        return gradients[::-1]

    def step(self, x: np.ndarray, targets: np.ndarray, lr: float, l2: float) -> tuple[np.ndarray, np.ndarray]:
        """Descend along the gradient of a batch's mean loss; the losses and outputs (runs, rows, …) before that.

        l2 times a kernel is added to its gradient; biases are left alone.
        """
        values = self.forward(x)
        loss, gradient = self.losses(values[-1], targets)
        gradient *= lr / x.shape[1]  # here, where there are fewest numbers: all gradients are proportional to it
        for layer, (of_kernel, of_bias) in zip(self.layers, self.backward(values, gradient), strict=True):
            if l2:
                layer.kernel *= 1 - lr * l2
            layer.kernel -= of_kernel
            layer.bias -= of_bias
        return loss, values[-1]


def _products(below: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Sum over the rows of the products of each number of `below` with each of `gradient`."""
    if below.shape[1] == 1:
        return np.einsum("rbi,rbj->rij", below, gradient)  # over one row, matmul takes three times as long
    return below.transpose(0, 2, 1) @ gradient
