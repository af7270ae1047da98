"""A cell's name and digest cover what made its results: every module that ran, and every default."""

import ast
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel
from regrade.bundle import bundle, collect
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.cells.configuration import WITHOUT_INFLUENCE, Configuration
from regrade.config import studies
from regrade.config.layer_specs import Layer
from regrade.config.settings import Settings
from regrade.core import fingerprints
from regrade.core.errors import UserError
from regrade.core.files import short_hash
from regrade.datasets import registry
from regrade.datasets.fetch import fetch
from regrade.jobs import plan
from regrade.reporting import TEMPLATES
from regrade.statistics import BUNDLE, REPORTS, audit, grading
from support import own_data
from support.expanded import expanded
from support.families import families, prepare, small

PACKAGE = fingerprints.PACKAGE


@contextmanager
def traced() -> Iterator[set[str]]:
    """The modules of the package in which a function runs during the block."""
    ran: set[str] = set()

    @functools.cache
    def module(file: str) -> str | None:
        path = Path(file)
        if PACKAGE not in path.parents:
            return None
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(parts).removesuffix(".__init__")

    def called(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and (name := module(frame.f_code.co_filename)):
            ran.add(name)

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        yield ran
    finally:
        sys.setprofile(before)


_opened: set[Path] | None = None


def _note(event: str, arguments: tuple) -> None:
    if event == "open" and _opened is not None and isinstance(arguments[0], str):
        _opened.add(Path(arguments[0]).resolve())


sys.addaudithook(_note)


@contextmanager
def files_read() -> Iterator[set[Path]]:
    """All files that are opened during the block. What listens to that cannot be taken away again."""
    global _opened
    _opened = opened = set()
    try:
        yield opened
    finally:
        _opened = None


def test_every_module_that_trains_a_cell_is_in_its_digest(elsewhere: None):
    from regrade.training import job

    parameters = small()
    uncovered, ran_at_all = {}, set()
    for cell in families(expansion.expand(parameters)):
        prepare(cell)
        with traced() as ran:
            job.train(cell, parameters)
        covered = cell.configuration().modules | fingerprints.closure(f"regrade.datasets.sources.{cell.data.dataset}")
        ran_at_all |= ran
        if missing := sorted(
            name for name in ran - covered if not fingerprints.is_within(name, set(WITHOUT_INFLUENCE))
        ):
            uncovered[cell.folder.as_posix()] = missing
    assert not uncovered
    # The tracer sees something, and the list of what does not count has nothing on it that never runs
    assert {"regrade.training.loading", "regrade.datasets.text.ngrams", "regrade.runtime.process"} <= ran_at_all
    assert {f"regrade.training.{name}" for name in ("language", "learners.numpy", "learners.torch")} <= ran_at_all
    idle = {
        apart for apart in WITHOUT_INFLUENCE if not any(fingerprints.is_within(name, {apart}) for name in ran_at_all)
    }
    assert idle <= {"regrade.runtime.logs"}, "it runs in batches, and where something fails"


OWN = {
    "table": {"label": "y", "features": ["x"], "stand_in": {"features": 1}},
    "images": {"size": [2, 2], "stand_in": {"size": [2, 2]}},
    "arrays": {"inputs": "x", "targets": "y", "stand_in": {"shape": [1]}},
    "texts": {"label": "y", "text": "said", "stand_in": {"words": 3}},
}


@pytest.mark.parametrize("form", OWN)
def test_every_module_that_prepares_own_data_is_in_their_digest(form: str, elsewhere: None):
    for number in range(8):
        Path(f"images/{number % 2}").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3, 3), (number, 0, 0)).save(f"images/{number % 2}/{number}.png")
    np.savez("arrays", x=np.arange(8.0)[:, None], y=np.arange(8) % 2)
    for name in ("table", "texts"):
        Path(name).write_text("x,y,said\n" + "".join(f"{n}.5,{n % 2},a {n}\n" for n in range(8)))
    Path("arrays.npz").rename("arrays")
    stood_in = {"classes": 2, "train_rows": 6, "test_rows": 4} | OWN[form]["stand_in"]
    keys = {"split": {"test_share": 0.5, "seed": 1}} | OWN[form] | {"format": form, "stand_in": stood_in}
    entry = own_data.described(Path(form), **keys)
    fetch(entry.files[form], Path("raw"))
    with traced() as ran:
        for data in ("real", "stand_in"):
            this = own_data.identity(entry, data)
            module, options = registry.module(form, form), registry.options(this)
            (module.prepare({form: Path("raw")}, options) if data == "real" else module.stand_in(options)).save(
                this.folder, this.parts
            )
    covered = fingerprints.closure(f"regrade.datasets.formats.{form}")
    assert "regrade.config.own_data" in covered, "it has the defaults"
    described = {"regrade.datasets.registry", "regrade.datasets.identity", "regrade.config"}
    assert not [name for name in ran - covered if not fingerprints.is_within(name, described | fingerprints.APART)]
    assert f"regrade.datasets.formats.{form}" in ran and "regrade.datasets.standins.clusters" in ran


