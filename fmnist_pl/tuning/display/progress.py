"""Progress of a search: a line for each finished trial and, in a terminal, a live table below."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from fmnist_pl.tuning.display.tables import params_text, values_text
from fmnist_pl.tuning.study import TrialQueue

STATES = {TrialState.COMPLETE: "", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
ROWS = 5


class Progress:
    """Prints the progress of a study; call `update` whenever a trial may have changed."""

    def __init__(self, queue: TrialQueue) -> None:
        self._queue = queue
        self._console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        self._live: Live | None = None
        self._printed = {trial.number for trial in queue.trials() if trial.state.is_finished()}
        self._done_before, self._started = len(self._printed), time.monotonic()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the table while the block runs, if standard output is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        live = Live(self._table(), console=self._console, refresh_per_second=1, redirect_stdout=False, transient=True)
        with live as self._live:
            yield
        self._live = None

    def update(self) -> None:
        """Print newly finished trials, and refresh the table."""
        for trial in self._queue.trials():
            if trial.state.is_finished() and trial.number not in self._printed:
                self._printed.add(trial.number)
                self._console.print(self._line(trial), markup=False)
        if self._live is not None:
            self._live.update(self._table())

    def _line(self, trial: FrozenTrial) -> str:
        state = STATES[trial.state]
        score = values_text(trial) or "-"
        parts = [f"trial {trial.number:>3}  {score:>6} {state}".rstrip(), self._summary()]
        details = trial.user_attrs.get("reason") if trial.state == TrialState.FAIL else params_text(trial)
        return "   ".join([*parts, str(details)])

    def _summary(self) -> str:
        """Finished trials, the best one, and the time left."""
        budget = self._queue.plan.budget
        parts = [f"{len(self._printed)}/{budget}"]
        best = self._queue.ranked()
        if best:
            parts.append(f"best {values_text(best[0])} (trial {best[0].number})")
        done_here = len(self._printed) - self._done_before
        if done_here:
            left = (time.monotonic() - self._started) / done_here * (budget - len(self._printed))
            parts.append(f"{_duration(left)} left")
        return "  ".join(parts)

    def _table(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading in ("trial", "accuracy", "epochs", "params"):
            table.add_column(heading, overflow="ellipsis", no_wrap=True)
        for trial in self._queue.trials(TrialState.RUNNING):
            steps = trial.intermediate_values
            last = f"{steps[max(steps)]:.4f}" if steps else ""
            table.add_row(f"{trial.number} runs", last, str(len(steps) or ""), params_text(trial))
        for trial in self._queue.ranked()[:ROWS]:
            steps = trial.intermediate_values
            table.add_row(str(trial.number), values_text(trial), str(len(steps) or ""), params_text(trial))
        return Group(f"{self._queue.plan.search.name}  {self._summary()}", table)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
