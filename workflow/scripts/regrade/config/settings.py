"""The settings of a cell that every network has in common."""

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from regrade.config.types import NUMBER, Count, Name, NonNegative, Positive, Section, Share, Whole

# Settings that only add columns to the history: what is trained does not depend on them
RECORDING = frozenset({"gradient_norm", "batch_means", "activation_statistics"})


class Settings(Section):
    """The settings of a cell that every network has in common; all others belong to its network, as $name."""

    dataset: Name
    """Dataset to train on."""
    network: Name
    """Network of the study. `$name` in it is a setting: `cnn$conv_layers` is `cnn2` where `conv_layers` is 2."""
    train_rows: Count | None = None
    """Training rows used, from the front; all if absent. For palindromes: rows drawn in each epoch, required."""
    test_rows: Count | None = None
    """Test rows used, from the front; all if absent."""
    train_rows_cap: Count | None = None
    """Most training rows used; a scale sets it where `train_rows` is absent."""
    test_rows_cap: Count | None = None
    """Most test rows used; a scale sets it where `test_rows` is absent."""
    validation_rows: Whole = 0
    """Rows held out from the end of the training rows. Evaluations then use these instead of the test rows, and metrics
    are called `validation_…` instead of `test_…`.
    """
    backend: Literal["torch", "numpy"] = "torch"
    """`torch`, or `numpy`: a second implementation, written out by hand in float64, for dense layers and plain sgd
    only. Both start from the same parameters and see the rows in the same order.
    """
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """`cross_entropy`, or `squared_error`: half the sum of squared differences between the outputs and the one-hot
    class.
    """
    optimizer: Literal["sgd", "rmsprop", "adam", "adagrad"]
    """`sgd`, `rmsprop`, `adam` or `adagrad`."""
    lr: Positive
    """Learning rate."""
    momentum: Share = 0.0
    """Momentum; for sgd only."""
    clip_value: NonNegative = 0.0
    """Limit on the absolute value of each element of a gradient; 0: no limit."""
    clip_norm: NonNegative = 0.0
    """Limit on the norm of all gradients of a run together, applied after `clip_value`; 0: no limit."""
    l2: NonNegative = 0.0
    """Multiple of each kernel added to its gradient; biases, embeddings and batch normalisation are left alone."""
    gradient_norm: bool = False
    """Whether the history has the norm of all gradients of a run together, after `clip_value` and before `clip_norm`,
    as a mean over the same steps as the training loss.
    """
    batch_means: bool = False
    """Whether evaluations of a classifier also record loss and accuracy as means over batches of `batch_size` rows, in
    the order of the rows, of each batch's own mean; a smaller last batch counts as much as the others.
    """
    activation_statistics: bool = False
    """Whether evaluations of a classifier also record the mean and the standard deviation (divided by n - 1) of each
    convolution's output, after its activation and before any pooling, and how many of its maps are blank (zero
    everywhere) in a row: of each batch of `batch_size` rows, averaged over the batches.
    """
    batch_size: Count | None = None
    """Rows of a batch. Give either this or `batch_tokens`."""
    batch_tokens: Count | None = None
    """Most tokens of a batch, padding included; for texts that are read whole."""
    epochs: Count
    """Number of epochs."""
    evaluate_every: Annotated[float, Field(ge=0.001, le=1e9), NUMBER] = 1.0
    """Epochs between evaluations: a whole number, or a fraction such as 0.5 or 0.1 for several evaluations per epoch.
    The last epoch is always evaluated.
    """

    _one_by_one: bool = PrivateAttr(False)

    def one_by_one(self) -> "Settings":
        """These settings for runs that are never stacked, as those of a network with a module of the user's own."""
        settings = self.model_copy()
        settings._one_by_one = True
        return settings

    @property
    def evaluated(self) -> Literal["test", "validation"]:
        """The split that evaluations are on: validation where rows are held out, else test."""
        return "validation" if self.validation_rows else "test"

    @property
    def stackable(self) -> bool:
        """Whether several runs can be stacked: their batches have the same shape, unlike those by tokens."""
        return self.batch_tokens is None and not self._one_by_one

    @model_validator(mode="after")
    def _momentum_is_of_sgd(self) -> "Settings":
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum {self.momentum:g} with the optimizer {self.optimizer}: only sgd has a momentum")
        return self

    @model_validator(mode="after")
    def _batches_have_a_size(self) -> "Settings":
        if (self.batch_size is None) == (self.batch_tokens is None):
            raise ValueError("give one of batch_size and batch_tokens")
        for name in ("batch_means", "activation_statistics"):
            if getattr(self, name) and self.batch_size is None:
                raise ValueError(f"{name} is of batches of batch_size rows, but batches go by batch_tokens; remove it")
        return self

    @model_validator(mode="after")
    def _evaluations_divide_epochs(self) -> "Settings":
        times = self.evaluate_every if self.evaluate_every >= 1 else 1 / self.evaluate_every
        if abs(times - round(times)) > 1e-9:
            raise ValueError(f"evaluate_every {self.evaluate_every:g}: neither whole epochs nor a whole part of one")
        return self

    @model_validator(mode="after")
    def _numpy_can_do_it(self) -> "Settings":
        if self.backend == "numpy" and (
            self.optimizer != "sgd" or self.momentum or self.clip_value or self.clip_norm or self.gradient_norm
        ):
            raise ValueError("the numpy backend has plain sgd only, without momentum, clipping and gradient_norm")
        return self
