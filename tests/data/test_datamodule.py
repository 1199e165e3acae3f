"""The DataModule: what it loads, splits and batches."""

import pytest

from fmnist_pl.data.augment import Augment
from fmnist_pl.data.datamodule import FashionMNISTDataModule
from fmnist_pl.errors import UserError


def ready(**options: object) -> FashionMNISTDataModule:
    data = FashionMNISTDataModule(source="synthetic", synthetic_size=600, **options)
    data.prepare_data()
    data.setup()
    return data


def test_sizes() -> None:
    data = ready(batch_size=50)
    assert (len(data.train_data), len(data.val_data), len(data.test_data)) == (540, 60, 100)
    assert len(data.train_dataloader()) == 11
    assert data.loaded.source == "synthetic"


def test_the_run_seed_orders_and_the_split_seed_splits() -> None:
    one, two = ready(seed=1), ready(seed=2)
    assert one.val_data.labels.tolist() == two.val_data.labels.tolist()
    first_of_one, first_of_two = (next(iter(d.train_dataloader()))[1].tolist() for d in (one, two))
    assert first_of_one != first_of_two
    assert ready(split_seed=1).val_data.images.float().mean() != one.val_data.images.float().mean()


def test_only_training_images_are_augmented() -> None:
    data = ready(augment=Augment(horizontal_flip=1.0))
    assert data.train_dataloader().augment is not None
    assert data.val_dataloader().augment is None
    assert data.test_dataloader().augment is None
    assert ready().train_dataloader().augment is None, "nothing to do costs nothing"


def test_bad_numbers_are_found_before_anything_else() -> None:
    with pytest.raises(UserError, match="data.fold is 9"):
        FashionMNISTDataModule(source="synthetic", synthetic_size=600, num_folds=3, fold=9).prepare_data()
    with pytest.raises(UserError, match="data.synthetic_size: got 3"):
        FashionMNISTDataModule(source="synthetic", synthetic_size=3).prepare_data()
    with pytest.raises(UserError, match=r"data.augment.zoom: got 2"):
        FashionMNISTDataModule(augment=Augment(zoom=2))
