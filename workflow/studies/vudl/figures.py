"""What a report shows of language models: losses beside their floor, what the networks wrote, the automaton."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from regrade.bundle.manifest import BundledCell
from regrade.cells.configuration import Configuration
from regrade.cells.layout import PREDICTIONS, RECORD
from regrade.core.integrity import checked
from regrade.datasets import prepared, registry
from regrade.datasets.text import reading
from regrade.datasets.text.reading import Reading
from regrade.languages.automaton import CLOSED, START, Ndfa
from regrade.languages.language import Language
from regrade.reporting import template_functions
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import style
from regrade.reporting.figures.curves import curves
from regrade.reporting.number_format import four
from regrade.reporting.study_code import measurements
from regrade.reporting.tables.table_format import Shown, with_interval
from regrade.statistics.intervals import mean_interval

KINDS = ("prompted", "free", "long")
# Of the automaton: pixels from row to row, and a column's width in rows
SCALE, COLUMN = 82, 1.3


def _language(cell: BundledCell) -> Language:
    """The formal language that a cell's texts are of."""
    module = registry.module(cell.dataset)
    return module.language(registry.options(cell.data))


@template_functions.value
def floor(evidence: Evidence, cell: BundledCell | None) -> float | None:
    """The least possible loss on a cell's texts, their entropy per token."""
    return _language(cell).entropy_per_token() if cell else None


def shown_languages(languages: pd.DataFrame) -> Shown:
    """`languages` for a reader: intervals beside their means."""
    measured = {"Loss": with_interval(languages, "loss")}
    measured |= {name.capitalize(): languages[name].map(four) for name in ("floor", "gap")}
    stated = {"Valid, reported": languages["reported"].map(four)}
    headings = {"prompted": "Valid, reproduced", "free": "Valid without a prompt", "long": "Valid, long prompts"}
    shares = {heading: with_interval(languages, kind) for kind, heading in headings.items()}
    columns = {"": languages[""]} | measured | stated | shares | {"Seeds": languages["seeds"]}
    return Shown(pd.DataFrame(columns), dict.fromkeys([*measured, *shares, "Seeds"], languages["folder"]))


@template_functions.table(shown_languages)
def languages(evidence: Evidence, rows: Sequence[tuple[str, BundledCell | None]]) -> pd.DataFrame:
    """One row per cell, (text, cell): loss on further texts, its floor, the gap, shares of valid texts, seeds.

    Losses and shares have 95 % intervals. The floor is the generator's entropy per token; no network can be better on
    average. `reported` is the share of valid texts over all prompts that the source lists.
    """
    models = []
    for text, cell in rows:
        if not cell:
            continue
        runs, least = evidence.of(cell), floor(evidence, cell)
        loss, low, high = mean_interval(runs.get("test_loss_last_epoch", pd.Series(dtype=float)))
        row = {"": text, "loss": loss, "loss_low": low, "loss_high": high, "floor": least, "gap": loss - least}
        row["reported"] = _stated_share(evidence, cell)
        for kind in KINDS:
            share, low, high = mean_interval(runs.get(f"valid_{kind}_last_epoch", pd.Series(dtype=float)))
            row |= {kind: share, f"{kind}_low": max(low, 0), f"{kind}_high": min(high, 1)}
        models.append(row | {"seeds": len(runs), "folder": cell.folder.as_posix()})
    return pd.DataFrame(models)


def _stated_share(evidence: Evidence, cell: BundledCell) -> float | None:
    """The share of valid samples that the source lists for this dataset and number of epochs."""
    shares = []
    for row in evidence.reported:
        same = all(row["cell"].get(key) == value for key, value in cell.varying.items())
        if row["experiment"] == cell.experiment and same and row["metric"].endswith("valid_samples_of_10"):
            count = float(row["value"])
            shares.append((10 - count if row["metric"].startswith("invalid") else count) / 10)
    return sum(shares) / len(shares) if shares else None


