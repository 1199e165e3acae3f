"""What Ctrl-C, SIGTERM and SIGUSR1 do: they end a training after the current step, and everything else at once."""

import os
import signal
import threading
from types import FrameType
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.start_up import SIGNALS, interrupt, remember_signal


class StoppedBySignal(SystemExit):
    """Ends a training between two steps, in all of its processes at the same step."""


def stop_at_once_on_signals() -> None:
    """Let SIGTERM and SIGUSR1 do what Ctrl-C does, in a program that is not training (yet)."""
    for number in SIGNALS:
        if number != signal.SIGINT:  # a background job of a shell ignores Ctrl-C
            signal.signal(number, interrupt)


class StopOnSignal(Callback):
    """Remembers a signal during the training. `LastCheckpoint` then saves and stops, where that state is exact.

    Lightning's own handlers end a run in the middle of a step, or save in the middle of one (``SLURMEnvironment``).
    A second Ctrl-C stops at once.
    """

    def __init__(self) -> None:
        self._received = False
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._received = False
        if threading.current_thread() is not threading.main_thread():
            return  # signals arrive in the main thread alone
        self._is_first = trainer.is_global_zero
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._handlers[number] = signal.signal(number, self._receive)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore()

    def is_requested(self, trainer: Trainer) -> bool:
        """Whether any process of the training received a signal; all processes must ask at the same place."""
        if trainer.world_size == 1:
            return self._received
        return bool(trainer.strategy.reduce_boolean_decision(self._received, all=False))

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self._received and self._is_first:
            text = f"{signal.Signals(number).name}: the training stops after this step\n"
            os.write(2, text.encode())  # a signal may arrive within a print, which cannot be entered twice
        remember_signal(number)
        self._received = True

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
