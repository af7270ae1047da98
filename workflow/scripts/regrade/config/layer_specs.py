"""The layers that a network in params.yaml may consist of: their names, their settings, the values allowed.

What a layer computes is in `regrade.models.<module>`: the layer of `DenseSpec` is `Dense`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regrade.config.types import Count, Positive, Real, Share, Size, Whole

Activation = Literal["linear", "relu", "tanh", "sigmoid", "elu"]


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


class NormalizeSpec(LayerSpec):
    """Subtracts a mean from the inputs, and divides them by a standard deviation."""

    module = "inputs"
    trainable = False
    kind: Literal["normalize"]
    mean: Real
    deviation: Positive


class GrayscaleSpec(LayerSpec):
    """Makes one channel of red, green and blue: the luma of ITU-R 601-2, rounded as by Pillow where they are bytes."""

    module = "inputs"
    trainable = False
    kind: Literal["grayscale"]


class ConvolutionSpec(LayerSpec):
    """Two-dimensional convolution with a square kernel and stride 1."""

    module = "convolutional"
    kind: Literal["convolution"]
    filters: Size
    kernel: Count
    padding: Whole = Field(0, description="rows and columns of zeros at each edge")
    activation: Activation = "linear"


class MaxPoolingSpec(LayerSpec):
    """Two-dimensional max pooling."""

    module = "convolutional"
    trainable = False
    kind: Literal["max_pooling"]
    size: Count
    stride: Count | None = Field(None, description="equal to the size where absent")
    padding: Whole = 0

    @model_validator(mode="after")
    def _squares_hold_more_than_padding(self) -> "MaxPoolingSpec":
        if 2 * self.padding > self.size:
            raise ValueError(f"a padding of {self.padding} is more than half of the size {self.size}; make it smaller")
        return self


class BatchNormalizationSpec(LayerSpec):
    """Normalises each channel over the batch, then scales and shifts it (Ioffe and Szegedy 2015)."""

    module = "normalization"
    kind: Literal["batch_normalization"]
    activation: Activation = "linear"


class FlattenSpec(LayerSpec):
    """Makes one vector of each example."""

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


class DenseSpec(LayerSpec):
    """Fully connected layer; of a sequence, the same for each step."""

    module = "dense"
    kind: Literal["dense"]
    units: Size | Literal["classes"] = Field(description="classes: as many as the dataset has")
    activation: Activation = "linear"
    initial: Literal["normal"] | None = Field(
        None,
        description="kernels and biases from a normal distribution of mean 0; the study's conventions where absent",
    )
    deviation: Positive | None = Field(None, description="standard deviation of initial: normal; 1 where absent")
    zero_bias: bool = Field(False, description="with initial: normal, biases begin at zero")

    @model_validator(mode="after")
    def _only_normal_has_a_deviation(self) -> "DenseSpec":
        if (self.deviation is not None or self.zero_bias) and self.initial != "normal":
            raise ValueError("deviation and zero_bias are of initial: normal; add that, or remove them")
        return self


class TokensSpec(LayerSpec):
    """Makes vectors of token ids: one-hot for characters, a learned embedding for words."""

    module = "sequence"
    kind: Literal["tokens"]
    level: Literal["char", "word"]
    one_hot: Size = Field(description="width of the one-hot vectors of characters")
    embedding: Size = Field(description="units of the embedding of words")


class EmbeddingSpec(LayerSpec):
    """A learned vector for each token id."""

    module = "embedding"
    kind: Literal["embedding"]
    units: Size
    initial: Literal["random", "word_vectors"] = Field(
        "random", description="word_vectors: fitted on the training texts as datasets.<name>.word_vectors says"
    )


class BagSpec(LayerSpec):
    """The mean of the learned vectors of an example's tokens, whatever their order; padding does not count."""

    module = "embedding"
    kind: Literal["bag"]
    units: Size


class SequenceConvolutionSpec(LayerSpec):
    """Convolution along a sequence, over all features of each step, stride 1, without padding."""

    module = "sequence"
    kind: Literal["sequence_convolution"]
    filters: Size
    kernel: Count
    activation: Activation = "linear"


class SequencePoolingSpec(LayerSpec):
    """Max pooling along a sequence, padded so that the output has ceil(steps / stride) steps (Keras' `same`)."""

    module = "sequence"
    trainable = False
    kind: Literal["sequence_pooling"]
    size: Count
    stride: Count


class MaximumOverStepsSpec(LayerSpec):
    """The largest value of each feature over all steps of a sequence."""

    module = "sequence"
    trainable = False
    kind: Literal["maximum_over_steps"]
    activation: Activation | None = Field(
        None,
        description="of the maximum, which is the maximum of the activation of every step, since all of them increase, "
        "at a fraction of the cost; linear where absent",
    )


class ImageRowsSpec(LayerSpec):
    """Makes a sequence of an image: a step per row of pixels."""

    module = "sequence"
    trainable = False
    kind: Literal["image_rows"]


class RecurrentSpec(LayerSpec):
    """Recurrent cells, one layer upon another; gives the last state of the top layer, or its states at every step."""

    module = "recurrent.layer"
    kind: Literal["recurrent"]
    cell: Literal["gru", "lstm", "rnn"]
    units: Size
    layers: Count = 1
    reset_after: bool = Field(True, description="GRU only: the reset gate acts after the product with the state")
    recurrent_activation: Literal["sigmoid", "hard_sigmoid"] | None = Field(
        None,
        description="of the gates of gru and lstm; hard_sigmoid: 0.2 x + 0.5 between 0 and 1 (Keras before "
        "TensorFlow 2); sigmoid where absent",
    )
    nonlinearity: Literal["tanh", "relu"] | None = Field(None, description="of rnn; tanh where absent")
    output: Literal["last", "states"] = "last"
    initial: Literal["linear"] | None = Field(
        None, description="both kernels with their biases as PyTorch's linear layers; the study's conventions if absent"
    )

    @model_validator(mode="after")
    def _functions_are_those_of_the_cell(self) -> "RecurrentSpec":
        if self.cell == "rnn" and self.recurrent_activation == "hard_sigmoid":
            raise ValueError("recurrent_activation is of the gates of gru and lstm, and rnn has none; remove it")
        if self.cell != "rnn" and self.nonlinearity == "relu":
            raise ValueError(f"nonlinearity is of rnn only, not of {self.cell}; remove it")
        return self


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
    | SequencePoolingSpec
    | MaximumOverStepsSpec
    | ImageRowsSpec
    | RecurrentSpec,
    Field(discriminator="kind"),
]
