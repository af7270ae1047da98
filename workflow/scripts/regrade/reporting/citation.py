"""What a paper says of a table, a figure and a run: captions with protocol, seeds and commit; entries for BibTeX."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from regrade.bundle.manifest import FULL, BundledCell
from regrade.cells.layout import RECORD
from regrade.reporting import escape
from regrade.reporting.evidence import Evidence

AUTHOR = "The Regrade developers"
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
# A commit as people write it
SHORT = 10


@dataclass(frozen=True)
class Caption:
    """A caption for a paper. `kind`: figure or table; `text` ends with protocol, seeds and commit."""

    kind: str
    number: str
    stem: str
    text: str
    study: str
    run: str

    @property
    def latex(self) -> str:
        """A float with the file that is beside the page, the caption, a label, and a citation of the run."""
        included = f"\\input{{{self.stem}.tex}}"
        if self.kind == "figure":
            included = f"\\includegraphics[width=\\linewidth]{{{self.stem}.pdf}}"
        lines = (
            "\\centering",
            included,
            f"\\caption{{{escape.latex(self.text)} \\cite{{{self.run}}}}}",
            f"\\label{{{self.kind}:{self.study}-{self.stem}}}",
        )
        return "\n".join((f"\\begin{{{self.kind}}}", *(f"  {line}" for line in lines), f"\\end{{{self.kind}}}"))

    @property
    def markdown(self) -> str:
        """The caption as a paragraph."""
        return f"**{self.kind.capitalize()} {escape.markdown(self.number)}.** {escape.markdown(self.text)}"


@dataclass(frozen=True)
class Citation:
    """How the results of a study are cited."""

    evidence: Evidence

    def caption(
        self, kind: str, number: str, stem: str, text: str, cells: Sequence[BundledCell] | None = None
    ) -> Caption:
        """The caption of a table or a figure that was made of these cells, or of all."""
        made = self.made(self.evidence.cells if cells is None else cells)
        text = f"{text.rstrip().rstrip('.')}. {made}".rstrip()
        return Caption(kind, number, stem, text, self.evidence.name, self.key)

    def made(self, cells: Sequence[BundledCell]) -> str:
        """How numbers of these cells were made, as a sentence: protocol, scale, seeds, commit. Empty if none are."""
        trained = [cell for cell in cells if cell.trained]
        if not trained:
            return ""
        seeds = self.evidence.seeds_of(trained)
        word = "seed" if len(seeds) == 1 and seeds[0].isdigit() else "seeds"
        parts = [_protocol(trained), self._scale(), f"{word} {', '.join(seeds)}", self._commit(trained)]
        said = "; ".join(filter(None, parts))
        return f"{said[:1].upper()}{said[1:]}."

    @property
    def key(self) -> str:
        """The key of the run for BibTeX."""
        return "-".join(
            ["regrade", self.evidence.name, *(commit[:SHORT] for commit in self.evidence.study.commits[:1])]
        )

    @property
    def bibtex(self) -> str:
        """The entry of the run, and that of the source."""
        study, finished = self.evidence.study, self._finished()
        trained = sum(cell.trained for cell in self.evidence.cells)
        made = f"{self.made(self.evidence.cells)} {trained} of {len(self.evidence.cells)} cells trained".lstrip()
        run = {"author": f"{{{AUTHOR}}}", "title": f"{{{escape.latex(study.title)}: the report re-run with Regrade}}"}
        if finished:
            run |= {"year": f"{finished:%Y}", "month": f"{finished:%m}"}
            made += f", the last on {finished:%Y-%m-%d}"
        run["note"] = f"{escape.latex(made)}. Source: \\cite{{{study.study}}}"
        source = {"key": escape.latex(study.study), "title": f"{{{escape.latex(study.source)}}}"}
        source |= {"year": years[-1]} if (years := _YEAR.findall(study.source)) else {}
        source["note"] = "The report that was re-run"
        return f"{_entry(self.key, run)}\n{_entry(study.study, source)}"

    def _scale(self) -> str:
        scale = self.evidence.study.scale
        return f"scale {scale}" if self.evidence.at_hand or scale != "paper" else ""

    def _commit(self, cells: Sequence[BundledCell]) -> str:
        """The commits of Regrade that trained these cells, and whether there were changes beside them."""
        runs = [self.evidence.of(cell) for cell in cells]
        commits = {str(one)[:SHORT] for of_cell in runs if "commit" in of_cell for one in of_cell["commit"].dropna()}
        dirty = any(of_cell["dirty"].fillna(False).astype(bool).any() for of_cell in runs if "dirty" in of_cell)
        if not commits:
            return ""
        several = "s" if len(commits) > 1 else ""
        return f"Regrade, commit{several} {', '.join(sorted(commits))}{' with uncommitted changes' if dirty else ''}"

    def _finished(self) -> datetime | None:
        """When the last cell was written; None where the cells' own files are not here."""
        folders = [folder for cell in self.evidence.cells if (folder := self.evidence.files(cell))]
        times = [(folder / RECORD).stat().st_mtime for folder in folders]
        return datetime.fromtimestamp(max(times), UTC) if times else None


def _protocol(cells: Sequence[BundledCell]) -> str:
    """How the trained ones of the cells stand to the source's protocol."""
    counts = Counter(cell.standing.name for cell in cells)
    names = {name: "the source's full protocol" if name == FULL else name for name in counts}
    if len(counts) == 1:
        (only,) = names.values()
        return only
    return ", ".join(f"{number} of {len(cells)} cells: {names[name]}" for name, number in counts.items())


def _entry(key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"])
