"""A search from end to end, for tune.py, notebooks and tests."""

import dataclasses
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import TrialState

from fmnist_pl.atomic_files import copy_file
from fmnist_pl.config import Config, check_name
from fmnist_pl.console import exit_code_of
from fmnist_pl.errors import StoppedError, UserError
from fmnist_pl.start_up import SIGNALS, interrupt, work_begins
from fmnist_pl.tuning.command_line import parse, search_from
from fmnist_pl.tuning.display.last_lines import limits_line, next_command, worth
from fmnist_pl.tuning.display.progress import Progress
from fmnist_pl.tuning.dotted_keys import set_keys
from fmnist_pl.tuning.plan import Plan, base_config, check_plan, check_refit
from fmnist_pl.tuning.pool import Pool, devices_of
from fmnist_pl.tuning.refit import refit
from fmnist_pl.tuning.results import BEST, open_parent, top_table, track_end, track_start, write_results
from fmnist_pl.tuning.search import Search
from fmnist_pl.tuning.storage import one_line_storage_errors
from fmnist_pl.tuning.study import TrialQueue, open_study
from fmnist_pl.tuning.worker import Worker


@dataclass(frozen=True)
class Outcome:
    """Outcome of a search; of its last stage, if it has stages."""

    queue: TrialQueue
    best_config: Config
    """Config of the best trial, with the epochs of a full training."""
    best_trial: int
    folder: Path
    refit: dict[str, Any] | None = None
    """Metrics of the refit; ``None`` if there is none, or another machine trains it."""

    @property
    def study(self) -> optuna.Study:
        """The study with all trials."""
        return self.queue.study


def tune(search: Search) -> Outcome:
    """Search, write the results, and refit the best config.

    Raises:
        UserError: The search is not valid, its storage stops answering, or no trial was completed.
        StoppedError: The user stopped the search; the same call continues it.
    """
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
    plan = Plan(search, base_config(search))
    check_refit(plan)
    with one_line_storage_errors():
        outcome = _run_stages(plan) if search.stages else _run(plan)
        if not search.refit:
            _print_last_lines(plan, outcome)
            return outcome
        config, parent = plan.refit_config(outcome.best_config), open_parent(outcome.queue.plan)
        if parent is not None:
            config = set_keys(config, {"trainer.logger": parent.logger_of_child("refit")})
        metrics = refit(plan, outcome.queue, config, outcome.best_trial)
        _print_last_lines(plan, outcome)
        return dataclasses.replace(outcome, refit=metrics)


def main(args: list[str] | None = None) -> int:
    """Main function of tune.py.

    Returns:
        Exit code: 0; 1 after an error, which is printed in one line; 128 and the signal's number if one stopped it.
    """
    for kind in SIGNALS:  # SIGINT too, which background jobs of a script ignore
        signal.signal(kind, interrupt)
    return exit_code_of(lambda: tune(parse(sys.argv[1:] if args is None else args)))


def _check(plan: Plan) -> None:
    check_plan(plan)
    if plan.search.workers > 1:
        devices_of(plan)


def _check_limits(plan: Plan) -> None:
    """Check the limits as far as it takes little time; the stages of a search each when they begin."""
    plan.sizes.check_points(plan.search.points)
    _ = plan.budget  # of a grid, the number of its configurations within the limits


