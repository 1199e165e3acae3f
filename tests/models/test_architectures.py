"""The networks: sizes as in the originals, every argument does something, impossible shapes are told."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from fmnist_pl.errors import UserError
from fmnist_pl.models import (
    Classifier,
    CNNClassifier,
    DenseClassifier,
    ResidualCNNClassifier,
    SeparableCNNClassifier,
    StridedCNNClassifier,
    TunerCNNClassifier,
)
from fmnist_pl.networks import CNN, ResidualCNN, SeparableCNN, StridedCNN
from fmnist_pl.networks.layers import ACTIVATIONS, INITIALIZERS, FlattenRows, initialize


def count(model: Classifier) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (DenseClassifier, 101_770),
        (lambda: DenseClassifier(hidden_sizes=[128, 128]), 118_282),
        (lambda: DenseClassifier(hidden_sizes=[]), 7_850),
        (lambda: CNNClassifier(conv_bias=False), 467_626),
        (TunerCNNClassifier, 1_341_834),
        (StridedCNNClassifier, 242_112),
        (ResidualCNNClassifier, 272_186),
        (lambda: ResidualCNNClassifier(head="flatten"), 272_186 + 640 * 48),
        (lambda: SeparableCNNClassifier(stem=8, stages=[[16], [24], [32, 32]]), 3_650),
    ],
)
def test_parameter_counts(make: Callable[[], Classifier], parameters: int) -> None:
    assert count(make()) == parameters


@pytest.mark.parametrize(
    "make",
    [
        DenseClassifier,
        CNNClassifier,
        TunerCNNClassifier,
        StridedCNNClassifier,
        lambda: ResidualCNNClassifier(filters=[8, 16], blocks_per_stage=1, stem_stride=2, squeeze=0.25),
        lambda: ResidualCNNClassifier(filters=[4, 8, 8], blocks_per_stage=1, head="flatten"),
        lambda: SeparableCNNClassifier(stem=4, stages=[[8], [8, 8]], kernel_size=5, squeeze=0.25, activation="silu"),
    ],
)
def test_logits_and_probabilities(make: Callable[[], Classifier]) -> None:
    model, images = make().eval(), torch.randn(5, 1, 28, 28)
    assert model(images).shape == (5, 10)
    torch.testing.assert_close(model.probabilities(images).sum(1), torch.ones(5))


OPTIONS: list[dict[str, Any]] = [
    {"blocks": [[8], [8, 8], [8]]},
    {"kernel_size": [3, 5, 3, 1]},
    {"padding": "valid"},
    {"pooling": "avg"},
    {"pooling": "none", "blocks": [[4]]},
    {"batch_norm": True},
    {"conv_dropout": 0.2, "dropout": 0.5},
    {"activation": "gelu", "kernel_initializer": "he_normal"},
    {"hidden_sizes": []},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_of_the_cnn_train(options: dict[str, Any]) -> None:
    model = CNNClassifier(**options)
    assert all(module.training for module in model.modules()), "built ready to train"
    nn.functional.cross_entropy(model(torch.randn(4, 1, 28, 28)), torch.arange(4)).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("pooling", ["max", "avg"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_block_is_the_function_that_its_help_says(pooling: str, activation: str) -> None:
    torch.manual_seed(0)
    network = CNN(blocks=[[4]], hidden_sizes=[], pooling=pooling, activation=activation)
    pool = nn.MaxPool2d(2) if pooling == "max" else nn.AvgPool2d(2)
    usual = nn.Sequential(network[0], ACTIVATIONS[activation](), pool, FlattenRows(), network[-1])
    images = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(network(images), usual(images))


def test_a_maximum_comes_before_an_activation_that_never_decreases() -> None:
    def order(activation: str) -> list[str]:
        return [type(layer).__name__ for layer in list(CNN(blocks=[[4]], activation=activation))[1:3]]

    assert order("relu") == ["MaxPool2d", "ReLU"], "a quarter of the activations"
    assert order("gelu") == ["GELU", "MaxPool2d"]


def test_the_convolutions_are_channels_last() -> None:
    weight = CNNClassifier().network[2].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_kernel_sizes_must_fit_the_convolutions() -> None:
    with pytest.raises(UserError, match="names 2 kernels, but model.blocks holds 4 convolutions"):
        CNNClassifier(kernel_size=[3, 3])


def test_too_many_blocks() -> None:
    with pytest.raises(UserError, match="model.blocks.*use fewer"):
        CNNClassifier(blocks=[[4]] * 6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    DenseClassifier(activation=name)(torch.randn(2, 1, 28, 28)).sum().backward()


FAN_IN, FAN_OUT = 300, 200
EXPECTED_SD = {
    "glorot_uniform": (2 / (FAN_IN + FAN_OUT)) ** 0.5,
    "glorot_normal": (2 / (FAN_IN + FAN_OUT)) ** 0.5,
    "he_uniform": (2 / FAN_IN) ** 0.5,
    "he_normal": (2 / FAN_IN) ** 0.5,
    "lecun_uniform": (1 / FAN_IN) ** 0.5,
    "lecun_normal": (1 / FAN_IN) ** 0.5,
    "orthogonal": (1 / FAN_IN) ** 0.5,
    "uniform": 0.05 / 3**0.5,
    "normal": 0.05,
    "zeros": 0.0,
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_have_the_spread_that_keras_gives_them(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(FAN_IN, FAN_OUT)
    initialize(layer, name)
    assert layer.weight.std().item() == pytest.approx(EXPECTED_SD[name], rel=0.03)
    assert layer.bias.abs().max() == 0


@pytest.mark.parametrize("filters", [[8], [8, 16], [8, 16, 12, 8, 4]])
def test_a_strided_network_of_any_depth(filters: list[int]) -> None:
    model = StridedCNNClassifier(filters=filters)
    model.network(torch.randn(4, 1, 28, 28)).sum().backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert len(trained) == 2 * len(filters) + 1, "kernel and shift of each convolution, and the dense layer"


def test_a_strided_network_starts_by_handing_on() -> None:
    convolution = StridedCNNClassifier(filters=[4, 6]).network[3]
    maps = torch.randn(2, 4, 14, 14)
    torch.testing.assert_close(convolution(maps)[:, :4], maps)


def test_a_cosine_stem_is_not_trained() -> None:
    """Nor does a gradient go through it; its patterns are orthogonal, each beside its negative."""
    model = StridedCNNClassifier(filters=[32, 8], stem="cosine")
    model.network(torch.randn(4, 1, 28, 28)).sum().backward()
    names = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert names == {"network.3.weight", "network.4.bias", "network.8.weight"}
    patterns, negatives = model.network[0].weight.flatten(1).split(16)
    torch.testing.assert_close(patterns @ patterns.T, torch.eye(16))
    torch.testing.assert_close(negatives, -patterns)


@pytest.mark.parametrize("filters", [[3], [34]])
def test_a_cosine_stem_has_no_such_number_of_filters(filters: list[int]) -> None:
    with pytest.raises(UserError, match="an even number of filters, up to 32"):
        StridedCNNClassifier(filters=filters, stem="cosine")


@pytest.mark.parametrize("filters", [[], [8] * 6])
def test_a_strided_network_too_deep_or_without_layers(filters: list[int]) -> None:
    with pytest.raises(UserError, match="give 1 to 5"):
        StridedCNNClassifier(filters=filters)


@pytest.mark.parametrize(("filters", "stride"), [([], 1), ([8] * 4, 1), ([8] * 3, 2)])
def test_a_residual_network_halves_even_sides_alone(filters: list[int], stride: int) -> None:
    with pytest.raises(UserError, match=f"model.filters .* give 1 to {4 - stride}"):
        ResidualCNNClassifier(filters=filters, stem_stride=stride)


@pytest.mark.parametrize("kind", [CNN, ResidualCNN, SeparableCNN, StridedCNN])
def test_an_image_and_its_mirror_image_vote(kind: Callable[..., nn.Module]) -> None:
    network, images = kind(mirror=True), torch.randn(8, 1, 28, 28)
    plain = kind()
    assert not torch.allclose(network(images), network(images.flip(3)), atol=1e-3), "training sees the image alone"
    network.eval()
    plain.load_state_dict(network.state_dict())  # batch norm has moved its statistics
    plain.eval()
    torch.testing.assert_close(network(images), (plain(images) + plain(images.flip(3))) / 2)


def test_a_residual_block_starts_as_its_shortcut() -> None:
    block = ResidualCNN(filters=[4], blocks_per_stage=1)[3]
    maps = torch.rand(2, 4, 28, 28)
    torch.testing.assert_close(block(maps), maps)


def test_a_separable_convolution_is_a_product_of_two() -> None:
    """One convolution whose kernels are products of the depthwise kernel and a number is the same function."""
    network = SeparableCNN(stem=3, stages=[[5]]).eval()
    depthwise, pointwise, _ = network[3].convolution
    kernels = pointwise.weight * depthwise.weight.squeeze(1)
    maps = torch.randn(2, 3, 28, 28)
    usual = nn.functional.conv2d(maps, kernels, padding=1)
    torch.testing.assert_close(pointwise(depthwise(maps)), usual)


def test_repeats_share_their_kernels() -> None:
    """Three times the convolution of a stage costs two batch norms more, and as many trained parameters."""
    once, often = (SeparableCNNClassifier(stem=4, stages=[[4]], repeats=repeats) for repeats in (1, 3))
    assert count(often) == count(once) + 2 * 2 * 4
    nn.functional.cross_entropy(often(torch.randn(4, 1, 28, 28)), torch.arange(4)).backward()
    assert all(parameter.grad is not None for parameter in often.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"stages": []}, "model.stages"), ({"stages": [[8], []]}, "model.stages"), ({"kernel_size": 2}, "odd")],
)
def test_a_separable_network_that_is_not_possible(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SeparableCNNClassifier(**options)
