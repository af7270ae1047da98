"""What is done to the inputs: gray-scale against Pillow, for all colours there are, and normalising."""

import numpy as np
import pytest
import torch
from PIL import Image
from regrade.models.inputs import Grayscale
from support.runs import configuration, network

GRAYSCALE = {"kind": "grayscale"}


def pillow(pixels: np.ndarray) -> np.ndarray:
    """Luma (rows, columns) of pixels (rows, columns, 3)."""
    return np.asarray(Image.fromarray(pixels).convert("L"))


def test_gray_scale_is_pillows_for_every_colour():
    made = network([GRAYSCALE], (3, 256, 256))
    blue, green = np.meshgrid(np.arange(256), np.arange(256))
    for red in range(256):
        pixels = np.stack([np.full_like(blue, red), green, blue], axis=2).astype(np.uint8)
        mine = made(torch.from_numpy(pixels).permute(2, 0, 1)[None, None])
        assert mine.dtype == torch.uint8 and mine.shape == (1, 1, 1, 256, 256)
        assert np.array_equal(mine[0, 0, 0].numpy(), pillow(pixels)), red


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_rows_of_several_runs_and_rows_that_are_the_same_for_all(order: torch.memory_format):
    made = network([GRAYSCALE], (3, 6, 5), runs=2)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 5, 3), np.uint8)
    x = torch.from_numpy(pixels).permute(0, 1, 4, 2, 3)
    expected = np.stack([[pillow(image) for image in run] for run in pixels])[:, :, None]
    each = torch.stack([run.contiguous(memory_format=order) for run in x])
    assert np.array_equal(made(each).numpy(), expected)
    same = made(x[0].contiguous(memory_format=order).expand(2, -1, -1, -1, -1))
    assert same.stride(0) == 0, "computed twice"
    assert np.array_equal(same.numpy(), expected[[0, 0]])


def test_gray_scale_of_numbers_is_not_rounded(double: None):
    made = network([{"kind": "rescale", "divisor": 255}, GRAYSCALE], (3, 6, 5), runs=2)
    pixels = torch.randint(0, 256, (2, 4, 3, 6, 5), dtype=torch.uint8)
    red, green, blue = (pixels.double() / 255).unbind(2)
    expected = (0.299 * red + 0.587 * green + 0.114 * blue)[:, :, None]
    torch.testing.assert_close(made(pixels), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_than_three_channels_are_refused_in_one_sentence(channels: int):
    with pytest.raises(ValueError, match=f"red, green and blue, but there are {channels}"):
        Grayscale(None, (channels, 6, 5), None)
    with pytest.raises(ValueError, match="grayscale cannot take its input of shape"):
        network([GRAYSCALE], (channels, 6, 5))


@pytest.mark.parametrize("kind", ["bytes", "numbers"])
def test_normalising(kind: str, double: None):
    made = network([{"kind": "normalize", "mean": 0.5, "deviation": 0.25}], (3, 6, 5), runs=2)
    pixels = torch.randint(0, 256, (2, 4, 3, 6, 5), dtype=torch.uint8)
    x = pixels if kind == "bytes" else pixels / 255
    kept = x.clone()
    expected = (x.double() - 0.5) / 0.25
    torch.testing.assert_close(made(x), expected, rtol=0, atol=0)
    assert torch.equal(x, kept)
    same = made(x[0].expand(2, -1, -1, -1, -1))
    assert same.stride(0) == 0, "computed twice"
    torch.testing.assert_close(same, expected[[0, 0]], rtol=0, atol=0)


def test_from_colours_to_what_the_first_convolution_gets():
    """As torchvision's Grayscale, ToTensor and Normalize(0.5, 0.5) give them."""
    layers = [GRAYSCALE, {"kind": "rescale", "divisor": 255}, {"kind": "normalize", "mean": 0.5, "deviation": 0.5}]
    pixels = np.random.default_rng(1).integers(0, 256, (4, 6, 5, 3), np.uint8)
    made = network(layers, (3, 6, 5))(torch.from_numpy(pixels).permute(0, 3, 1, 2)[None])
    expected = (np.stack([pillow(image) for image in pixels]).astype(np.float32) / np.float32(255) - 0.5) / 0.5
    assert made.dtype == torch.float32
    np.testing.assert_array_equal(made[0, :, 0].numpy(), expected)


def test_new_layers_and_settings_that_are_off_name_no_other_cell():
    plain = [{"kind": "recurrent", "cell": "gru", "units": 3}, {"kind": "dense", "units": 2, "initial": "normal"}]
    off = {"recurrent_activation": None, "nonlinearity": None}
    spelled = [plain[0] | off, plain[1] | {"deviation": None, "zero_bias": False}]
    assert configuration(plain).hash == configuration(spelled).hash
    identity = configuration([*plain, {"kind": "maximum_over_steps"}]).identity["network"]
    assert identity[2] == {"kind": "maximum_over_steps"}
    assert "recurrent_activation" not in identity[0] and "deviation" not in identity[1]