@template_functions.value
def samples(evidence: Evidence, cell: BundledCell | None, epoch: int | None = None, kind: str = KINDS[0]) -> Markup:
    """What the network of the first seed wrote after an epoch (the last where None), the first wrong symbol marked.

    A sentence in its place when there is nothing.
    """
    if not cell:
        return Markup()
    if folder := evidence.files(cell):
        written = pq.read_table(checked(folder, PREDICTIONS, RECORD)).to_pandas()
    else:
        written = pd.DataFrame(columns=["epoch", "kind", "seed"])
    written = written[(written["epoch"] == (epoch or written["epoch"].max())) & (written["kind"] == kind)]
    if not len(written):
        return Markup("\n\n<p class='missing'>What the network wrote is missing: it has not been trained here.</p>\n\n")
    written = written[written["seed"] == written["seed"].min()]
    blocks = []
    for prompt, texts in written.groupby("prompt", sort=False):
        valid = int(texts["first_error"].isna().sum())
        heading = Markup("<b>{}</b> … {} of {} valid\n").format(prompt, valid, len(texts))
        blocks.append(heading + Markup("\n").join(_marked(row.text, row.first_error) for row in texts.itertuples()))
    return Markup("\n\n<div class='samples'>{}</div>\n\n").format(
        Markup("").join(Markup("<pre>{}</pre>").format(block) for block in blocks)
    )


def _marked(text: str, error: float | None) -> Markup:
    """The text with its first wrong symbol marked; one that ends too early has its missing end marked."""
    if error is None or pd.isna(error):
        return Markup("  {}").format(text)
    place = int(error)
    return Markup("✗ {}<mark>{}</mark>{}").format(text[:place], text[place : place + 1] or "…", text[place + 1 :])


@template_functions.figure
def automaton(evidence: Evidence) -> Figure:
    """The finite automaton of the language ndfa: states in columns by their distance from the start."""
    edges = Ndfa.describe()
    places = _places(edges)
    (left, right), (low, high) = (-0.4, max(x for x, _ in places.values()) + 0.4), (-2.5, 1.8)
    made, (axes,) = style.grid(
        width=SCALE * (right - left), height=SCALE * (high - low), left=6, right=6, top=0, bottom=0
    )
    axes.set(xlim=(left, right), ylim=(low, high))
    axes.set_axis_off()
    for source, symbol, target in edges:
        _edge(axes, symbol, places[source], places[target])
    circle = {"marker": "o", "markeredgecolor": "black"}
    for state, (x, y) in places.items():
        axes.plot(x, y, **circle, markersize=31, markerfacecolor="white", zorder=2)
        axes.text(x, y, state, ha="center", va="center", fontsize=7, zorder=4)
    # A second circle says that a text may end there
    axes.plot(*places[CLOSED], **circle, markersize=28, markerfacecolor="none", zorder=3)
    return made


def _places(edges: list[tuple[str, str, str]]) -> dict[str, tuple[float, float]]:
    """Where each state is drawn."""
    depths = {START: 0}
    for _ in edges:
        for source, _, target in edges:
            if source in depths and target not in depths:
                depths[target] = depths[source] + 1
    places: dict[str, tuple[float, float]] = {}
    for depth in sorted(set(depths.values())):
        states = [state for state in depths if depths[state] == depth and state != CLOSED]
        places |= {state: (COLUMN * depth, (len(states) - 1) / 2 - row) for row, state in enumerate(states)}
    return places | {CLOSED: (COLUMN * (max(depths.values()) + 1), 0)}


