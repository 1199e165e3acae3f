"""Artifacts of the best trials in Optuna's artifact store: learning curves, confusion matrix and checkpoint.

``optuna-dashboard runs/tune/cnn/journal.log --artifact-dir runs/tune/cnn/artifacts`` shows them on each trial's page.
"""

from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.trial import FrozenTrial

from fmnist_pl.atomic_files import replacing
from fmnist_pl.training.checkpoints import BEST, CHECKPOINT_FOLDER
from fmnist_pl.training.predictions import CollectBestEpoch
from fmnist_pl.tuning.plan import Plan
from fmnist_pl.tuning.study import TrialQueue

FOLDER = "artifacts"
FIGURES = ("learning_curves", "confusion_matrix")
CHECKPOINT = f"{BEST}.ckpt"


def draw_artifacts(best_epoch: CollectBestEpoch) -> list[Path]:
    """Draw the figures of a training into the folder of its run.

    Args:
        best_epoch: Callback of the training, which has ended.

    Returns:
        The figures, and the checkpoint of the best epoch if the training saved it.
    """
    from fmnist_pl.reporting import figures, report_figures  # matplotlib takes a second to import

    predictions, run = best_epoch.predictions, best_epoch.run_folder
    if predictions is None or run is None:
        return []
    inputs = report_figures.ReportInputs(
        predictions.evaluation, report_figures.NO_IMAGES, "validation images", history=best_epoch.history
    )
    entries = [entry for entry in report_figures.FIGURES if entry.name in FIGURES]
    drawn = figures.draw_figures(entries, inputs)
    figures.write_figures(drawn.values(), run)
    files = [*(run / f"{name}.png" for name in FIGURES), run / CHECKPOINT_FOLDER / CHECKPOINT]
    return [path for path in files if path.is_file()]


def upload_artifacts(plan: Plan, trial: optuna.Trial, files: list[Path]) -> None:
    """Copy complete files into the artifact store, and add them to a running trial.

    Optuna adds the entry before it copies the file. A worker that is killed between the two leaves an entry without a
    file; the next attempt of the trial writes that file.

    Raises:
        OSError: The disk is full.
    """
    if not files:
        return
    store = _store(plan)
    entries = {entry.filename: entry.artifact_id for entry in get_all_artifact_meta(trial)}
    for path in files:
        if path.name in entries:
            with path.open("rb") as file:
                store.write(entries[path.name], file)
        else:
            upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=trial)


def drop_checkpoint(queue: TrialQueue, trial: FrozenTrial) -> None:
    """Replace the checkpoint of a finished trial in the store by a line that says why it is gone.

    Optuna keeps the entries of finished trials. The figures stay: they are small.
    """
    for entry in get_all_artifact_meta(trial, storage=queue.storage):
        path = queue.plan.search.home / FOLDER / entry.artifact_id
        if entry.filename == CHECKPOINT and path.is_file():
            with replacing(path) as file:
                file.write(f"trial {trial.number} is no longer among the best: raise --keep to save more checkpoints\n")


def _store(plan: Plan) -> FileSystemArtifactStore:
    folder = plan.search.home / FOLDER
    folder.mkdir(exist_ok=True)
    return FileSystemArtifactStore(folder)
