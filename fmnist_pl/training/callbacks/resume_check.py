"""Check the state in a checkpoint before a training continues from it."""

from collections.abc import Iterable, Mapping
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor
from torch.optim import Optimizer

from fmnist_pl.config import Config
from fmnist_pl.errors import UserError
from fmnist_pl.training.checkpoints import BestCheckpoint
from fmnist_pl.training.multi_step import loop_state

POSITION = {"epoch": 0, "next_batch": 0}  # state of a `data.loader.BatchLoader`


class ResumeCheck(Callback):
    """Compares the state in a checkpoint with that of the new training: the same entries, of the same types.

    Lightning and PyTorch restore whatever they find, and fail in a later step or not at all.
    """

    def __init__(self, config: Config) -> None:
        """Keep the config.

        Args:
            config: Of the new training, resolved, as nested plain data.
        """
        self._config = config
        self._saved: dict[str, Any] = {}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Check callbacks and loops, before any of them is restored.

        Raises:
            UserError: The checkpoint does not fit them, or is of another optimizer or schedule.
        """
        for key in ("optimizer", "lr_scheduler"):
            self._check_class(key, checkpoint["config"].get(key), trainer.ckpt_path)
        states = checkpoint["callbacks"]
        for callback in trainer.callbacks:
            if isinstance(callback, ModelCheckpoint) and not isinstance(callback, BestCheckpoint):
                states.pop(callback.state_key, None)  # it lists files of another run, which would be removed
            elif callback.state_key in states:
                where = f"callbacks.{type(callback).__name__}"
                _compare(states[callback.state_key], callback.state_dict(), where, trainer)
        loops = loop_state(trainer)
        fit_loop = checkpoint["loops"].get("fit_loop")
        if isinstance(fit_loop, dict) and fit_loop.get("state_dict"):
            loops["state_dict"] = {"combined_loader": [POSITION]}
        _compare(fit_loop, loops, "loops.fit_loop", trainer)
        self._saved = checkpoint

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check optimizers and schedules, which are made by now and not restored yet.

        Raises:
            UserError: The checkpoint does not fit them.
        """
        saved, self._saved = self._saved, {}
        if not saved:
            return
        schedules = [config.scheduler.state_dict() for config in trainer.lr_scheduler_configs]
        for number, (state, schedule) in enumerate(zip(saved["lr_schedulers"], schedules, strict=False)):
            _compare(state, schedule, f"lr_schedulers.{number}", trainer)
        groups = [{"param_groups": optimizer.state_dict()["param_groups"]} for optimizer in trainer.optimizers]
        _compare(saved["optimizer_states"], groups, "optimizer_states", trainer)
        for state, optimizer in zip(saved["optimizer_states"], trainer.optimizers, strict=True):
            if not _fits(state, optimizer):
                raise _misfit(trainer, "optimizer_states", "does not fit the network's weights")

    def _check_class(self, key: str, saved: Any, path: Any) -> None:
        before, now = (_class_name(spec) for spec in (saved, self._config.get(key)))
        if before and now and before != now:
            raise UserError(
                f"{key} is {now}, but {path} holds the state of {before}: go on without --{key}, "
                f"or start afresh with {now}, without --ckpt_path"
            )


def _class_name(spec: Any) -> str | None:
    path = spec.get("class_path") if isinstance(spec, dict) else spec
    return None if path is None else str(path).rpartition(".")[2]


def _compare(saved: Any, fresh: Any, where: str, trainer: Trainer) -> None:
    """Check that ``saved`` has the entries of ``fresh``, with values of the same kind."""
    if isinstance(fresh, Mapping):
        if not isinstance(saved, Mapping):
            raise _misfit(trainer, where, "is no mapping")
        for key, value in fresh.items():
            if key in saved:
                _compare(saved[key], value, f"{where}.{key}", trainer)
            elif not _may_be_missing(value, where):
                raise _misfit(trainer, f"{where}.{key}", "is missing")
    elif isinstance(fresh, list | tuple):
        if not isinstance(saved, list | tuple) or len(saved) != len(fresh):
            raise _misfit(trainer, where, f"is no list of {len(fresh)}")
        for number, (one, other) in enumerate(zip(saved, fresh, strict=True)):
            _compare(one, other, f"{where}.{number}", trainer)
    elif not _is_same_kind(saved, fresh):
        raise _misfit(trainer, where, f"is of type {type(saved).__name__}, not {type(fresh).__name__}")


def _may_be_missing(fresh: Any, where: str) -> bool:
    """Whether an older release of Lightning or PyTorch may lack it: the new training then uses its own value."""
    if where.startswith("lr_schedulers"):
        return not isinstance(fresh, Mapping)
    if where.endswith(".state_dict"):  # the position in an epoch: a checkpoint before its first step has none
        return True
    return fresh is None or (isinstance(fresh, bool) and where.startswith("optimizer_states"))


def _is_same_kind(saved: Any, fresh: Any) -> bool:
    if fresh is None or (saved is None and isinstance(fresh, bool)):
        return not isinstance(saved, str)
    if isinstance(fresh, str):
        return isinstance(saved, str)
    if isinstance(fresh, float | Tensor):
        return isinstance(saved, int | float) or (isinstance(saved, Tensor) and saved.numel() == 1)
    return isinstance(saved, type(fresh))


def _fits(state: Any, optimizer: Optimizer) -> bool:
    """Whether the saved state of each parameter has its shape."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    shapes = {number: parameter.shape for number, parameter in zip(numbers, parameters, strict=True)}
    saved = state.get("state")
    return isinstance(saved, dict) and all(
        number in shapes and isinstance(values, dict) and _have_shape(values, shapes[number])
        for number, values in saved.items()
    )


def _have_shape(values: dict[str, Any], shape: Iterable[int]) -> bool:
    """Whether these are numbers and tensors of one shape; Adafactor's row_var and col_var are parts of it."""
    return all(
        value.ndim == 0 or value.shape == shape or str(name).endswith("_var")
        if isinstance(value, Tensor)
        else isinstance(value, int | float | None)
        for name, value in values.items()
    )


def _misfit(trainer: Trainer, where: str, what: str) -> UserError:
    return UserError(
        f"{trainer.ckpt_path} cannot be resumed: {where[:100]!a} {what}; resume a checkpoint of this config and release"
    )
