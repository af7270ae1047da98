"""The three test accuracies of a run, and what else a history says in one number."""

import pandas as pd


def summarise(history: pd.DataFrame, test_rows: int) -> dict[str, float]:
    """Metrics of one run from its history, one row per epoch in order.

    test_accuracy_best_epoch: at the epoch with the highest test accuracy; what most reports quote, and optimistic.
    test_accuracy_cross_fitted: the epoch is chosen on one half of the test rows and scored on the other, both ways.
    test_accuracy_last_epoch: after the last epoch.
    The first of equally good epochs counts. `peeking` is the first accuracy minus the second.
    """
    even, odd = history["test_correct_even"].to_numpy(), history["test_correct_odd"].to_numpy()
    best, last = history.iloc[(even + odd).argmax()], history.iloc[-1]
    cross_fitted = (even[odd.argmax()] + odd[even.argmax()]) / test_rows
    return {
        "test_accuracy_best_epoch": best["test_accuracy"],
        "test_accuracy_cross_fitted": cross_fitted,
        "test_accuracy_last_epoch": last["test_accuracy"],
        "peeking": best["test_accuracy"] - cross_fitted,
        "best_epoch": best["epoch"],
        "train_accuracy_last_epoch": last["train_accuracy"],
        "train_loss_last_epoch": last["train_loss"],
        "test_loss_last_epoch": last["test_loss"],
        "train_seconds": history["seconds"].sum(),
    }
