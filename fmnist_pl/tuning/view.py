"""What a person sees while a search runs: a line for each finished trial, and, in a terminal, a live table below."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from fmnist_pl.reporting.search_tables import choices_text, values_text
from fmnist_pl.tuning.ranking import ranked
from fmnist_pl.tuning.study import OpenStudy

STATES = {TrialState.COMPLETE: "", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
ROWS = 5


class View:
    """Shows a study; told whenever something in it may have changed."""

    def __init__(self, opened: OpenStudy) -> None:
        self._opened = opened
        self._console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        self._live: Live | None = None
        self._told = {trial.number for trial in opened.trials() if trial.state.is_finished()}
        self._done_before, self._started = len(self._told), time.monotonic()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the table while the block runs, where there is a terminal to show it in."""
        if not self._console.is_terminal:
            yield
            return
        live = Live(self._table(), console=self._console, refresh_per_second=1, redirect_stdout=False, transient=True)
        with live as self._live:
            yield
        self._live = None

    def update(self) -> None:
        """Tell of newly finished trials, and refresh the table."""
        for trial in self._opened.trials():
            if trial.state.is_finished() and trial.number not in self._told:
                self._told.add(trial.number)
                self._console.print(self._line(trial), markup=False)
        if self._live is not None:
            self._live.update(self._table())

    def _line(self, trial: FrozenTrial) -> str:
        state = STATES[trial.state]
        score = values_text(trial) or "-"
        parts = [f"trial {trial.number:>3}  {score:>6} {state}".rstrip(), self._progress()]
        what = trial.user_attrs.get("reason") if trial.state == TrialState.FAIL else choices_text(trial)
        return "   ".join([*parts, str(what)])

    def _progress(self) -> str:
        """How far, the best so far, how long still."""
        budget = self._opened.budget
        parts = [f"{len(self._told)}/{budget}"]
        best = ranked(self._opened)
        if best:
            parts.append(f"best {values_text(best[0])} (trial {best[0].number})")
        done_here = len(self._told) - self._done_before
        if done_here:
            left = (time.monotonic() - self._started) / done_here * (budget - len(self._told))
            parts.append(f"{_duration(left)} left")
        return "  ".join(parts)

    def _table(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading in ("trial", "accuracy", "epochs", "choices"):
            table.add_column(heading, overflow="ellipsis", no_wrap=True)
        for trial in self._opened.trials(TrialState.RUNNING):
            steps = trial.intermediate_values
            last = f"{steps[max(steps)]:.4f}" if steps else ""
            table.add_row(f"{trial.number} runs", last, str(len(steps) or ""), choices_text(trial))
        for trial in ranked(self._opened)[:ROWS]:
            steps = trial.intermediate_values
            table.add_row(str(trial.number), values_text(trial), str(len(steps) or ""), choices_text(trial))
        return Group(f"{self._opened.search.name}  {self._progress()}", table)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
