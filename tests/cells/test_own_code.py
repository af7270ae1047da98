"""The code of networks of the user's own, as a plan finds it: without running any of it."""

import sys
from pathlib import Path

import pytest
from regrade.cells import expansion, own_code
from regrade.cells.cell import Cell
from regrade.config import params
from regrade.core.errors import UserError
from regrade.jobs import plan
from support.project import merged
from support.tiny import PARAMS, STUDY, sweep

NETS = '''
import os

import torch

from . import blocks
from .deep.er import helper


class Net(torch.nn.Module):
    """A network."""

    def __init__(self, width, rate=0.5, *, bias=True):
        super().__init__()
        from .late import Late
'''


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in the project's folder, whose modules end the process that imports them."""
    monkeypatch.chdir(tmp_path)
    write("__init__", "")
    write("nets", NETS)
    write("blocks", "from my_package import more\n")
    write("more", "")
    write("late", "import beside\n")
    write("deep/__init__", "from . import inner\n")
    write("deep/er", "from ..more import x\nhelper = 1\n")
    write("deep/inner", "")
    write("unrelated", "")
    Path("beside.py").write_text("exit(1)\n")
    forget()
    return tmp_path / "my_package"


def write(module: str, source: str) -> None:
    path = Path("my_package", f"{module}.py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"import sys\nsys.exit(1)\n{source}" if "import" in source else source)


def forget() -> None:
    """What a process finds out once is found out again."""
    own_code._tree.cache_clear()
    own_code._digest.cache_clear()


def module(target: str = "my_package.nets:Net", **arguments: object) -> dict:
    return {"module": {"import": target, "width": "$width"} | arguments}


def cells(*layers: dict, **settings: object) -> list[Cell]:
    change = {"studies": {STUDY: {"networks": {"mlp": list(layers)}}}}
    return expansion.expand(params.parse(merged(PARAMS, change, sweep(settings=settings))))


def test_the_digest_covers_all_that_is_imported_and_nothing_else(package: Path):
    def digest() -> str:
        forget()
        return own_code.digest("my_package.nets:Net")

    before = digest()
    covered = ("__init__", "nets", "blocks", "more", "late", "deep/__init__", "deep/er", "deep/inner")
    assert {path.as_posix() for path in own_code.files("my_package.nets:Net")} == {
        *(f"my_package/{name}.py" for name in covered),
        "beside.py",
    }
    for name in (*covered, "../beside"):
        path = package / f"{name}.py"
        source = path.read_text()
        path.write_text(f"{source}# a comment\n")
        assert digest() == before, name
        path.write_text(f"{source}\nx = 1\n")
        assert digest() != before, name
        path.write_text(source)
    write("unrelated", "x = 1\n")
    write("nets", NETS.replace("A network.", "Another text."))
    assert digest() == before


def test_the_digest_is_the_same_in_another_folder(package: Path, tmp_path: Path, monkeypatch):
    before = own_code.digest("my_package.nets:Net")
    (tmp_path / "elsewhere").mkdir()
    for name in ("my_package", "beside.py"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert own_code.digest("my_package.nets:Net") == before


def test_installed_packages_count_with_their_version_and_files(tmp_path: Path, monkeypatch):
    """Not module by module: nobody edits them."""
    assert "torch" in sys.modules or own_code.find("torch.nn.modules.linear").name == "linear.py"
    site = tmp_path / "site-packages"
    (site / "installed").mkdir(parents=True)
    (site / "installed/__init__.py").write_text("from torch.nn import Linear as Net\n")
    monkeypatch.syspath_prepend(site)
    before = own_code.digest("installed:Net")
    assert own_code.files("installed:Net") == []
    (site / "installed/another.py").write_text("")
    forget()
    assert own_code.digest("installed:Net") != before
    (layer,) = cells(module("installed:Net"))[0].configuration().own_modules
    assert layer.target == "installed:Net"


def test_the_projects_code_is_part_of_a_cells_code_not_of_its_name():
    before = {cell.folder: cell.code for cell in cells(module())}
    write("blocks", "x = 1\n")
    forget()
    after = {cell.folder: cell.code for cell in cells(module())}
    assert before.keys() == after.keys() and not set(before.values()) & set(after.values())


def test_a_job_holds_to_the_code_that_was_planned(monkeypatch):
    every = cells(module())
    plan.keep({"studies": {}}, every)
    plan.hold_cells(every)
    write("blocks", "x = 1\n")
    forget()
    with pytest.raises(UserError, match="code that trains this cell has changed since this run was planned"):
        plan.hold_cells(cells(module()))
    monkeypatch.delenv(plan.VARIABLE)


def test_a_cell_may_have_the_layers_of_any_winner():
    select = {"from": "sweep", "settings": ["width"], "by": "test_accuracy_last_epoch", "winner": "measured"}
    best = {"title": "Best", "like": "sweep", "select": select}
    change = {"studies": {STUDY: {"networks": {"mlp": [module()]}, "experiments": {"best": best}}}}
    cell = expansion.expand(params.parse(merged(PARAMS, change)))[-1]
    assert [each.own_modules[0].arguments["width"] for each in cell.possible] == [2, 2, 3]


def test_settings_reach_the_arguments():
    layer = {"module": {"import": "my_package.nets:Net", "width": ["$width", {"a": "$width"}], "rate": "$rate"}}
    networks = [cell.configuration().own_modules[0].arguments for cell in cells(layer, rate=0)]
    assert networks == [{"width": [width, {"a": width}], "rate": 0} for width in (2, 3)]
    with pytest.raises(UserError, match=r"networks.mlp.0.module.rate: the experiment has no setting 'rate'"):
        cells(layer)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (module("my_package.nets"), "0.module.import: 'my_package.nets' is not of the form package.module:Class"),
        (module("my_package/nets.py:Net"), "is not of the form package.module:Class"),
        (module("my_package.net:Net"), "0.module: there is no Python file of a module my_package.net,"),
        (module("nowhere.nets:Net"), "0.module: there is no Python file of a module nowhere.nets,"),
        (module("my_package.nets:Nett"), "0.module: my_package/nets.py has no class Nett (did you mean 'Net'?)"),
        (module("my_package.more:Net"), "0.module: my_package/more.py has no class Net; correct the name"),
        (module("my_package.broken:Net"), "my_package/broken.py, line 1: "),
        (module("my_package.imports_broken:Net"), "my_package/broken.py, line 1: "),
        (module("my_package.null:Net"), "my_package/null.py"),
        (module("my_package.function:Net"), "0.module: Net in my_package/function.py is a function"),
        (module(rat=1), "0.module: Net takes no argument 'rat' (did you mean 'rate'?); correct or remove it"),
        ({"module": {"import": "my_package.nets:Net"}}, "0.module: Net needs the argument 'width'; add it"),
        ({"module": {"width": 3}}, "0.module.import: this key is missing; add it"),
        ({"module": {"import": 3}}, "0.module.import: 3 should be a text"),
        ("module", "0.module.import: this key is missing; add it"),
        (module(kind="dense"), "0.module.kind: this layer is a module; remove or rename this key"),
    ],
)
def test_mistakes_are_said_before_any_job(layer: dict, said: str):
    write("broken", "class Net(:\n")
    write("imports_broken", "from . import broken\nfrom .nets import Net\n")
    write("function", "def Net():\n    pass\n")
    Path("my_package/null.py").write_text("\0")
    with pytest.raises(UserError) as raised:
        cells(layer, {"dense": {"units": "$width"}})
    assert str(raised.value).startswith("params.yaml: studies.tiny.networks.mlp.")
    assert said in str(raised.value)


