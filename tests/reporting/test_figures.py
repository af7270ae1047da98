"""Figures: legible whatever the data, the same bytes for the same data, and nothing of matplotlib changed by them."""

import re
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from regrade.core.errors import UserError
from regrade.reporting import study_code, template_functions
from regrade.reporting.figures import accuracies, agreement, curves, files, forest, limits, repeated, style
from regrade.reporting.figures import effects as mattering
from regrade.reporting.pages import study_page
from regrade.statistics import effects
from regrade.statistics.estimate import estimate
from regrade.statistics.grades import DIFFERS, GRADES, SAME
from regrade.statistics.verdicts import VERDICTS
from support.project import ROOT


def cells(settings: list[dict]) -> list[SimpleNamespace]:
    rows = {"train_rows": 50_000, "batch_size": 32}
    return [
        SimpleNamespace(varying=one, experiment="sizes", name=str(i), evaluated="test", settings=rows)
        for i, one in enumerate(settings)
    ]


class Evidence:
    """What figures ask for, of cells whose loss by epoch is given."""

    name = "none"

    def __init__(self, of: list[SimpleNamespace], losses: list[np.ndarray] = ()):
        self.cells, self.losses = of, losses
        self.reported: list[dict] = []

    def find(self, experiment: str) -> list[SimpleNamespace]:
        return self.cells

    def curve(self, cell: SimpleNamespace) -> pd.DataFrame:
        losses = self.losses[int(cell.name)]
        epochs = np.arange(1, len(losses) + 1)
        of_seed = [{"epoch": epochs, "train_loss": losses, "test_loss": losses * (1 + seed / 9)} for seed in range(3)]
        return pd.concat([pd.DataFrame(one).assign(validation_loss=one["test_loss"]) for one in of_seed])

    def measured(self, cell: SimpleNamespace) -> dict:
        return {"seeds": 3, "mean": 0.5 + int(cell.name) / 100, "low": 0.4, "high": 0.8}

    def rows_about(self, cell: SimpleNamespace) -> list[dict]:
        return self.reported

    def stated(self, cell: SimpleNamespace, metric: str) -> float | None:
        return 0.7 if int(cell.name) % 2 else None


def grid(rows: int, columns: int) -> list[SimpleNamespace]:
    return cells([{"filters_of_the_first": 10 * i, "optimizer": f"o{k}"} for i in range(rows) for k in range(columns)])


def long_names(count: int) -> list[SimpleNamespace]:
    return cells([{"learning_rate": i / 8, "optimizer": "rmsprop", "embedding_size": 2**i} for i in range(count)])


def drawn(count: int, losses: np.ndarray, **options) -> Figure | None:
    of = long_names(count)
    return curves.curves(Evidence(of, [losses * (1 + i / 4) for i in range(count)]), of, "loss", **options)


FALLING = np.exp(-np.arange(300) / 90)
REPEATED = [
    {"where": "sweep (vocabulary_size=5000, max_length=128, batch_size=32, embedding_size=64)", "stated": [0.5, 0.6],
     "measured": [0.4, 0.5]},
    {"where": "other", "stated": [0.5, 0.6], "measured": []},
]  # fmt: skip


def claim(name: str, verdict: str = "confirmed", **changes) -> dict:
    """What the forest plot needs of a claim, as in claims.json."""
    numbers = {"effect": 0.03, "low": 0.01, "high": 0.05, "claimed": [0.0, None]}
    about = {"about": "mean", "doing": 5, "known": 5, "at": None, "seeds": 5, "quantity": "difference", "unit": "share"}
    return {"id": name, "verdict": verdict} | numbers | about | changes


RUNS = {"about": "runs", "quantity": "value"}
CLAIMS = [
    claim("better"),
    claim("worse", "contradicted", effect=-0.02, low=-0.04, high=0.0),
    claim("equal", "inconclusive", claimed=[-0.01, 0.01]),
    claim("most", **RUNS, doing=4, effect=0.8, low=0.7, high=0.9, claimed=[0.75, None]),
    claim("constant", "not run", **RUNS, effect=0.5, low=None, high=None, claimed=[0.5, 0.5]),
    claim("beyond", "inconclusive", **RUNS, unit="epochs", effect=50.0, known=1, claimed=[None, 20.0]),
    claim("slower", "not at full protocol", quantity="ratio", unit="×", effect=3.0, low=-9e9, high=9e9),
]
MANY = [claim(f"claim-{n}-with-quite-a-long-name", effect=n / 1e3) for n in range(53)]


def stated(reported: str, mean: str, grade: str = "within", **changes) -> dict:
    """A row of grades.parquet as a dict."""
    intervals = {"low": 0.5, "high": 0.6, "predicted_low": 0.4, "predicted_high": 0.7}
    about = {"source": "table 1", "metric": "test_accuracy_best_epoch", "reported": reported, "mean": mean}
    return about | {"grade": grade} | intervals | changes


