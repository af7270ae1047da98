"""Datasets: where each comes from, how it is prepared, and its offline stand-in.

A dataset is built in, with a module of its own, or described in params.yaml, with a format whose module prepares it.

A module `regrade.datasets.sources.<name>` has

- ALTERNATIVES: sets of raw files that it can be made of, the preferred one first; each file as source/name, where
  params.yaml has its address under datasets.<source>.files;
- Options: the settings of a cell that decide how it is prepared, and Reading, if any decide how its rows are read;
- `prepare(files, options)`, where `files` gives the path of each raw file by its name, and `stand_in(options)`; both
  return a `Prepared`;
- `form(options)`: what the rows will be, so that a network that cannot take them is refused before any job starts;
- `draw`, where training rows are drawn as they are used, or `language`, where they are texts of a formal language.

A module `regrade.datasets.formats.<format>` has the same, with these differences: its raw files are those that
params.yaml gives the dataset; its Options are what params.yaml says of it, not settings of a cell; `form` is None where
only the data can tell.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Literal

from pydantic import ValidationError

from regrade.config.dataset import DataFile, Dataset, OwnDataset
from regrade.config.messages import hint, refusal
from regrade.config.options import DatasetOptions
from regrade.core import fingerprints
from regrade.core.errors import UserError
from regrade.core.files import read_json
from regrade.datasets import checksums, formats, sources
from regrade.datasets.form import Form
from regrade.datasets.identity import DataIdentity
from regrade.datasets.prepared import CARD
from regrade.datasets.text.word_vectors import WordVectors

# A dataset is known by the presence of its module
NAMES = tuple(sorted(source.name for source in pkgutil.iter_modules(sources.__path__)))

# Raw files from which we draw our own rows. This is not said in the dataset's module, whose code names prepared data
DRAWN_FROM = frozenset({"dbpedia/dbpedia_csv.tar.gz"})
# Datasets whose training rows we shuffle, so that those held out are not the source's
SHUFFLED = frozenset({"imdb"})

# A grid has many cells of one dataset
_code = cache(fingerprints.code)


@cache
def module(name: str, own: str = "") -> ModuleType:
    """The module of a built-in dataset; of one's own data, the module of their format `own`."""
    return importlib.import_module(_path(name, own))


def _path(name: str, own: str) -> str:
    return f"{formats.__name__}.{own}" if own else f"{sources.__name__}.{name}"


def names(described: Mapping[str, Dataset]) -> list[str]:
    """The names of all datasets: those built in, and those described in params.yaml."""
    return sorted({*NAMES, *(name for name in described if own_format(name, described))})


def own_format(name: str, described: Mapping[str, Dataset]) -> str:
    """The format of a dataset described in params.yaml; "" for any other."""
    entry = described.get(name)
    return entry.format if isinstance(entry, OwnDataset) else ""


def task(name: str) -> str:
    """What is learnt from this dataset: language, if its rows are texts of a formal language, else classification."""
    return "language" if name in NAMES and hasattr(module(name), "language") else "classification"


def draws(name: str) -> bool:
    """Whether the training rows of this dataset are drawn afresh in each epoch."""
    return name in NAMES and hasattr(module(name), "draw")


def setting_names(name: str, described: Mapping[str, Dataset]) -> set[str]:
    """The settings of a cell that are this dataset's: how it is prepared and read; none for one that does not exist."""
    own = own_format(name, described)
    return {key for model in models(name, own) for key in model.model_fields} if own or name in NAMES else set()


def models(name: str, own: str = "") -> tuple[type[DatasetOptions], type[DatasetOptions]]:
    """What declares these settings: those of preparing, of which one's own data have none, and those of reading."""
    return DatasetOptions if own else module(name).Options, _reading(name, own)


def _reading(name: str, own: str) -> type[DatasetOptions]:
    """The settings of a cell that decide how prepared rows are read; there are none for most datasets."""
    return getattr(module(name, own), "Reading", DatasetOptions)


def identity(
    name: str, data: Literal["real", "stand_in"], settings: dict, described: Mapping[str, Dataset], where: str
) -> DataIdentity:
    """What a prepared dataset is made of.

    That is its name, real or stand_in, the code that makes it, its options (those among the cell's `settings`, or what
    params.yaml says of one's own data) and its raw files' checksums. UserError, beginning with `where`, for a dataset
    that does not exist or a mistake in its options; UserError, too, when its files have no address or no checksum, and
    when one's own data have nothing that could stand in for them.
    """
    own = own_format(name, described)
    if own and name in NAMES:
        raise UserError(f"params.yaml: datasets.{name}: this is the name of a built-in dataset; rename yours")
    if not own and name not in NAMES:
        raise UserError(f"{where}: there is no dataset {name!r}{hint(name, names(described))}")
    return DataIdentity(
        dataset=name,
        data=data,
        format=own,
        code=_code(_path(name, own)),
        options=_description(name, data, own, described) if own else options_of(name, settings, where),
        files=_files(name, own, described) if data == "real" else {},
    )


