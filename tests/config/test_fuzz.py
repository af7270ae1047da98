"""Every key of params.yaml, claims.yaml and reported.csv, changed at random: one sentence, or cells that train.

Seeded, so that a run can be repeated. REGRADE_FUZZ is how many changes are tried: more than the default of CI.
"""

import contextlib
import copy
import csv
import io
import os
import random
import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from regrade.bundle.bundle import Bundle
from regrade.cells import expansion
from regrade.cells.cell import Cell
from regrade.checking import references
from regrade.config import params, reported, studies
from regrade.core.errors import UserError
from regrade.core.files import write_json
from regrade.datasets import registry
from regrade.datasets.text import word_vectors
from regrade.runtime.logs import explain
from regrade.statistics import grading
from regrade.training import job
from regrade.training.loading import load
from regrade.training.state import RunState
from support.bundles import made_up
from support.expanded import LANGUAGE, WORDS
from support.project import ROOT, merged

CHANGES = int(os.environ.get("REGRADE_FUZZ", 2600))
TRAINED = CHANGES // 100
MEMORY = 16 * 2**30  # bytes of addresses for one change
SECONDS = 20  # for one change: more is a hang
STUDIES = ROOT / "workflow/studies"
# The whole of params.yaml on a few rows
SMALL = {
    "scale": "small",
    "scales": {
        "small": {
            "data": "stand_in",
            "at_most": {
                **{"seeds": 1, "epochs": 1, "train_rows": 40, "test_rows": 16, "validation_rows": 8, "max_length": 60}
            },
        }
    },
    "datasets": {name: {"options": WORDS | LANGUAGE} for name in ("ndfa", "brackets")}
    | {name: {"options": {"rows": 60}} for name in ("moons", "circles", "classification")},
}
CONFIG = merged(yaml.safe_load((ROOT / "params.yaml").read_text()), SMALL)
VALUES = [
    *(None, True, "", "ten", "Ä\n", "x" * 300, [], {}, [1], {"a": 1}, ["a", "a"], "$nothing", "1e-05", "2024-02-30"),
    *(
        0,
        -1,
        1,
        2,
        3,
        7.5,
        0.5,
        1e-300,
        1e300,
        -1e300,
        float("inf"),
        float("nan"),
        2**31,
        2**32,
        2**63,
        10**30,
        -(2**63),
    ),
]
TEXTS = [
    "",
    "ten",
    "nan",
    "inf",
    "1e400",
    "1e-05",
    "-1",
    "0",
    "7.5",
    "2**31",
    "9" * 400,
    "Ä",
    "a=1",
    "a=",
    "=",
    "a=1;a=2",
]
TEXTS += ['"', "\0", ">=0.5", ">=", "x" * 300, "[1, 2]", "{", "run=1;epoch=1", "layer=1"]


