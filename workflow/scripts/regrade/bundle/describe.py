"""Cells of params.yaml as a bundle describes them."""

from collections.abc import Callable, Iterable

from regrade.bundle.manifest import SCHEMA, BundledCell, BundledExperiment, Manifest, Standing
from regrade.bundle.standings import Standings
from regrade.cells.cell import Cell
from regrade.config.params import Params
from regrade.config.types import Value, is_number
from regrade.core import integrity
from regrade.datasets import prepared, registry
from regrade.datasets.identity import DataIdentity

SPLITS = ("test", "validation")


def manifest(study: str, params: Params, every: Iterable[Cell]) -> Manifest:
    """What a bundle says of a study as params.yaml has it, and of those of its cells that are among `every`."""
    about, standing = params.studies[study], Standings(params, study)
    return Manifest(
        schema_version=SCHEMA,
        study=study,
        title=about.title,
        source=about.source,
        assumptions=about.assumptions,
        scale=params.scale,
        caps=params.present_scale.at_most.model_dump(exclude_none=True),
        looks=params.looks,
        experiments=experiments(study, params),
        cells=[described(cell, standing) for cell in every if cell.study == study],
    )


def experiments(study: str, params: Params) -> dict[str, BundledExperiment]:
    """What a bundle says of a study's experiments."""
    of = params.studies[study]
    return {
        name: BundledExperiment(
            title=one.title,
            select=one.select,
            converged_at=one.converged_at,
            converged_on=one.converged_on,
            caps=caps.model_dump(exclude_none=True) if (caps := of.caps(name, params.scale)) else {},
        )
        for name, one in of.experiments.items()
    }


def described(cell: Cell, standing: Callable[[Cell], Standing]) -> BundledCell:
    """A cell as a bundle describes it, with its present status. UserError when a file of it is damaged."""
    taken_over = _taken_over(cell)
    configuration = cell.configuration(taken_over or None)
    form = registry.form(configuration.data)
    return BundledCell(
        study=cell.study,
        experiment=cell.experiment,
        name=cell.name,
        status=cell.status,
        error=integrity.read(cell.failure)["error"] if cell.failure.exists() else None,
        varying=cell.varying,
        settings=_known(
            cell.settings
            | taken_over
            | ({} if cell.selection and not taken_over else configuration.settings.model_dump())
        ),
        names=cell.template.experiments[cell.experiment].names,
        seeds=cell.trained_seeds or list(cell.seeds),
        scale=cell.scale,
        standing=standing(cell),
        dataset=cell.data.dataset,
        source=_source(cell.data),
        own_rows=registry.own_rows(cell.data, configuration.settings.evaluated == "validation"),
        classes=form.classes if form else None,
        language=registry.task(cell.data.dataset) == "language",
        evaluated=configuration.settings.evaluated,
        rows={split: count for split in SPLITS if (count := asked_rows(cell, split))},
        asked_epochs=asked_epochs(cell),
        same_as=configuration.hash,
        follows=cell.selection.source if cell.selection else None,
        taken_over=taken_over,
        pending=list(cell.selection.settings) if cell.selection and not taken_over else [],
        configuration=configuration.model_dump(mode="json"),
    )


def _taken_over(cell: Cell) -> dict[str, Value]:
    """The settings that a cell took over from a winner; none before the winner is known."""
    return cell.selection.taken_over() if cell.selection and cell.selection.path.exists() else {}


def _known(settings: dict[str, Value | None]) -> dict[str, Value]:
    return {key: value for key, value in settings.items() if value is not None}


def _source(data: DataIdentity) -> str:
    """Where the rows come from, as the card of the prepared data says; what they are where these are elsewhere."""
    try:
        return str(prepared.card(data.folder)["source"])
    except OSError:
        return f"{data.dataset}, {'real' if data.data == 'real' else 'stand-in'} (not prepared)"


def asked_rows(cell: Cell, split: str) -> int | None:
    """How many rows of `split` (test, validation) the experiment asks for, whatever the present scale allows.

    None where it does not say how many, but takes all that there are; and for texts of a formal language, whose
    accuracies are shares of symbols.
    """
    if registry.task(cell.data.dataset) == "language":
        return None
    count = _asked(cell, f"{split}_rows")
    return count if type(count) is int and count else None


def asked_epochs(cell: Cell) -> float | None:
    """How many epochs the experiment asks for, whatever the present scale allows; those of the cell if it says none."""
    asked = _asked(cell, "epochs")
    epochs = asked if is_number(asked) else cell.settings.get("epochs")
    return float(epochs) if is_number(epochs) else None


def _asked(cell: Cell, key: str) -> Value | None:
    """A setting of the cell before any cap; None where nobody gives it."""
    if key in cell.varying:
        return cell.varying[key]
    return cell.template.settings(cell.experiment).get(key)
