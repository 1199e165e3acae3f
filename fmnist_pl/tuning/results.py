"""What a search leaves in its folder: best.yaml, trials.csv, the table of the best, pictures."""

from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from fmnist_pl.atomic_files import replacing
from fmnist_pl.reporting.search_tables import trials_table, values_text, write_trials
from fmnist_pl.tuning.configs import handed_over, with_overrides, write_config
from fmnist_pl.tuning.ranking import ranked
from fmnist_pl.tuning.study import OpenStudy

BEST, TRIALS, TOP, PARETO = "best.yaml", "trials.csv", "top10.md", "pareto_front.md"


def write_results(opened: OpenStudy) -> list[Path]:
    """Write what there is to tell of a study so far.

    Args:
        opened: The study.

    Returns:
        The files.
    """
    search, home = opened.search, opened.search.home
    with replacing(home / TRIALS) as file:
        write_trials(file, opened.trials(), search.objectives)
    written = [home / TRIALS]
    best = ranked(opened)
    if not best:
        return written
    config = opened.space.apply(best[0].params, with_overrides(search, opened.base))
    config = handed_over(search, config, best[0].user_attrs["threads"])
    comment = f"# python train.py fit --config {home / BEST}\n# trial {best[0].number}: {values_text(best[0])}\n"
    written.append(write_config(config, home / BEST, comment))
    written.append(_write_text(top_table(opened), home / TOP))
    if len(search.objectives) > 1:
        written.append(_write_text(trials_table(pareto_front(opened.study)), home / PARETO))
    from fmnist_pl.reporting.search_pictures import write_pictures  # matplotlib takes a second to import

    return written + write_pictures(opened.study, list(search.objectives), home)


def top_table(opened: OpenStudy) -> str:
    """The ten best trials, as a table."""
    return trials_table(ranked(opened)[:10])


def pareto_front(study: optuna.Study) -> list[FrozenTrial]:
    """The trials than which none is better in all objectives, the most accurate first."""
    return sorted(study.best_trials, key=lambda trial: -trial.values[0])


def _write_text(text: str, path: Path) -> Path:
    with replacing(path) as file:
        file.write(f"{text}\n")
    return path
