"""How much a network computes, layer by layer, from its settings and the shape of its input. Nothing is built."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import singledispatch
from math import prod

from regrade.config import layer_specs

# Kernels of the recurrent cells, in units
GATES = {"gru": 3, "lstm": 4, "rnn": 1}
# Conventions under which a recurrent layer has one bias, not two (`regrade.models.recurrent.layer`)
_PYTORCH = "torch"


class Unknown(ValueError):
    """Why operations cannot be counted."""


@dataclass(frozen=True)
class Operations:
    """What a layer does with one example, and what it has.

    `convolution`, `product`, `recurrent`, `library`: multiply-adds of the forward pass, in convolutions of images, in
    matrix products, in our own recurrent cells and in PyTorch's LSTM; `…_backward`: those of the backward pass, for the
    gradient of the kernel and, where something before the layer is trained, for that of its input.
    `states`: numbers that our own recurrent cells write; `elements`: numbers written by everything else. `picked`:
    numbers picked from a table by ids. `own_steps`, `library_steps`: steps along a sequence, by our own recurrent cells
    and by PyTorch's LSTM. `parameters`: numbers that are trained, in `tensors`. `calls`: how many functions are called,
    `convolutions` of images among them. `largest`: numbers that the
    largest layer reads and writes.
    """

    convolution: float = 0
    product: float = 0
    recurrent: float = 0
    library: float = 0
    convolution_backward: float = 0
    product_backward: float = 0
    recurrent_backward: float = 0
    library_backward: float = 0
    elements: float = 0
    states: float = 0
    picked: float = 0
    own_steps: float = 0
    library_steps: float = 0
    parameters: int = 0
    tensors: int = 0
    calls: int = 0
    convolutions: int = 0
    largest: float = 0

    def __add__(self, other: "Operations") -> "Operations":
        both = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        return Operations(**both | {"largest": max(self.largest, other.largest)})

    @property
    def multiply_adds(self) -> float:
        """All multiply-adds of the forward pass."""
        return self.convolution + self.product + self.recurrent + self.library

    @property
    def backward(self) -> float:
        """All multiply-adds of the backward pass."""
        return self.convolution_backward + self.product_backward + self.recurrent_backward + self.library_backward


@dataclass(frozen=True)
class Input:
    """What a layer is given: the shape of an example, and whether it consists of ids that stand for one-hot vectors.

    `vocabulary`: number of different ids of the dataset. `trained`: whether something before the layer is trained.
    """

    shape: tuple[int, ...]
    characters: bool
    vocabulary: int
    conventions: str
    trained: bool


def count(
    network: Sequence[layer_specs.LayerSpec],
    between: Sequence[tuple[tuple[int, ...], bool]],
    vocabulary: int,
    conventions: str,
) -> Operations:
    """The operations of a network for one example.

    `between`: the shape before the first layer and after each, and whether it is that of one-hot characters (see
    `regrade.cells.feasible.values_between`). Unknown for a layer whose operations nobody can tell, as a module of the
    user's own.
    """
    total = Operations()
    for layer, (shape, characters), (after, _) in zip(network, between, between[1:], strict=False):
        before = Input(shape, characters, vocabulary, conventions, total.parameters > 0)
        own = _operations(layer, before, after)
        activation = getattr(layer, "activation", None) not in (None, "linear")
        size = prod(after)
        total += own + Operations(elements=size * activation, calls=1 + activation, largest=prod(shape) + size)
    if len(between) <= len(network):
        raise Unknown(f"{network[len(between) - 1].kind}: what a network of your own computes is known once it is run")  # type: ignore[attr-defined]
    return total


@singledispatch
def _operations(layer: layer_specs.LayerSpec, before: Input, after: tuple[int, ...]) -> Operations:
    """A layer's operations without those of its activation function."""
    raise TypeError(layer)


@_operations.register
def _element_wise(
    layer: layer_specs.RescaleSpec
    | layer_specs.NormalizeSpec
    | layer_specs.GrayscaleSpec
    | layer_specs.MaxPoolingSpec
    | layer_specs.SequencePoolingSpec
    | layer_specs.MaximumOverStepsSpec,
    before: Input,
    after: tuple[int, ...],
) -> Operations:
    return Operations(elements=prod(before.shape))


@_operations.register
def _views(
    layer: layer_specs.FlattenSpec | layer_specs.ImageRowsSpec, before: Input, after: tuple[int, ...]
) -> Operations:
    return Operations()


@_operations.register
def _dropout(layer: layer_specs.DropoutSpec, before: Input, after: tuple[int, ...]) -> Operations:
    # The mask and the product
    return Operations(elements=2 * prod(after) if layer.rate else 0)


