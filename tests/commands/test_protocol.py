"""regrade protocol: it writes the records of the studies that are named, says so, and touches no other."""

from pathlib import Path

import pytest
import yaml
from regrade.commands import main
from regrade.config import protocol, studies
from support.tiny import PARAMS, STUDY, sweep, tiny


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with two studies."""
    tiny(tmp_path, {"studies": {"other": PARAMS["studies"][STUDY]}})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "FOLDER", tmp_path / "workflow/studies")
    return tmp_path


def regrade_protocol(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    main.main(["protocol", *options])
    return "".join(capsys.readouterr())


def test_without_overlays_it_writes_all_and_says_what_changed(two: Path, capsys: pytest.CaptureFixture[str]):
    written = [f"Written: workflow/studies/{name}/protocol.yaml\n" for name in (STUDY, "other")]
    assert regrade_protocol(capsys) == "".join(written)
    assert regrade_protocol(capsys) == "Nothing changed.\n"
    protocol.path("other").write_text("conventions: torch\n")
    assert regrade_protocol(capsys) == written[1]


def test_an_overlay_changes_the_named_studies_only(two: Path, capsys: pytest.CaptureFixture[str]):
    regrade_protocol(capsys)
    before = protocol.path("other").read_bytes()
    changes = {"datasets": {"moons": {"options": {"rows": 50}}}}
    (two / "mine.yaml").write_text(yaml.safe_dump(sweep(settings={"epochs": 7}) | changes))
    for given in (("--configfile", "mine.yaml"), ("--config", "device=cuda")):
        assert regrade_protocol(capsys, *given).startswith("Error: with --configfile or --config, name the studies")
    assert protocol.read(STUDY).experiments["sweep"].settings["epochs"] == 2
    told = regrade_protocol(capsys, STUDY, "--configfile", "mine.yaml")
    assert told == f"Written: workflow/studies/{STUDY}/protocol.yaml\n"
    assert protocol.read(STUDY).experiments["sweep"].settings["epochs"] == 7
    assert protocol.path("other").read_bytes() == before
    assert "has no study 'none'" in regrade_protocol(capsys, "none")