def _edge(axes: Axes, symbol: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """An arrow and its symbol: one back goes in a bow above the states between, one that skips columns below all."""
    across, up = end[0] - start[0], end[1] - start[1]
    bow = 0.25 if across < 0 else 0.7 if across > 1.5 * COLUMN else 0
    arrow = {"arrowstyle": "-|>", "mutation_scale": 8, "shrinkA": 15.5, "shrinkB": 15.5, "color": "#555555"}
    axes.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bow}", linewidth=0.9, **arrow))
    # arc3 takes `rad` times the distance as the way to its control point, half of which its curve goes
    middle = ((start[0] + end[0] + bow * up) / 2, (start[1] + end[1] - bow * across) / 2)
    axes.annotate(symbol, middle, (0, 3), textcoords="offset points", ha="center", fontweight="bold", fontsize=9)


@template_functions.figure
def f1_of_negatives(evidence: Evidence, cell: BundledCell | None) -> Figure | None:
    """F1 of the negative reviews by epoch, as `curves` draws it."""
    history = evidence.curves
    if "validation_f1" not in history:
        return None
    f1 = of_other_class(history["validation_f1"], history["validation_accuracy"])
    changed = replace(evidence, curves=history.assign(validation_f1_of_negatives=f1))
    return curves(changed, cell, "f1_of_negatives", splits=["validation"])


def of_other_class(f1: pd.Series, accuracy: pd.Series) -> pd.Series:
    """F1 of one of two classes, from that of the other and the accuracy.

    F1 = 2 r / (2 r + w), where r is the share of all rows that are of the class and right, and w = 1 - accuracy the
    share of those that are wrong. For the other class r is accuracy - r. Where no row is wrong, both are 1.
    """
    wrong = 1 - accuracy
    right = accuracy - (f1 * wrong / (2 * (1 - f1))).where(wrong > 0, 0)
    return 2 * right / (2 * right + wrong)


def shown_padding(padding: pd.DataFrame) -> Shown:
    """`padding` for a reader."""
    return Shown(padding.assign(padding=[f"{100 * share:.1f} %" for share in padding["padding"]]))


@template_functions.table(shown_padding)
def padding(evidence: Evidence, cell: BundledCell | None, most_tokens: Sequence[int]) -> pd.DataFrame:
    """The share of padding in the batches of a cell's training reviews, for batches of at most so many tokens.

    Batches are of reviews of similar length. No rows before the cell is trained, or where its data are elsewhere.
    UserError when the data are damaged.
    """
    if not cell or not evidence.files(cell) or not (cell.data.folder / prepared.CARD).exists():
        return pd.DataFrame()
    import torch
    from regrade.training import batches
    from regrade.training.trained import verify_data

    verify_data(cell.data)
    configuration = Configuration.model_validate(cell.configuration)
    settings, resolved = configuration.settings, configuration.data.reading
    how = Reading(**{key: resolved[key] for key in Reading.model_fields})
    texts, labels = prepared.load_texts(cell.data.folder, "train", settings.train_rows, settings.train_rows_cap)
    trained_on = texts[prepared.trained_on(len(labels), settings.validation_rows)]
    lengths = torch.from_numpy(reading.ids(trained_on, how).lengths)
    rows = []
    for most in most_tokens:
        read = sum(len(chosen) * width for chosen, width in batches.similar(lengths, most))
        rows.append((f"{most:,}", 1 - int(lengths.sum()) / read))
    return pd.DataFrame(rows, columns=["tokens of a batch", "padding"])


def shown_parity(parity: pd.DataFrame) -> Shown:
    """`elman_parity` for a reader, as it is: nothing in it is of a cell."""
    return Shown(parity)


@template_functions.table(shown_parity)
def elman_parity(evidence: Evidence) -> pd.DataFrame:
    """How far the Elman layer written out is from PyTorch's, and how much slower; see measure.py of this study."""
    measured = measurements(evidence.name)
    rows = [(name, f"{value:.2g}") for name, value in measured.get("differences", {}).items()]
    if measured:
        rows.append(("outputs, against the layer of the experiments", f"{measured['from_default']:.2g}"))
        rows.append(("time, by hand over library", f"{measured['time_ratio']:.2f} ×"))
    return pd.DataFrame(rows, columns=["compared", "largest difference"])
