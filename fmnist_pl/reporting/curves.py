"""Figures of figures over epochs: of one run, of several."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fmnist_pl.reporting.runs import History
from fmnist_pl.reporting.style import BLUE, GREY, ORANGE, PALETTE

NAMES = {"loss": "loss", "acc": "accuracy"}


def learning_curves_figure(history: History, chosen_epoch: int | None) -> Figure:
    """Loss and accuracy, training against validation.

    Args:
        history: At least one epoch.
        chosen_epoch: The one whose weights were kept, from 0; ``None`` where that is not known.
    """
    figure, panels = _panels()
    for axes, name in zip(panels, NAMES, strict=True):
        for stage, colour, marker in (("train", BLUE, "o"), ("val", ORANGE, "s")):
            _draw(axes, history, f"{stage}/{name}", color=colour, marker=marker, label=stage)
        if chosen_epoch is not None:
            axes.axvline(chosen_epoch + 1, color=GREY, linestyle="--", label=f"chosen: epoch {chosen_epoch + 1}")
        axes.legend()
    figure.suptitle("Learning curves")
    return figure


def overlaid_curves_figure(histories: Mapping[str, History]) -> Figure:
    """Loss and accuracy of several runs: validation in full lines, training in dotted ones.

    Args:
        histories: By the name of the run.
    """
    figure, panels = _panels()
    for axes, name in zip(panels, NAMES, strict=True):
        for place, (run, history) in enumerate(histories.items()):
            colour = PALETTE[place % len(PALETTE)]
            _draw(axes, history, f"val/{name}", color=colour, marker="o", label=run)
            has_validation = any(f"val/{name}" in epoch for epoch in history)
            _draw(axes, history, f"train/{name}", color=colour, linestyle=":", label="" if has_validation else f"{run}")
    panels[-1].legend()
    figure.suptitle("Validation (lines) and training (dotted)")
    return figure


def _panels() -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(9, 4))
    panels = figure.subplots(1, len(NAMES))
    for axes, name in zip(panels, NAMES.values(), strict=True):
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, panels


def _draw(axes: Axes, history: History, name: str, **style: object) -> None:
    axes.set_xlim(0.5, max(axes.get_xlim()[1], len(history) + 0.5))
    points = [(epoch["epoch"] + 1, epoch[name]) for epoch in history if name in epoch]
    if points:
        axes.plot(*zip(*points, strict=True), markersize=4, **style)  # type: ignore[arg-type]
