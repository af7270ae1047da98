"""The body of a study's page: its Markdown template, filled with tables and figures."""

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import altair as alt
import pandas as pd
from jinja2 import TemplateNotFound, TemplateSyntaxError
from markdown_it import MarkdownIt
from markupsafe import Markup

from regrade.cells import Cell, label
from regrade.errors import UserError
from regrade.jobs import explain
from regrade.reported import STUDIES
from regrade.reporting import FIGURES, TABLES, figures, images, languages, printing, sweeps, tables
from regrade.reporting.evidence import Evidence
from regrade.reporting.rendering import environment
from regrade.reporting.scatter import scatter

TEMPLATE = "report.md.j2"


class StudyPage:
    """What a study's template can call. Each call writes files beside the page and returns HTML."""

    def __init__(self, evidence: Evidence, folder: Path):
        self.evidence, self.folder = evidence, folder

    def functions(self) -> dict[str, Callable]:
        """The functions by the names that templates use."""
        return {
            "table": self.table,
            "entries": self.entries,
            "matrix": self.matrix,
            "times": self.times,
            "figure": self.figure,
            "curves": self.curves,
            "best_accuracies": self.best_accuracies,
            "feature_maps": self.feature_maps,
            "filters": self.filters,
            "projections": self.projections,
            "occlusion_map": self.occlusion_map,
            "occluded_image": self.occluded_image,
            "activations": self.activations,
            "values": self.values,
            "pairs": self.pairs,
            "parameters": self.parameters,
            "by_setting": self.by_setting,
            "sweep": self.sweep,
            "scatter": self.scatter,
            "metrics": self.metrics,
            "languages": self.languages,
            "floor": lambda cell: languages.language(cell).entropy_per_token() if cell else None,
            "samples": lambda cell, epoch=None: languages.samples(cell, epoch) if cell else "",
            "automaton": languages.automaton,
            "elman_parity": self.elman_parity,
            "steps_per_epoch": figures.steps_per_epoch,
            "find": self.evidence.find,
            "evaluated": lambda cell: cell.configuration().settings.evaluated,
            "cell": self.evidence.cell,
            "best": self.evidence.best,
            "label": lambda cell: (label(cell.varying) or cell.experiment) if cell else "none yet",
        }

    def table(self, name: str, caption: str, experiment: str) -> Markup:
        """The comparison of all cells of an experiment."""
        rows = [(cell.varying, cell, False) for cell in self.evidence.find(experiment)]
        table = tables.comparison(self.evidence, rows)
        return self._table(name, caption, table, printing.comparison)

    def entries(self, name: str, caption: str, rows: Sequence[tuple[str, Cell | None, bool]]) -> Markup:
        """The comparison of chosen cells: (text, cell, whether the cell stands for its experiment's best)."""
        table = tables.comparison(self.evidence, [({"cell": text}, cell, best) for text, cell, best in rows if cell])
        return self._table(name, caption, table, printing.comparison)

    def matrix(self, name: str, caption: str, entries: Sequence[tuple[str, str, Cell | None]]) -> Markup:
        """The comparison of chosen cells in two directions: (row, column, cell)."""
        rows = [({"row": row, "column": column}, cell, False) for row, column, cell in entries if cell]
        table = tables.comparison(self.evidence, rows)
        return self._table(name, caption, table, printing.matrix)

    def metrics(
        self, name: str, caption: str, rows: Sequence[tuple[str, Cell | None]], columns: Sequence[tuple[str, str]]
    ) -> Markup:
        """Several metrics of chosen cells: rows (text, cell), columns (heading, metric)."""
        given = [
            ({"row": text, "column": heading}, cell, metric, metric, 1)
            for text, cell in rows
            if cell
            for heading, metric in columns
        ]
        table = tables.values(self.evidence, given)
        return self._table(name, caption, table, printing.matrix)

    def languages(self, name: str, caption: str, rows: Sequence[tuple[str, Cell | None]]) -> Markup:
        """Language models, (text, cell): losses with their floor, shares of valid texts."""
        table = languages.table(self.evidence, [({"": text}, cell) for text, cell in rows if cell])
        return self._table(name, caption, table, printing.languages)

    def elman_parity(self, name: str, caption: str, cell: Cell | None) -> Markup:
        """See `regrade.reporting.elman`, which needs PyTorch: imported only by the reports that use it."""
        from regrade.reporting.elman import parity

        table = parity(cell) if cell else pd.DataFrame()
        return self._table(name, caption, table, printing.Shown)

    def times(self, name: str, caption: str, rows: Sequence[tuple[str, Cell | None]]) -> Markup:
        """Training times of chosen cells, (text, cell), and their ratios to the first."""
        table = tables.times(self.evidence, [({"cell": text}, cell) for text, cell in rows if cell])
        return self._table(name, caption, table, printing.times)

    def values(self, name: str, caption: str, rows: Sequence[tuple]) -> Markup:
        """Any metrics of chosen cells: (text, cell, metric, the metric's name in reported.csv[, factor])."""
        given = [({"cell": text}, cell, *rest) for text, cell, *rest in rows if cell]
        table = tables.values(self.evidence, [row if len(row) == 5 else (*row, 1) for row in given])
        return self._table(name, caption, table, printing.values)

    def pairs(self, name: str, caption: str, rows: Sequence[tuple[str, Cell | None, Cell | None]]) -> Markup:
        """How far pairs of cells are apart, seed by seed: (text, cell, cell)."""
        trained = [
            ({"": text}, *both) for text, *both in rows if all(cell and len(self.evidence.of(cell)) for cell in both)
        ]
        table = tables.pairs(self.evidence, trained)
        return self._table(name, caption, table, printing.pairs)

    def parameters(self, name: str, caption: str, rows: Sequence[tuple[str, Cell | None, str, str]]) -> Markup:
        """Trainable parameters: (text, cell, layer, the layer's name in reported.csv); "" stands for all layers."""
        table = tables.parameters(self.evidence, [({"": text}, cell, *rest) for text, cell, *rest in rows if cell])
        return self._table(name, caption, table, printing.parameters)

    def _table(
        self, name: str, caption: str, table: pd.DataFrame, form: Callable[[pd.DataFrame], printing.Shown]
    ) -> Markup:
        stem = f"table-{name}"
        if not len(table):
            text = Markup(
                "\n\n<p class='missing' id='{}'>Table {} ({}) is missing: its cells are not in params.yaml.</p>\n\n"
            )
            return text.format(stem, name, caption)
        html = printing.write(table, form(table), self.folder / TABLES, stem)
        files = _links(TABLES, stem, ("csv", "md", "tex"))
        heading = Markup("<figcaption><b>Table {}.</b> {} {}</figcaption>").format(name, caption, files)
        return Markup("\n\n<figure class='table' id='{}'>{}<div class='wide'>{}</div></figure>\n\n").format(
            stem, heading, html
        )

    def figure(self, number: int | str, caption: str, chart: alt.Chart | None) -> Markup:
        """A figure under the source's number, as SVG and PNG; a sentence in its place when there is nothing to draw."""
        stem = f"figure-{number:0>2}"
        if chart is None:
            text = Markup(
                "\n\n<p class='missing' id='{}'>Figure {} ({}) is missing: nothing of it is trained yet.</p>\n\n"
            )
            return text.format(stem, number, caption)
        images.write(chart, self.folder / FIGURES, stem)
        files = _links(FIGURES, stem, ("svg", "png"))
        return Markup(
            "\n\n<figure id='{0}'><img src='figures/{0}.svg' alt='{1}' loading='lazy'>"
            "<figcaption><b>Figure {2}.</b> {1} {3}</figcaption></figure>\n\n"
        ).format(stem, caption, number, files)

    def curves(
        self,
        cells: Cell | list[Cell] | None,
        metric: str,
        names: list[str] | None = None,
        splits: Sequence[str] = ("train", "test"),
        unit: str = "epoch",
        floor: float | None = None,
    ) -> alt.LayerChart | None:
        """See `figures.curves`."""
        chosen = cells if isinstance(cells, list) else [cells] if cells else []
        return figures.curves(self.evidence, chosen, metric, names, splits, unit, floor)

    def best_accuracies(self, experiment: str, names: list[str] | None = None) -> alt.Chart | None:
        """See `figures.best_accuracies`."""
        return figures.best_accuracies(self.evidence, self.evidence.find(experiment), names)

    def by_setting(self, experiment: str, key: str) -> alt.LayerChart | None:
        """See `sweeps.by_setting`."""
        return sweeps.by_setting(self.evidence, self.evidence.find(experiment), key)

    def sweep(self, experiment: str) -> alt.HConcatChart | None:
        """See `sweeps.sweep`."""
        return sweeps.sweep(self.evidence, experiment)

    def scatter(self, cell: Cell | None) -> alt.Chart | None:
        """See `regrade.reporting.scatter`."""
        return scatter(cell) if cell else None

    def feature_maps(self, cell: Cell | None, image: int) -> alt.VConcatChart | None:
        """See `regrade.reporting.feature_maps`, which needs PyTorch: imported only by the reports that use it."""
        from regrade.reporting.feature_maps import feature_maps

        return feature_maps(self.evidence, cell, image) if cell else None

    def filters(self, cell: Cell | None) -> alt.Chart | None:
        """See `regrade.reporting.filters`; it needs PyTorch, as those below do."""
        from regrade.reporting.filters import filters

        return filters(self.evidence, cell) if cell else None

    def projections(self, cell: Cell | None, layer: str, maps: int = 9, top: int = 9) -> alt.ConcatChart | None:
        """See `regrade.reporting.filters`."""
        from regrade.reporting.filters import projections

        return projections(self.evidence, cell, layer, maps, top) if cell else None

    def occlusion_map(self, cell: Cell | None, images: int, size: int, stride: int) -> alt.Chart | None:
        """See `regrade.reporting.occlusion`."""
        from regrade.reporting.occlusion import occlusion_map

        return occlusion_map(self.evidence, cell, images, size, stride) if cell else None

    def occluded_image(self, cell: Cell | None, image: int, size: int, stride: int) -> alt.HConcatChart | None:
        """See `regrade.reporting.occlusion`."""
        from regrade.reporting.occlusion import occluded_image

        return occluded_image(self.evidence, cell, image, size, stride) if cell else None

    def activations(self, name: str, caption: str, rows: Sequence[tuple[str, Cell | None, str, str]]) -> Markup:
        """Mean and standard deviation of activations: (text, cell, layer, the layer's name in reported.csv)."""
        from regrade.reporting.activations import activations

        table = activations(self.evidence, [({"": text}, cell, *rest) for text, cell, *rest in rows if cell])
        return self._table(name, caption, table, printing.activations)