NUMBERS = [stated("0.5", "0.52"), stated("0.7", "0.55", "above"), stated("0.6", "0.61", "too few seeds")]
COUNTS = [
    stated(f"{n}", f"{n}", metric="steps_to_converge", **dict.fromkeys(agreement.INTERVALS[1:], np.nan))
    for n in (12, 1_234, 5_678_900)
]


def crossed(*counts: int) -> effects.Grid:
    """A grid of settings with long names and as many long values as these counts."""
    values = np.random.default_rng(3).normal(size=(*counts, 3))
    names = [f"a setting with a long name {number}" for number in range(len(counts))]
    levels = {
        name: [
            effects.Level(
                f"value number {value}", estimate(np.atleast_1d(values.take(value, axis)).reshape(-1, 3).mean(axis=0))
            )
            for value in range(count)
        ]
        for axis, (name, count) in enumerate(zip(names, counts, strict=True))
    }
    return effects.Grid("sizes", "test_accuracy_best_epoch", levels, effects.shares(values, names), values, 0.4)


FIGURES = {
    "one cell": lambda: drawn(1, FALLING),
    "few epochs": lambda: drawn(2, FALLING[:20]),
    "few evaluations of many epochs": lambda: drawn(1, FALLING[:20], unit="step"),
    "one evaluation": lambda: drawn(1, FALLING[:1]),
    "25 cells": lambda: drawn(25, FALLING, splits=["test"]),
    "eight cells, two splits": lambda: drawn(8, FALLING),
    "large numbers": lambda: drawn(1, FALLING * 1e30),
    "diverged": lambda: drawn(2, np.where(np.arange(30) > 9, np.nan, FALLING[:30])),
    "diverged at once": lambda: drawn(1, FALLING * np.nan),
    "infinite": lambda: drawn(1, np.where(np.arange(30) > 9, np.inf, FALLING[:30])),
    "a grid of 25": lambda: accuracies.best_accuracies(Evidence(grid(5, 5)), "sizes"),
    "a grid of 18 panels": lambda: accuracies.best_accuracies(Evidence(grid(18, 2)), "sizes"),
    "25 long names": lambda: accuracies.best_accuracies(Evidence(long_names(25)), "sizes"),
    "bars": lambda: accuracies.best_accuracies(
        Evidence(grid(4, 1)), "sizes", ["SGD", "SGD with momentum 0.9", "Adam", "a very long name " * 5]
    ),
    "noise": lambda: repeated.noise(REPEATED),
    "claims": lambda: forest.forest(CLAIMS),
    "one claim": lambda: forest.forest(CLAIMS[-1:]),
    "53 claims": lambda: forest.forest(MANY),
    "reported numbers": lambda: agreement.agreement(
        [*NUMBERS, *(row | {"source": "text"} for row in NUMBERS), *COUNTS]
    ),
    "effects": lambda: mattering.main_effects(crossed(2, 12, 3)),
    "shares": lambda: mattering.shares(crossed(2, 12, 3)),
    "a map of 144": lambda: mattering.heat_map(crossed(12, 12)),
    "a map of 6": lambda: mattering.heat_map(crossed(2, 3)),
}


def shown_labels(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1 for tick in ticks if tick.label1.get_visible() and tick.label1.get_text()]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.filterwarnings("error")
def test_nothing_is_cut_off_or_covered(name: str):
    with style.look():
        figure = FIGURES[name]()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()

        def box(artist):
            return artist.get_window_extent(renderer)

        visible = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if axes.get_visible()]
        inside = {axis: shown_labels(axis) for axis in visible}
        texts = [text for texts in inside.values() for text in texts]
        texts += [axis.label for axis in visible] + [axes._left_title for axes in figure.axes]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        everything = box(figure.patch)
        for text in filter(lambda text: text.get_text() and text.get_visible(), texts):
            area = box(text)
            assert everything.x0 <= area.x0 and area.x1 <= everything.x1, text
            assert everything.y0 <= area.y0 and area.y1 <= everything.y1, text
        for on_one_axis in inside.values():
            for one, other in pairwise(text for text in on_one_axis if text.get_visible()):
                assert not box(one).overlaps(box(other)), (one, other)
        below = [box(text).y0 for axis, texts in inside.items() if axis.axis_name == "x" for text in texts]
        below += [box(axis.label).y0 for axis in visible if axis.axis_name == "x" and axis.label.get_text()]
        for legend in figure.legends:
            assert box(legend).y1 <= min(below, default=everything.y1) + 1, "the legend covers the axes or their title"
        for one, other in combinations(figure.axes, 2):
            assert not box(one.patch).overlaps(box(other.patch))


