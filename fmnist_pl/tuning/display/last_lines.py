"""Last lines of a search: what its last trials were worth, and the next command."""

from pathlib import Path

from fmnist_pl.config import Config
from fmnist_pl.reporting.runs import METRICS
from fmnist_pl.tuning.patience import last_gain, measured, score_noise
from fmnist_pl.tuning.plan import EPOCHS, Plan
from fmnist_pl.tuning.results import BEST
from fmnist_pl.tuning.study import TrialQueue

LAST, LEAST = 20, 3  # number of last trials of a search without patience: half of all, within these limits


def limits_line(queue: TrialQueue) -> str:
    """The limits of a search, and how many of the points that it sampled were over them; empty without limits."""
    if not queue.plan.sizes.are_limited:
        return ""
    rejected = queue.count_rejected()
    over = f"; sampled points over them, not trained: {rejected:,}" if rejected else ""
    return f"limits: {queue.plan.search.limits}{over}"


def worth(queue: TrialQueue) -> str:
    """What the last trials gained, against the noise of a score; empty if it cannot be told.

    With two objectives there is no gain, but the size of the Pareto front.
    """
    search, trials = queue.plan.search, queue.trials()
    if len(search.objectives) > 1:
        complete = len(queue.ranked())
        return f"{len(queue.study.best_trials)} of {complete} trials are on the Pareto front" if complete else ""
    last, gained = _last_gain(queue)
    if gained is None:
        return "there are too few trials to tell what more of them would gain" if _may_gain(queue) else ""
    sentence = f"the last {f'{last} trials' if last > 1 else 'trial'} gained {gained:.4f}"
    noise = score_noise(search, trials)
    if noise is None:
        return sentence
    hint = " (--repeats 3 with a new --study-name measures how seeds differ)" if search.repeats == 1 else ""
    return f"{sentence}; {noise.source}{hint}"


def next_command(plan: Plan, queue: TrialQueue, best_config: Config, is_refit: bool) -> str:
    """The most useful next command, with its reason.

    Args:
        plan: Of the whole search.
        queue: Of its study, or of the study of its last stage.
        best_config: Config of the best trial, with the epochs of a full training.
        is_refit: Whether it has been trained.
    """
    if not plan.search.stages and _may_gain(queue):
        return f"more trials may gain more: run the same command with --n-trials {2 * plan.budget}"
    if not is_refit:
        return f"train the best config at full length: {_fit_command(plan, queue, best_config)}"
    run = Path(plan.base["trainer"]["default_root_dir"], plan.base["name"])
    if any(run.glob(f"version_*/{METRICS}")):
        return f"compare with the base config: python -m fmnist_pl.reporting compare {run} {plan.search.home}"
    return f"train the base config, to compare: python train.py fit --config {plan.search.base}"


def _fit_command(plan: Plan, queue: TrialQueue, best_config: Config) -> str:
    """Command that trains best.yaml, which has the epochs of a trial, with those of a full training."""
    command = f"python train.py fit --config {plan.search.home / BEST}"
    of_trial = queue.plan.space.apply(queue.ranked()[0].params, queue.plan.trial_config)["trainer"]["max_epochs"]
    epochs = best_config["trainer"]["max_epochs"]
    return command if epochs == of_trial else f"{command} --{EPOCHS} {epochs}"


def _last_gain(queue: TrialQueue) -> tuple[int, float | None]:
    """Number of the last trials, and what they gained; ``None`` if there is nothing to compare with."""
    search, trials = queue.plan.search, queue.trials()
    count = len(measured(trials))
    last = search.patience if search.patience is not None and search.patience < count else min(LAST, count // 2)
    is_enough = last >= min(LEAST, search.patience or LEAST) and search.objectives == ["accuracy"]
    return last, last_gain(trials, last) if is_enough else None


def _may_gain(queue: TrialQueue) -> bool:
    """Whether the last trials gained more than the noise, or are too few to tell, and the space has more."""
    plan, search, trials = queue.plan, queue.plan.search, queue.trials()
    is_exhausted = plan.budget == plan.space.size() or plan.budget < plan.unlimited_budget
    if search.sampler_name in ("grid", "random") and is_exhausted:
        return False
    if search.objectives != ["accuracy"]:
        return False
    _, gained = _last_gain(queue)
    noise = score_noise(search, trials)
    return gained is None or (noise is not None and gained > noise.value)
