"""The layers that a network in params.yaml may consist of: their names, their settings, the values allowed.

What a layer computes is in `regrade.models.<module>`: the layer of `DenseSpec` is `Dense`.
"""

import json
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_serializer,
    model_validator,
)

from regrade.config.types import Argument, Count, Positive, Real, Share, Size, Whole

Activation = Annotated[
    Literal["linear", "relu", "tanh", "sigmoid", "elu"],
    Field(description="Applied to the output: `linear`, `relu`, `tanh`, `sigmoid` or `elu`."),
]


class LayerSpec(BaseModel):
    """Settings of one layer, as written in params.yaml under the layer's kind."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    module: ClassVar[str]
    # Whether it has parameters
    trainable: ClassVar[bool] = True


class RescaleSpec(LayerSpec):
    """Divides the inputs by a number, for example pixels by 255."""

    module = "inputs"
    trainable = False
    kind: Literal["rescale"]
    divisor: Positive
    """What the inputs are divided by."""


class NormalizeSpec(LayerSpec):
    """Subtracts a mean from the inputs and divides by a standard deviation."""

    module = "inputs"
    trainable = False
    kind: Literal["normalize"]
    mean: Real
    """What is subtracted."""
    deviation: Positive
    """What the difference is divided by."""


class GrayscaleSpec(LayerSpec):
    """Turns red, green and blue into one channel, the luma of ITU-R 601-2; that of bytes is rounded as by Pillow."""

    module = "inputs"
    trainable = False
    kind: Literal["grayscale"]


class ConvolutionSpec(LayerSpec):
    """Two-dimensional convolution with a square kernel and stride 1."""

    module = "convolutional"
    kind: Literal["convolution"]
    filters: Size
    """Number of filters, and so of output channels."""
    kernel: Count
    """Rows and columns of the kernel."""
    padding: Whole = 0
    """Rows and columns of zeros added at each edge."""
    activation: Activation = "linear"


class MaxPoolingSpec(LayerSpec):
    """Two-dimensional max pooling."""

    module = "convolutional"
    trainable = False
    kind: Literal["max_pooling"]
    size: Count
    """Rows and columns of the window."""
    stride: Count | None = None
    """Rows and columns from one window to the next; as many as `size` if absent."""
    padding: Whole = 0
    """Rows and columns added at each edge, which are never the maximum; at most half of `size`."""

    @model_validator(mode="after")
    def _squares_hold_more_than_padding(self) -> "MaxPoolingSpec":
        if 2 * self.padding > self.size:
            raise ValueError(f"a padding of {self.padding} is more than half of the size {self.size}; make it smaller")
        return self


class BatchNormalizationSpec(LayerSpec):
    """Normalises each channel over the batch (in evaluations by running statistics), then scales and shifts it.

    Of a sequence, each feature.

    Ioffe and Szegedy 2015.
    """

    module = "normalization"
    kind: Literal["batch_normalization"]
    activation: Activation = "linear"


class FlattenSpec(LayerSpec):
    """Turns each example into one vector."""

    module = "dense"
    trainable = False
    kind: Literal["flatten"]


class DropoutSpec(LayerSpec):
    """Sets a share of the inputs to zero in training and scales the rest by 1 / (1 - rate); rate 0 does nothing.

    The rate counts in steps of 1 / 65536, rounded down.
    """

    module = "dense"
    trainable = False
    kind: Literal["dropout"]
    rate: Share
    """Share of the inputs that are set to zero."""


class DenseSpec(LayerSpec):
    """Fully connected layer; of a sequence, the same for each step."""

    module = "dense"
    kind: Literal["dense"]
    units: Size | Literal["classes"]
    """Number of outputs; `classes`: one for each class of the dataset."""
    activation: Activation = "linear"
    initial: Literal["normal"] | None = None
    """`normal`: kernels and biases are normal with mean 0. If absent, they are as `conventions` says."""
    deviation: Positive | None = None
    """Standard deviation of `initial: normal`; 1 if absent."""
    zero_bias: bool = False
    """With `initial: normal`: biases are zero."""

    @model_validator(mode="after")
    def _only_normal_has_a_deviation(self) -> "DenseSpec":
        if (self.deviation is not None or self.zero_bias) and self.initial != "normal":
            raise ValueError("deviation and zero_bias belong to initial: normal; add that, or remove them")
        return self


class TokensSpec(LayerSpec):
    """Turns token ids into vectors: one-hot for characters, a learned embedding for words."""

    module = "sequence"
    kind: Literal["tokens"]
    level: Literal["char", "word"]
    """What the tokens are: `char` or `word`."""
    one_hot: Size
    """Length of the one-hot vectors; for characters only."""
    embedding: Size
    """Length of the learned vectors; for words only."""


class EmbeddingSpec(LayerSpec):
    """A learned vector for each token id."""

    module = "embedding"
    kind: Literal["embedding"]
    units: Size
    """Length of the vectors."""
    initial: Literal["random", "word_vectors"] = "random"
    """Initial vectors: `random`, or `word_vectors`, those fitted as `datasets.<name>.word_vectors` says."""


class BagSpec(LayerSpec):
    """The mean of the learned vectors of an example's tokens, whatever their order; padding does not count."""

    module = "embedding"
    kind: Literal["bag"]
    units: Size
    """Length of the vectors."""


