"""Whether a configuration can be trained, as far as that can be told without its data."""

import math
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING

from regrade.cells import own_code
from regrade.config import layer_specs
from regrade.core.errors import UserError
from regrade.datasets import registry

if TYPE_CHECKING:
    from regrade.cells.configuration import Configuration

# What a language model may consist of: layers that can continue a text symbol by symbol
SYMBOL_BY_SYMBOL = ("embedding", "dropout", "dense", "recurrent")
# What layers need that the shape in a complaint does not tell
NEEDS = {"grayscale": "; it needs images of three channels, red, green and blue"}


class Impossible(ValueError):
    """What is wrong, and what to do; `at` is the key within the configuration (under settings or network)."""

    def __init__(self, at: str, complaint: str):
        super().__init__(complaint)
        self.at = at


def check(configuration: "Configuration") -> None:
    """Raise Impossible for the first thing that no training job could do."""
    network, loss = configuration.network, configuration.settings.loss
    language = registry.task(configuration.data.dataset) == "language"
    _check_rows(configuration)
    _check_batches(configuration)
    if configuration.settings.backend == "numpy":
        _check_numpy(network)
    if language:
        _check_language_model(network, loss)
    if not any(_trainable(layer) for layer in network):
        raise Impossible("network", "no layer has anything to train; end with a dense layer")
    _check_recorded(configuration, language)
    _check_own_modules(configuration)
    form = registry.form(configuration.data)
    if form is None:
        return  # the training job will tell
    *between, outputs = values_between(network, Values(form.shape, form.values), form.classes)
    if len(between) == len(network):
        _check_outputs(outputs, form.classes, configuration, language)
    if rows := configuration.settings.train_rows:
        check_normalization(configuration, rows - configuration.settings.validation_rows)


def _check_outputs(outputs: "Values", classes: int, configuration: "Configuration", language: bool) -> None:
    # One output is enough for two classes: the logit of the second
    needed = 1 if classes == 2 and configuration.settings.loss == "cross_entropy" else classes
    *steps, size = outputs.shape
    if outputs.kind != "numbers" or len(steps) != language or size is None or size < needed:
        raise Impossible(
            "network",
            f"ends with {outputs}, but there are {classes} classes; end with a dense layer of {classes}",
        )


def _check_rows(configuration: "Configuration") -> None:
    settings, name = configuration.settings, configuration.data.dataset
    held_out, rows = settings.validation_rows, settings.train_rows
    if registry.draws(name) and (held_out or not rows):
        raise Impossible(
            "settings.validation_rows" if held_out else "settings.train_rows",
            f"the training rows of {name} are drawn afresh in each epoch: say how many in train_rows, and remove "
            "validation_rows",
        )
    most = rows or settings.train_rows_cap
    if most and held_out >= most:
        raise Impossible(
            "settings.validation_rows", f"{held_out} of {most} training rows cannot be held out; ask for fewer"
        )


def _check_batches(configuration: "Configuration") -> None:
    settings, name = configuration.settings, configuration.data.dataset
    whole_texts = registry.whole_texts(configuration.data)
    if whole_texts and settings.batch_tokens is None:
        raise Impossible(
            "settings.batch_size",
            f"the texts of {name} are read whole here, so a batch needs batch_tokens in place of batch_size",
        )
    if not whole_texts and settings.batch_tokens is not None:
        raise Impossible(
            "settings.batch_tokens",
            f"only texts that are read whole have batches by tokens; the rows of {name} need batch_size here",
        )


def _check_own_modules(configuration: "Configuration") -> None:
    if configuration.own_modules and configuration.settings.l2:
        raise Impossible("settings.l2", "which parameters of an own module are kernels is not known; remove it")
    for number, layer in enumerate(configuration.network):
        if layer.kind == "module":
            try:
                own_code.check(layer.target, layer.arguments)
                own_code.digest(layer.target)
            except UserError as error:
                raise Impossible(f"network.{number}.module", str(error)) from None


