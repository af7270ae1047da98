"""The recurrent networks of ce4042 in Keras on TensorFlow, trained by `fit`."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf
from regrade.training.pack import Data


class KerasFit:
    """Trains one network, an epoch at a time."""

    def __init__(self, level: str, cell: str, data: Data, lr: float, batch_size: int):
        layers = keras.layers
        made = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}[cell]
        first = (
            layers.Embedding(data.vocabulary_size, 20)
            if level == "word"
            else layers.Lambda(lambda x: tf.one_hot(x, 256))
        )
        steps = data.train_inputs.shape[1]
        self.model = keras.Sequential([keras.Input((steps,), dtype="int32"), first, made(20), layers.Dense(15)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(lr), loss, metrics=["accuracy"])
        self.batch_size = batch_size
        self.train = (data.train_inputs.numpy(), data.train_targets.numpy())
        self.test = (data.evaluation_inputs.numpy(), data.evaluation_targets.numpy())

    def advance(self) -> object:
        """Train one epoch and evaluate."""
        return self.model.fit(*self.train, self.batch_size, epochs=1, validation_data=self.test, verbose=0)


def set_threads(threads: int) -> None:
    """Threads of TensorFlow's operations; to be called before the first of them."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