def places(node: object, path: tuple = ()) -> Iterator[tuple]:
    """The path of every key and of every list's element."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def change(content: dict, path: tuple, rng: random.Random) -> tuple[dict, str]:
    """`content` with a change at this place, and what it is."""
    made = copy.deepcopy(content)
    *parents, last = path
    here = made
    for key in parents:
        here = here[key]
    old = here[last]
    kind = rng.choice(["delete", "misspell", "replace", "replace", "add", "nudge", "nudge"])
    if kind == "misspell" and isinstance(last, str):
        here[misspelt(last, rng)] = here.pop(last)
    elif kind == "misspell" and isinstance(old, str):
        here[last] = misspelt(old, rng)
    elif kind == "add" and isinstance(old, list) and old:
        old.append(copy.deepcopy(rng.choice(old)))
    elif kind == "add" and isinstance(old, dict):
        old[rng.choice(["surprise", "experiment", "lr", "train_rows_cap"])] = rng.choice(VALUES)
    elif kind == "delete":
        del here[last]
    elif kind == "nudge" and isinstance(old, int | float) and not isinstance(old, bool):
        here[last] = rng.choice([old * 2, old + 1, old / 2, old // 2, -old, f"{old}"])
    else:
        kind, here[last] = "replace", rng.choice(VALUES)
    return (
        made,
        f"{kind} {'.'.join(map(str, path))}: {old!r:.60} → {here.get(last) if isinstance(here, dict) else here!r:.60}",
    )


def misspelt(text: str, rng: random.Random) -> str:
    """The text with a letter missing, doubled or replaced."""
    if not text:
        return "x"
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(["", text[at] * 2, "x", text[at].upper()]) + text[at + 1 :]


def plan(config: dict) -> list[Cell]:
    """What the workflow asks of params.yaml before any job starts."""
    parameters = params.parse(config)
    every = expansion.expand(parameters)
    references.check(parameters, every)
    assert all(cell.folder for cell in every)  # named now, as the workflow does
    return every


def outcome(attempt, *arguments: object) -> tuple[str, object]:
    """What a change leads to: a result, a sentence, or a fault of ours."""

    def hang(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds")

    signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, limits[1]))
    try:
        return "plan", attempt(*arguments)
    except Exception as error:
        sentence = explain(error)
        if sentence is None or "\n" in sentence:
            return "fault", traceback.format_exc(limit=-3, chain=False)
        return "sentence", sentence
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def shown(faults: list[tuple[str, object]]) -> str:
    return f"{len(faults)} of {CHANGES}:\n" + "\n".join(f"{what}\n{trace}" for what, trace in faults[:5])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the studies' claims and numbers."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_study(config: dict, study: str) -> dict:
    """The parameters with this study only: one does not depend on another, and takes a fifth of the time."""
    return config | {"studies": {study: config["studies"][study]}}


def around(path: tuple, every: list[Cell], rng: random.Random) -> dict:
    """The parameters with one study that a change at this place concerns; with all where it may concern several."""
    match path:
        case ("studies" | "datasets",) | ("studies" | "datasets", _):
            return CONFIG
        case ("studies", study, *_):
            return of_study(CONFIG, study)
        case ("datasets", dataset, *_):
            of_data = {cell.study for cell in every if cell.data.dataset == dataset}
            return of_study(CONFIG, rng.choice(sorted(of_data)))
    return of_study(CONFIG, rng.choice(list(CONFIG["studies"])))


def test_parameters(folder: Path):
    rng = random.Random(15)
    every, whole = list(places(CONFIG)), plan(CONFIG)
    counts, faults, changed = Counter(), [], []
    chosen = every if 2 * len(every) <= CHANGES else rng.sample(every, CHANGES // 2)
    for path in chosen * max(CHANGES // 2 // len(every), 1):
        config, what = change(around(path, whole, rng), path, rng)
        kind, result = outcome(plan, config)
        counts[kind] += 1
        if kind == "fault":
            faults.append((what, result))
        if kind == "plan":
            changed.append((what, result))
    print(counts)
    known = {cell.name for cell in whole}
    told = [(what, [cell for cell in found if cell.name not in known]) for what, found in changed]
    tried = [(what, found) for what, found in told if found]
    trained = Counter()
    # Options of the datasets are few, and each is used in another way
    of_data = [one for one in tried if " datasets." in one[0]]
    chosen = rng.sample(tried, min(TRAINED, len(tried))) + rng.sample(of_data, min(TRAINED // 4, len(of_data)))
    for what, found in chosen:
        kind, result = outcome(train, min(found, key=size))
        trained[kind] += 1
        if kind == "fault":
            faults.append((f"training {what}", result))
    print(trained)
    assert not faults, shown(faults)
    assert counts["plan"] > counts["sentence"] / 20 and trained["plan"] > trained["sentence"]


def size(cell: Cell) -> float:
    """A rough measure of the work that a cell is."""
    made = 1.0
    for layer in cell.configuration().network:
        for name in ("units", "filters", "layers", "embedding"):
            made += value * 1.0 if isinstance(value := getattr(layer, name, 0), int) else 0
    return made


def train(cell: Cell) -> None:
    """One epoch of one run of the cell, on its stand-in data."""
    configuration = cell.configuration()
    identity = configuration.data
    folder = identity.folder
    if not folder.exists():
        module = registry.module(identity.dataset)
        module.stand_in(registry.options(identity)).save(folder, identity.prepared.parts)
    if identity.word_vectors_folder and not identity.word_vectors_folder.exists():
        fitted = word_vectors.fit(folder, word_vectors.WordVectors(**CONFIG["datasets"]["imdb"]["word_vectors"]))
        word_vectors.save(fitted, identity.word_vectors_folder, identity.fitted.parts)
    states = [RunState(seed) for seed in cell.seeds[:1]]
    job.make_trainer(configuration, states, load(configuration, torch.device("cpu"))).advance()
    assert states[0].history


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[list[Cell], Bundle]]]:
    """A folder with the files that grading reads, and made-up runs of every study's cells."""
    folder, found = tmp_path_factory.mktemp("measured"), {}
    for study in CONFIG["studies"]:
        parameters = params.parse(of_study(CONFIG, study))
        every = expansion.expand(parameters)
        for cell in every:
            if cell.selection:
                winner = cell.selection.candidates[0].settings
                settings = {key: winner[key] for key in cell.selection.settings} | {"epochs": 1}
                write_json(folder / cell.selection.path, {"settings": settings})
        with contextlib.chdir(folder):
            found[study] = every, replace(made_up(study, parameters, every), correct={})
    return folder, found


