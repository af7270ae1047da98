"""What a trained CNN is shown to look for, against gradients, brute force and plain loops; then through reports."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from regrade.cells.configuration import Configuration
from regrade.core.errors import UserError
from regrade.models.inspect.activations import strongest
from regrade.models.inspect.deconvolution import project, receptive_field
from regrade.models.inspect.occlusion import occlusion
from regrade.models.layer import Context
from regrade.models.network import Network
from regrade.reporting.evidence import Evidence
from regrade.reporting.evidence import read as evidence_of
from regrade.reporting.pages import study_page
from regrade.training import trained
from support.project import Project
from torch.nn import functional

SHAPE = (2, 13, 12)
# The layers of the first two blocks, with everything that may stand there
DEEP = [
    {"kind": "rescale", "divisor": 2.0},
    {"kind": "convolution", "filters": 4, "kernel": 3, "padding": 1, "activation": "relu"},
    {"kind": "max_pooling", "size": 3, "stride": 2, "padding": 1},
    {"kind": "convolution", "filters": 5, "kernel": 3},
    {"kind": "batch_normalization", "activation": "relu"},
    {"kind": "max_pooling", "size": 2},
    {"kind": "convolution", "filters": 3, "kernel": 3, "padding": 1, "activation": "relu"},
    {"kind": "flatten"},
    {"kind": "dense", "units": "classes"},
]


def network(layers: list[dict], shape: tuple[int, ...] = SHAPE) -> Network:
    """One run in evaluation, with batch normalisation as if after training."""
    settings = {"dataset": "cifar10", "network": "n", "optimizer": "sgd", "lr": 1.0, "batch_size": 1, "epochs": 1}
    specs = Configuration(conventions="torch", data={"dataset": "moons"}, settings=settings, network=layers).network
    generator = torch.Generator().manual_seed(7)
    made = Network(specs, shape, Context("torch", [generator], [torch.Generator()], 10)).eval()
    for name, tensor in made.state_dict().items():
        if "normalization" in name:
            low = -0.5 if name.endswith("mean") else 0.5
            tensor.uniform_(low, low + 1, generator=generator)
    return made


def images(count: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(3))


def output(model: Network, x: torch.Tensor, name: str) -> torch.Tensor:
    return model.outputs(x[None])[name][0]


@pytest.mark.parametrize(
    ("before", "shape"),
    [
        ([{"kind": "rescale", "divisor": 2.0}], SHAPE),
        ([{"kind": "grayscale"}, {"kind": "normalize", "mean": 0.5, "deviation": 0.3}], (3, 13, 12)),
    ],
    ids=["rescaled", "gray"],
)
def test_one_convolution_is_projected_as_its_gradient(before: list[dict], shape: tuple[int, ...], double):
    convolution = {"kind": "convolution", "filters": 4, "kernel": 3, "padding": 1, "activation": "relu"}
    model = network([*before, convolution], shape)
    x = images(3, shape).requires_grad_()
    found = strongest(model, x.detach(), "convolution1", 3)
    for number, position in ((0, found.positions[0, 0]), (3, found.positions[3, 0])):
        maps, positions = torch.full((3,), number), position.expand(3, 2)
        activations = output(model, x, "convolution1")[:, number, position[0], position[1]]
        (gradient,) = torch.autograd.grad(activations.sum(), x)
        expected = activations[:, None, None, None] * gradient
        assert expected.abs().max() > 0
        found_pixels = project(model, x.detach(), "convolution1", maps, positions)
        torch.testing.assert_close(found_pixels, expected.detach(), rtol=0, atol=1e-10)


class Rectified(torch.autograd.Function):
    """ReLU forward; backward what the deconvnet does: the positive part of the gradient, whatever the input was."""

    @staticmethod
    def forward(context, x):
        return x.relu()

    @staticmethod
    def backward(context, gradient):
        return gradient.relu()


@pytest.mark.parametrize("name", ["convolution2", "batch_normalization1", "max_pooling2", "convolution3"])
def test_deep_layers_are_projected_as_the_gradient_with_the_deconvnets_rectification(double, name: str):
    model = network(DEEP)
    x = images(6).requires_grad_()
    parameters = {key: tensor[0] for key, tensor in model.state_dict().items()}
    kernel = {number: parameters[f"convolution{number}.kernel"] for number in (1, 2, 3)}
    bias = {number: parameters[f"convolution{number}.bias"] for number in (1, 2, 3)}
    steps, y = {}, x / 2
    y = Rectified.apply(functional.conv2d(y, kernel[1], bias[1], padding=1))
    y = steps["max_pooling1"] = functional.max_pool2d(y, 3, 2, 1)
    y = steps["convolution2"] = functional.conv2d(y, kernel[2], bias[2])
    normal = {key.split(".")[1]: tensor for key, tensor in parameters.items() if "normalization" in key}
    y = functional.batch_norm(y, normal["mean"], normal["variance"], normal["scale"], normal["shift"], eps=1e-5)
    y = steps["batch_normalization1"] = Rectified.apply(y)
    y = steps["max_pooling2"] = functional.max_pool2d(y, 2)
    steps["convolution3"] = Rectified.apply(functional.conv2d(y, kernel[3], bias[3], padding=1))
    torch.testing.assert_close(steps[name], output(model, x, name), rtol=0, atol=1e-12)
    chosen, places = steps[name].flatten(1).max(1)
    (gradient,) = torch.autograd.grad(chosen, x, chosen.detach())
    assert (gradient.abs().amax((1, 2, 3)) > 0).all()
    maps, *positions = torch.unravel_index(places, steps[name].shape[1:])
    found = project(model, x.detach(), name, maps, torch.stack(positions, 1))
    torch.testing.assert_close(found, gradient, rtol=0, atol=1e-10)


@pytest.mark.parametrize("pooling", [{"size": 2}, {"size": 3, "stride": 2, "padding": 1}, {"size": 3, "stride": 1}])
def test_unpooling_is_the_gradient_of_pooling(double, pooling: dict):
    model = network([{"kind": "convolution", "filters": 3, "kernel": 3}, {"kind": "max_pooling", **pooling}])
    x = images(4).requires_grad_()
    maps, positions = torch.tensor([0, 1, 2, 1]), torch.tensor([[0, 0], [4, 3], [2, 4], [1, 1]])
    activations = output(model, x, "max_pooling1")[torch.arange(4), maps, positions[:, 0], positions[:, 1]]
    (gradient,) = torch.autograd.grad(activations, x, activations.detach())
    found = project(model, x.detach(), "max_pooling1", maps, positions)
    torch.testing.assert_close(found, gradient, rtol=0, atol=1e-10)


def test_what_no_deconvnet_can_project_is_refused():
    model = network(DEEP)
    with pytest.raises(ValueError, match="no layer 'convolution9', only rescale1, convolution1, max_pooling1"):
        strongest(model, images(1), "convolution9", 1)
    with pytest.raises(ValueError, match="'dense1' has no feature maps"):
        strongest(model, images(1), "dense1", 1)
    # Beyond the paper's ReLU, only functions that are never negative are rectified
    kinds = [{"kind": "convolution", "filters": 1, "kernel": 2, "activation": name} for name in ("tanh", "linear")]
    place = torch.zeros(1, dtype=torch.int64), torch.zeros(1, 2, dtype=torch.int64)
    assert (project(network(kinds), images(1), "convolution2", *place) != 0).any()


@pytest.mark.parametrize("name", ["convolution1", "max_pooling1", "batch_normalization1", "convolution3"])
def test_the_receptive_field_holds_all_that_can_change_an_activation(double, name: str):
    model = network(DEEP)
    # With kernels that are nowhere negative, a large pixel raises all that see it, and is each maximum that it is in
    for key, tensor in model.state_dict().items():
        if "kernel" in key:
            tensor.abs_()
    x = images(1)
    height, width = output(model, x, name).shape[2:]
    generator = torch.Generator().manual_seed(5)
    for position in ((0, 0), (height - 1, width - 1), (height // 2, 0)):
        before = output(model, x, name)[:, :, *position]
        rows, columns = receptive_field(model, SHAPE, name, position)
        inside = torch.zeros(SHAPE[1:], dtype=torch.bool)
        inside[rows, columns] = True
        noise = 100 * torch.randn(20, *SHAPE, generator=generator)
        after = output(model, torch.where(inside, x, noise), name)[:, :, *position]
        torch.testing.assert_close(after, before.expand_as(after), rtol=0, atol=0)
        # The box is as small as can be: each pixel of it changes the activation
        for row in range(rows.start, rows.stop):
            for column in range(columns.start, columns.stop):
                changed = x.clone()
                changed[:, :, row, column] += 1000
                assert (output(model, changed, name)[:, :, *position] != before).any(), (row, column)


def test_the_receptive_field_by_hand():
    comp576 = [
        {"kind": "convolution", "filters": 1, "kernel": 5, "activation": "relu"},
        {"kind": "max_pooling", "size": 2},
        {"kind": "convolution", "filters": 1, "kernel": 5, "activation": "relu"},
    ]
    model = network(comp576, (3, 32, 32))
    assert receptive_field(model, (3, 32, 32), "convolution1", (2, 27)) == (slice(2, 7), slice(27, 32))
    assert receptive_field(model, (3, 32, 32), "convolution2", (0, 9)) == (slice(0, 14), slice(18, 32))


def test_strongest_against_brute_force():
    model, x = network(DEEP), images(250)
    found = strongest(model, x, "convolution2", 4)
    maps = output(model, x, "convolution2").detach().numpy()
    for number in range(5):
        best = [(maps[i, number].max(), i) for i in range(250)]
        for rank, (value, i) in enumerate(sorted(best, reverse=True)[:4]):
            assert found.images[number, rank] == i
            assert found.values[number, rank].item() == pytest.approx(value, rel=1e-5)
            expected = np.unravel_index(maps[i, number].argmax(), maps.shape[2:])
            assert tuple(found.positions[number, rank].tolist()) == expected


def test_occlusion_against_a_plain_loop(double):
    model, x = network(DEEP), images(230)
    targets = torch.arange(230) % 10
    accuracy, probability = occlusion(model, x, targets, size=4, stride=3, value=0.5)
    assert accuracy.shape == probability.shape == (4, 3)
    for row, column in ((0, 0), (1, 2), (3, 1)):
        correct, total = 0, 0.0
        for image, target in zip(x.numpy(), targets.tolist(), strict=True):
            hidden = image.copy()
            hidden[:, 3 * row : 3 * row + 4, 3 * column : 3 * column + 4] = 0.5
            logits = model(torch.from_numpy(hidden)[None, None])[0, 0].detach().numpy()
            correct += logits.argmax() == target
            total += np.exp(logits[target]) / np.exp(logits).sum()
        assert accuracy[row, column].item() == correct / 230
        assert probability[row, column].item() == pytest.approx(total / 230, rel=1e-12)
    with pytest.raises(ValueError, match="13×13 pixels does not fit into an image of 13×12"):
        occlusion(model, x, targets, size=13, stride=1, value=0.5)


@pytest.fixture
def evidence(finished: Project, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """The small version's, as its report has it."""
    monkeypatch.chdir(finished.folder)
    return evidence_of("ce4042")


