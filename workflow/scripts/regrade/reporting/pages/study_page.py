"""The body of a study's page: its Markdown template, filled with tables and figures."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pandas as pd
from jinja2 import TemplateNotFound, TemplateSyntaxError
from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.figure import Figure

from regrade.bundle.manifest import BundledCell
from regrade.cells.layout import label
from regrade.config import studies
from regrade.core.errors import UserError
from regrade.reporting import FIGURES, TABLES, study_code, template_functions
from regrade.reporting.citation import Citation
from regrade.reporting.evidence import Evidence
from regrade.reporting.figures import accuracies, curves, files
from regrade.reporting.pages.contents import slug
from regrade.reporting.pages.places import Places, places
from regrade.reporting.pages.rendering import environment
from regrade.reporting.tables import comparisons, table_format
from regrade.runtime.logs import explain

TEMPLATE = "report.md.j2"
# Marked functions of these can be called by the templates of all studies
SHARED = (accuracies, curves, comparisons)


@dataclass(frozen=True)
class Body:
    """The body of a study's page as HTML, and its headings: level, anchor, text."""

    html: Markup
    headings: list[tuple[int, str, str]]


class StudyPage:
    """What a study's template can call. Tables and figures are written beside the page; what is returned is HTML."""

    def __init__(self, evidence: Evidence, folder: Path):
        self.evidence, self.folder = evidence, folder
        self.citation = Citation(evidence)
        self.shown: dict[Figure, list[BundledCell]] = {}

    @cached_property
    def places(self) -> Places:
        """Where the numbers of tables lead to."""
        return places(self.evidence)

    def functions(self) -> dict[str, Callable]:
        """The functions by the names that templates use. UserError when the study's own cannot be used."""
        own = study_code.load(self.evidence.name, study_code.FIGURES)
        try:
            entries = template_functions.entries(*SHARED, *([own] if own else []))
        except ValueError as error:
            raise UserError(str(error)) from error
        return {name: self._call(entry) for name, entry in entries.items()} | {
            "figure": self.figure,
            "find": self.evidence.find,
            "cell": self.evidence.cell,
            "best": self.evidence.best,
            "label": lambda cell: (label(cell.varying) or cell.experiment) if cell else "none yet",
            "evaluated": lambda cell: cell.evaluated,
        }

    def _call(self, entry: template_functions.Entry) -> Callable:
        function = partial(entry.function, self.evidence)
        return partial(self.table, function, entry.form) if entry.form else partial(self._recorded, function)

    def _recorded(self, function: Callable, *arguments: object, **options: object) -> object:
        """What a function returns; of a figure, keep which cells it shows, for its caption."""
        answer = function(*arguments, **options)
        if isinstance(answer, Figure):
            self.shown[answer] = list(self._cells([*arguments, *options.values()]))
        return answer

    def _cells(self, argument: object) -> Iterator[BundledCell]:
        """The cells in what a template gives a function: cells, names of experiments, lists of them."""
        if isinstance(argument, BundledCell):
            yield argument
        elif isinstance(argument, str) and argument in self.evidence.experiments:
            yield from self.evidence.find(argument)
        elif isinstance(argument, list | tuple):
            for part in argument:
                yield from self._cells(part)

    def table(
        self,
        function: Callable[..., pd.DataFrame],
        form: Callable[[pd.DataFrame], table_format.Shown],
        name: str,
        caption: str,
        *arguments: object,
        **options: object,
    ) -> Markup:
        """A table under the source's number, as CSV, Markdown and LaTeX; a sentence in its place when it is empty."""
        table, stem = function(*arguments, **options), f"table-{name}"
        if not len(table):
            why = "is not in params.yaml, or not measured yet" if self.evidence.at_hand else "is not among the runs"
            text = Markup("\n\n<p class='missing' id='{}'>Table {} ({}) is missing: what it shows {}.</p>\n\n")
            return text.format(stem, name, caption, why)
        html = table_format.write(table, form(table), self.folder / TABLES, stem, self.places)
        links = _links(TABLES, stem, ("csv", "md", "tex"))
        folders = set(table["folder"]) if "folder" in table else set()
        cells = [cell for cell in self.evidence.cells if cell.folder.as_posix() in folders]
        cited = self._cited("table", name, stem, caption, cells)
        heading = Markup("<figcaption><b>Table {}.</b> {} {}{}</figcaption>").format(name, caption, links, cited)
        return Markup("\n\n<figure class='table' id='{}'>{}<div class='wide'>{}</div></figure>\n\n").format(
            stem, heading, html
        )

    def figure(self, number: int | str, caption: str, figure: Figure | None) -> Markup:
        """A figure under the source's number, as SVG, PNG and PDF; a sentence in its place when it is None."""
        stem = f"figure-{number:0>2}"
        if figure is None:
            why = "nothing of it is trained yet" if self.evidence.at_hand else "the files of its cells are not here"
            text = Markup("\n\n<p class='missing' id='{}'>Figure {} ({}) is missing: {}.</p>\n\n")
            return text.format(stem, number, caption, why)
        files.write(figure, self.folder / FIGURES, stem)
        links = _links(FIGURES, stem, files.KINDS)
        return Markup(
            "\n\n<figure id='{0}'><img src='figures/{0}.svg' alt='{1}' loading='lazy'>"
            "<figcaption><b>Figure {2}.</b> {1} {3}{4}</figcaption></figure>\n\n"
        ).format(stem, caption, number, links, self._cited("figure", str(number), stem, caption, self.shown[figure]))

    def _cited(self, kind: str, number: str, stem: str, caption: str, cells: list[BundledCell]) -> Markup:
        """The caption for a paper, as HTML without a blank line, which would end the HTML within the Markdown."""
        of_paper = self.citation.caption(kind, number, stem, caption, cells)
        module = environment().get_template("cite.html.j2").module
        return Markup(module.cite(of_paper).strip())  # type: ignore[attr-defined]