def test_nothing_to_draw_is_none():
    nothing = Evidence(cells([{}]), [np.array([])])
    assert curves.curves(nothing, nothing.cells, "loss") is None
    assert curves.curves(nothing, None, "loss") is None
    assert curves.curves(nothing, [], "loss", unit="step") is None
    assert accuracies.best_accuracies(Evidence([]), "sizes") is None
    assert repeated.noise([]) is None
    assert forest.forest([]) is None
    assert agreement.agreement([]) is None
    # Too few of one unit, texts, lower bounds, what was not measured, and counts of parameters
    rest = [stated("2-30-2", "2-30-2"), stated("≥ 0.9", "0.8"), stated("0.9", "")]
    rest += [row | {"metric": "trainable_parameters", "grade": "same"} for row in COUNTS]
    assert agreement.agreement([*NUMBERS[:2], *COUNTS[:2], *rest]) is None


def texts_of(figure: Figure, tmp_path: Path) -> list[str]:
    """What an SVG of the figure says."""
    files.write(figure, tmp_path, "figure")
    return re.findall(r"<text[^>]*>([^<]+)</text>", (tmp_path / "figure.svg").read_text())


def test_claims_share_an_axis_with_those_of_their_unit(tmp_path: Path):
    figure = forest.forest(CLAIMS)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        *("difference (share)", "value (share)", "value (epochs)", "ratio (×)")
    ]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["better", "worse", "equal"]
    heights = [axes.get_position().height for axes in figure.axes]
    assert np.allclose(np.divide(heights, heights[-1]), [3, 2, 1, 1])
    texts = texts_of(figure, tmp_path)
    assert {"4 of 5", "5 of 5 (1 known)"} <= set(texts)
    assert [text for text in style.JUDGED if text in texts] == [
        *("confirmed", "contradicted", "inconclusive", "not at full protocol", "not run")
    ]
    assert forest.forest(MANY).get_figheight() > 53 * forest.ROW / style.INCH


def test_a_claim_shows_its_range_and_its_interval_as_far_as_it_has_any():
    (axes,) = forest.forest([claim("one", claimed=[None, 0.04])]).axes
    ends = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert ends == [[axes.get_xlim()[0], 0.04], [0.04, 0.04], [0.01, 0.05]]  # band, bound, interval
    (axes,) = forest.forest([CLAIMS[4]]).axes
    assert [len(lines.get_segments()) for lines in axes.collections] == [1, 2]  # no interval
    # Of a mean that is only known to be beyond a value, one end of the interval is known
    (axes,) = forest.forest([claim("at-least", at="least", high=None), claim("at-most", at="most", low=None)]).axes
    left, right = axes.get_xlim()
    intervals = [segment[:, 0].tolist() for segment in axes.collections[-1].get_segments()]
    assert intervals == [[0.01, right], [left, 0.05]]
    assert [line.get_marker() for line in axes.lines if line.get_marker() in "<>"] == ["<", ">"]


def test_outliers_are_pointed_at_and_do_not_squash_the_others(tmp_path: Path):
    far = [claim("far", effect=1e6, low=None, high=None), claim("wide", low=-1e9, high=1e9, claimed=[None, 1e7])]
    figure = forest.forest([*MANY, *far])
    low, high = figure.axes[0].get_xlim()
    assert -0.2 < low < 0 and 0.05 < high < 0.3
    assert [line.get_marker() for line in figure.axes[0].lines if line.get_marker() in "<>"] == ["<", ">"]
    assert "1,000,000 →" in texts_of(figure, tmp_path)


@pytest.mark.parametrize(
    "points, further, holds",
    [
        ([], [], (0, 1)),
        ([5.0], [], (5, 5)),
        ([0.0], [None, np.nan], (0, 0)),
        ([5.0], [4.0, 6.0, 0.0], (0, 6)),
        ([0.1, 0.2, 0.3], [np.inf, 0.0], (0, 0.3)),
    ],
)
def test_limits_hold_what_there_is(points: list, further: list, holds: tuple[float, float]):
    low, high = limits.limits(points, further)
    assert low <= holds[0] and holds[1] <= high and low < high


def test_each_table_shows_what_decides_the_grades(tmp_path: Path):
    figure = agreement.agreement([*NUMBERS, *COUNTS])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["table 1 (share)", "table 1 (steps)"]
    shares, counts = figure.axes
    assert (shares.get_xscale(), counts.get_xscale()) == ("linear", "log")
    assert shares.get_xlim() == shares.get_ylim()
    points = {line.get_marker(): line.get_xydata().tolist() for line in shares.lines[1:]}
    assert points == {"o": [[0.5, 0.52]], "^": [[0.7, 0.55]], "s": [[0.6, 0.61]]}
    ends = [segment[:, 1].tolist() for lines in shares.collections for segment in lines.get_segments()]
    assert ends == [[0.4, 0.7], [0.5, 0.6]] * 3
    assert {"within", "above", "too few seeds", "one more run"} <= set(texts_of(figure, tmp_path))