@pytest.fixture
def as_comp576(evidence: Evidence) -> Evidence:
    """The same cells, in a report that can call what the study comp576 draws."""
    return dataclasses.replace(evidence, study=evidence.study.model_copy(update={"study": "comp576"}))


def test_reports_draw_what_a_trained_network_looks_for(evidence: Evidence, as_comp576: Evidence, tmp_path: Path):
    for folder in ("figures", "tables"):
        (tmp_path / folder).mkdir()
    # What only one study draws is called by no other
    draw, cell = study_page.StudyPage(as_comp576, tmp_path).functions(), evidence.cell("a1_baseline")
    own = study_page.StudyPage(evidence, tmp_path).functions()
    assert "feature_maps" not in draw and "filters" not in own
    charts = [
        own["feature_maps"](cell, 1),
        draw["filters"](cell),
        draw["projections"](cell, "convolution1", top=4),
        draw["projections"](cell, "convolution2", maps=2),
        draw["occlusion_map"](cell, images=40, size=8, stride=12),
        draw["occluded_image"](cell, image=1, size=8, stride=8),
    ]
    for number, chart in enumerate(charts):
        (draw if number else own)["figure"](number, "Drawn.", chart)
        assert (tmp_path / f"figures/figure-{number:02d}.png").stat().st_size > 1000
    # Three filters; two of four; three rows and columns of squares
    assert len(charts[2].axes) == 3 and len(charts[3].axes) == 2
    heat = charts[4].axes[0].collections[0].get_array()
    assert heat.size == math.ceil(25 / 12) ** 2 and ((heat >= 0) & (heat <= 1)).all()
    with pytest.raises(UserError, match="projections of 'convolution3': there is no layer"):
        draw["projections"](cell, "convolution3")
    with pytest.raises(UserError, match="does not fit into an image of 32×32; make it smaller"):
        draw["occlusion_map"](cell, images=40, size=33, stride=1)


