"""The same networks in Keras on TensorFlow, trained by `fit`."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
import torch
from keras import layers
from regrade.cells.configuration import Configuration
from regrade.config.layer_specs import LayerSpec
from regrade.training.trainer import Data

RECURRENT = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}
OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
}


class KerasFit:
    """Trains one network, an epoch at a time."""

    def __init__(self, configuration: Configuration, data: Data):
        self.settings, self.data = configuration.settings, data
        self.language = data.language is not None
        self.test = self._rows(data.evaluation_inputs, data.evaluation_targets)
        self.train = None if data.draw else self._rows(data.train_inputs, data.train_targets)
        self.batch_size = self.settings.batch_size or self.settings.batch_tokens // data.train_inputs.shape[1]
        made = [layer for spec in configuration.network for layer in _layers(spec, data)]
        self.model = keras.Sequential([keras.Input(self.test[0].shape[1:], dtype=self.test[0].dtype.name), *made])
        self.model.compile(self._optimizer(), self._loss(), metrics=["accuracy"])

    def advance(self) -> object:
        """Train one epoch and evaluate."""
        train = self.train or self._rows(*self.data.draw(self.settings.train_rows, torch.default_generator))
        return self.model.fit(*train, self.batch_size, epochs=1, validation_data=self.test, verbose=0)

    def _rows(self, inputs: torch.Tensor, targets: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        if self.language:
            return inputs[:, :-1].numpy(), inputs[:, 1:].numpy()
        if inputs.dim() == 4:
            inputs = inputs.permute(0, 2, 3, 1)  # TensorFlow on a CPU has its channels last
        if self.settings.loss == "squared_error":
            targets = torch.nn.functional.one_hot(targets, self.data.classes).float()
        return inputs.contiguous().numpy(), targets.numpy()

    def _loss(self) -> keras.losses.Loss:
        if self.settings.loss == "squared_error":
            return keras.losses.MeanSquaredError()
        one_output = self.model.output_shape[-1] == 1
        kind = keras.losses.BinaryCrossentropy if one_output else keras.losses.SparseCategoricalCrossentropy
        return kind(from_logits=True)

    def _optimizer(self) -> keras.optimizers.Optimizer:
        settings = self.settings
        options = {"momentum": settings.momentum} if settings.optimizer == "sgd" else {}
        clipping = {"global_clipnorm": settings.clip_norm or None, "clipvalue": settings.clip_value or None}
        return OPTIMIZERS[settings.optimizer](settings.lr, **options, **clipping)


def _layers(spec: LayerSpec, data: Data) -> list[keras.layers.Layer]:
    """One layer of params.yaml; padding other than Keras' own is a layer by itself."""
    activation = getattr(spec, "activation", None) or "linear"
    match spec.kind:
        case "rescale":
            return [layers.Rescaling(1 / spec.divisor)]
        case "normalize":
            return [layers.Rescaling(1 / spec.deviation, -spec.mean / spec.deviation)]
        case "grayscale":
            return [layers.Lambda(keras.ops.image.rgb_to_grayscale)]
        case "flatten":
            return [layers.Flatten()]
        case "dropout":
            return [layers.Dropout(spec.rate)]
        case "dense":
            units = data.classes if spec.units == "classes" else spec.units
            return [layers.Dense(units, activation)]
        case "convolution":
            padding = "same" if spec.padding else "valid"
            return [layers.Conv2D(spec.filters, spec.kernel, padding=padding, activation=activation)]
        case "max_pooling":
            return [layers.MaxPooling2D(spec.size, spec.stride, padding="same" if spec.padding else "valid")]
        case "batch_normalization":
            return [layers.BatchNormalization(), layers.Activation(activation)]
        case "tokens" if spec.level == "char":
            return [layers.Lambda(lambda x: keras.ops.one_hot(x, spec.one_hot))]
        case "tokens":
            return [layers.Embedding(data.vocabulary_size, spec.embedding)]
        case "embedding":
            return [layers.Embedding(data.vocabulary_size, spec.units)]
        case "bag":
            return [layers.Embedding(data.vocabulary_size, spec.units, mask_zero=True), layers.GlobalAveragePooling1D()]
        case "sequence_convolution":
            return [layers.Conv1D(spec.filters, spec.kernel, activation=activation)]
        case "sequence_pooling":
            return [layers.MaxPooling1D(spec.size, spec.stride, padding="same")]
        case "maximum_over_steps":
            return [layers.GlobalMaxPooling1D(), layers.Activation(activation)]
        case "image_rows":
            return [layers.Lambda(lambda x: keras.ops.squeeze(x, -1))]
        case "recurrent":
            options = {"reset_after": spec.reset_after} if spec.cell == "gru" else {}
            if spec.nonlinearity:
                options["activation"] = spec.nonlinearity
            if spec.recurrent_activation == "hard_sigmoid":
                options["recurrent_activation"] = lambda x: tf.clip_by_value(0.2 * x + 0.5, 0, 1)
            inner = [RECURRENT[spec.cell](spec.units, return_sequences=True, **options) for _ in range(spec.layers - 1)]
            return [*inner, RECURRENT[spec.cell](spec.units, return_sequences=spec.output == "states", **options)]
    raise ValueError(f"no Keras layer for {spec.kind}")


def set_threads(threads: int) -> None:
    """Threads of TensorFlow's operations; to be called before the first of them."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
