"""Look inside a network: what its convolutions see, what its first layer looks for."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from fmnist_pl.data.facts import IMAGE_SIZE
from fmnist_pl.reporting.galleries import draw_tiles

MOST_MAPS, MAPS_IN_A_ROW = 16, 8
MOST_FILTERS = 64


def feature_maps(network: nn.Module, image: Tensor) -> dict[str, np.ndarray]:
    """What each convolution makes of an image, before its activation.

    Args:
        network: Run once, as it is.
        image: Normalised float (1, 1, 28, 28), on the network's device.

    Returns:
        float (channels, height, width) by a name like ``convolution 1``; nothing where the network has none.
    """
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    seen: dict[str, np.ndarray] = {}
    hooks = [
        module.register_forward_hook(
            lambda _module, _inputs, output, name=f"convolution {place}": seen.update({name: _array(output[0])})
        )
        for place, module in enumerate(convolutions, 1)
    ]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def last_features(network: nn.Module, images: Tensor) -> np.ndarray:
    """What the last dense layer is given for each image: the network's own description of it.

    Args:
        network: Run once, as it is.
        images: Normalised float (N, 1, 28, 28), on the network's device.

    Returns:
        float (N, features).
    """
    *_, last = (module for module in network.modules() if isinstance(module, nn.Linear))
    seen: list[np.ndarray] = []
    hook = last.register_forward_pre_hook(lambda _module, inputs: seen.append(_array(inputs[0])))
    try:
        with torch.no_grad():
            network(images)
    finally:
        hook.remove()
    return seen[0]


def first_filters(network: nn.Module) -> np.ndarray | None:
    """The weights of the first layer as pictures (filters, height, width); ``None`` where they are none."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return _array(module.weight[:, 0])
        if isinstance(module, nn.Linear):
            is_of_pixels = module.in_features == IMAGE_SIZE**2
            return _array(module.weight.view(-1, IMAGE_SIZE, IMAGE_SIZE)) if is_of_pixels else None
    return None


def feature_maps_figure(image: np.ndarray, maps: dict[str, np.ndarray]) -> Figure:
    """An image and, for each convolution, the first maps that it makes of it.

    Args:
        image: (H, W).
        maps: As `feature_maps` returns, at least one.
    """
    heights = [1.6, *(1.15 * -(-min(len(m), MOST_MAPS) // MAPS_IN_A_ROW) + 0.35 for m in maps.values())]
    figure = Figure(figsize=(9, sum(heights) + 0.4))
    figure.suptitle("Feature maps (before the activation)")
    first, *others = figure.subplots(len(heights), height_ratios=heights)
    draw_tiles(first, image[None], 1)
    first.set_title("the image", fontsize=10)
    for axes, (name, of_layer) in zip(others, maps.items(), strict=True):
        channels, height, width = of_layer.shape
        shown = f"the first {MOST_MAPS} of " if channels > MOST_MAPS else ""
        draw_tiles(axes, of_layer[:MOST_MAPS], MAPS_IN_A_ROW, colours="viridis")
        axes.set_title(f"{name}: {shown}{channels} maps of {height}x{width}", fontsize=10)
    return figure


def filters_figure(filters: np.ndarray) -> Figure:
    """The first layer's filters, in one scale around zero.

    Args:
        filters: (N, H, W).
    """
    shown = filters[:MOST_FILTERS]
    columns = min(16, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(9, 0.6 * rows + 0.6))
    axes = figure.subplots()
    draw_tiles(axes, shown, columns, colours="RdBu")
    limit = max(float(np.abs(shown).max()), 1e-12)
    axes.images[0].set_clim(-limit, limit)
    number = f"the first {len(shown)} of {len(filters)}" if len(filters) > len(shown) else str(len(filters))
    axes.set_title(f"First layer: {number} filters (red below zero, blue above)")
    return figure


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
