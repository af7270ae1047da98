"""Layers over sequences of tokens: embedding, and convolution and pooling along the steps."""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from regrade.models import initialisers
from regrade.models.embedding import pick, rows_of
from regrade.models.layer import Context, Layer
from regrade.models.products import product

if TYPE_CHECKING:
    from regrade.config import layer_specs


class Tokens(Layer):
    """Token ids as vectors: learned embeddings of words, one-hot vectors of characters.

    One-hot vectors are not made: the ids go on as they are, and the next layer picks rows of its kernel by them, which
    is what a product with one-hot vectors would give.
    """

    def __init__(self, spec: "layer_specs.TokensSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        (steps,) = shape
        self.level = spec.level
        if spec.level == "word":
            table = initialisers.embedding(context, (context.vocabulary_size, spec.embedding))
            self.embedding = torch.nn.Parameter(table)
        elif context.vocabulary_size > spec.one_hot:
            raise ValueError(f"{context.vocabulary_size} characters")
        self.output_shape = (steps, spec.embedding if spec.level == "word" else spec.one_hot)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ids (runs, examples, steps) → vectors (runs, examples, steps, units), or the ids of characters themselves."""
        if self.level == "char":
            return x
        return rows_of(self.embedding, x)


class SequenceConvolution(Layer):
    """Cross-correlation along the steps over all features, stride 1, no padding.

    The kernel is (runs, size, features, filters).
    """

    def __init__(self, spec: "layer_specs.SequenceConvolutionSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        steps, features = shape
        size, filters = spec.kernel, spec.filters
        kernel = initialisers.kernel(context, (size, features, filters), size * features, size * filters)
        self.kernel = torch.nn.Parameter(kernel)
        self.bias = torch.nn.Parameter(initialisers.bias(context, filters, size * features))
        self.output_shape = (steps - size + 1, filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, steps, features), or ids (runs, examples, steps) → (runs, examples, steps - size + 1, …)."""
        if x.is_floating_point():
            return self._by_blocks(x)
        runs, size, features, _ = self.kernel.shape
        steps = x.shape[2] - size + 1
        # A row of the kernel per position: what products with one-hot vectors would pick. (One embedding_bag over whole
        # windows would be shorter; its gradient adds up in an order that depends on the other runs.)
        first_rows = torch.arange(runs, device=x.device)[:, None, None] * features
        ids = x + first_rows
        rows = [self.kernel[:, position].flatten(0, 1) for position in range(size)]
        maps = self.bias[:, None, None].expand(-1, x.shape[1], steps, -1).clone()
        for at, row in enumerate(rows):
            maps += pick(row, ids[:, :, at : at + steps])
        return maps

    def _by_blocks(self, x: torch.Tensor) -> torch.Tensor:
        """The same for vectors, by a product that gives several neighbouring steps at once.

        The windows of `together` steps overlap: as one longer window they are copied about twice instead of `size`
        times, and the products with zeros that this costs are cheap next to that.
        """
        runs, size, features, filters = self.kernel.shape
        together = -(-size // 2)
        steps = x.shape[2] - size + 1
        blocks, window = -(-steps // together), together + size - 1
        filled = functional.pad(x, [0, 0, 0, blocks * together - steps])
        windows = filled.unfold(2, window, together).transpose(3, 4).reshape(runs, -1, window * features)
        # Below one another, each kernel one step further on: zeros behind it, repeated, and cut one step too early
        rows = functional.pad(self.kernel.flatten(1, 2), [0, 0, 0, together * features]).repeat(1, together, 1)
        shifted = rows[:, : together * window * features].view(runs, together, window * features, filters)
        maps = product(windows, shifted.transpose(1, 2).flatten(2))
        return maps.view(runs, -1, blocks * together, filters)[:, :, :steps] + self.bias[:, None, None]


class SequencePooling(Layer):
    """Maximum over windows of steps, padded at both ends as Keras' `same`: no step is left over."""

    commutes_with_activation = True

    def __init__(self, spec: "layer_specs.SequencePoolingSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        steps, features = shape
        self.size, self.stride = spec.size, spec.stride
        after = -(-steps // spec.stride)
        missing = max((after - 1) * spec.stride + spec.size - steps, 0)
        self.padding = (missing // 2, missing - missing // 2)
        self.output_shape = (after, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, steps, features) → (runs, examples, ceil(steps / stride), features)."""
        along = functional.pad(x.flatten(0, 1).transpose(1, 2), self.padding, value=float("-inf"))
        return functional.max_pool1d(along, self.size, self.stride).transpose(1, 2).unflatten(0, x.shape[:2])


class MaximumOverSteps(Layer):
    """Maximum over the steps; of equal ones, the gradient goes to one."""

    commutes_with_activation = True

    def __init__(self, spec: "layer_specs.MaximumOverStepsSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        _, features = shape
        self.output_shape = (features,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, steps, features) → (runs, examples, features)."""
        return x.max(2).values


class ImageRows(Layer):
    """Images as sequences of their rows, from the top, the channels of a row one after the other."""

    def __init__(self, spec: "layer_specs.ImageRowsSpec", shape: tuple[int, ...], context: Context):
        super().__init__()
        channels, height, width = shape
        self.output_shape = (height, channels * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(runs, examples, channels, height, width) → (runs, examples, height, channels · width)."""
        return x.transpose(2, 3).flatten(3)