def body(evidence: Evidence, folder: Path) -> Markup:
    """The body of a study's page; its tables and figures are written into `folder`.

    UserError when the study's template is missing or wrong.
    """
    path = STUDIES / evidence.name / TEMPLATE
    try:
        template = environment(path.parent).get_template(TEMPLATE)
        text = template.render(study=evidence.study, **StudyPage(evidence, folder).functions())
    except TemplateNotFound as error:
        raise UserError(f"{path.parent / str(error.name)} is missing; add it") from error
    except TemplateSyntaxError as error:
        raise UserError(f"{error.filename}, line {error.lineno}: {error}; mend the template") from error
    except Exception as error:
        if explain(error):
            raise
        raise UserError(f"{_place(error, path)}: {type(error).__name__}: {error}; mend the template") from error
    return Markup(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def _place(error: Exception, path: Path) -> str:
    """The line of a template at which an error arose, and where in our code, if a function that it calls raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    in_templates = [frame for frame in frames if frame.filename.endswith(".j2")]
    place = f"{in_templates[-1].filename}, line {in_templates[-1].lineno}" if in_templates else str(path)
    last = frames[-1]
    ours = Path(last.filename).suffix == ".py" and Path(__file__).parents[1] in Path(last.filename).parents
    return f"{place} (by {Path(last.filename).name}, line {last.lineno})" if ours and in_templates else place


def _links(folder: str, stem: str, kinds: Sequence[str]) -> Markup:
    links = Markup(" · ").join(Markup("<a href='{0}/{1}.{2}'>{2}</a>").format(folder, stem, kind) for kind in kinds)
    return Markup("<span class='files'>{}</span>").format(links)
