"""Plot functions: the data that each figure holds."""

import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from torch import nn

from fmnist_pl.models import CNNClassifier, DenseClassifier
from fmnist_pl.reporting.data_sheet import counts_figure, pixels_figure
from fmnist_pl.reporting.plots.confusion import confusion_figure, f1_figure, reliability_figure
from fmnist_pl.reporting.plots.curves import learning_curves_figure
from fmnist_pl.reporting.plots.images import augmentation_figure, gallery_figure
from fmnist_pl.reporting.plots.network import (
    feature_maps,
    feature_maps_figure,
    filters_figure,
    first_filters,
    last_features,
)
from fmnist_pl.reporting.plots.style import BLUE, ORANGE
from fmnist_pl.reporting.report_figures import FIGURES

HISTORY = [
    {"epoch": 0, "train/loss": 2.0, "train/acc": 0.5, "val/loss": 1.5, "val/acc": 0.6},
    {"epoch": 1, "train/loss": 1.0, "train/acc": 0.7, "val/loss": 1.2, "val/acc": 0.65},
]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def drawn(figure: Figure) -> Figure:
    """The figure, after it was drawn."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_figures_have_different_names() -> None:
    assert len({entry.name for entry in FIGURES}) == len(FIGURES), "the name is the file's and TensorBoard's"


def test_confusion_cells_hold_counts_and_rates() -> None:
    figure = drawn(confusion_figure(np.array([[3, 1], [0, 0]]), ["a", "b"], "Title"))
    (axes,) = figure.axes
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0, 0]], "a class without images is no division by 0"
    assert texts(figure) == ["3\n75.0%", "1\n25.0%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")


@pytest.mark.parametrize("classes", [2, 10, 30])
def test_confusion_of_any_number_of_classes(classes: int) -> None:
    figure = drawn(confusion_figure(np.eye(classes, dtype=int), [str(label) for label in range(classes)], "Title"))
    assert len(texts(figure)) == (classes if classes <= 20 else 0)


def test_f1_bars() -> None:
    (axes,) = drawn(f1_figure([0.25, 0.75], ["a", "b"], 0.5)).axes
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]
    assert [text.get_text() for text in axes.texts] == ["0.250", "0.750"]
    assert axes.lines[0].get_xdata()[0] == 0.5


def test_reliability_bars_are_the_accuracy_of_their_bin() -> None:
    confidences = np.array([0.5, 0.5, 0.95, 1.0])
    upper, lower = drawn(reliability_figure(confidences, np.array([True, False, True, True]), 0.1)).axes
    bars = {round(bar.get_x(), 3): bar.get_height() for bar in upper.patches}
    assert bars == {0.467: 0.5, 0.933: 1.0}
    assert sum(bar.get_height() for bar in lower.patches) == 4
    assert "0.100" in upper.get_title()


def test_curves_and_the_tested_epoch() -> None:
    loss, accuracy = drawn(learning_curves_figure(HISTORY, 1)).axes
    train, val, tested = loss.lines
    assert (list(train.get_xdata()), list(train.get_ydata())) == ([1, 2], [2.0, 1.0])
    assert list(val.get_ydata()) == [1.5, 1.2]
    assert tested.get_xdata()[0] == 2
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ["train", "val", "tested: epoch 2"]


def test_curves_without_validation() -> None:
    history = [{key: value for key, value in epoch.items() if "val" not in key} for epoch in HISTORY]
    assert len(drawn(learning_curves_figure(history, None)).axes[0].lines) == 1


def test_galleries_mark_mistakes() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28))
    figure = drawn(gallery_figure(images, ["a", "b", "c"], "Title", marked=[False, True, False], columns=2))
    (axes,) = figure.axes
    assert texts(figure) == ["a", "b", "c"]
    assert [to_hex(text.get_color()).upper() for text in axes.texts] == [BLUE, ORANGE, BLUE]
    (frame,) = axes.patches
    x, y = (int(place) for place in frame.get_xy())
    sheet = axes.images[0].get_array()
    np.testing.assert_array_equal(sheet[y : y + 28, x : x + 28], images[1], "the frame is around the marked image")


def test_augmented_images_are_below_their_originals() -> None:
    originals, augmented = np.zeros((2, 28, 28)), np.stack([np.full((2, 28, 28), 1.0), np.full((2, 28, 28), 2.0)])
    figure = drawn(augmentation_figure(originals, augmented))
    sheet = figure.axes[0].images[0].get_array()
    assert [sheet[row].compressed()[0] for row in (0, 32, 64)] == [0, 1, 2]
    assert texts(figure) == ["original", "augmented", "augmented"]


def test_feature_maps_are_what_the_convolutions_give() -> None:
    model = CNNClassifier(blocks=[[3, 4], [20]]).eval()
    image = torch.rand(1, 1, 28, 28)
    maps = feature_maps(model.network, image)
    assert {name: of_layer.shape for name, of_layer in maps.items()} == {
        "convolution 1": (3, 28, 28), "convolution 2": (4, 28, 28), "convolution 3": (20, 14, 14),
    }  # fmt: skip
    first = model.network[0]
    assert isinstance(first, nn.Conv2d)
    np.testing.assert_allclose(maps["convolution 1"], first(image)[0].detach().numpy(), atol=1e-6)
    figure = drawn(feature_maps_figure(image[0, 0].numpy(), maps))
    assert [axes.get_title() for axes in figure.axes[1:]] == [
        "convolution 1: 3 maps of 28x28", "convolution 2: 4 maps of 28x28",
        "convolution 3: first 16 of 20 maps of 14x14",
    ]  # fmt: skip
    assert not any(module._forward_hooks for module in model.network.modules()), "all hooks are removed"


def test_a_dense_network_has_no_maps_but_filters() -> None:
    network = DenseClassifier(hidden_sizes=[5]).network
    assert feature_maps(network, torch.rand(1, 1, 28, 28)) == {}
    filters = first_filters(network)
    assert filters is not None
    np.testing.assert_array_equal(filters.reshape(5, -1), network[1].weight.detach().numpy())
    (axes,) = drawn(filters_figure(filters)).axes
    low, high = axes.images[0].get_clim()
    assert low == -high == -np.abs(filters).max()


def test_the_last_features_are_what_the_logits_are_made_of() -> None:
    model = CNNClassifier(blocks=[[2]], hidden_sizes=[7]).eval()
    images = torch.rand(3, 1, 28, 28)
    features = last_features(model.network, images)
    assert features.shape == (3, 7)
    with torch.no_grad():
        torch.testing.assert_close(model.network[-1](torch.from_numpy(features)), model(images))


def test_a_network_without_dense_layers_has_no_features() -> None:
    assert last_features(nn.Sequential(nn.Conv2d(1, 10, 28), nn.Flatten()), torch.rand(2, 1, 28, 28)) is None


def test_the_bars_of_the_data_sheet() -> None:
    (axes,) = drawn(counts_figure(np.array([4, 0]), np.array([1, 2]), ["a", "b"])).axes
    assert [bar.get_width() for bar in axes.patches] == [4, 0, 1, 2]
    (axes,) = drawn(pixels_figure(np.arange(256))).axes
    assert [bar.get_height() for bar in axes.patches] == list(range(256))
