"""Definition of a search: every key of a file in configs/search, every flag of tune.py."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from fmnist_pl.config import check_name
from fmnist_pl.errors import UserError

Objective = Literal["accuracy", "parameters"]
Sampler = Literal["tpe", "random", "grid", "qmc", "gp", "cmaes", "nsgaii"]
Pruner = Literal["none", "median", "hyperband", "halving"]

BOUNDS = {
    "n_trials": (1, 1_000_000),
    "patience": (1, 1_000_000),
    "epochs": (1, 100_000),
    "folds": (2, 100),
    "repeats": (1, 100),
    "seed": (0, 2**32 - 1),
    "workers": (1, None),  # at most what the machine's cores and GPUs allow (pool.py)
    "workers_per_device": (1, None),
    "keep": (0, None),
    "refit_epochs": (1, 100_000),
}
"""Least and greatest value of each number."""
MOST_STAGES = 50
DEFAULT_TRIALS = 50  # budget of a search that names none; the help of n_trials says it too
LARGEST_LIMIT = 1e15
LARGEST_SAMPLER_ARGUMENT = 100_000
"""Samplers allocate memory by their numbers (``n_ei_candidates``)."""


@dataclass(frozen=True)
class Limits:
    """Limits on the network of a trial, which is measured before it trains.

    Args:
        parameters: Most parameters, counted as in metrics.json, those that are not trained too; null for no limit.
        flops: Most floating-point operations of the convolutions and matrix products for one image, forward pass only,
            two per multiply-add; null for no limit.

    Raises:
        UserError: A limit is less than 1, or more than `LARGEST_LIMIT`.
    """

    parameters: int | None = None
    flops: float | None = None

    def __post_init__(self) -> None:
        for name, limit in self.given.items():
            if not 1 <= limit <= LARGEST_LIMIT:
                shown = f"{limit}"[:40]
                raise UserError(f"limits.{name} is {shown}: give 1 to {LARGEST_LIMIT:g}, or null for no limit")

    @property
    def given(self) -> dict[str, float]:
        """The limits that are not null, by name."""
        return {name: limit for name, limit in asdict(self).items() if limit is not None}

    def __str__(self) -> str:
        return ", ".join(f"{name} <= {limit:,.12g}" for name, limit in self.given.items())


@dataclass(frozen=True)
class Search:
    """A search over the keys of a training config.

    Args:
        base: Training config to start from, found as train.py finds it (cnn.yaml).
        space: Distribution of each dotted config key that is searched (see configs/search/dense.yaml for all forms).
        stages: Small searches in sequence, each from the best of the previous one; their keys override these.
        overrides: Values for dotted keys of the base config, in the trials and the refit.
        limits: Limits on the network. A larger one is not trained and not counted; other params are sampled instead.
        points: Params of the space to try first; keys that one omits are sampled.
        objectives: What to optimise: validation accuracy (maximised), number of parameters (minimised), or both.
        sampler: How the params of the next trial are chosen; null for tpe, or nsgaii with two objectives.
        sampler_args: Arguments of Optuna's class of that sampler, except its seed.
        pruner: When to stop a trial early; null for median, or none with two objectives.
        pruner_args: Arguments of Optuna's class of that pruner.
        n_trials: Total number of trials over all workers and restarts; null for 50, or the whole grid.
        patience: The search ends when this many last trials raised the best accuracy by no more than the noise of a
            score: between seeds if repeats is 2 or more, else its standard error; null to use all trials.
        epochs: Epochs of a trial; null for the number in the config.
        folds: Score each trial by its mean over this many stratified folds; null for one validation split.
        repeats: Score each trial by its mean over this many seeds.
        seed: Seed of the sampler. The seed of the trainings is overrides.seed_everything.
        workers: Processes on this machine, which share its cores and GPUs.
        workers_per_device: Number of workers that may share a GPU.
        storage: Storage of the study: postgresql://USER:PASSWORD@HOST/DB, which FMNIST_STORAGE may hold too; null for
            a journal file in its folder.
        study_name: Name of the study and its folder; null for the name of the search's file.
        folder: Folder of all studies.
        keep: Number of best trials that keep their weights, and are drawn for the dashboard.
        refit: Whether to train the best config at full length at the end, and test it once.
        refit_epochs: Epochs of the refit; null for the number in the config, or in the best trial if it was searched.
        refit_resume: Whether the refit resumes from the last epoch of the best trial instead of starting anew.
        refit_overrides: Values for dotted keys of the config, in the refit only.

    Raises:
        UserError: A value is out of range, or two values exclude each other.
    """

    base: str
    # plain dict: of dict[str, Any] the parser would make an object of every class that a value names
    space: dict = field(default_factory=dict)
    stages: list[dict] = field(default_factory=list)
    overrides: dict = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    points: list[dict] = field(default_factory=list)
    objectives: list[Objective] = field(default_factory=lambda: ["accuracy"])
    sampler: Sampler | None = None
    sampler_args: dict = field(default_factory=dict)
    pruner: Pruner | None = None
    pruner_args: dict = field(default_factory=dict)
    n_trials: int | None = None
    patience: int | None = None
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
    refit_overrides: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name, "study_name")
        self._check_numbers()
        if not self.space and not self.stages:
            raise UserError("space is empty: name the keys to search (see configs/search/dense.yaml)")
        if self.storage is not None and self.storage.startswith("sqlite") and self.workers > 1:
            raise UserError("storage is sqlite, which supports one worker: omit storage, or give postgresql://..")
        if len(self.stages) > MOST_STAGES:
            raise UserError(f"stages holds {len(self.stages):,} searches: give at most {MOST_STAGES}")
        if "seed" in self.sampler_args:
            raise UserError("sampler_args contains a seed: give --seed, from which the seed of each trial is derived")
        self._check_objectives()
        if self.limits.given and self.sampler_name == "gp":
            raise UserError("sampler gp proposes points over the limits again and again: give tpe, or remove limits")
        if self.refit_resume and self.refit and (self.keep < 1 or self.scores_per_trial > 1):
            raise UserError(
                "refit_resume needs the best trial's weights: give keep at least 1, no folds and no repeats"
            )

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study_name or Path(self.base).stem

    @property
    def home(self) -> Path:
        """Folder of the study."""
        return self.folder / self.name

    @property
    def sampler_name(self) -> Sampler:
        """The sampler, chosen by the objectives if it is not given."""
        return self.sampler or ("tpe" if len(self.objectives) == 1 else "nsgaii")

    @property
    def pruner_name(self) -> Pruner:
        """The pruner, chosen by the objectives if it is not given."""
        return self.pruner or ("median" if len(self.objectives) == 1 else "none")

    @property
    def scores_per_trial(self) -> int:
        """Number of trainings of a trial."""
        return (self.folds or 1) * self.repeats

    def _check_numbers(self) -> None:
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"{name} is {value}: give at least {least}")
            if value is not None and most is not None and value > most:
                raise UserError(f"{name} is {value}: give at most {most:,}")
        for name, value in self.sampler_args.items():
            if isinstance(value, int | float) and value > LARGEST_SAMPLER_ARGUMENT:
                raise UserError(f"sampler_args.{name} is {value}: give at most {LARGEST_SAMPLER_ARGUMENT:,}")

    def _check_objectives(self) -> None:
        if not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise UserError(f"objectives is {self.objectives}: give accuracy, parameters, or both, each once")
        if len(self.objectives) > 1 and self.pruner_name != "none":
            raise UserError("pruner: trials with two objectives cannot be pruned; omit pruner, or give none")
        if len(self.objectives) > 1 and self.sampler_name == "cmaes":
            raise UserError("sampler cmaes supports one objective: give nsgaii, tpe, gp, qmc, random or grid")
        if self.patience is not None and self.objectives != ["accuracy"]:
            raise UserError(f"patience needs one objective, accuracy: omit patience, or objectives {self.objectives}")
        if self.objectives == ["parameters"] and self.pruner_name != "none":
            raise UserError("objectives is parameters, known before training: add accuracy, or give pruner none")
