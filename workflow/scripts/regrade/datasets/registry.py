"""Datasets: where each comes from, how it is prepared, and its offline stand-in.

A module `regrade.datasets.sources.<name>` has

- ALTERNATIVES: sets of raw files that it can be made of, the preferred one first; each file as source/name, where
  params.yaml has its address under datasets.<source>.files;
- Options: the settings of a cell that decide how it is prepared, and Reading, if any decide how its rows are read;
- `prepare(files, options)`, where `files` gives the path of each raw file by its name, and `stand_in(options)`; both
  return a `Prepared`;
- `form(options)`: what the rows will be, so that a network that cannot take them is refused before any job starts;
- `draw`, where training rows are drawn as they are used, or `language`, where they are texts of a formal language.
"""

import importlib
import pkgutil
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Literal

from pydantic import ValidationError

from regrade.config.dataset import Dataset
from regrade.config.messages import hint, refusal
from regrade.config.options import DatasetOptions
from regrade.core import fingerprints
from regrade.core.errors import UserError
from regrade.datasets import sources
from regrade.datasets.form import Form
from regrade.datasets.identity import DataIdentity
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
def module(name: str) -> ModuleType:
    """The module of a dataset."""
    return importlib.import_module(f"{sources.__name__}.{name}")


def task(name: str) -> str:
    """What is learnt from this dataset: language, if its rows are texts of a formal language, else classification."""
    return "language" if hasattr(module(name), "language") else "classification"


def draws(name: str) -> bool:
    """Whether the training rows of this dataset are drawn afresh in each epoch."""
    return hasattr(module(name), "draw")


def setting_names(name: str) -> set[str]:
    """The settings of a cell that are this dataset's: how it is prepared and read; none for one that does not exist."""
    return {key for model in models(name) for key in model.model_fields} if name in NAMES else set()


def models(name: str) -> tuple[type[DatasetOptions], type[DatasetOptions]]:
    """What declares these settings: those of preparing, and those of reading."""
    return module(name).Options, _reading(name)


def _reading(name: str) -> type[DatasetOptions]:
    """The settings of a cell that decide how prepared rows are read; there are none for most datasets."""
    return getattr(module(name), "Reading", DatasetOptions)


def identity(
    name: str, data: Literal["real", "stand_in"], settings: dict, addresses: dict[str, Dataset], where: str
) -> DataIdentity:
    """What a prepared dataset is made of.

    That is its name, real or stand_in, the code that makes it, its options among the cell's `settings` if it has any,
    and its raw files' checksums. UserError, beginning with `where`, for a dataset that does not exist or a mistake in
    its options; UserError, too, when its files have no address.
    """
    if name not in NAMES:
        raise UserError(f"{where}: there is no dataset {name!r}{hint(name, NAMES)}")
    return DataIdentity(
        dataset=name,
        data=data,
        code=_code(f"{sources.__name__}.{name}"),
        options=options_of(name, settings, where),
        files=_files(name, addresses) if data == "real" else {},
    )


def options_of(name: str, settings: dict, where: str) -> dict:
    """How a dataset is prepared for a cell with these `settings`.

    UserError, beginning with `where`, for a mistake in these settings.
    """
    return _options(module(name).Options, settings, where)


def reading_of(name: str, settings: dict, where: str) -> dict:
    """How a cell with these `settings` reads the prepared rows; empty for most datasets.

    UserError, beginning with `where`, for a mistake in these settings.
    """
    return _options(_reading(name), settings, where)


def _options(options: type[DatasetOptions], settings: dict, where: str) -> dict:
    given = {key: settings[key] for key in options.model_fields if key in settings}
    return _validated(options, given, f"{where}.settings")


def _validated(model: type[DatasetOptions], given: dict, where: str) -> dict:
    try:
        return model.model_validate(given).model_dump()
    except ValidationError as error:
        raise refusal(error, lambda path: f"{where}.{path}") from None


def _files(name: str, addresses: dict[str, Dataset]) -> dict[str, str]:
    """The checksums of the first alternative whose files all have an address, by source/name."""
    given = {
        f"{source}/{file}": entry.sha256 for source, files in addresses.items() for file, entry in files.files.items()
    }
    alternatives = module(name).ALTERNATIVES
    for files in alternatives:
        if all(file in given for file in files):
            return {file: given[file] for file in files}
    needed = ", or ".join(" and ".join(files) for files in alternatives)
    raise UserError(
        f"params.yaml: datasets: no address of {needed}; give urls and sha256 under datasets.<source>.files"
    )


def form(identity: DataIdentity) -> Form:
    """What the rows of the dataset of this identity are, as a network gets them."""
    of_dataset = module(identity.dataset).form(options(identity))
    reading = identity.reading
    # Further tokens for sequences of words come after a row's own: how many, only the texts can tell
    known = reading.get("max_length") if reading.get("ngrams", 1) == 1 else None
    return replace(of_dataset, shape=(known,)) if reading else of_dataset


def own_rows(identity: DataIdentity, held_out: bool) -> bool:
    """Whether a model is evaluated on other rows than the source's: on generated ones, or on ones drawn by us.

    `held_out`: on rows held out from the training rows, not on test rows.
    """
    generated, drawn = not identity.files, bool(DRAWN_FROM & identity.files.keys())
    return generated or drawn or (held_out and identity.dataset in SHUFFLED)


def options(identity: DataIdentity) -> DatasetOptions:
    """The options that a dataset is prepared by, as its module declares them."""
    return module(identity.dataset).Options(**identity.options)


def whole_texts(identity: DataIdentity) -> bool:
    """Whether rows are texts of any length, which make batches by their tokens, not by their number."""
    reading = identity.reading
    return bool(reading) and reading["max_length"] is None and reading["ngrams"] == 1


def word_vectors_identity(name: str, addresses: dict[str, Dataset]) -> dict | None:
    """How the word vectors of a dataset are fitted, and the code that does it; None where params.yaml does not say."""
    given = addresses[name].word_vectors if name in addresses else None
    if given is None:
        return None
    options = _validated(WordVectors, given, f"params.yaml: datasets.{name}.word_vectors")
    return options | {"code": _code("regrade.datasets.text.word_vectors")}