def _description(name: str, data: Literal["real", "stand_in"], own: str, described: Mapping[str, Dataset]) -> dict:
    """What params.yaml says of one's own data, as far as it is not the default; real ones have no stand-in."""
    without = {"stand_in"} if data == "real" else set()
    fields = set(module(name, own).Options.model_fields) - without
    description = described[name].model_dump(include=fields, exclude_defaults=True)
    if data == "stand_in" and "stand_in" not in description:
        raise UserError(
            f"params.yaml: datasets.{name}.stand_in is missing, but this scale has stand-in data, which are generated "
            "by what it says (docs/data.md#your-own-data); add it, or choose a scale with real data"
        )
    return description


def options_of(name: str, settings: dict, where: str) -> dict:
    """How a built-in dataset is prepared for a cell with these `settings`.

    UserError, beginning with `where`, for a mistake in these settings.
    """
    return _options(module(name).Options, settings, where)


def reading_of(name: str, settings: dict, where: str, own: str = "") -> dict:
    """How a cell with these `settings` reads the prepared rows; empty for most datasets.

    UserError, beginning with `where`, for a mistake in these settings.
    """
    return _options(_reading(name, own), settings, where)


def _options(options: type[DatasetOptions], settings: dict, where: str) -> dict:
    given = {key: settings[key] for key in options.model_fields if key in settings}
    return _validated(options, given, f"{where}.settings")


def _validated(model: type[DatasetOptions], given: dict, where: str) -> dict:
    try:
        return model.model_validate(given).model_dump()
    except ValidationError as error:
        raise refusal(error, lambda path: f"{where}.{path}") from None


def _files(name: str, own: str, described: Mapping[str, Dataset]) -> dict[str, str]:
    """The checksums of the first alternative whose files all have an address, by source/name."""
    given = {
        f"{source}/{file}": entry for source, content in described.items() for file, entry in content.files.items()
    }
    alternatives = (tuple(f"{name}/{file}" for file in described[name].files),) if own else module(name).ALTERNATIVES
    for files in alternatives:
        if all(file in given for file in files) and (files or not own):
            return {file: _checksum(file, given[file]) for file in files}
    needed = ", or ".join(" and ".join(files) for files in alternatives if files) or f"any file of {name}"
    raise UserError(
        f"params.yaml: datasets: no address of {needed}; give urls and sha256 under datasets.<source>.files"
    )


def _checksum(file: str, entry: DataFile) -> str:
    if entry.sha256 is None:
        source, _, name = file.partition("/")
        raise UserError(f"params.yaml: datasets.{source}.files.{name}: {checksums.missing(entry.urls[0])}")
    return entry.sha256


def form(identity: DataIdentity) -> Form | None:
    """What the rows of the dataset of this identity are, as a network gets them.

    None for one's own data of which params.yaml says too little, as long as they are not prepared.
    """
    of_dataset = module(identity.dataset, identity.format).form(options(identity)) or _of_card(identity)
    reading = identity.reading
    if not reading or not of_dataset:
        return of_dataset
    # Further tokens for sequences of words come after a row's own: how many, only the texts can tell
    known = reading.get("max_length") if reading.get("ngrams", 1) == 1 else None
    return replace(of_dataset, shape=(known,))


def _of_card(identity: DataIdentity) -> Form | None:
    """What the rows of a prepared dataset are; None where there is none, or its card is damaged."""
    try:
        card = read_json(identity.folder / CARD)
    except (UserError, FileNotFoundError):  # planning deletes nothing: the next job that reads it will
        return None
    inputs = card["tensors"].get("train_inputs")
    if inputs is None:
        return Form((None,), len(card["classes"]), "ids")
    return Form(tuple(inputs["shape"][1:]), len(card["classes"]), "bytes" if inputs["type"] == "uint8" else "numbers")


def own_rows(identity: DataIdentity, held_out: bool) -> bool:
    """Whether a model is evaluated on other rows than the source's: on generated ones, or on ones drawn by us.

    `held_out`: on rows held out from the training rows, not on test rows.
    """
    split = identity.options.get("split", {}) if identity.format else {}
    generated, drawn = not identity.files, bool(DRAWN_FROM & identity.files.keys()) or "test_share" in split
    return generated or drawn or (held_out and (identity.dataset in SHUFFLED or "seed" in split))


def options(identity: DataIdentity) -> DatasetOptions:
    """The options that a dataset is prepared by, as its module declares them."""
    return module(identity.dataset, identity.format).Options(**identity.options)


def whole_texts(identity: DataIdentity) -> bool:
    """Whether rows are texts of any length, which make batches by their tokens, not by their number."""
    reading = identity.reading
    return bool(reading) and reading["max_length"] is None and reading["ngrams"] == 1


def word_vectors_identity(name: str, described: Mapping[str, Dataset]) -> dict | None:
    """How the word vectors of a dataset are fitted, and the code that does it; None where params.yaml does not say."""
    given = described[name].word_vectors if name in described else None
    if given is None:
        return None
    options = _validated(WordVectors, given, f"params.yaml: datasets.{name}.word_vectors")
    return options | {"code": _code("regrade.datasets.text.word_vectors")}
