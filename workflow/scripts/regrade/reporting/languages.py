"""What a report shows of language models: losses beside their floor, what the networks wrote, the automaton."""

import altair as alt
import pandas as pd
import pyarrow.parquet as pq
from markupsafe import Markup

from regrade import datasets
from regrade.cells import PREDICTIONS, RECORD, Cell
from regrade.integrity import checked
from regrade.languages import ndfa
from regrade.languages.language import Language
from regrade.reporting.evidence import Evidence
from regrade.statistics.intervals import mean_interval

KINDS = ("prompted", "free", "long")


def language(cell: Cell) -> Language:
    """The formal language that a cell's texts are of."""
    module = datasets.module(cell.data["dataset"])
    return module.language(module.Options(**cell.data["options"]))


def table(evidence: Evidence, rows: list[tuple[dict, Cell]]) -> pd.DataFrame:
    """One row per cell: loss on further texts, its floor, the gap, shares of valid texts with 95 % intervals, seeds.

    The floor is the generator's entropy per token; no network can be better on average. `reported` is the share of
    valid texts over all prompts that the source lists.
    """
    made = []
    for names, cell in rows:
        runs, floor = evidence.of(cell), language(cell).entropy_per_token()
        loss, low, high = mean_interval(runs.get("test_loss_last_epoch", pd.Series(dtype=float)))
        row = names | {"loss": loss, "loss_low": low, "loss_high": high, "floor": floor, "gap": loss - floor}
        row["reported"] = _stated_share(evidence, cell)
        for kind in KINDS:
            share, low, high = mean_interval(runs.get(f"valid_{kind}_last_epoch", pd.Series(dtype=float)))
            row |= {kind: share, f"{kind}_low": max(low, 0), f"{kind}_high": min(high, 1)}
        made.append(row | {"seeds": len(runs), "folder": cell.folder.as_posix()})
    return pd.DataFrame(made)


def _stated_share(evidence: Evidence, cell: Cell) -> float | None:
    """The share of valid samples that the source lists for this dataset and number of epochs."""
    shares = []
    for row in evidence.reported:
        same = all(row["cell"].get(key) == value for key, value in cell.varying.items())
        if row["experiment"] == cell.experiment and same and row["metric"].endswith("valid_samples_of_10"):
            count = float(row["value"])
            shares.append((10 - count if row["metric"].startswith("invalid") else count) / 10)
    return sum(shares) / len(shares) if shares else None


def samples(cell: Cell, epoch: int | None = None, kind: str = KINDS[0]) -> Markup:
    """What the network of the first seed wrote after an epoch (the last where None), the first wrong symbol marked.

    A sentence in its place when there is nothing.
    """
    if (cell.folder / RECORD).exists():
        written = pq.read_table(checked(cell.folder, PREDICTIONS, RECORD)).to_pandas()
    else:
        written = pd.DataFrame(columns=["epoch", "kind", "seed"])
    written = written[(written["epoch"] == (epoch or written["epoch"].max())) & (written["kind"] == kind)]
    if not len(written):
        return Markup("\n\n<p class='missing'>What the network writes is missing: it is not trained so far.</p>\n\n")
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


def automaton() -> alt.LayerChart:
    """The finite automaton of the language ndfa: states in columns by their distance from the start."""
    edges = ndfa.Ndfa.describe()
    depths = {ndfa.START: 0}
    for _ in edges:
        for source, _, target in edges:
            if source in depths and target not in depths:
                depths[target] = depths[source] + 1
    places: dict[str, tuple[float, float]] = {}
    for depth in sorted(set(depths.values())):
        states = [state for state in depths if depths[state] == depth and state != ndfa.CLOSED]
        places |= {state: (depth, (len(states) - 1) / 2 - row) for row, state in enumerate(states)}
    places[ndfa.CLOSED] = (max(depths.values()) + 1, 0)
    nodes = pd.DataFrame([{"state": state, "x": x, "y": y} for state, (x, y) in places.items()])
    points = []
    for number, (source, symbol, target) in enumerate(edges):
        (x, y), (to_x, to_y) = places[source], places[target]
        # An edge back goes in a bow above the states between, one that skips columns below all of them
        bow = 0.45 if to_x < x else -1.5 if to_x > x + 1 else 0
        middle = ((x + to_x) / 2, (y + to_y) / 2 + bow)
        path = [(x, y), middle, (to_x, to_y)]
        points += [{"edge": number, "place": i, "x": a, "y": b, "symbol": symbol} for i, (a, b) in enumerate(path)]
    lines = pd.DataFrame(points)
    x, y = alt.X("x:Q", axis=None), alt.Y("y:Q", axis=None, scale=alt.Scale(padding=25))
    edges_drawn = alt.Chart(lines).mark_line(color="#888", strokeWidth=1, interpolate="monotone")
    symbols = alt.Chart(lines[lines["place"] == 1]).mark_text(fontSize=13, fontWeight="bold", dy=-8)
    circles = alt.Chart(nodes).mark_point(size=1500, filled=True, fill="white", stroke="#26476b", opacity=1)
    names = alt.Chart(nodes).mark_text(fontSize=9)
    layers = edges_drawn.encode(x=x, y=y, detail="edge:N", order="place:Q") + circles.encode(x=x, y=y)
    layers += names.encode(x=x, y=y, text="state:N") + symbols.encode(x=x, y=y, text="symbol:N")
    return layers.properties(width=680, height=300)
