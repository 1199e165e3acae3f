"""What a search is: every key of a file in configs/search, every flag of tune.py."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fmnist_pl.errors import UserError

Objective = Literal["accuracy", "parameters"]
Sampler = Literal["tpe", "random", "grid", "qmc", "gp", "cmaes", "nsgaii"]
Pruner = Literal["none", "median", "hyperband", "halving"]
DEFAULT_TRIALS = 50


@dataclass(frozen=True)
class Search:
    """A search over the keys of a training config.

    Args:
        base: Training config to start from, found as train.py finds it (cnn.yaml).
        space: For dotted keys of the config, where to look (see configs/search/cnn.yaml for all forms).
        stages: Small searches one after another, each from the best of the one before; their keys go before these.
        overrides: Other values for dotted keys of the base config, in the trials and the refit.
        points: Points of the space to try first; keys that one leaves out are sampled.
        objectives: What to optimise: validation accuracy (up), number of parameters (down), or both.
        sampler: Where to try next; null for tpe, or nsgaii with two objectives.
        sampler_args: Arguments of Optuna's class of that sampler, but for its seed.
        pruner: When to give up on a trial; null for median, or none with two objectives.
        pruner_args: Arguments of Optuna's class of that pruner.
        n_trials: Trials in all, over all workers and restarts; null for 50, or the whole grid.
        epochs: Epochs of a trial; null for as many as the config says.
        folds: Score each trial by its mean over so many stratified folds; null for one validation split.
        repeats: Score each trial by its mean over so many seeds.
        seed: Of the sampler. The trainings' own is overrides.seed_everything.
        workers: Processes on this machine, which share its cores and GPUs.
        workers_per_device: How many of them may share a GPU.
        storage: Where the study is kept: null for a journal file in its folder, or postgresql://USER:PASSWORD@HOST/DB.
        study_name: Name of the study and its folder; null for the name of the search's file.
        folder: Folder of all studies.
        keep: How many of the best trials keep their weights.
        refit: Whether to train the best config in full at the end, and test it once.
        refit_epochs: Epochs of the refit; null for as many as the config says, or the best trial if they were searched.
        refit_resume: Whether the refit goes on from the best trial's last epoch, rather than anew.
        refit_overrides: Other values for dotted keys of the config, in the refit.
    """

    base: str
    space: dict[str, Any] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    overrides: dict[str, Any] = field(default_factory=dict)
    points: list[dict[str, Any]] = field(default_factory=list)
    objectives: list[Objective] = field(default_factory=lambda: ["accuracy"])
    sampler: Sampler | None = None
    sampler_args: dict[str, Any] = field(default_factory=dict)
    pruner: Pruner | None = None
    pruner_args: dict[str, Any] = field(default_factory=dict)
    n_trials: int | None = None
    epochs: int | None = None
    folds: int | None = None
    repeats: int = 1
    seed: int = 0
    workers: int = 1
    workers_per_device: int = 1
    storage: str | None = None
    study_name: str | None = None
    folder: Path = Path("runs/tune")
    keep: int = 3
    refit: bool = True
    refit_epochs: int | None = None
    refit_resume: bool = False
    refit_overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study_name or Path(self.base).stem

    @property
    def home(self) -> Path:
        """Where everything of the study is."""
        return self.folder / self.name

    @property
    def sampler_name(self) -> Sampler:
        """The sampler, chosen by the objectives where it is not named."""
        return self.sampler or ("tpe" if len(self.objectives) == 1 else "nsgaii")

    @property
    def pruner_name(self) -> Pruner:
        """The pruner, chosen by the objectives where it is not named."""
        return self.pruner or ("median" if len(self.objectives) == 1 else "none")

    @property
    def scores_per_trial(self) -> int:
        """How many trainings make one trial."""
        return (self.folds or 1) * self.repeats

    def check(self) -> None:
        """Look at what does not depend on the config.

        Raises:
            UserError: A value is out of its range, or two do not go together.
        """
        for name in ("n_trials", "epochs", "repeats", "workers", "workers_per_device", "refit_epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} is {value}: give at least 1")
        if self.folds is not None and self.folds < 2:
            raise UserError(f"folds is {self.folds}: give at least 2, or null for one validation split")
        if self.keep < 0:
            raise UserError(f"keep is {self.keep}: give how many trials keep their weights, 0 for none")
        if not self.space and not self.stages:
            raise UserError("there is nothing to search: name keys under space (see configs/search/cnn.yaml)")
        if self.storage is not None and self.storage.startswith("sqlite") and self.workers > 1:
            raise UserError("a storage of sqlite is for one worker: leave out storage, or give postgresql://..")
        if "seed" in self.sampler_args:
            raise UserError("sampler_args names a seed: give --seed, from which each trial has its own")
        self._check_objectives()
        if self.refit_resume and self.refit and (self.keep < 1 or self.scores_per_trial > 1):
            raise UserError("refit_resume needs the best trial's weights: keep at least 1, without folds and repeats")

    def _check_objectives(self) -> None:
        if not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise UserError(f"objectives is {self.objectives}: give accuracy, parameters, or both, each once")
        if len(self.objectives) > 1 and self.pruner_name != "none":
            raise UserError("a trial of two objectives cannot be pruned: leave out pruner, or give none")
        if len(self.objectives) > 1 and self.sampler_name == "cmaes":
            raise UserError("sampler cmaes knows one objective: give nsgaii, tpe, gp, qmc, random or grid")
        if self.objectives == ["parameters"] and self.pruner_name != "none":
            raise UserError("parameters alone are known before training: add accuracy, or give pruner none")