@_operations.register
def _batch_normalization(
    layer: layer_specs.BatchNormalizationSpec, before: Input, after: tuple[int, ...]
) -> Operations:
    # The mean, the variance, the result
    channels = after[-1] if len(after) == 2 else after[0]
    return Operations(elements=3 * prod(after), parameters=2 * channels, tensors=2)


@_operations.register
def _convolution(layer: layer_specs.ConvolutionSpec, before: Input, after: tuple[int, ...]) -> Operations:
    window = before.shape[0] * layer.kernel**2
    return _products("convolution", prod(after), window, layer.filters, before) + Operations(convolutions=1)


@_operations.register
def _dense(layer: layer_specs.DenseSpec, before: Input, after: tuple[int, ...]) -> Operations:
    return _products("product", prod(after), before.shape[-1], after[-1], before)


@_operations.register
def _sequence_convolution(
    layer: layer_specs.SequenceConvolutionSpec, before: Input, after: tuple[int, ...]
) -> Operations:
    features = before.shape[-1]
    if before.characters:
        parameters = (layer.kernel * features + 1) * layer.filters
        return Operations(picked=prod(after) * layer.kernel, parameters=parameters, tensors=2, calls=layer.kernel)
    # Several steps at once, by a longer window with zeros (`regrade.models.sequence`)
    together = -(-layer.kernel // 2)
    blocks, window = -(-after[0] // together), together + layer.kernel - 1
    counted = _products("product", prod(after), layer.kernel * features, layer.filters, before)
    computed = blocks * window * features * together * layer.filters
    # In the forward pass, and added up again in the backward pass
    copied = Operations(elements=2 * blocks * window * features)
    return (
        Operations(
            product=computed,
            product_backward=computed * (1 + before.trained),
            elements=counted.elements,
            parameters=counted.parameters,
            tensors=2,
        )
        + copied
    )


def _products(kind: str, outputs: int, inputs: int, units: int, before: Input) -> Operations:
    """`outputs` numbers, each from a product with `inputs`, by a kernel (inputs, units) and a bias."""
    multiply_adds = outputs * inputs
    return Operations(
        **{kind: multiply_adds, f"{kind}_backward": multiply_adds * (1 + before.trained)},
        elements=outputs,
        parameters=(inputs + 1) * units,
        tensors=2,
    )


@_operations.register
def _tokens(layer: layer_specs.TokensSpec, before: Input, after: tuple[int, ...]) -> Operations:
    return _table(before, after) if layer.level == "word" else Operations()


@_operations.register
def _embedding(layer: layer_specs.EmbeddingSpec, before: Input, after: tuple[int, ...]) -> Operations:
    return _table(before, after)


def _table(before: Input, after: tuple[int, ...]) -> Operations:
    return Operations(picked=prod(after), parameters=before.vocabulary * after[-1], tensors=1)


@_operations.register
def _bag(layer: layer_specs.BagSpec, before: Input, after: tuple[int, ...]) -> Operations:
    return Operations(picked=before.shape[0] * layer.units, parameters=before.vocabulary * layer.units, tensors=1)


@_operations.register
def _recurrent(layer: layer_specs.RecurrentSpec, before: Input, after: tuple[int, ...]) -> Operations:
    width = GATES[layer.cell] * layer.units
    biases = 1 + (before.conventions == _PYTORCH or (layer.cell == "gru" and layer.reset_after))
    library = layer.cell == "lstm" and layer.recurrent_activation != "hard_sigmoid" and not before.characters
    steps, inputs = before.shape
    kind = "library" if library else "recurrent"
    # The vanilla cell leaves out the product with the first state, of zeros. PyTorch's LSTM has gradients of all inputs
    products = steps - (layer.cell == "rnn")
    total, characters, trained = Operations(), before.characters, before.trained or library
    for _ in range(layer.layers):
        of_inputs, of_states = 0 if characters else steps * width * inputs, products * width * layer.units
        total += Operations(
            **{kind: of_inputs + of_states, f"{kind}_backward": of_inputs * (1 + trained) + 2 * of_states},
            **{"elements" if library else "states": steps * (width + layer.units)},
            picked=steps * width if characters else 0,
            own_steps=0 if library else steps,
            library_steps=steps if library else 0,
            parameters=width * (inputs + layer.units + biases),
            tensors=2 + biases,
            # The inputs in another order, and of an LSTM its cells beside its states
            largest=steps * (width + 2 * inputs + (1 + (layer.cell == "lstm")) * layer.units),
        )
        inputs, characters, trained = layer.units, False, True
    return total
