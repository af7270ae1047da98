"""Datasets: where each comes from, how it is prepared, and its offline stand-in.

A module `regrade.datasets.<name>` has ALTERNATIVES (sets of raw files that it can be made of, the preferred one first;
each file as source/name, where params.yaml has its address under datasets.<source>.files), Options (the settings of a
cell that decide how it is prepared), `prepare(files, options)`, where `files` gives the path of each raw file by its
name, and `stand_in(options)`; both return a `Prepared`. `form(options)` says beforehand what the rows will be, so that
a network that cannot take them is refused before any job starts.
"""

import difflib
import importlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from regrade import digest
from regrade.datasets.options import DatasetOptions, Form
from regrade.datasets.word_vectors import WordVectors
from regrade.errors import UserError
from regrade.files import digest as short_name
from regrade.params import Dataset, first_mistake

NAMES = (
    "cifar10",
    "dbpedia",
    "imdb",
    "mnist",
    "moons",
    "circles",
    "classification",
    "tiny_mnist",
    "tiny_toy",
    "palindromes",
    "ndfa",
    "brackets",
)
RAW = Path("data/raw")
PREPARED = Path("data/prepared")

# A grid has many cells of one dataset
_code = cache(digest.code)


@cache
def module(name: str) -> ModuleType:
    """The module of a dataset."""
    return importlib.import_module(f"regrade.datasets.{name}")


def task(name: str) -> str:
    """What is learnt from this dataset: language, if its rows are texts of a formal language, else classification."""
    return "language" if hasattr(module(name), "language") else "classification"


def draws(name: str) -> bool:
    """Whether the training rows of this dataset are drawn anew in each epoch."""
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


def identity(name: str, data: str, settings: dict, addresses: dict[str, Dataset], where: str) -> dict:
    """What a prepared dataset is made of.

    That is its name, real or stand_in, the code that makes it, its options among the cell's `settings` if it has any,
    and its raw files' checksums. UserError, beginning with `where`, for a dataset that does not exist or a mistake in
    its options; UserError, too, when its files have no address.
    """
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, 1)
        raise UserError(
            f"{where}: dataset {name!r} is none of {', '.join(NAMES)}"
            + (f"; did you mean {close[0]!r}?" if close else "")
        )
    made = {"dataset": name, "data": data, "code": _code(f"regrade.datasets.{name}")}
    if options := _options(module(name).Options, settings, where):
        made["options"] = options
    return made if data == "stand_in" else made | {"files": _files(name, addresses)}


def reading_of(name: str, settings: dict, where: str) -> dict:
    """How a cell with these `settings` reads the prepared rows, under the key `reading`; empty for most datasets.

    UserError, beginning with `where`, for a mistake in these settings.
    """
    options = _options(_reading(name), settings, where)
    return {"reading": options} if options else {}


def _options(options: type[DatasetOptions], settings: dict, where: str) -> dict:
    given = {key: settings[key] for key in options.model_fields if key in settings}
    return _validated(options, given, f"{where}.settings")


def _validated(model: type[DatasetOptions], given: dict, where: str) -> dict:
    try:
        return model.model_validate(given).model_dump()
    except ValidationError as error:
        path, complaint = first_mistake(error)
        raise UserError(f"{where}.{path}: {complaint}") from None


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


def form(identity: dict) -> Form:
    """What the rows of the dataset of this identity are, as a network gets them."""
    made = module(identity["dataset"])
    of_dataset = made.form(made.Options(**identity.get("options", {})))
    reading = identity.get("reading", {})
    # Further tokens for sequences of words come after a row's own: how many, only the texts can tell
    known = reading.get("max_length") if reading.get("ngrams", 1) == 1 else None
    return replace(of_dataset, shape=(known,)) if reading else of_dataset


def whole_texts(identity: dict) -> bool:
    """Whether rows are texts of any length, which make batches by their tokens, not by their number."""
    reading = identity.get("reading")
    return bool(reading) and reading["max_length"] is None and reading["ngrams"] == 1


def prepared_identity(identity: dict) -> dict:
    """The part of a dataset's identity that decides how it is prepared."""
    return {key: value for key, value in identity.items() if key not in ("reading", "word_vectors")}


def folder(identity: dict) -> Path:
    """Where the prepared dataset of this identity is kept."""
    return PREPARED / identity["dataset"] / f"{identity['data']}-{short_name(prepared_identity(identity))}"


def word_vectors_identity(name: str, addresses: dict[str, Dataset]) -> dict | None:
    """How the word vectors of a dataset are fitted, and the code that does it; None where params.yaml does not say."""
    given = addresses[name].word_vectors if name in addresses else None
    if given is None:
        return None
    options = _validated(WordVectors, given, f"params.yaml: datasets.{name}.word_vectors")
    return options | {"code": _code("regrade.datasets.word_vectors")}


def fitted_identity(identity: dict) -> dict:
    """The part of a dataset's identity that decides what its word vectors are."""
    return {key: value for key, value in identity.items() if key != "reading"}


def word_vectors_folder(identity: dict) -> Path:
    """Where the word vectors of this identity are kept."""
    return PREPARED / identity["dataset"] / f"word_vectors-{short_name(fitted_identity(identity))}"
