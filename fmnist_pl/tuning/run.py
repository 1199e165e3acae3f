"""The search from end to end, for tune.py, notebooks and tests."""

import dataclasses
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import torch

from fmnist_pl.atomic_files import copy_file
from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.training.options import resolve_config
from fmnist_pl.tuning.checks import check_against_config, check_refit
from fmnist_pl.tuning.command_line import parse, stages_of
from fmnist_pl.tuning.configs import Config, at_full_length, refit_config
from fmnist_pl.tuning.exit_code import exit_code_of
from fmnist_pl.tuning.keys import set_keys
from fmnist_pl.tuning.pool import Pool, cores_per_worker
from fmnist_pl.tuning.ranking import ranked
from fmnist_pl.tuning.refit import refit
from fmnist_pl.tuning.results import BEST, top_table, write_results
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.space import Space
from fmnist_pl.tuning.study import OpenStudy, open_study
from fmnist_pl.tuning.view import View
from fmnist_pl.tuning.worker import work


@dataclass(frozen=True)
class Outcome:
    """What came of a search."""

    opened: OpenStudy
    """Of the last stage, where there are stages."""
    best_config: Config
    """Of the best trial, at the base config's number of epochs."""
    best_trial: int
    folder: Path
    refit: dict[str, Any] | None = None
    """The metrics of the refit; nothing where another machine does it."""

    @property
    def study(self) -> optuna.Study:
        """The study with all trials."""
        return self.opened.study


def tune(search: Search) -> Outcome:
    """Search, write the results, and train the best in full.

    Raises:
        UserError: The search is not as it must be, or nothing came of it.
        StoppedError: The user stopped it; the same call goes on.
    """
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
    search.check()
    base = resolve_config(["fit", "--config", search.base])
    check_refit(search, base)
    outcome = _run_stages(search, base) if search.stages else _run(search, base)
    if not search.refit:
        return outcome
    metrics = refit(search, outcome.opened, refit_config(search, outcome.best_config), outcome.best_trial)
    return dataclasses.replace(outcome, refit=metrics)


def main(args: list[str] | None = None) -> int:
    """The command line of tune.py.

    Returns:
        The exit code: 0, or 1 after an error that was told in one line.
    """
    for kind in (signal.SIGTERM, signal.SIGINT):  # which a script's background jobs inherit as ignored
        signal.signal(kind, signal.default_int_handler)
    try:
        return exit_code_of(lambda: tune(parse(sys.argv[1:] if args is None else args)))
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
        return 1


def _run(search: Search, base: Config) -> Outcome:
    space = Space(search.space)
    check_against_config(search, base, space)
    opened = open_study(search, base, space)
    _tell_beginning(opened)
    threads = torch.get_num_threads() if search.workers == 1 else cores_per_worker(search.workers)
    view = View(opened)
    try:
        with view.live():
            if search.workers == 1:
                work(opened, threads, view.update)
            else:
                Pool(search, base, respawns=2 * opened.budget).run(view.update)
        view.update()
        opened.check_all_done()
    except StoppedError as error:
        with opened.lock():
            opened.put_back_the_dead()
        raise StoppedError(_how_to_go_on(opened)) from error
    finally:
        files = write_results(opened)
    best = ranked(opened)
    if not best:
        raise UserError(f"no trial was completed; what became of each is in {files[0]}")
    names = ", ".join(path.name for path in files)
    print(f"\n{top_table(opened)}\n\nfiles in {search.home}: {names}", flush=True)
    config = at_full_length(search, space, base, best[0].params)
    return Outcome(opened, config, best[0].number, search.home)


def _tell_beginning(opened: OpenStudy) -> None:
    search = opened.search
    done = sum(trial.state.is_finished() for trial in opened.trials())
    facts = [f"{opened.budget} trials", search.sampler_name, f"pruner {search.pruner_name}"]
    if search.scores_per_trial > 1:
        facts.append(f"{search.scores_per_trial} scores each")
    if search.workers > 1:
        facts.append(f"{search.workers} workers")
    if done:
        facts.append(f"{done} done before")
    print(f"tune {search.name}: {search.base}, {', '.join(facts)}, in {search.home}")
    print(f"space:\n{opened.space}", flush=True)


def _how_to_go_on(opened: OpenStudy) -> str:
    done = sum(trial.state.is_finished() for trial in opened.trials())
    return f"stopped: {done} of {opened.budget} trials are done; the same command goes on from there"


def _run_stages(search: Search, base: Config) -> Outcome:
    parts, base = stages_of(search), set_keys(base, search.overrides)
    for part in parts:
        check_against_config(part, base, Space(part.space))
    outcome = None
    for number, part in enumerate(parts, 1):
        print(f"\nstage {number} of {len(parts)}", flush=True)
        outcome = _run(part, base)
        base = outcome.best_config
    assert outcome is not None, "there are stages"
    copy_file(outcome.folder / BEST, search.home / BEST)
    return dataclasses.replace(outcome, folder=search.home)
