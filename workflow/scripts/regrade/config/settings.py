"""The settings of a cell that every network has in common."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from regrade.config.types import NUMBER, Count, Name, NonNegative, Positive, Section, Share, Whole


class Settings(Section):
    """The settings of a cell that every network has in common; all others belong to its network, as $name."""

    dataset: Name
    network: Name
    train_rows: Count | None = Field(None, description="rows used, from the front; all where absent")
    test_rows: Count | None = None
    train_rows_cap: Count | None = Field(None, description="set by the scale where train_rows is not: rows at most")
    test_rows_cap: Count | None = None
    validation_rows: Whole = Field(
        0, description="rows held out from the end of the training rows; evaluated in place of the test rows"
    )
    backend: Literal["torch", "numpy"] = "torch"
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    optimizer: Literal["sgd", "rmsprop", "adam", "adagrad"]
    lr: Positive
    momentum: Share = 0.0
    clip_value: NonNegative = Field(0.0, description="largest size of a gradient's element; 0 = any")
    clip_norm: NonNegative = Field(0.0, description="largest norm of all gradients together; 0 = any")
    l2: NonNegative = Field(0.0, description="times a kernel is added to its gradient")
    gradient_norm: bool = Field(False, description="whether the mean norm of the gradients is recorded")
    batch_means: bool = Field(
        False,
        description="of classifiers: whether evaluations also record loss and accuracy as means over batches of "
        "batch_size rows, in the order of the rows, of each batch's mean; a smaller last batch counts as much as any",
    )
    activation_statistics: bool = Field(
        False,
        description="of classifiers: whether evaluations also record the mean and the standard deviation (divided by "
        "n - 1) of each convolution's output after its activation and before any pooling, as means over batches of "
        "batch_size rows of each batch's own",
    )
    batch_size: Count | None = None
    batch_tokens: Count | None = Field(
        None, description="instead of batch_size, for rows of different lengths: tokens of a batch, padding included"
    )
    epochs: Count
    evaluate_every: Annotated[float, Field(ge=0.001, le=1e9), NUMBER] = Field(
        1.0, description="epochs between evaluations; 0.1 for ten in an epoch"
    )

    @property
    def evaluated(self) -> str:
        """The split that evaluations are on: validation where rows are held out, else test."""
        return "validation" if self.validation_rows else "test"

    @property
    def stackable(self) -> bool:
        """Whether the batches of several runs have the same shape; those of rows of similar length have not."""
        return self.batch_tokens is None

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
