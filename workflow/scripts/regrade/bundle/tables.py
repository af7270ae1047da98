"""The tables of a bundle: their columns, how they are kept, and the two forms of curves."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from regrade.bundle import CORRECT, CURVES, RUNS

KEYS = ["experiment", "cell", "seed"]
# The columns that each table must have, with the kind of their values; runs have metrics beside them
REQUIRED = {
    RUNS: {"experiment": "text", "cell": "text", "seed": "whole", "status": "text"},
    CURVES: {
        "experiment": "text",
        "cell": "text",
        "seed": "whole",
        "epoch": "number",
        "metric": "text",
        "value": "number",
    },
    CORRECT: {
        "experiment": "text",
        "cell": "text",
        "seed": "whole",
        "rule": "text",
        "sample": "text",
        "rows": "whole",
        "bits": "bytes",
    },
}
# What runs may have beside these and their metrics, which are numbers
ABOUT_RUNS = {
    **dict.fromkeys(("settings", "parameters_by_layer", "versions"), "object"),
    **{"valid_by_prompt": "list", "commit": "text", "device": "text", "dirty": "truth"},
}
# What must be distinct in each table
DISTINCT = {RUNS: KEYS, CURVES: [*KEYS, "metric", "epoch"], CORRECT: [*KEYS, "rule"]}
# Bytes of a dictionary: room for the shares of the rows of any test set here, not for losses, which hardly ever repeat
DICTIONARY = 2**18


def long(curves: pd.DataFrame) -> pd.DataFrame:
    """A row per value, metric by metric within a cell, as columns of similar values take little space.

    Metrics that a cell does not have are left out.
    """
    parts = []
    for (experiment, cell), rows in curves.groupby(["experiment", "cell"], sort=False):
        metrics = rows.drop(columns=[*KEYS, "epoch"]).dropna(axis="columns", how="all")
        part = pd.concat([rows[["seed", "epoch"]], metrics], axis="columns").melt(["seed", "epoch"], var_name="metric")
        parts.append(part.assign(experiment=experiment, cell=cell))
    columns = list(REQUIRED[CURVES])
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def wide(values: pd.DataFrame) -> pd.DataFrame:
    """A row per evaluation, with a column per metric; the inverse of `long`."""
    keys = [*KEYS, "epoch"]
    metrics = list(values["metric"].unique())
    table = values.pivot(index=keys, columns="metric", values="value").reindex(columns=metrics).reset_index()
    table.columns.name = None
    if (table["epoch"] % 1 == 0).all():
        table["epoch"] = table["epoch"].astype(int)
    # In the order in which cells were written
    order = values[["experiment", "cell"]].drop_duplicates(ignore_index=True)
    places = table[["experiment", "cell"]].merge(order.reset_index(names="place"), how="left")["place"]
    return table.iloc[places.argsort(kind="stable")].reset_index(drop=True)


def with_folders(runs: pd.DataFrame, folders: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """The runs with a column that names their cell in all tables."""
    keys = zip(runs["experiment"], runs["cell"], strict=True)
    return runs.assign(folder=pd.Series([folders[key] for key in keys], index=runs.index, dtype=object))


def write(table: pd.DataFrame, name: str, path: Path) -> None:
    """Write a table of a bundle so that it takes little space."""
    content = pa.Table.from_pandas(table, preserve_index=False)
    # In a group of its own, an accuracy has few distinct values, which fit into a dictionary
    groups = [rows for _, rows in table.groupby("metric", sort=False).indices.items()] if name == CURVES else []
    dictionaries = [column for column in table.columns if column != "bits"]
    with pq.ParquetWriter(
        path,
        content.schema,
        compression="zstd",
        compression_level=19,
        use_dictionary=dictionaries,
        dictionary_pagesize_limit=DICTIONARY,
    ) as writer:
        for rows in groups:
            writer.write_table(content.take(pa.array(rows)))
        if not groups:
            writer.write_table(content)
