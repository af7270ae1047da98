"""The tables of docs/ that list keys of params.yaml and claims.yaml, from what the models say about their fields."""

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from regrade.cells.expansion import SET_BY_SCALES
from regrade.config import claims, layer_specs, own_data
from regrade.config.dataset import OWN, Dataset, Expected, OwnDataset
from regrade.config.forecast import Forecast
from regrade.config.more_seeds import MoreSeeds
from regrade.config.params import Params
from regrade.config.scale import AtMost, Scale
from regrade.config.settings import Settings
from regrade.config.settle import Settle
from regrade.config.study import Experiment, Select, Study
from regrade.core.files import write_text
from regrade.datasets import registry
from regrade.datasets.text.word_vectors import WordVectors
from regrade.reporting.exports import field_texts

PAGES = Path("docs")
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
# A field that a user may give, and its description
Fields = dict[str, tuple[FieldInfo, str]]


def write() -> None:
    """Write the tables into the pages, each page whole or not at all."""
    for page in sorted(PAGES.glob("*.md")):
        write_text(page, filled(page.read_text("utf-8")))


def filled(page: str) -> str:
    """The text of a page with its tables up to date: each stands between `generated: <name>` and `end`."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_TABLES[block[2]]()}\n\n{block[3]}", page)


def fields(model: type[BaseModel]) -> Fields:
    """The fields that a user may give, by their keys; without those that have one possible value."""
    texts = field_texts.of(model)
    return {
        field.alias or name: (field, texts.get(name, ""))
        for name, field in model.model_fields.items()
        if not _has_one_value(field) and name not in SET_BY_SCALES
    }


def _has_one_value(field: FieldInfo) -> bool:
    kind = field.annotation
    return kind is NoneType or (get_origin(kind) is Literal and len(get_args(kind)) == 1)


def _keys(model: type[BaseModel]) -> str:
    """A table of the keys of one mapping."""
    return _table(("key", "default", ""), _rows(fields(model)))


def _groups(of: str, groups: Iterable[tuple[str, type[BaseModel], Fields]]) -> str:
    """A table of several mappings, each with its name, what it is, and its keys."""
    rows = []
    for name, model, keys in groups:
        rows += [(name, "", "", (inspect.getdoc(model) or "").split("\n\n")[0]), *(("", *row) for row in _rows(keys))]
    return _table((of, "key", "default", ""), rows)


def _rows(keys: Fields) -> list[tuple[str, str, str]]:
    return [(f"`{key}`", _default(field), text) for key, (field, text) in keys.items()]


def _default(field: FieldInfo) -> str:
    """Nothing where a key that is absent means what its description says."""
    if field.is_required():
        return "required"
    match field.default:
        case bool():
            return str(field.default).lower()
        case int() | float():
            return f"{field.default:g}"
        case str():
            return field.default
    return ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(" ".join(cell.split()) for cell in line) + " |" for line in lines)


def _layers() -> str:
    specs = get_args(get_args(layer_specs.Layer)[0])
    return _groups("layer", [(f"`{_kinds(spec)[0]}`", spec, fields(spec)) for spec in specs])


def _claims() -> str:
    kinds = get_args(get_args(claims.Test)[0])
    base = next(model for model in kinds[0].__mro__ if all(issubclass(kind, model) for kind in kinds))
    groups = [("all kinds", base, fields(base))]
    for kind in kinds:
        own = {key: value for key, value in fields(kind).items() if key not in base.model_fields}
        groups.append((_quoted(*_kinds(kind)), kind, own))
    return _groups("kind", groups)


def _kinds(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation)


def _datasets() -> str:
    """Settings by the class that declares them, with the datasets that have all of these."""
    owners: dict[type[BaseModel], dict[str, list[str]]] = {}
    for name in registry.NAMES:
        for model in registry.models(name):
            for key in fields(model):
                base = next(base for base in model.__mro__ if key in inspect.get_annotations(base))
                owners.setdefault(base, {}).setdefault(key, []).append(name)
    groups = []
    for base, names in owners.items():
        common = set.intersection(*map(set, names.values()))
        keys = {key: value for key, value in fields(base).items() if key in names}
        groups.append((", ".join(sorted(common)), base, keys))
    return _groups("dataset", sorted(groups, key=lambda group: group[0]))


def _own_data() -> str:
    """What all formats have in common, then format by format, then the mappings within."""
    common = {key: value for key, value in fields(OwnDataset).items() if key not in Dataset.model_fields}
    groups: list[tuple[str, type[BaseModel], Fields]] = [("all formats", OwnDataset, common)]
    for model in OWN:
        own = {key: value for key, value in fields(model).items() if key not in OwnDataset.model_fields}
        groups.append((_quoted(*_format(model)), model, own))
    groups.append(("`split` of all formats", own_data.Split, fields(own_data.Split)))
    general = fields(own_data.StandIn)
    groups.append(("`stand_in` of all formats", own_data.StandIn, general))
    for model in OWN:
        described = next(kind for kind in get_args(model.model_fields["stand_in"].annotation) if kind is not NoneType)
        own = {key: value for key, value in fields(described).items() if key not in general}
        groups.append((f"`stand_in` of {_quoted(*_format(model))}", described, own))
    return _groups("format", groups)


def _format(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["format"].annotation)


def _quoted(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)


_TABLES: dict[str, Callable[[], str]] = {
    "params": lambda: _keys(Params),
    "dataset": lambda: _keys(Dataset),
    "expected": lambda: _keys(Expected),
    "forecast": lambda: _keys(Forecast),
    "settle": lambda: _keys(Settle),
    "own_data": _own_data,
    "word_vectors": lambda: _keys(WordVectors),
    "datasets": _datasets,
    "study": lambda: _keys(Study),
    "layers": _layers,
    "experiment": lambda: _keys(Experiment),
    "settings": lambda: _keys(Settings),
    "select": lambda: _keys(Select),
    "more_seeds": lambda: _keys(MoreSeeds),
    "scale": lambda: _keys(Scale),
    "at_most": lambda: _keys(AtMost),
    "claims": _claims,
}
