"""Tables as a reader sees them: few digits, headings, a dash for what is not there."""

import pandas as pd

from regrade.reporting.tables import COLUMNS


def four(value: float | None) -> str:
    """A share or a loss with four decimals."""
    return formatted(value, ".4f")


def formatted(value: float | None, form: str) -> str:
    """The value in this form of Python's, or a dash."""
    return "–" if value is None or pd.isna(value) else format(value, form)


def times(table: pd.DataFrame) -> pd.DataFrame:
    """`tables.times` for a reader."""
    return _with_headings(
        table,
        reported_seconds=("Reported, seconds", ".0f"),
        seconds=("Reproduced, seconds", ".1f"),
        reported_ratio=("Reported, ratio", ".2f"),
        ratio=("Reproduced, ratio", ".2f"),
    )


def matrix(table: pd.DataFrame) -> pd.DataFrame:
    """A table named by `row` and `column` as the source prints it: a row per `row`, two columns per `column`."""
    shown: dict[str, dict[str, str]] = {}
    for entry in table.itertuples():
        low, high = four(entry.low), four(entry.high)
        interval = "" if low == "–" else f" ({low} to {high})"
        cells = {
            f"{entry.column}, reported": four(entry.reported),
            f"{entry.column}, reproduced": four(entry.mean) + interval,
        }
        shown.setdefault(entry.row, {"": entry.row}).update(cells)
    return pd.DataFrame(list(shown.values())).fillna("–")


def comparison(table: pd.DataFrame) -> pd.DataFrame:
    """`tables.comparison` for a reader: the interval in one column."""
    keys = [column for column in table if column not in COLUMNS]
    shown = {key: [f"{value:g}" if isinstance(value, float) else f"{value}" for value in table[key]] for key in keys}
    intervals = zip(map(four, table["low"]), map(four, table["high"]), strict=True)
    shown |= {
        "Reported": table["reported"].map(four),
        "Reproduced": table["mean"].map(four),
        "95 % interval": ["–" if low == "–" else f"{low} to {high}" for low, high in intervals],
        "Seeds": table["seeds"],
        "Cross-fitted": table["test_accuracy_cross_fitted"].map(four),
        "Last epoch": table["test_accuracy_last_epoch"].map(four),
        "Peeking": table["peeking"].map(four),
        "At epoch": [formatted(epoch, ".1f") for epoch in table["best_epoch"]],
        "Status": table["status"],
    }
    return pd.DataFrame(shown)


def values(table: pd.DataFrame) -> pd.DataFrame:
    """`tables.values` for a reader: shares and losses with four decimals, counts with one."""
    shown = table.drop(columns=["reported", "mean", "low", "high", "seeds", "of"]).astype(object)
    shown["Reported"] = table["reported"].map(_short)
    shown["Reproduced"] = table["mean"].map(_short)
    shown["95 % interval"] = [
        "–" if pd.isna(low) else f"{_short(low)} to {_short(high)}"
        for low, high in zip(table["low"], table["high"], strict=True)
    ]
    shown["Seeds"] = [
        f"{row.seeds}" if row.seeds == row.of else f"{row.seeds} of {row.of}" for row in table.itertuples()
    ]
    return shown


def pairs(table: pd.DataFrame) -> pd.DataFrame:
    """`tables.pairs` for a reader."""
    return _with_headings(
        table,
        seeds=("Paired seeds", "d"),
        test_loss=("Largest difference of test loss", ".2g"),
        test_accuracy=("Largest difference of test accuracy", ".2g"),
        equal=("Seeds converged at the same evaluation", "d"),
    )


def parameters(table: pd.DataFrame) -> pd.DataFrame:
    """`tables.parameters` for a reader."""
    return _with_headings(table, reported=("Reported", ",.0f"), counted=("Counted", ",.0f"))


def activations(table: pd.DataFrame) -> pd.DataFrame:
    """`regrade.reporting.activations` for a reader."""
    return _with_headings(
        table,
        reported_mean=("Reported, mean", ".4f"),
        mean=("Reproduced, mean", ".4f"),
        reported_std=("Reported, standard deviation", ".4f"),
        std=("Reproduced, standard deviation", ".4f"),
    )


def languages(table: pd.DataFrame) -> pd.DataFrame:
    """`regrade.reporting.languages.table` for a reader: intervals beside their means."""
    shown = {"": table[""]} if "" in table else {}
    shown["Loss"] = _with_interval(table, "loss")
    shown |= {name.capitalize(): table[name].map(four) for name in ("floor", "gap")}
    shown["Valid, reported"] = table["reported"].map(four)
    headings = {"prompted": "Valid, reproduced", "free": "Valid without a prompt", "long": "Valid, long prompts"}
    shown |= {heading: _with_interval(table, kind) for kind, heading in headings.items()}
    return pd.DataFrame(shown | {"Seeds": table["seeds"]})


def _with_headings(table: pd.DataFrame, **columns: tuple[str, str]) -> pd.DataFrame:
    """The table with some columns under a heading and in a form of their own."""
    shown = table.astype(object)
    for column, (_, form) in columns.items():
        shown[column] = [formatted(value, form) for value in table[column]]
    return shown.rename(columns={column: heading for column, (heading, _) in columns.items()})


def _with_interval(table: pd.DataFrame, name: str) -> list[str]:
    rows = zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
    return [four(mean) + ("" if pd.isna(low) else f" ({four(low)} to {four(high)})") for mean, low, high in rows]


def _short(value: float | None) -> str:
    return formatted(value, ".4f" if value is None or abs(value) <= 1 else ",.1f")