@pytest.fixture
def grade(measured: tuple, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, str], None]]:
    """What planning and grading do with a study of which a file has this content."""
    folder, found = measured
    monkeypatch.chdir(folder)
    monkeypatch.setattr(studies, "FOLDER", folder / "studies")
    for study in found:
        (folder / "studies" / study).mkdir(parents=True, exist_ok=True)
    parsed = {study: params.parse(of_study(CONFIG, study)) for study in found}

    def with_file(study: str, name: str, content: str) -> None:
        for made in (folder / "studies" / study).glob("*"):
            made.unlink()
        (folder / "studies" / study / name).write_text(content, encoding="utf-8")
        # Some claims are about what is reported of the experiments that they name
        if name == "claims.yaml" and ("kind: stated" in content or "winner: selected" in content):
            header, *lines = csv.reader((STUDIES / study / "reported.csv").open())
            with (folder / "studies" / study / "reported.csv").open("w") as file:
                csv.writer(file).writerows([header, *(line for line in lines if line[1] in content)])
        cells, bundle = found[study]
        references.check(parsed[study], cells)
        try:
            grading.grade(bundle)
            # Where nothing is known but the bundle, no less is right
            references.check_bundle(bundle)
        except UserError as error:
            raise AssertionError(f"said only after training: {error}") from None

    return with_file


def test_claims(grade: Callable):
    rng, faults, counts = random.Random(16), [], Counter()
    contents = {study: yaml.safe_load((STUDIES / study / "claims.yaml").read_text()) for study in CONFIG["studies"]}
    every = [(study, path) for study, content in contents.items() for path in places(content)]
    for study, path in rng.choices(every, k=CHANGES // 8):  # each is graded
        content, what = change(contents[study], path, rng)
        if path[0] == "claims" and len(path) > 2:  # grading the others would say nothing new
            content["claims"] = [content["claims"][path[1]]]
        kind, result = outcome(grade, study, "claims.yaml", yaml.safe_dump(content, allow_unicode=True))
        counts[kind] += 1
        faults += [(f"{study} {what}", result)] if kind == "fault" else []
    print(counts)
    assert not faults, shown(faults)
    assert counts["plan"] and counts["sentence"]


def test_reported_numbers(grade: Callable):
    rng, faults, counts = random.Random(17), [], Counter()
    contents = {study: list(csv.reader((STUDIES / study / "reported.csv").open())) for study in CONFIG["studies"]}
    every = [
        (study, i, j)
        for study, rows in contents.items()
        for i in range(len(rows))
        for j, name in enumerate(reported.COLUMNS)
        if name not in ("source", "note")
    ]
    for study, i, j in rng.choices(every, k=CHANGES // 4):
        whole = contents[study]
        rows = [list(whole[0]), list(whole[max(i, 1)])]
        line = rows[min(i, 1)]
        old, line[j] = line[j], rng.choice([misspelt(line[j], rng), rng.choice(TEXTS), rng.choice(whole)[j]])
        made = io.StringIO()
        csv.writer(made).writerows(rows)
        kind, result = outcome(grade, study, "reported.csv", made.getvalue())
        counts[kind] += 1
        faults += [(f"{study} line {i + 1}: {old!r} → {line[j]!r:.60}", result)] if kind == "fault" else []
    print(counts)
    assert not faults, shown(faults)
    assert counts["plan"] and counts["sentence"]
