"""Feature maps, filters and features of a network, and plots of them."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.reporting.plots.images import draw_tiles

MAX_LAYERS, MAX_MAPS, MAPS_PER_ROW = 16, 16, 8
MAX_FILTERS, FILTERS_PER_ROW = 64, 16


def feature_maps(network: nn.Module, image: Tensor) -> dict[str, np.ndarray]:
    """Return the output of each convolution (at most the first 16) for one image, before the activation.

    Args:
        network: Run once, in its current mode.
        image: Normalised float (1, 1, 28, 28), on the network's device.

    Returns:
        float (channels, height, width) by name (``convolution 1``); empty for a network without convolutions.
    """
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)][:MAX_LAYERS]
    maps: dict[str, np.ndarray] = {}
    hooks = [
        module.register_forward_hook(
            lambda _module, _inputs, output, name=f"convolution {number}": maps.update({name: _array(output[0])})
        )
        for number, module in enumerate(convolutions, 1)
    ]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return maps


def last_features(network: nn.Module, images: Tensor) -> np.ndarray | None:
    """Return the input of the last dense layer for each image: its embedding.

    Args:
        network: Run once, in its current mode.
        images: Normalised float (N, 1, 28, 28), on the network's device.

    Returns:
        float (N, features); ``None`` if the network has no dense layer or does not run it.
    """
    dense_layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not dense_layers:
        return None
    inputs_of_last: list[np.ndarray] = []
    hook = dense_layers[-1].register_forward_pre_hook(lambda _module, inputs: inputs_of_last.append(_array(inputs[0])))
    try:
        with torch.no_grad():
            network(images)
    finally:
        hook.remove()
    return inputs_of_last[-1].reshape(len(images), -1) if inputs_of_last else None


def first_filters(network: nn.Module) -> np.ndarray | None:
    """Return the first layer's weights as images (filters, height, width); ``None`` if they have no image shape."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return _array(module.weight[:, 0])
        if isinstance(module, nn.Linear):
            takes_pixels = module.in_features == IMAGE_SIZE**2
            return _array(module.weight.view(-1, IMAGE_SIZE, IMAGE_SIZE)) if takes_pixels else None
    return None


def feature_maps_figure(image: np.ndarray, maps: dict[str, np.ndarray]) -> Figure:
    """Plot an image and the first feature maps of each convolution.

    Args:
        image: (H, W).
        maps: Result of `feature_maps`, not empty.
    """
    heights = [1.6, *(1.15 * -(-min(len(m), MAX_MAPS) // MAPS_PER_ROW) + 0.35 for m in maps.values())]
    figure = Figure(figsize=(9, sum(heights) + 0.4))
    figure.suptitle("Feature maps (before the activation)")
    first, *others = figure.subplots(len(heights), height_ratios=heights)
    draw_tiles(first, image[None], 1)
    first.set_title("input image", fontsize=10)
    for axes, (name, layer_maps) in zip(others, maps.items(), strict=True):
        channels, height, width = layer_maps.shape
        shown = f"first {MAX_MAPS} of " if channels > MAX_MAPS else ""
        draw_tiles(axes, layer_maps[:MAX_MAPS], MAPS_PER_ROW, colours="viridis")
        axes.set_title(f"{name}: {shown}{channels} maps of {height}x{width}", fontsize=10)
    return figure


def filters_figure(filters: np.ndarray) -> Figure:
    """Plot the first layer's filters on one scale that is symmetric around zero.

    Args:
        filters: (N, H, W).
    """
    shown = filters[:MAX_FILTERS]
    columns = min(FILTERS_PER_ROW, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(9, 0.6 * rows + 0.6))
    axes = figure.subplots()
    draw_tiles(axes, shown, columns, colours="RdBu")
    limit = max(float(np.abs(shown).max()), 1e-12)
    axes.images[0].set_clim(-limit, limit)
    number = f"first {len(shown)} of {len(filters)}" if len(filters) > len(shown) else str(len(filters))
    axes.set_title(f"First layer: {number} filters (red: negative, blue: positive)")
    return figure


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
