"""Claims of one test, checked and made into hypotheses."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from regrade.bundle import describe
from regrade.checking import references
from regrade.config import params, reported, studies
from regrade.config.claims import Claim
from regrade.statistics.hypotheses import Hypotheses, Hypothesis
from regrade.statistics.measurements import Measurements
from support.described import described
from support.paper import CE4042, cells

STATED = reported.path("ce4042")


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Hypothesis]]:
    """The parts of a claim of one test, checked and made, with seconds of training and losses by seed."""
    every = cells()
    rows = []
    for number, cell in enumerate(every):
        for seed in range(5):
            about = {"folder": cell.folder.as_posix(), "status": "done", "seed": seed, "epochs": 3}
            values = {"train_seconds": 10.0 * (number + 1) + seed, "train_loss_last_epoch": 0.1}
            rows.append(about | values)
    nothing = pd.DataFrame({"experiment": [], "cell": []})
    experiments = describe.experiments("ce4042", params.parse(CE4042))

    def make(
        devices: dict[str, str] | None = None,
        seconds: list[float] | None = None,
        seeds: dict[str, set[int]] | None = None,
        **test: object,
    ) -> list[Hypothesis]:
        runs = pd.DataFrame(rows)
        for folder, known in (seeds or {}).items():
            runs = runs[(runs["folder"] != folder) | runs["seed"].isin(known)]
        if seconds:
            runs["train_seconds"] = [seconds[seed] for seed in runs["seed"]]
        if devices:
            runs["device"] = runs["folder"].map(devices)
        measurements = Measurements(described(every), runs, nothing, experiments=experiments)
        claim = {"id": "c", "claim": "A", "origin": "ours", "place": "1", "tests": [test]}
        (tmp_path / "ce4042").mkdir(exist_ok=True)
        shutil.copy(STATED, tmp_path / "ce4042")
        (tmp_path / "ce4042/claims.yaml").write_text(yaml.safe_dump({"claims": [claim]}))
        monkeypatch.setattr(studies, "FOLDER", tmp_path)
        references.check(params.parse(CE4042), every)
        return Hypotheses("ce4042", Claim.model_validate(claim), measurements, []).all()

    return make
