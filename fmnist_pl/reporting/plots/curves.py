"""Plot of the learning curves of a run."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fmnist_pl.reporting.plots.style import BLUE, GREY, ORANGE
from fmnist_pl.reporting.runs import History

METRICS = {"loss": "loss", "acc": "accuracy"}  # metric name -> axis label


def learning_curves_figure(history: History, tested_epoch: int | None) -> Figure:
    """Plot loss and accuracy per epoch, for training and validation.

    Args:
        history: Metrics of at least one epoch.
        tested_epoch: Epoch of the tested weights, from 0, marked by a dashed line; ``None`` if unknown.
    """
    figure = Figure(figsize=(9, 4))
    figure.suptitle("Learning curves")
    for axes, (metric, label) in zip(figure.subplots(1, len(METRICS)), METRICS.items(), strict=True):
        axes.set(xlabel="epoch", ylabel=label, xlim=(0.5, len(history) + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for stage, colour, marker in (("train", BLUE, "o"), ("val", ORANGE, "s")):
            _plot_curve(axes, history, f"{stage}/{metric}", color=colour, marker=marker, label=stage)
        if tested_epoch is not None:
            axes.axvline(tested_epoch + 1, color=GREY, linestyle="--", label=f"tested: epoch {tested_epoch + 1}")
        axes.legend()
    return figure


def _plot_curve(axes: Axes, history: History, name: str, **style: str) -> None:
    points = [(epoch["epoch"] + 1, epoch[name]) for epoch in history if name in epoch]
    if points:
        axes.plot(*zip(*points, strict=True), markersize=4, **style)  # type: ignore[arg-type]