def body(evidence: Evidence, folder: Path) -> Body:
    """The body of a study's page; its tables and figures are written into `folder`.

    UserError when the study's template or its figures.py is missing or wrong; without a template, the body is empty
    where the cells' own files are not here.
    """
    path = studies.folder(evidence.name) / TEMPLATE
    if not evidence.at_hand and not path.exists():
        return Body(Markup(""), [])  # whoever grades runs of others may have no more than claims
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
    return _rendered(text)


def _rendered(text: str) -> Body:
    """Markdown as HTML, its headings one level below the page's own title, and with anchors."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens, headings = markdown.parse(text), []
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "heading_open":
            level = min(int(opening.tag[1:]) + 1, 6)
            anchor = f"report-{slug(inline.content)}"
            opening.tag = closing.tag = f"h{level}"
            opening.attrSet("id", anchor)
            headings.append((level, anchor, inline.content))
    return Body(Markup(markdown.renderer.render(tokens, markdown.options, {})), headings)


def _place(error: Exception, path: Path) -> str:
    """The line of a template at which an error arose, and where in our code or the study's, if that is called there."""
    frames = traceback.extract_tb(error.__traceback__)
    in_templates = [at for at, frame in enumerate(frames) if frame.filename.endswith(".j2")]
    if not in_templates:
        return str(path)
    line, called = frames[in_templates[-1]], frames[in_templates[-1] + 1 :]
    place = f"{line.filename}, line {line.lineno}"
    folders = Path(__file__).resolve().parents[1], path.resolve().parent
    ours = [frame for frame in called if any(Path(frame.filename).resolve().is_relative_to(one) for one in folders)]
    return f"{place} (by {Path(ours[-1].filename).name}, line {ours[-1].lineno})" if ours else place


def _links(folder: str, stem: str, kinds: Sequence[str]) -> Markup:
    links = Markup(" · ").join(Markup("<a href='{0}/{1}.{2}'>{2}</a>").format(folder, stem, kind) for kind in kinds)
    return Markup("<span class='files'>{}</span>").format(links)
