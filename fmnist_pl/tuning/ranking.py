"""Which trials are the best."""

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from fmnist_pl.tuning.study import OpenStudy


def ranked(opened: OpenStudy) -> list[FrozenTrial]:
    """The complete trials, best first: by accuracy if it is an objective, the first of equals."""
    place = accuracy_place(opened.study)
    sign = 1 if opened.search.objectives[place] == "parameters" else -1
    return sorted(opened.trials(TrialState.COMPLETE), key=lambda trial: (sign * trial.values[place], trial.number))


def accuracy_place(study: optuna.Study) -> int:
    """Which of the objectives the ranking is by: the one that goes up, where there is one."""
    directions = study.directions
    up = StudyDirection.MAXIMIZE
    return directions.index(up) if up in directions else 0
