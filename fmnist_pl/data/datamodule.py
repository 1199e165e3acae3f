"""The images of a run: which, how split, how batched."""

from pathlib import Path
from typing import Any, Literal

import torch
from lightning import LightningDataModule
from torch import Tensor

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.images import LabelledImages, TrainAndTest
from fmnist_pl.data.loader import BatchLoader
from fmnist_pl.data.source import load
from fmnist_pl.data.split import split
from fmnist_pl.errors import UserError
from fmnist_pl.photos.files import Photos, load_photos


class FashionMNISTDataModule(LightningDataModule):
    """Fashion-MNIST in memory: checked, split, and batched on the device that trains."""

    train_data: LabelledImages
    val_data: LabelledImages
    test_data: LabelledImages
    photos: Photos | None

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
        seed: int = 0,
        predict_path: str | None = None,
    ) -> None:
        """Choose the images and how they are split and batched.

        Args:
            source: The real images, drawn ones (synthetic), or auto: the real where they can be had, else drawn.
            root: Folder of the four IDX files, gzipped or not; by default FMNIST_DATA, then ./data, then a download.
            verify: Whether the files must be the official ones (SHA-256); false for your own images in the same layout.
            synthetic_size: How many training images to draw when they are synthetic; a sixth as many for the test.
            batch_size: Images per training step, over all devices together.
            eval_batch_size: Images per step of validation, test and prediction, over all devices together.
            val_fraction: Part of the training images kept for validation, stratified; 0 for none.
            num_folds: Split into so many stratified folds instead, one of which is for validation; null for none.
            fold: Which fold is for validation, from 0.
            train_limit: Train on only so many images, stratified; null for all.
            split_seed: Seed of the split (and of drawn images), apart from the run's, so that runs share their split.
            augment: Random changes to the training images.
            seed: Seed of the order and the augmentation; the run's own (seed_everything).
            predict_path: A photo, a folder of photos or a pattern ("my/*.jpg") to predict instead of the test images.
        """
        super().__init__()
        augment.check()
        for name, size in (("batch_size", batch_size), ("eval_batch_size", eval_batch_size)):
            if size < 1:
                raise UserError(f"data.{name} is {size}: give at least 1")
        self.source, self.root, self.verify, self.synthetic_size = source, root, verify, synthetic_size
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.val_fraction, self.num_folds, self.fold, self.train_limit = val_fraction, num_folds, fold, train_limit
        self.split_seed, self.augment, self.seed = split_seed, augment, seed
        self.steps_per_execution = 1
        self.predict_path, self.photos = predict_path, None
        self._loaded: TrainAndTest | None = None

    @property
    def loaded(self) -> TrainAndTest:
        """All images as they lie in the files, on the CPU."""
        assert self._loaded is not None, "prepare_data or setup loads the images first"
        return self._loaded

    @property
    def loaded_source(self) -> str:
        """``real`` or ``synthetic``: what ``source`` came to. Known once the images are loaded."""
        # photos are from neither
        return self.source if self.photos is not None else self.loaded.source

    @property
    def description(self) -> str:
        """What is gone through, in words: ``real images``."""
        return f"{self.loaded_source} images" if self.photos is None else f"photos of {self.predict_path}"

    @property
    def has_validation(self) -> bool:
        """Whether a part of the training images is kept for validation."""
        return self.num_folds is not None or self.val_fraction > 0

    def prepare_data(self) -> None:
        """Find (or download, or draw) the images and check them and their split, before anything else of a run."""
        if self.predict_path is None:
            self._split(self._load(may_download=True))
        elif self.photos is None:
            self.photos = load_photos(self.predict_path)

    def setup(self, stage: str | None = None) -> None:
        """Put the images on the training device."""
        if self.photos is not None:
            return
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
        """The test images, or the photos, which stand under their numbers where a label would."""
        if self.photos is None:
            return self.test_dataloader()
        numbered = LabelledImages(self.photos.images, torch.arange(len(self.photos.images)))
        return self._loader(numbered, self.eval_batch_size)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave a batch where the loader made it, on the device; only Lightning's example images must be moved."""
        tensors = batch[0] if isinstance(batch, list) else batch
        if isinstance(tensors, tuple) and all(tensor.device == device for tensor in tensors):
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
        """The training device if its free memory holds the images four times over, else the CPU."""
        device = self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")
        if device.type != "cuda":
            return device
        free, _ = torch.cuda.mem_get_info(device)
        return device if free > 4 * (data.train.images.nbytes + data.test.images.nbytes) else torch.device("cpu")