def test_the_network_of_a_report_is_the_one_that_was_trained(evidence: Evidence):
    cell = evidence.cell("a1_baseline")
    model = trained.load(cell.folder)
    inputs, targets = model.test()
    with torch.no_grad():
        predicted = model.network(torch.from_numpy(inputs)[None])[0].argmax(1)
    kept = pd.read_parquet(cell.folder / "predictions.parquet").query("seed == 0")
    assert predicted.tolist() == kept["last"].tolist() and targets.tolist() == kept["label"].tolist()


def test_activations_stand_beside_what_is_reported(as_comp576: Evidence, tmp_path: Path, monkeypatch):
    cell = as_comp576.cell("a1_baseline")
    stated = {"source": "", "experiment": cell.experiment, "note": ""}
    numbers = [
        stated | {"cell": {"layer": layer}, "metric": f"activation_{kind}", "value": value}
        for layer, kind, value in [("relu1", "mean", "0.0657"), ("relu1", "std", "0.1373"), ("relu2", "mean", "0.1")]
    ]
    ours = {"mean_convolution1": 0.06, "std_convolution1": 0.14}
    measured = [name for name in as_comp576.runs if "_activation_" in name]
    runs = as_comp576.runs.drop(columns=measured).assign(
        **{f"test_activation_{name}_at_lowest_loss": value for name, value in ours.items()}
    )
    evidence = dataclasses.replace(as_comp576, runs=runs)
    monkeypatch.setitem(evidence.__dict__, "reported", numbers)
    (tmp_path / "tables").mkdir()
    html = study_page.StudyPage(evidence, tmp_path).functions()["activations"]("activations", "Activations.", cell)
    table = pd.read_csv(tmp_path / "tables/table-activations.csv").set_index("layer")
    assert table["reported_mean"].tolist() == [0.0657, 0.1] and table["reported_std"]["relu1"] == 0.1373
    assert table["mean"]["relu1"] == pytest.approx(0.06) and table["std"]["relu1"] == pytest.approx(0.14)
    assert table[["mean", "std"]].loc["relu2"].isna().all() and "0.0657" in html and "0.0600" in html


def test_without_a_kept_model_there_is_nothing_to_draw(as_comp576: Evidence, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables").mkdir()
    draw, cell = study_page.StudyPage(as_comp576, tmp_path).functions(), as_comp576.cell("a1_baseline")
    for one in (cell, None):
        assert draw["filters"](one) is None
        assert draw["projections"](one, "convolution1") is None
        assert draw["occlusion_map"](one, 10, 8, 8) is None
        assert draw["occluded_image"](one, 0, 8, 8) is None
    assert "is missing" in draw["activations"]("a", "A.", None)