def _check_recorded(configuration: "Configuration", language: bool) -> None:
    settings = configuration.settings
    if settings.batch_means and language:
        raise Impossible("settings.batch_means", "only classifiers have means over batches; remove it")
    if settings.activation_statistics and not any(layer.kind == "convolution" for layer in configuration.network):
        raise Impossible(
            "settings.activation_statistics", f"{settings.network} has no convolution to take them of; remove it"
        )


def _check_numpy(network: list[layer_specs.Layer]) -> None:
    for number, layer in enumerate(network):
        if layer.kind != "dense" or layer.activation == "elu":
            raise Impossible(
                f"network.{number}", "the numpy backend has dense layers with linear, relu, sigmoid and tanh only"
            )
        if layer is network[-1] and layer.units == 1:
            raise Impossible(
                f"network.{number}.dense.units", "the numpy backend needs an output for each class, not a single one"
            )


def _check_language_model(network: list[layer_specs.Layer], loss: str) -> None:
    if loss != "cross_entropy":
        raise Impossible("settings.loss", "a language model learns by cross_entropy only")
    for number, layer in enumerate(network):
        if layer.kind not in SYMBOL_BY_SYMBOL:
            raise Impossible(
                f"network.{number}", f"a language model writes symbol by symbol, which {layer.kind} cannot do"
            )
        if layer.kind == "recurrent" and layer.cell != "lstm":
            raise Impossible(
                f"network.{number}.recurrent.cell", f"texts are continued by lstm only, not by {layer.cell}"
            )
        if layer.kind == "recurrent" and layer.recurrent_activation == "hard_sigmoid":
            raise Impossible(
                f"network.{number}.recurrent.recurrent_activation", "texts are continued with the usual sigmoid only"
            )


def _trainable(layer: layer_specs.Layer) -> bool:
    return layer.trainable and not (layer.kind == "tokens" and layer.level == "char")


@dataclass(frozen=True)
class Values:
    """What passes from layer to layer: the shape of an example, with None for a length that varies, and its kind.

    `kind`: numbers, bytes (pixels before rescale), ids (of tokens), or characters (ids as one-hot vectors).
    """

    shape: tuple[int | None, ...]
    kind: str = "numbers"

    def __str__(self) -> str:
        return f"{self.kind} of shape ({', '.join('any' if side is None else str(side) for side in self.shape)})"


def values_between(network: list[layer_specs.Layer], values: Values, classes: int) -> list[Values]:
    """What goes into the first layer, and what comes out of each. Impossible for a layer that cannot take its input.

    It ends before the first own module: what comes out of that is known when it is built (see `regrade.models.own`).
    """
    between = [values]
    for number, layer in enumerate(network):
        fits = between[-1].kind in _TAKES.get(layer.kind, ("numbers",))
        if fits and layer.kind == "module":
            break
        output = _output(layer, between[-1], classes) if fits else None
        if output is None:
            needed = NEEDS.get(layer.kind, "")
            raise Impossible(f"network.{number}.{layer.kind}", f"cannot take {between[-1]}{needed}")
        if any(side is not None and side < 1 for side in output.shape):
            raise Impossible(f"network.{number}.{layer.kind}", f"leaves nothing of {between[-1]}; make it smaller")
        between.append(output)
    return between


def check_normalization(configuration: "Configuration", rows: int) -> None:
    """Raise Impossible where splitting these training rows into batches leaves one to be normalised by itself."""
    size, network = configuration.settings.batch_size, configuration.network
    if size is None or (size > 1 and rows % size != 1):
        return
    form = registry.form(configuration.data)
    if form is None:
        return
    between = values_between(network, Values(form.shape, form.values), form.classes)
    for number, (layer, values) in enumerate(zip(network, between, strict=False)):
        positions = values.shape[:-1] if len(values.shape) == 2 else values.shape[1:]
        if layer.kind == "batch_normalization" and all(side == 1 for side in positions):
            raise Impossible(
                f"network.{number}.batch_normalization",
                f"needs more than one row in a batch, but {rows} rows in batches of {size} leave one alone; change "
                "batch_size or train_rows",
            )