def test_verdicts_and_grades_are_told_apart_without_colour():
    of_counts = {SAME, DIFFERS}
    assert {*VERDICTS, *GRADES} - of_counts == set(style.JUDGED)
    for names in (VERDICTS, GRADES):
        looks = [style.JUDGED[name] for name in names if name not in of_counts]
        assert len({(look["marker"], look.get("markerfacecolor")) for look in looks}) == len(looks)


def test_evaluations_in_between_can_be_left_out():
    (axes,) = drawn(1, FALLING[:25], every=10).axes
    assert [line.get_xdata().tolist() for line in axes.lines] == [[10, 20, 25]] * 2


def test_lines_are_told_apart_without_colour_and_things_keep_their_colour():
    (axes,) = drawn(1, FALLING).axes
    looks = {line.get_linestyle(): line.get_color() for line in axes.lines}
    assert looks == {"--": style.SPLITS["train"], "-": style.SPLITS["test"]}
    (axes,) = drawn(25, FALLING).axes
    looks = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in axes.lines]
    assert len(set(looks)) == 50
    assert len({(marker, dash) for _, marker, dash in looks[:14]}) == 14
    (axes,) = drawn(1, FALLING, splits=["validation"]).axes
    assert axes.lines[0].get_color() == style.SPLITS["validation"]
    # As grey, neighbouring colours differ too
    grey = [np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)) for colour in style.COLOURS]
    assert all(abs(one - other) > 0.08 for one, other in pairwise(grey))


def test_equal_data_give_equal_files_whatever_the_user_has_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = dict(matplotlib.rcParams)
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        figure = drawn(2, FALLING)
        files.write(figure, folder, "figure")
        assert dict(matplotlib.rcParams) == before
        written.append([(folder / f"figure.{kind}").read_bytes() for kind in files.KINDS])
        # As a matplotlibrc of the user's would
        monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9)
        monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", "other")
        before = dict(matplotlib.rcParams)
    assert written[0] == written[1]
    assert [content[:4] for content in written[0]] == [b"<?xm", b"\x89PNG", b"%PDF"]
    code = "import sys; import regrade.reporting.pages.site; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "workflow/scripts").returncode == 0


def test_what_a_figure_says_is_not_shortened_with_its_positions(tmp_path: Path):
    figure = drawn(1, FALLING)
    figure.axes[0].set_title("0.123456 <b> -0.98765")
    files.write(figure, tmp_path, "figure")
    svg = (tmp_path / "figure.svg").read_text()
    assert ">0.123456 &lt;b&gt; -0.98765</text>" in svg
    tags = "".join(re.findall("<[^>]+>", svg))
    assert not re.search(r"\.\d{3}", tags) and re.search(r"\.\d\d", tags)


def test_mistakes_in_a_studys_figures_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("regrade.config.studies.FOLDER", tmp_path)
    study = study_page.StudyPage(Evidence([]), tmp_path)
    (tmp_path / "none").mkdir()
    code = tmp_path / "none/figures.py"
    code.write_text(
        "from regrade.reporting.template_functions import value\n\n\n@value\ndef curves(evidence):\n    return 1\n"
    )
    with pytest.raises(UserError, match=r"'curves' is taken; give the function in .*figures\.py another name"):
        study_page.StudyPage(SimpleNamespace(name="none", find=None, cell=None, best=None), tmp_path).functions()
    mistakes = (
        ("def f(:\n", "invalid syntax"),
        ("import no_such_module\n", "no_such_module"),
        ("TABLE = nothing\n", "NameError: name 'nothing' is not defined"),
    )
    for text, said in mistakes:
        code.write_text(text)
        with pytest.raises(UserError, match=rf"figures\.py cannot be imported: .*{said}"):
            study.functions()


def test_a_measurement_without_its_function_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("regrade.config.studies.FOLDER", tmp_path)
    (tmp_path / "none").mkdir()
    (tmp_path / "none/measure.py").write_text("def measures():\n    return {}\n")
    with pytest.raises(UserError, match=r"none/measure\.py has no function measure; add it"):
        study_code.measure("none")


def test_what_a_module_imports_is_not_its_own():
    assert set(template_functions.entries(curves)) == {"curves", "steps_per_epoch"}
    assert set(template_functions.entries(accuracies)) == {"best_accuracies"}
