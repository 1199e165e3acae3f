"""Corruptions: strength, seeds, range, and formulas by hand."""

import pytest
import torch
from torch import Generator, Tensor

from fmnist_pl.data.corrupt import CORRUPTIONS, STRENGTHS, corrupt, gaussian_blur
from fmnist_pl.data.synthetic import draw

NEUTRAL = {
    "gaussian noise": 0.0, "shot noise": 1e7, "impulse noise": 0.0, "blur": 0.05, "brightness": 0.0, "contrast": 1.0,
    "shift": 0.0, "rotation": 0.0,
}  # fmt: skip
RANDOM = {"gaussian noise", "shot noise", "impulse noise", "shift", "rotation"}


@pytest.fixture(scope="module")
def images() -> Tensor:
    return draw(60, 0).train.images


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption(images: Tensor, name: str) -> None:
    before, state = images.clone(), torch.get_rng_state()
    results = [corrupt(images, name, strength, seed=3) for strength in STRENGTHS]
    distances = [float((result.float() - images.float()).square().mean()) for result in results]
    assert distances == sorted(set(distances)), "each strength is farther from the clean images"
    assert distances[0] > 0
    assert all(result.dtype == torch.uint8 and result.shape == images.shape for result in results)
    assert torch.equal(images, before), "the given images are not changed"
    assert torch.equal(corrupt(images, name, 5, seed=3), results[4]), "the same seed gives the same images"
    assert torch.equal(corrupt(images, name, 5, seed=4), results[4]) == (name not in RANDOM)
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator is not used"


def test_a_strength_of_nothing_changes_nothing(images: Tensor) -> None:
    assert set(NEUTRAL) == set(CORRUPTIONS)
    scaled = images.float() / 255
    for name, value in NEUTRAL.items():
        result = CORRUPTIONS[name].apply(scaled, value, Generator().manual_seed(0))
        torch.testing.assert_close(result, scaled, atol=2e-3, rtol=0, msg=name)


def test_every_corruption_has_five_values() -> None:
    for corruption in CORRUPTIONS.values():
        assert len(corruption.values) == len(STRENGTHS) == 5
        assert list(corruption.values) in (sorted(corruption.values), sorted(corruption.values, reverse=True))


def test_the_formulas() -> None:
    grey = torch.full((50, 1, 28, 28), 128, dtype=torch.uint8)
    assert torch.equal(corrupt(grey, "brightness", 5), torch.full_like(grey, 255))
    assert torch.equal(corrupt(grey, "contrast", 5), grey)
    assert torch.equal(corrupt(torch.zeros_like(grey), "shot noise", 5), torch.zeros_like(grey))
    noise = corrupt(grey, "gaussian noise", 1).float() / 255 - 128 / 255
    assert float(noise.std()) == pytest.approx(0.08, rel=0.03)
    assert abs(float(noise.mean())) < 0.002
    shot = corrupt(grey, "shot noise", 1).float() / 255
    assert float(shot.std()) == pytest.approx((0.5 / 60) ** 0.5, rel=0.03)
    impulses = corrupt(grey, "impulse noise", 5)
    for value in (0, 255):
        assert float((impulses == value).float().mean()) == pytest.approx(0.135, abs=0.01)


def test_images_move_as_far_as_their_strength_says() -> None:
    point = torch.zeros(200, 1, 28, 28, dtype=torch.uint8)
    point[:, :, 14, 14] = 255
    places = {tuple(place[2:]) for place in corrupt(point, "shift", 4).nonzero().tolist()}
    assert places == {(14, 10), (14, 18), (10, 14), (18, 14)}
    blurred = gaussian_blur(point[:1] / 255, 2.0, Generator())[0, 0].double()
    rows = torch.arange(28, dtype=torch.float64) - 14
    variance = (blurred.sum(dim=1) * rows**2).sum() / blurred.sum()
    assert float(variance.sqrt()) == pytest.approx(2.0, rel=0.03)
    line = torch.zeros(50, 1, 28, 28, dtype=torch.uint8)
    line[:, :, 13:15] = 255
    turned = corrupt(line, "rotation", 5)
    assert 0 < int((turned[:, 0, 4, 4] > 128).sum()) < 50, "45 degrees, in both directions"
    assert bool(((turned[:, 0, 4, 4] > 128) ^ (turned[:, 0, 4, 23] > 128)).all())