# The kinds of values that a layer takes; all others take numbers only
_TAKES = {
    "rescale": ("numbers", "bytes", "ids"),
    "normalize": ("numbers", "bytes"),
    "grayscale": ("numbers", "bytes"),
    "flatten": ("numbers", "bytes", "ids"),
    "image_rows": ("numbers", "bytes"),
    "tokens": ("ids",),
    "embedding": ("ids",),
    "bag": ("ids",),
    "sequence_convolution": ("numbers", "characters"),
    "one_channel_convolution": ("numbers", "characters"),
    "recurrent": ("numbers", "characters"),
    "module": ("numbers", "bytes", "ids"),
}


@singledispatch
def _output(layer: layer_specs.LayerSpec, values: Values, classes: int) -> Values | None:
    """What comes out of a layer; None where it cannot take its input."""
    raise TypeError(layer)


@_output.register
def _grayscale(layer: layer_specs.GrayscaleSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (3, int(height), int(width)):
            return Values((1, height, width), values.kind)
    return None


@_output.register
def _convolution(layer: layer_specs.ConvolutionSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (int(), int(height), int(width)):
            trimmed = layer.kernel - 1 - 2 * layer.padding
            return Values((layer.filters, height - trimmed, width - trimmed))
    return None


@_output.register
def _max_pooling(layer: layer_specs.MaxPoolingSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (int(channels), int(height), int(width)):
            stride, padding = layer.stride or layer.size, 2 * layer.padding - layer.size
            return Values((channels, (height + padding) // stride + 1, (width + padding) // stride + 1))
    return None


@_output.register
def _same(
    layer: layer_specs.RescaleSpec | layer_specs.NormalizeSpec | layer_specs.DropoutSpec, values: Values, _: int
) -> Values:
    return Values(values.shape)


@_output.register
def _batch_normalization(layer: layer_specs.BatchNormalizationSpec, values: Values, _: int) -> Values | None:
    return None if values.shape[0] is None else values


@_output.register
def _flatten(layer: layer_specs.FlattenSpec, values: Values, _: int) -> Values | None:
    sides = [side for side in values.shape if side is not None]
    return Values((math.prod(sides),), values.kind) if len(sides) == len(values.shape) else None


@_output.register
def _dense(layer: layer_specs.DenseSpec, values: Values, classes: int) -> Values | None:
    *steps, inputs = values.shape
    units = classes if layer.units == "classes" else layer.units
    return None if len(steps) > 1 or inputs is None else Values((*steps, units))


@_output.register
def _tokens(layer: layer_specs.TokensSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (steps,):
            if layer.level == "word":
                return Values((steps, layer.embedding))
            return Values((steps, layer.one_hot), "characters")
    return None


@_output.register
def _embedding(layer: layer_specs.EmbeddingSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (steps,):
            return Values((steps, layer.units))
    return None


@_output.register
def _bag(layer: layer_specs.BagSpec, values: Values, _: int) -> Values | None:
    return Values((layer.units,)) if len(values.shape) == 1 else None


@_output.register
def _sequence_convolution(layer: layer_specs.SequenceConvolutionSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (steps, int()):
            return Values((None if steps is None else steps - layer.kernel + 1, layer.filters))
    return None


@_output.register
def _sequence_pooling(layer: layer_specs.SequencePoolingSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (steps, int(features)):
            return Values((None if steps is None else -(-steps // layer.stride), features))
    return None


@_output.register
def _maximum_over_steps(layer: layer_specs.MaximumOverStepsSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (_steps, int(features)):
            return Values((features,))
    return None


@_output.register
def _image_rows(layer: layer_specs.ImageRowsSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (int(channels), int(height), int(width)):
            return Values((height, channels * width), values.kind)
    return None


@_output.register
def _recurrent(layer: layer_specs.RecurrentSpec, values: Values, _: int) -> Values | None:
    match values.shape:
        case (steps, int()):
            return Values((layer.units,) if layer.output == "last" else (steps, layer.units))
    return None
