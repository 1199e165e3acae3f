"""The images of a run: their source, split and batches."""

from pathlib import Path
from typing import Any, Literal

import torch
from lightning import LightningDataModule
from torch import Tensor

from fmnist_pl.bounds import check_bounds
from fmnist_pl.data.augment import Augment
from fmnist_pl.data.distillation import Distillation
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.data.source import load
from fmnist_pl.data.split import split


class FashionMNISTDataModule(LightningDataModule):
    """Fashion-MNIST in memory: checked, split, and batched on the training device."""

    train_data: LabelledImages
    val_data: LabelledImages
    test_data: LabelledImages

    def __init__(
        self,
        source: Literal["real", "synthetic", "auto"] = "real",
        root: Path | None = None,
        verify: bool = True,
        synthetic_size: int = 12_000,
        batch_size: int = 128,
        eval_batch_size: int = 1000,
        val_fraction: float = 0.1,
        num_folds: int | None = None,
        fold: int = 0,
        train_limit: int | None = None,
        split_seed: int = 0,
        augment: Augment = Augment(),  # noqa: B008  (frozen)
        distillation: Distillation = Distillation(),  # noqa: B008  (frozen)
        seed: int = 0,
        predict_path: str | None = None,
    ) -> None:
        """Choose the images, their split and the batches.

        Args:
            source: The real images, synthetic ones, or auto: the real ones if they are available, else synthetic.
            root: Folder of the four IDX files, gzipped or not; by default FMNIST_DATA, then ./data, then a download.
            verify: Whether the files must be the official ones (SHA-256); false for your own images in the same layout.
            synthetic_size: Number of synthetic training images; the test set has a sixth as many.
            batch_size: Images per training step, over all devices together.
            eval_batch_size: Images per step of validation, test and prediction, over all devices together.
            val_fraction: Fraction of the training images used for validation, stratified; 0 for none.
            num_folds: Number of stratified folds, of which one is the validation set; null for val_fraction instead.
            fold: The fold used for validation, from 0.
            train_limit: Number of training images to use, stratified; null for all.
            split_seed: Seed of the split and of synthetic images; runs with different seeds share their split.
            augment: Random augmentation of the training images.
            distillation: Targets of the training from teachers, beside the labels or instead of them.
            seed: Seed of the order and the augmentation; the run's own (seed_everything).
            predict_path: A photo, a folder of photos or a pattern ("my/*.jpg"), for the command predict.

        Raises:
            UserError: A number is out of its bounds.
        """
        super().__init__()
        sizes = {"synthetic_size": synthetic_size, "batch_size": batch_size, "eval_batch_size": eval_batch_size}
        blocks = {"augment": vars(augment), "distillation": vars(distillation)}
        check_bounds({"data": sizes | {"split_seed": split_seed} | blocks})
        self.source, self.root, self.verify, self.synthetic_size = source, root, verify, synthetic_size
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.val_fraction, self.num_folds, self.fold, self.train_limit = val_fraction, num_folds, fold, train_limit
        self.split_seed, self.augment, self.distillation, self.seed = split_seed, augment, distillation, seed
        self.steps_per_execution = 1
        self.predict_path = predict_path
        self._loaded: TrainAndTest | None = None

    @property
    def loaded(self) -> TrainAndTest:
        """All images, in the order of the files, on the CPU. Available after `prepare_data` or `setup`."""
        assert self._loaded is not None, "prepare_data or setup loads the images first"
        return self._loaded

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation set."""
        return self.num_folds is not None or self.val_fraction > 0

    def prepare_data(self) -> None:
        """Find (or download, or draw) the images and check them and their split, before anything else of a run."""
        self._split(self._load(may_download=True))

    def setup(self, stage: str | None = None) -> None:
        """Put the images on the training device."""
        data = self._load(may_download=False)
        device = self._device_with_room(data)
        train, val = self._split(data)
        self.train_data = data.train.part(train).to(device)
        self.val_data = data.train.part(val).to(device)
        self.test_data = data.test.to(device)

    def train_dataloader(self) -> BatchLoader:
        augment = self.augment if self.augment != Augment() else None
        loader = self._loader(self.train_data, self.batch_size, shuffle=True, seed=self.seed, augment=augment)
        loader.steps_per_execution = self.steps_per_execution
        return loader

    def val_dataloader(self) -> BatchLoader:
        return self._loader(self.val_data, self.eval_batch_size)

    def test_dataloader(self) -> BatchLoader:
        return self._loader(self.test_data, self.eval_batch_size)

    def predict_dataloader(self) -> BatchLoader:
        return self.test_dataloader()

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave a batch on the device where the loader made it; only Lightning's example images are moved."""
        tensors = batch[0] if isinstance(batch, list) else batch
        if isinstance(tensors, tuple) and all(tensor is None or tensor.device == device for tensor in tensors):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _load(self, may_download: bool) -> TrainAndTest:
        if self._loaded is None:
            self._loaded = load(self.source, self.root, self.verify, self.synthetic_size, self.split_seed, may_download)
        return self._loaded

    def _split(self, data: TrainAndTest) -> tuple[Tensor, Tensor]:
        return split(data.train.labels, self.split_seed, self.val_fraction, self.num_folds, self.fold, self.train_limit)

    def _loader(self, data: LabelledImages, batch_size: int, **options: Any) -> BatchLoader:
        trainer = self.trainer
        if trainer is not None:
            options |= {
                "device": trainer.strategy.root_device,
                "rank": trainer.global_rank,
                "world_size": trainer.world_size,
            }
        return BatchLoader(data, batch_size, **options)

    def _device_with_room(self, data: TrainAndTest) -> torch.device:
        """The training device if its free memory is four times the size of the images, else the CPU."""
        device = self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")
        if device.type != "cuda":
            return device
        free, _ = torch.cuda.mem_get_info(device)
        return device if free > 4 * (data.train.images.nbytes + data.test.images.nbytes) else torch.device("cpu")
