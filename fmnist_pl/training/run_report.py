"""After a test: what every image was taken for, the numbers of it, and the report."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.model_summary import ModelSummary
from torch import Tensor
from torchmetrics.utilities.distributed import gather_all_tensors

from fmnist_pl.atomic_files import replacing
from fmnist_pl.data.augment import Augment
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.data.facts import CLASSES
from fmnist_pl.data.loader import normalise
from fmnist_pl.errors import UserError
from fmnist_pl.reporting.evaluation import Evaluation
from fmnist_pl.reporting.runs import HISTORY, json_file

FOLDER = "report"
SAMPLES, CHANGED, DRAWS = 25, 8, 3


class KeptPredictions(Callback):
    """Keeps the logits of the test: each image once, in the order of the test set, whichever process saw it."""

    def __init__(self) -> None:
        self.positions = self.labels = torch.empty(0, dtype=torch.long)
        self.logits = torch.empty(0)
        self._batches: list[tuple[Tensor, Tensor, Tensor]] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batches.clear()

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Tensor, batch: Any, batch_idx: int
    ) -> None:
        self._batches.append((batch.positions, batch.labels, outputs.detach().clone()))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        parts = [torch.cat(parts) for parts in zip(*self._batches, strict=True)]
        self._batches.clear()
        positions, labels, logits = (_of_all_ranks(trainer, part) for part in parts)
        order = positions.argsort()
        self.positions, self.labels, self.logits = positions[order], labels[order], logits[order]

    def evaluation(self) -> Evaluation:
        """What the predictions are worth.

        Raises:
            UserError: There are none.
        """
        if not len(self.labels):
            raise UserError("the test saw no images: raise trainer.limit_test_batches")
        # in double precision, lest two probabilities become equal that were not
        probabilities = self.logits.double().softmax(dim=1).numpy()
        return Evaluation(self.labels.numpy(), probabilities, list(CLASSES))


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write the figures of each epoch into a run's folder."""
    with replacing(folder / HISTORY) as file:
        json.dump(history, file, indent=1)
        file.write("\n")


def history_beside(checkpoint: str | None, kept: list[dict[str, float]]) -> list[dict[str, float]]:
    """The whole history of the run that a checkpoint is of: it kept only the epochs before it.

    Args:
        checkpoint: Its path.
        kept: The history in it.
    """
    if checkpoint is None:
        return kept
    path = Path(checkpoint).absolute().parents[1] / HISTORY
    whole = json_file(path) if path.is_file() else []
    return whole if whole[: len(kept)] == kept else kept


def write_run_report(
    trainer: Trainer,
    kept: KeptPredictions,
    history: list[dict[str, float]],
    metrics: dict[str, Any],
    config: dict[str, Any],
) -> None:
    """Write ``report/`` into the run's folder, after a test.

    Args:
        trainer: That has tested.
        kept: What it kept.
        history: Of the training.
        metrics: As in metrics.json.
        config: The resolved config as plain data.
    """
    # not for runs without a report, which need none of the drawing
    from fmnist_pl.reporting.evidence import Evidence
    from fmnist_pl.reporting.insides import feature_maps, first_filters
    from fmnist_pl.reporting.report import write_report
    from fmnist_pl.training.evaluation_events import log_evaluation

    started = time.perf_counter()
    folder = Path(trainer.loggers[0].log_dir, FOLDER)
    model, data = trainer.lightning_module, trainer.datamodule
    train = data.loaded.train
    tested = data.test_data.images[kept.positions.to(data.test_data.images.device)].cpu()
    evaluation = kept.evaluation()
    model.eval()
    evidence = Evidence(
        metrics=metrics,
        config=config,
        model_summary=str(ModelSummary(model, max_depth=2)),
        history=history,
        chosen_epoch=int(model.history[-1]["epoch"]) if model.history else None,
        evaluation=evaluation,
        test_images=tested[:, 0].numpy(),
        train_images=train.images[:SAMPLES, 0].numpy(),
        train_labels=train.labels[:SAMPLES].numpy(),
        changed_images=augmented(data, train.images[:CHANGED])[:, :, 0].numpy(),
        feature_maps=feature_maps(model.network, normalise(tested[:1] / 255).to(model.device)),
        first_filters=first_filters(model.network),
    )
    page = write_report(evidence, folder)
    if config["trainer"]["logger"] is not False:
        log_evaluation(trainer, evaluation, tested)
    print(f"  report: {page}  ({time.perf_counter() - started:.1f} s)", flush=True)


def augmented(data: FashionMNISTDataModule, images: Tensor) -> Tensor:
    """What the training's augmentation makes of images, several times.

    Args:
        data: Of the run.
        images: uint8 (N, 1, 28, 28).

    Returns:
        float (draws, N, 1, 28, 28), 0 to 255; no draws where nothing is changed.
    """
    if data.augment == Augment():
        return torch.empty(0, *images.shape)
    generator = torch.Generator().manual_seed(data.seed)
    return torch.stack([data.augment(images.float(), generator) for _ in range(DRAWS)])


def _of_all_ranks(trainer: Trainer, values: Tensor) -> Tensor:
    return torch.cat(gather_all_tensors(values)).cpu() if trainer.world_size > 1 else values.cpu()
