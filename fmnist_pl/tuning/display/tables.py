"""Trials of a study as text, Markdown and CSV."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import IO, Any

from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.reporting.tables import markdown_table
from fmnist_pl.tuning.limits import SIZE


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Last name of each dotted key, with list indices (``lr``, ``blocks.0.1``); the whole key if two share it."""
    short = {key: _last_name(key) for key in keys}
    counts = Counter(short.values())
    return {key: name if counts[name] == 1 else key for key, name in short.items()}


def params_text(trial: FrozenTrial) -> str:
    """Params of a trial in one line: ``lr 0.0031, dropout 0.2``."""
    names = short_names(trial.params)
    return ", ".join(f"{names[key]} {number_text(value)}" for key, value in trial.params.items())


def number_text(value: Any) -> str:
    """A number in at most four digits; any other value as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def values_text(trial: FrozenTrial) -> str:
    """Values of a trial, or the last intermediate value of a pruned one; empty if it has none."""
    if trial.state == TrialState.FAIL:
        return ""
    values = trial.values if trial.state == TrialState.COMPLETE else list(trial.intermediate_values.values())[-1:]
    return ", ".join(f"{value:,.0f}" if value > 1 else f"{value:.4f}" for value in values or [])


def sizes_text(trial: FrozenTrial) -> str:
    """Sizes of the network of a trial whose search has limits: ``parameters 98,442, flops 1,204,224``."""
    return ", ".join(f"{name} {size:,}" for name, size in trial.user_attrs.get(SIZE, {}).items())


def trials_table(trials: Sequence[FrozenTrial]) -> str:
    """Markdown table with one line per trial, in the given order; with limits also the sizes of its network."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    limited = _limited_sizes(trials)
    rows = [["rank", "trial", "score", *short_names(keys).values(), *limited, "seconds"]]
    for rank, trial in enumerate(trials, 1):
        params = [number_text(trial.params[key]) if key in trial.params else "" for key in keys]
        params += [f"{size:,}" if size else "" for size in _sizes(trial, limited)]
        seconds = f"{trial.user_attrs.get('seconds', 0):.0f}"
        rows.append([str(rank), str(trial.number), values_text(trial), *params, seconds])
    return markdown_table(rows)


def write_trials(file: IO[str], trials: Sequence[FrozenTrial], objectives: Sequence[str]) -> None:
    """Write all trials as CSV: state, values, scores, params, sizes if limited, seconds, the reason of a failure."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    limited = [name for name in _limited_sizes(trials) if name not in objectives]
    scores = max((len(trial.user_attrs.get("scores", [])) for trial in trials), default=0)
    writer = csv.writer(file)
    head = ["trial", "state", *objectives, *(f"score_{i + 1}" for i in range(scores)), *keys, *limited]
    writer.writerow([*head, "reported_steps", "seconds", "worker", "reason"])
    for trial in trials:
        attributes = trial.user_attrs
        values = (trial.values or []) if trial.state == TrialState.COMPLETE else []
        own = attributes.get("scores", [])
        writer.writerow(
            [trial.number, trial.state.name.lower(), *_padded(values, len(objectives)), *_padded(own, scores)]
            + [trial.params.get(key, "") for key in keys]
            + _sizes(trial, limited)
            + [len(trial.intermediate_values), attributes.get("seconds", ""), attributes.get("worker", "")]
            + [attributes.get("reason", "")]
        )


def _last_name(key: str) -> str:
    parts = key.split(".")
    name = max((place for place, part in enumerate(parts) if not part.isdigit()), default=0)
    return ".".join(parts[name:])


def _limited_sizes(trials: Iterable[FrozenTrial]) -> list[str]:
    """Names of the sizes that the search of these trials limits."""
    return list(dict.fromkeys(name for trial in trials for name in trial.user_attrs.get(SIZE, {})))


def _sizes(trial: FrozenTrial, names: Iterable[str]) -> list[Any]:
    """Sizes of the network of a trial; empty texts if it could not be built."""
    return [trial.user_attrs.get(SIZE, {}).get(name, "") for name in names]


def _padded(values: Sequence[Any], length: int) -> list[Any]:
    return [*values, *[""] * (length - len(values))]