def test_what_goes_with_an_own_network():
    cells(module(), {"dense": {"units": 1}})
    cells({"normalize": {"mean": 0, "deviation": 1}}, module(bias=None), "flatten")
    for layers, settings, said in (
        ([module()], {"l2": 0.1}, "sweep.settings.l2: which parameters of an own module are kernels is not known"),
        ([module()], {"backend": "numpy"}, "networks.mlp.0: the numpy backend has dense layers"),
        ([module()], {"activation_statistics": True}, "has no convolution"),
        (["image_rows", module()], {}, "networks.mlp.0.image_rows: cannot take"),
    ):
        with pytest.raises(UserError) as raised:
            cells(*layers, **settings)
        assert said in str(raised.value)


@pytest.mark.parametrize(
    "source",
    [
        "from torch.nn import Linear as Net\n",
        "from torch.nn import *\n",
        "def __getattr__(name): ...\n",
        "Net = make()\n",
        "try:\n    from a import Net\nexcept ImportError:\n    class Net: ...\n",
        "class Net:\n    def __init__(self, **arguments): ...\n",
        "@decorated\nclass Net:\n    def __init__(self): ...\n",
        "class Net:\n    width: int\n",
    ],
)
def test_what_only_running_it_can_tell_passes(source: str):
    write("nets", source)
    forget()
    assert cells(module())
