"""Which trials are the best."""

from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.tuning.study import OpenStudy


def ranked(opened: OpenStudy) -> list[FrozenTrial]:
    """The complete trials, best first: by accuracy if it is an objective, the first of equals."""
    objectives = opened.search.objectives
    place, sign = (objectives.index("accuracy"), -1) if "accuracy" in objectives else (0, 1)
    return sorted(opened.trials(TrialState.COMPLETE), key=lambda trial: (sign * trial.values[place], trial.number))
