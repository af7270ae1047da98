"""The three accuracies of a run, and the other metrics of its history."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def summarise(history: pd.DataFrame, rows: int, split: str) -> dict[str, float]:
    """Metrics of one run from its history: one row per evaluation of `rows` rows of `split`, in order.

    For split test:
    test_accuracy_best_epoch: at the epoch with the highest test accuracy; what most reports quote, though optimistic.
    test_accuracy_cross_fitted: the epoch is chosen on one half of the test rows and scored on the other, both ways.
    test_accuracy_last_epoch: after the last epoch.
    The first of equally good epochs counts. `peeking` is how much too high the first of these is (`peeking_bounds`).
    For split validation the names begin with validation. For a language model, see `_of_language`; for the settings
    batch_means and activation_statistics, `_of_batches` and `_of_activations`.
    """
    if f"{split}_correct_even" not in history:
        return _of_language(history, split)
    even, odd = (history[f"{split}_correct_{half}"].to_numpy() for half in ("even", "odd"))
    best, last = history.iloc[(even + odd).argmax()], history.iloc[-1]
    accuracy = f"{split}_accuracy"
    cross_fitted = (even[odd.argmax()] + odd[even.argmax()]) / rows
    return {
        f"{accuracy}_best_epoch": best[accuracy],
        f"{accuracy}_cross_fitted": cross_fitted,
        f"{accuracy}_last_epoch": last[accuracy],
        "peeking": sum(peeking_bounds(even, odd, rows)) / 2,
        "best_epoch": best["epoch"],
        "train_accuracy_best_epoch": history["train_accuracy"].max(),
        "train_accuracy_last_epoch": last["train_accuracy"],
        "train_loss_last_epoch": last["train_loss"],
        "train_loss_best": history["train_loss"].min(),
        f"{split}_loss_best": history[f"{split}_loss"].min(),
        f"{split}_loss_last_epoch": last[f"{split}_loss"],
        "train_seconds": history["seconds"].sum(),
        **_of_batches(history, split),
        **_of_activations(history, split),
    }


def peeking_bounds(even: NDArray[np.integer], odd: NDArray[np.integer], rows: int) -> tuple[float, float]:
    """How far the best epoch's accuracy is above its true one, in expectation: at least, and at most.

    `even`, `odd`: correct rows of each half of the `rows` by epoch. The optimism on a half is known: the half's best
    accuracy minus that epoch's accuracy on the other half. With all rows it is smaller, by a factor of √2 if chance
    alone decides which epoch is best, else by more; so this is the upper bound. The lower one is twice the rise of the
    best accuracy from all rows to half of them. docs/statistics.md derives both.
    """
    on_all, on_halves = (even + odd).max() / rows, (even.max() + odd.max()) / rows
    on_other_halves = (even[odd.argmax()] + odd[even.argmax()]) / rows
    return 2 * float(on_halves - on_all), float(on_halves - on_other_halves) / math.sqrt(2)


def _of_batches(history: pd.DataFrame, split: str) -> dict[str, float]:
    """Loss and accuracy as means over batches, best and last; none where batch_means is off."""
    loss, accuracy = (f"{split}_{name}_batch_mean" for name in ("loss", "accuracy"))
    if loss not in history:
        return {}
    return {
        f"{accuracy}_best_epoch": history[accuracy].max(),
        f"{accuracy}_last_epoch": history[accuracy].iloc[-1],
        f"{loss}_best": history[loss].min(),
        f"{loss}_last_epoch": history[loss].iloc[-1],
    }


def _of_activations(history: pd.DataFrame, split: str) -> dict[str, float]:
    """Statistics of activations, last and where the loss on `split` is lowest; none without activation_statistics."""
    columns = [name for name in map(str, history.columns) if name.startswith(f"{split}_activation_")]
    if not columns:
        return {}
    best = history.iloc[history[f"{split}_loss"].fillna(math.inf).to_numpy().argmin()]
    last = history.iloc[-1]
    numbers = {f"{name}_last_epoch": last[name] for name in columns}
    return numbers | {f"{name}_at_lowest_loss": best[name] for name in columns}


def _of_language(history: pd.DataFrame, split: str) -> dict[str, float]:
    """Metrics of a language model: losses in nats per token, shares of valid texts after the last epoch."""
    last, loss = history.iloc[-1], f"{split}_loss"
    shares = {f"{name}_last_epoch": last[name] for name in history.columns if name.startswith("valid_")}
    return shares | {
        "train_loss_last_epoch": last["train_loss"],
        f"{loss}_last_epoch": last[loss],
        f"{loss}_best": history[loss].min(),
        # NaN in each epoch where the run diverged in the first
        "best_epoch": history["epoch"].iloc[history[loss].argmin()] if history[loss].notna().any() else math.nan,
        f"{split}_accuracy_last_epoch": last[f"{split}_accuracy"],
        "train_seconds": history["seconds"].sum(),
    }


def epochs_to(history: pd.DataFrame, accuracy: float, split: str) -> float:
    """The first evaluated epoch at which the accuracy on `split` (test, validation, train) is at least this, else NaN.

    Accuracies are counts of rows divided once, so 1.0 is met where no row is wrong, and only there.
    """
    reached = history.loc[history[f"{split}_accuracy"] >= accuracy, "epoch"]
    return reached.iloc[0] if len(reached) else math.nan


def of_columns(history: pd.DataFrame) -> dict[str, float]:
    """Of every column of losses and accuracies of a run, its best and its last value, named as our own metrics."""
    numbers: dict[str, float] = {}
    for name in map(str, history.columns):
        if name.endswith("_accuracy"):
            numbers |= {f"{name}_best_epoch": history[name].max(), f"{name}_last_epoch": history[name].iloc[-1]}
            if not name.startswith("train"):
                numbers.setdefault("best_epoch", history.loc[history[name].idxmax(), "epoch"])
        elif name.endswith("_loss"):
            numbers |= {f"{name}_best": history[name].min(), f"{name}_last_epoch": history[name].iloc[-1]}
    return numbers