def _run(plan: Plan) -> Outcome:
    _check(plan)
    _check_limits(plan)
    work_begins()
    queue = open_study(plan)
    track_start(queue)  # before the workers: an address that does not answer shows here
    _print_plan(queue)
    progress = Progress(queue)
    try:
        with progress.live():
            if plan.search.workers == 1:
                Worker(queue, torch.get_num_threads(), progress.update).run()
            else:
                Pool(plan).run(progress.update)
        progress.update()
        _check_complete(queue)
        if queue.is_out_of_patience and _count_done(queue) < plan.budget:
            print(f"\nout of patience after {_count_done(queue)} of {plan.budget} trials", flush=True)
    except StoppedError as error:
        with queue.lock():
            queue.requeue_lapsed()
        print("\n".join(["", *filter(None, [limits_line(queue), worth(queue)])]), flush=True)
        raise StoppedError(
            f"stopped: {_count_done(queue)} of {plan.budget} trials are done; run the same command again to continue"
        ) from error
    finally:
        files = write_results(queue)
        track_end(queue, files)
    best = next(iter(queue.ranked()), None)
    if best is None:
        raise UserError(f"no trial was completed; the reasons are in {files[0]}")
    names = ", ".join(path.name for path in files)
    print(f"\n{top_table(queue)}\n\nfiles in {plan.search.home}: {names}", flush=True)
    return Outcome(queue, plan.space.apply(best.params, queue.plan.full_config), best.number, plan.search.home)


def _run_stages(plan: Plan) -> Outcome:
    """Run the stages one after another, each from the best config of the previous one."""
    stages, base = _stages(plan.search), plan.full_config
    for stage in stages:
        _check(Plan(stage, base))
    outcome = None
    for number, stage in enumerate(stages, 1):
        print(f"\nstage {number} of {len(stages)}", flush=True)
        outcome = _run(Plan(stage, base))
        base = outcome.best_config
    assert outcome is not None, "there are stages"
    copy_file(outcome.folder / BEST, plan.search.home / BEST)
    return dataclasses.replace(outcome, folder=plan.search.home)


def _stages(search: Search) -> list[Search]:
    """The stages as searches, with their studies in the folder of the whole search.

    Raises:
        UserError: A key or value of a stage is not valid.
    """
    # the base of the stages has the overrides
    shared = dataclasses.asdict(search) | {"stages": [], "overrides": {}, "refit": False}
    stages = []
    for number, keys in enumerate(search.stages, 1):
        own = {key: value for key, value in keys.items() if key != "name"}
        if own.get("stages"):
            raise UserError(f"stage {number}: stages is given; a stage has no stages: write all of them in one list")
        name = check_name(str(keys.get("name", "stage")), f"stage {number}: name")
        study = {"study_name": f"{search.name}-{number}-{name}", "folder": str(search.home)}
        try:
            stages.append(search_from(shared | own | study))
        except UserError as error:
            raise UserError(f"stage {number}: {error}") from error
    return stages


def _print_plan(queue: TrialQueue) -> None:
    plan, search = queue.plan, queue.plan.search
    done = _count_done(queue)
    all_fitting = ", all configurations within the limits" if plan.budget < plan.unlimited_budget else ""
    facts = [f"{plan.budget} trials{all_fitting}", search.sampler_name, f"pruner {search.pruner_name}"]
    if search.scores_per_trial > 1:
        facts.append(f"{search.scores_per_trial} scores each")
    if search.limits.given:
        facts.append(f"limits {search.limits}")
    if search.patience is not None:
        facts.append(f"patience {search.patience}")
    if search.workers > 1:
        facts.append(f"{search.workers} workers")
    if done:
        facts.append(f"{done} done before")
    print(f"tune {search.name}: {search.base}, {', '.join(facts)}, in {search.home}")
    print(f"space:\n{plan.space}", flush=True)


def _print_last_lines(plan: Plan, outcome: Outcome) -> None:
    """Print what the search was worth, and the next command."""
    next_line = next_command(plan, outcome.queue, outcome.best_config, is_refit=plan.search.refit)
    lines = [limits_line(outcome.queue), worth(outcome.queue), next_line]
    print("\n".join(["", *filter(None, lines)]), flush=True)


def _count_done(queue: TrialQueue) -> int:
    return sum(trial.state.is_finished() for trial in queue.trials())


def _check_complete(queue: TrialQueue) -> None:
    left = queue.trials(TrialState.WAITING, TrialState.RUNNING)
    if left:
        raise UserError(f"{len(left)} trials are left, but every worker was killed: run the same command again")
