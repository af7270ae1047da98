"""A sixth study, added by doing what docs/new-study.md says, and graded."""

import re

import pandas as pd
import pytest
from regrade.commands import new_study
from regrade.core.files import read_json
from support.project import ROOT, Project, copy_workflow


@pytest.fixture(scope="module")
def blocks() -> dict[str, list[str]]:
    """The page's code blocks by language."""
    found: dict[str, list[str]] = {}
    for language, content in re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs/new-study.md").read_text(), re.DOTALL):
        found.setdefault(language, []).append(content)
    return found


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory, blocks: dict[str, list[str]]) -> Project:
    """A working copy in which the page was followed to its end."""
    project = copy_workflow(tmp_path_factory.mktemp("added"), ("cs324",))
    (layout,), (figures,) = blocks["jinja"], blocks["python"]
    new, look, run = blocks["bash"]
    assert project.run("bash", "-c", new).returncode == 0
    looked = project.run("bash", "-c", look)
    assert looked.stdout.startswith("Nothing wrong with my_study.\n")
    assert looked.stdout.count("missing   results/my_study/sizes/hidden_size=") == 2, looked.stdout
    folder = project.folder / "workflow/studies/my_study"
    answer = project.run("bash", "-c", run)
    assert answer.returncode == 0, answer.stdout
    (project.folder / "before.html").write_text((project.folder / "reports/my_study/index.html").read_text())
    (folder / "report.md.j2").write_text(layout)
    (folder / "figures.py").write_text(figures)
    # A check tries the page as it is before anything is trained
    looked = project.run("bash", "-c", look)
    assert looked.stdout.startswith("Nothing wrong with my_study.\n"), looked.stdout
    answer = project.run("bash", "-c", run)
    assert answer.returncode == 0, answer.stdout
    assert "rule report:" in answer.stdout and "rule train:" not in answer.stdout
    return project


def test_the_page_shows_parts_of_what_it_starts_from(blocks: dict[str, list[str]]):
    def plain(text: str) -> str:
        """Without comments and indents."""
        lines = (line.strip() for line in text.splitlines())
        return "\n".join(line for line in lines if not line.startswith("#"))

    skeleton = "\n".join(plain(path.read_text()) for path in new_study.SKELETON.iterdir())
    overlay, claims = blocks["yaml"]
    network, grid = overlay.split("grid:")
    for part in (network, f"grid:{grid}", claims, *blocks["csv"]):
        assert plain(part) in skeleton


def test_it_is_run_and_graded_at_full_protocol(added: Project):
    numbers = pd.read_parquet(added.folder / "reports/my_study/data/grades.parquet").set_index("metric")
    assert (numbers["seeds"] == 10).all()
    assert numbers.loc["trainable_parameters", "grade"] == "same"
    measured = numbers.loc["test_accuracy_best_epoch"].astype({"mean": float, "reported": float})
    inside = measured["reported"].between(measured["predicted_low"], measured["predicted_high"])
    assert ((measured["grade"] == "within") == inside).all()
    assert (measured["low"] <= measured["mean"]).all()
    assert (measured["mean"] <= measured["high"]).all()
    assert (measured["predicted_low"] <= measured["low"]).all()


def test_its_claims_have_verdicts_that_fit_the_numbers(added: Project):
    found = {one["id"]: one for one in read_json(added.folder / "reports/my_study/claims.json")["claims"]}
    verdicts = {name: one["verdict"] for name, one in found.items()}
    better, solved, open_, quick = found.values()
    assert verdicts == {
        "more-is-better": "confirmed",
        "twenty-suffice": "confirmed",
        "two-reach-90": "inconclusive",
        "quick": "contradicted",
    }
    assert all((one["look"], one["among"]) == (10, 4) for one in found.values())
    assert 0 < better["low"] < better["effect"] < better["high"]
    assert (solved["about"], solved["doing"], quick["doing"]) == ("runs", 10, 0)
    # As the page says: some runs do, some do not, and more seeds may tell
    assert 0 < open_["doing"] < 10
    assert open_["chances"].keys() == {"20", "40"}
    assert 0 <= open_["chances"]["20"] <= open_["chances"]["40"] <= 1
    assert all((one["p_holm"] <= 0.05) == (one is not open_) for one in found.values())
    assert all(one["analyses"] for one in found.values() if one is not open_)


def test_its_page_shows_all_of_it(added: Project):
    own = (added.folder / "reports/my_study/index.html").read_text()
    for page in (own, (added.folder / "before.html").read_text()):
        for text in (
            "Hidden units for the moons",
            "Twenty hidden units are better than two",
            "21 hidden units",
            "0.999",
        ):
            assert text in page
        assert "Number of hidden units" in page
        assert "Reduced run" not in page


def test_its_own_figures_are_on_its_own_page(added: Project):
    page = (added.folder / "reports/my_study/index.html").read_text()
    runs = pd.read_parquet(added.folder / "reports/my_study/bundle/runs.parquet")
    last = 100 * runs[runs["cell"].str.startswith("hidden_size=20")]["test_accuracy_last_epoch"]
    assert f"at most {last.max() - last.min():.1f} points apart" in page
    assert "src='figures/figure-02.svg'" in page and "class='missing'" not in page
    for kind in ("svg", "png", "pdf"):
        assert (added.folder / f"reports/my_study/figures/figure-02.{kind}").stat().st_size > 1000
    assert "hidden units" in (added.folder / "reports/my_study/figures/figure-02.svg").read_text()


def test_mistakes_are_named(added: Project):
    folder = added.folder / "workflow/studies/my_study"
    run = ("snakemake", "--cores", "1", "--configfile", "my_study.yaml", "--", "reports/my_study/claims.json")
    wrong = {
        "claims.yaml": [
            ("experiment: sizes, cell", "experiment: size, cell", "more-is-better", "no experiment 'size'"),
            ("{hidden_size: 20}, than", "{units: 20}, than", "more-is-better", "'units' does not vary"),
            ("at_least: 0.99", "at_lest: 0.99", "claims.1.tests", "at_lest"),
            (
                "{hidden_size: 20}, than: {hidden_size: 2}",
                "{}, than: {hidden_size: 2}",
                "more-is-better",
                "names 2 cells",
            ),
        ],
        "reported.csv": [
            ("sizes,hidden_size=2,", "sizes,units=2,", "line 2", "no setting 'units'"),
            ("sizes,hidden_size=2,", "size,hidden_size=2,", "line 2", "no experiment 'size'"),
            ("epoch,0.88,", "epoch,88 %,", "line 2", "'88 %' is not a number"),
        ],
        "figures.py": [("def seeds(evidence, experiment):", "def seeds(evidence, experiment:", "line 7", "correct it")],
    }
    for name, mistakes in wrong.items():
        before = (folder / name).read_text()
        for old, new, *said in mistakes:
            assert old in before
            (folder / name).write_text(before.replace(old, new, 1))
            answer = added.run(*run)
            assert answer.returncode != 0
            assert all(text in answer.stdout for text in (name, *said)), answer.stdout
        (folder / name).write_text(before)