class SequenceConvolutionSpec(LayerSpec):
    """Convolution along a sequence, over all features of each step, stride 1, without padding."""

    module = "sequence"
    kind: Literal["sequence_convolution"]
    filters: Size
    """Number of filters, and so of output features."""
    kernel: Count
    """Steps that the kernel spans."""
    activation: Activation = "linear"


class OneChannelConvolutionSpec(SequenceConvolutionSpec):
    """The same as a convolution of an image of one channel. Only Keras' initial kernels differ: they are smaller."""

    module = "one_channel"
    kind: Literal["one_channel_convolution"]  # type: ignore[assignment]


class SequencePoolingSpec(LayerSpec):
    """Max pooling along a sequence, padded so that the output has ceil(steps / stride) steps (Keras' `same`)."""

    module = "sequence"
    trainable = False
    kind: Literal["sequence_pooling"]
    size: Count
    """Steps of the window."""
    stride: Count
    """Steps from one window to the next."""


class MaximumOverStepsSpec(LayerSpec):
    """The largest value of each feature over all steps of a sequence."""

    module = "sequence"
    trainable = False
    kind: Literal["maximum_over_steps"]
    activation: Activation | None = None
    """Applied to the maximum: `relu`, `tanh`, `sigmoid` or `elu`; `linear` if absent. All increase, so it is the same
    as before the maximum, at a fraction of the cost."""


class ImageRowsSpec(LayerSpec):
    """Turns an image into a sequence of its rows from the top; a step has the channels of its row one after another."""

    module = "sequence"
    trainable = False
    kind: Literal["image_rows"]


class RecurrentSpec(LayerSpec):
    """One or more recurrent layers, each reading the states of the one below."""

    module = "recurrent.layer"
    kind: Literal["recurrent"]
    cell: Literal["gru", "lstm", "rnn"]
    """Kind of cell: `gru`, `lstm` or `rnn`."""
    units: Size
    """Number of units of each layer."""
    layers: Count = 1
    """Number of layers."""
    reset_after: bool = True
    """For `gru` only: the reset gate acts after the product with the state, not before."""
    recurrent_activation: Literal["sigmoid", "hard_sigmoid"] | None = None
    """For `gru` and `lstm`: function of the gates; `hard_sigmoid` is 0.2 x + 0.5, clipped to 0 and 1 (Keras 2.0). If
    absent, `sigmoid`."""
    nonlinearity: Literal["tanh", "relu"] | None = None
    """For `rnn` only: function of the cell, `tanh` or `relu`. If absent, `tanh`."""
    output: Literal["last", "states"] = "last"
    """`last`: the top layer's last state; `states`: its state at every step."""
    initial: Literal["linear"] | None = None
    """`linear`: kernels and biases are as in PyTorch's linear layers. If absent, they are as `conventions` says."""

    @model_validator(mode="after")
    def _functions_are_those_of_the_cell(self) -> "RecurrentSpec":
        if self.cell == "rnn" and self.recurrent_activation == "hard_sigmoid":
            raise ValueError("recurrent_activation is for the gates of gru and lstm, and rnn has none; remove it")
        if self.cell != "rnn" and self.nonlinearity == "relu":
            raise ValueError(f"nonlinearity is for rnn only, not for {self.cell}; remove it")
        return self


_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _is_target(value: str) -> str:
    """The value unchanged. ValueError for one that does not name a class in a module."""
    if not _TARGET.fullmatch(value):
        raise ValueError(f"{value!r} is not of the form package.module:Class; write it so, as in my_package.nets:MyNet")
    return value


class ModuleSpec(LayerSpec):
    """A `torch.nn.Module` of your own (own-networks.md); all further keys are arguments of its constructor."""

    module = "own"
    kind: Literal["module"]
    target: Annotated[str, Field(alias="import"), AfterValidator(_is_target)]
    """The module's class, as `package.module:Class`, in the project's folder or an installed package."""
    _arguments: dict[str, Argument] = PrivateAttr()

    @property
    def arguments(self) -> dict[str, Argument]:
        """The constructor's arguments; no fields, so that none is taken for a setting such as `activation`."""
        return self._arguments

    def __str__(self) -> str:
        """As params.yaml has it."""
        arguments = "".join(f", {key}: {json.dumps(value)}" for key, value in self.arguments.items())
        return f"module: {{import: {self.target}{arguments}}}"

    @model_validator(mode="wrap")
    @classmethod
    def _all_other_keys_are_arguments(cls, given: Any, validate: ModelWrapValidatorHandler["ModuleSpec"]) -> Any:
        own = {key: value for key, value in given.items() if key in ("kind", "import")}
        spec = validate(own)
        spec._arguments = {key: value for key, value in given.items() if key not in own}
        return spec

    @model_serializer
    def _as_given(self) -> dict[str, Argument]:
        return {"kind": self.kind, "import": self.target, **self.arguments}


Layer = Annotated[
    RescaleSpec
    | NormalizeSpec
    | GrayscaleSpec
    | ConvolutionSpec
    | MaxPoolingSpec
    | BatchNormalizationSpec
    | FlattenSpec
    | DropoutSpec
    | DenseSpec
    | TokensSpec
    | EmbeddingSpec
    | BagSpec
    | SequenceConvolutionSpec
    | OneChannelConvolutionSpec
    | SequencePoolingSpec
    | MaximumOverStepsSpec
    | ImageRowsSpec
    | RecurrentSpec
    | ModuleSpec,
    Field(discriminator="kind"),
]
