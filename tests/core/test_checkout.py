"""Which package runs, whose commit a record names, and what a run holds to while files change."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from regrade.core import fingerprints, provenance
from regrade.core.files import read_json
from support.project import ROOT, Project
from support.tiny import LONG, STUDY, running, sweep, tiny


@dataclass
class Guest(Project):
    """A working copy whose commands find other packages first."""

    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self.variables


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The scripts of another checkout, whose jobs fail and whose commands call every cell strange."""
    scripts = tmp_path / "other/workflow/scripts"
    shutil.copytree(ROOT / "workflow/scripts", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    with (scripts / "regrade/cells/cell.py").open("a") as file:
        file.write('\nCell.status = property(lambda cell: "strange")\n')
    (scripts / "regrade/jobs/entry.py").write_text('raise RuntimeError("a job of the other checkout")\n')
    return scripts


def start_up(folder: Path, code: str) -> dict[str, str]:
    """An environment in which Python runs this code as it starts, as installed packages have it do."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\n{code}\n")
    return {"PYTHONPATH": str(folder)}


# Some tools for editable installs have packages found in this way, before Python's path is looked at
FINDER = """
from importlib.machinery import PathFinder
class Finder:
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, ["{}"]) if name == "regrade" else None
sys.meta_path.insert(0, Finder)
"""


def test_the_package_beside_the_snakefile_wins(other: Path, tmp_path: Path):
    project = tiny(tmp_path / "project", sweep(grid={"width": [2]}))
    variable = {"PYTHONPATH": str(other)}
    # Before what this Python has installed, which may be yet another checkout
    installed = start_up(tmp_path / "start", f"sys.path.insert(1, {str(other)!r})")
    for variables, rule in ((variable, "prepare"), (installed, "train")):
        guest = Guest(project.folder, variables)
        listed = guest.regrade("cells", overlay={})
        assert listed.stdout.startswith("missing   results/tiny/sweep/width=2-"), listed.stdout
        answer = guest.snakemake(f"{rule}_all", overlay={})
        assert answer.returncode == 0 and f"rule {rule}:" in answer.stdout, answer.stdout
    assert guest.regrade("cells", overlay={}).stdout.startswith("done   ")


def test_where_it_cannot_win_nothing_runs(other: Path, tmp_path: Path):
    project = tiny(tmp_path / "project")
    guest = Guest(project.folder, start_up(tmp_path / "start", FINDER.format(other)))
    for answer in (guest.snakemake("-n", overlay={}), guest.regrade("cells", overlay={})):
        assert answer.returncode == 1
        assert f"Python imports the package regrade from {other / 'regrade'}, not from " in answer.stdout
        assert "Traceback" not in answer.stdout


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def repository(folder: Path) -> str:
    """Make a git repository of a folder with all that is in it; the commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", folder.name)
    return git(folder, "rev-parse", "HEAD")