def test_every_module_that_makes_tables_is_in_the_digest_of_its_rule(elsewhere: None):
    from regrade.training import job

    parameters = small()
    every = expansion.expand(parameters)
    for experiment in ("q2_language_models", "p1_toy", "q1_numpy_mlp"):  # numbers of texts, of curves and of rows
        cell = next(cell for cell in every if cell.experiment == experiment)
        module = registry.module(cell.data.dataset)
        module.stand_in(registry.options(cell.data)).save(cell.data.folder, cell.data.parts)
        job.train(cell, parameters)
    makers = {
        "collect.py": lambda study: collect.bundle(study, parameters, every).write(REPORTS / study / BUNDLE),
        "audit.py": lambda study: audit.write(study, parameters, every),
        "grade.py": lambda study: grading.write(
            grading.grade(bundle.read_own(REPORTS / study / BUNDLE)), REPORTS / study
        ),
    }
    texts = {studies.folder("vudl"), TEMPLATES}
    for script, make in makers.items():
        with traced() as ran, files_read() as opened:
            for study in ("vudl", "cs324", "csci5622"):
                make(study)
        # Texts that it reads must not change between the plan and the job
        held = {*plan.read_by(plan.SCRIPTS / script, "vudl"), *plan.read_by(plan.SCRIPTS / script, None)}
        read = {path for path in opened if path.parent in texts}
        assert read and all({path, path.parent} & held for path in read), read
        covered = plan.modules(plan.SCRIPTS / script)
        # What a data set is, its module says; cells are named by that module's digest
        apart = plan.APART | {"regrade.datasets.sources", "regrade.datasets.kinds"}
        assert not [name for name in ran - covered if not fingerprints.is_within(name, apart)], script
    assert "regrade.statistics.verdicts" in ran


def test_a_change_in_how_files_are_written_keeps_the_states_of_runs():
    cell = expanded(scale="demo")[0]
    assert "regrade.training.results" not in cell.configuration().modules
    assert cell.code != cell.configuration().code


def another(field: Any) -> Any:
    """Another value that a setting may have, than its default."""
    values = [value for kind in (field.annotation, *get_args(field.annotation)) for value in get_args(kind)]
    texts = [value for value in values if isinstance(value, str) and value != field.default]
    if texts:
        return texts[0]
    if isinstance(field.default, bool):
        return not field.default
    return 0.5 if isinstance(field.default, float) else 3 if field.default is None else field.default + 1


def models_with_defaults() -> list[type[BaseModel]]:
    layers = get_args(get_args(Layer)[0])
    modules = [registry.module(name) for name in registry.NAMES]
    options = [getattr(module, kind) for module in modules for kind in ("Options", "Reading") if hasattr(module, kind)]
    return list(dict.fromkeys([Settings, *layers, *options, registry.WordVectors]))


DEFAULTS = [
    pytest.param(model, name, id=f"{model.__module__.removeprefix('regrade.')}.{model.__name__}.{name}")
    for model in models_with_defaults()
    for name, field in model.model_fields.items()
    if not field.is_required()
]


def meaning(cell: Cell) -> dict:
    return cell.configuration().model_dump() | {"word_vectors": cell.word_vectors}


def by_place(every: list[Cell]) -> dict[tuple, Cell]:
    return {(cell.study, cell.experiment, str(cell.varying)): cell for cell in every}


@pytest.fixture(scope="module")
def today() -> dict[tuple, tuple[dict, Path, str]]:
    return {place: (meaning(cell), cell.folder, cell.code) for place, cell in by_place(expanded(scale="demo")).items()}


@contextmanager
def default(model: type[BaseModel], name: str, value: Any) -> Iterator[None]:
    def change(to: Any) -> None:
        model.model_fields[name].default = to  # looked up each time: a rebuilt model has other fields
        for each in (model, Configuration):
            each.model_rebuild(force=True)

    before = model.model_fields[name].default
    try:
        change(value)
        yield
    finally:
        change(before)


@pytest.mark.parametrize(("model", "name"), DEFAULTS)
def test_another_default_renames_every_cell_that_it_touches(model: type[BaseModel], name: str, today: dict):
    with default(model, name, another(model.model_fields[name])):
        try:
            changed = by_place(expanded(scale="demo"))
        except UserError:
            return  # a default that some cell refuses cannot change what that cell means under its name
        for place, cell in changed.items():
            if meaning(cell) != today[place][0]:
                assert (cell.folder, cell.code) != today[place][1:], place


def test_defaults_that_are_changed_reach_cells(today: dict):
    """What the test above varies does vary: the example of the reset gate, and of a setting of the data."""
    from regrade.config.layer_specs import DenseSpec, RecurrentSpec

    for model, name, value in (
        (Settings, "evaluate_every", 2.0),
        (DenseSpec, "activation", "tanh"),
        (RecurrentSpec, "reset_after", False),
    ):
        with default(model, name, value):
            renamed = [
                place for place, cell in by_place(expanded(scale="demo")).items() if cell.folder != today[place][1]
            ]
        assert renamed, name


# Trees as texts, of code in which releases of Python differ: what they add to functions, and to texts with values
CODE = """
def f(x, *rest, key=None, **more):
    return f"{x:{key}}" f"" f"{f'{x}'!r:>10}" "" + f('', None, [])
class A(B): pass
"""


def test_digests_are_the_same_under_every_release_of_python():
    written = fingerprints.text(ast.parse(CODE))
    # Seen under 3.11, 3.12 and 3.13
    assert short_hash(written) == "4cc54094"
    pieces = [node for node in ast.walk(ast.parse(CODE)) if isinstance(node, ast.JoinedStr)]
    assert all("Constant(value='')" not in fingerprints.text(node) for node in pieces)
    # What is empty is told apart where it means something
    other = (CODE.replace("f('', ", "f("), CODE.replace("None, []", "[]"), CODE.replace("key=None", "key"))
    assert len({written, *(fingerprints.text(ast.parse(code)) for code in other)}) == 4