def test_a_commit_is_that_of_the_projects_own_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    strange, project = tmp_path / "strange", tmp_path / "project"
    strange.mkdir()
    repository(strange)
    package = project / "workflow/scripts/regrade"
    shutil.copytree(provenance.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", package)
    own = repository(project)
    # As in a hook of git
    for name, value in {"GIT_DIR": ".git", "GIT_WORK_TREE": "", "GIT_INDEX_FILE": ".git/index"}.items():
        monkeypatch.setenv(name, str(strange / value))
    assert provenance.commit() == {"commit": own, "dirty": False}
    (package / "__main__.py").write_text("")
    assert provenance.commit() == {"commit": own, "dirty": True}
    # A copy, or an installed package, that happens to lie in a repository
    for place in ("course/project/workflow/scripts", ".venv/lib/python3.11/site-packages"):
        copy = shutil.copytree(package, strange / place / "regrade")
        monkeypatch.setattr(provenance, "PACKAGE", copy)
        assert provenance.commit() == {"commit": None, "dirty": None}


def test_another_directory_is_refused(tmp_path: Path):
    project = tiny(tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(project.folder / "params.yaml", tmp_path / "elsewhere")
    answer = project.run("snakemake", "-n", "--directory", str(tmp_path / "elsewhere"))
    assert answer.returncode == 1
    assert f"run this in {project.folder}, without --directory" in answer.stdout


def test_what_editors_leave_beside_a_text_is_no_change_of_it(tmp_path: Path):
    (tmp_path / "claims.yaml").write_text("claims: []\n")
    before = fingerprints.content(tmp_path)
    for name in (".claims.yaml.swp", "claims.yaml~", "#claims.yaml#"):
        (tmp_path / name).write_text("half a")
    assert fingerprints.content(tmp_path) == before
    (tmp_path / "report.md.j2").write_text("# A page\n")
    assert fingerprints.content(tmp_path) != before


def test_a_run_holds_to_what_it_was_planned_with(tmp_path: Path):
    """Parameters, texts and code are edited while the first of two cells is trained."""
    project = tiny(tmp_path, LONG, sweep(grid={"width": [3, 4]}, settings={"epochs": 120}))
    parameters, template, layer = (
        project.folder / name
        for name in (
            "params.yaml",
            f"workflow/studies/{STUDY}/report.md.j2",
            "workflow/scripts/regrade/models/dense.py",
        )
    )
    before = {path: path.read_text() for path in (parameters, template, layer)}
    processes: list[subprocess.Popen] = []
    try:
        running(project, processes, "all")
        parameters.write_text("studies: [half a")
        template.write_text(before[template] + "More.\n")
        layer.write_text(before[layer] + "\n# Results are not made of comments\n")
        output = processes[-1].communicate(timeout=180)[0]
        assert len(project.find("results/tiny/*/*/run.json")) == 2, output
        assert f"workflow/studies/{STUDY} has changed since this run was planned" in output
        assert "code that trains this cell has changed" not in output
        assert not project.find("models/*/*.part") and project.find("models/tiny/*.safetensors")
        parameters.write_text(before[parameters])
        page = f"reports/{STUDY}/index.html"
        answer = project.snakemake(page, overlay={})
        assert answer.returncode == 0 and "rule train" not in answer.stdout, answer.stdout
        assert "More." in (project.folder / page).read_text()

        shutil.rmtree(project.folder / "results")
        running(project, processes)
        layer.write_text(before[layer] + "\nMEANING = 1\n")
        output = processes[-1].communicate(timeout=180)[0]
        assert "code that trains this cell has changed since this run was planned" in output, output
        assert len(project.find("results/tiny/*/*/run.json")) == 1
    finally:
        for process in processes:
            process.kill()


def test_a_job_on_a_cluster_reads_the_plan_instead_of_the_parameters(tmp_path: Path):
    project = tiny(tmp_path, sweep(grid={"width": [2]}))
    shorter = {"scales": {"small": {"at_most": {"epochs": 1}}}}
    whole, folder = (project.regrade("cells", overlay=one).stdout.split()[1] for one in ({}, shorter))
    assert folder != whole, "only with the overlay is there such a cell"
    assert project.snakemake("prepare_all", overlay=shorter).returncode == 0
    (plan,) = project.find(".snakemake/plans/*.json")
    (project.folder / "params.yaml").write_text("studies: [half a")
    # As the executor for SLURM writes it
    command = ["snakemake", "--configfiles", str(plan), "--mode", "remote", "--executor", "local", "--cores", "1"]
    command += ["--force", "--nolock", "--no-hooks", "--allowed-rules", "train", "--", f"{folder}/run.json"]
    layer = project.folder / "workflow/scripts/regrade/models/dense.py"
    layer.write_text(layer.read_text() + "\nMEANING = 1\n")
    refused = project.run(*command)
    assert "code that trains this cell has changed since this run was planned" in refused.stdout, refused.stdout
    layer.write_text(layer.read_text().removesuffix("\nMEANING = 1\n"))
    answer = project.run(*command)
    assert answer.returncode == 0, answer.stdout
    assert [run["epochs"] for run in read_json(project.folder / folder / "run.json")["runs"]] == [1, 1]


def test_who_may_read_results_is_for_the_umask_to_say(tmp_path: Path):
    umask = 0o006  # With it, no file has a mode that programs often set themselves: 600, 640, 644 or 664
    project = tiny(tmp_path / "project", sweep(grid={"width": [2]}))
    answer = project.run("snakemake", "--cores", "2", umask=umask)
    assert answer.returncode == 0, answer.stdout
    made = [path for name in ("data", "results", "reports", "models", "logs") for path in project.find(f"{name}/**/*")]
    assert len(made) > 50
    made.append(project.folder / "ro-crate-metadata.json")
    for path in made:
        mode = (0o777 if path.is_dir() else 0o666) & ~umask
        assert path.stat().st_mode & 0o777 == mode, f"{path}: {path.stat().st_mode:o}"


def test_so_it_is_for_what_is_fetched(tmp_path: Path):
    (tmp_path / "source").write_bytes(b"content")
    code = f"""
from pathlib import Path
from regrade.datasets.fetch import fetch
from regrade.core.files import sha256
from regrade.config.dataset import DataFile
source = Path({str(tmp_path / "source")!r})
fetch(DataFile(urls=[source.as_uri()], sha256=sha256(source)), Path("raw/target"))
"""
    project = Project(tmp_path)
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")},
        umask=0o027,
    )
    assert answer.returncode == 0
    assert [path.name for path in project.find("raw/*")] == ["target"]
    assert (tmp_path / "raw/target").stat().st_mode & 0o777 == 0o640
