"""Training epoch by Lightning as most examples use it. Arguments: number of images, then those of fit, as in each line.

torchvision's dataset, ToTensor and Normalize for each image, a DataLoader with two workers, float32, contiguous memory
format, a default Trainer, ``self.log`` and a torchmetrics accuracy in each step, Adam.
"""

import gzip
import shlex
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchmetrics.classification import MulticlassAccuracy
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from fmnist_pl.data.folder import find_folder
from fmnist_pl.training.commands import quiet_lightning
from fmnist_pl.training.options import Options


class DefaultClassifier(LightningModule):
    """Network with the training step of most examples."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.accuracy = network, MulticlassAccuracy(10, average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        logits = self.network(images)
        loss = F.cross_entropy(logits, labels)
        self.accuracy(logits, labels)
        self.log("train_loss", loss)
        self.log("train_acc", self.accuracy)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class EpochTimer(Callback):
    """Seconds from start to end of an epoch."""

    def on_train_epoch_start(self, *_: object) -> None:
        self.start = time.perf_counter()

    def on_train_epoch_end(self, *_: object) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.seconds = time.perf_counter() - self.start


def unpacked_files() -> Path:
    """Copy the image files to where torchvision reads them: unpacked, in ``FashionMNIST/raw``."""
    source, target = find_folder(None), Path(tempfile.mkdtemp())
    assert source is not None
    raw = target / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in source.glob("*ubyte*"):
        content = file.read_bytes()
        (raw / file.name.removesuffix(".gz")).write_bytes(gzip.decompress(content) if file.suffix == ".gz" else content)
    return target


quiet_lightning()
count, arguments = int(sys.argv[1]), sys.argv[2:]
to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.2860, 0.3530)])
data = Subset(FashionMNIST(unpacked_files(), transform=to_tensor), range(count))
for line in sys.stdin:
    options = Options("fit", [*arguments, *shlex.split(line)])
    network = options.model.network.to(memory_format=torch.contiguous_format)
    loader = DataLoader(data, options.datamodule.batch_size, shuffle=True, num_workers=2)
    timer = EpochTimer()
    with tempfile.TemporaryDirectory() as folder:
        where = {"accelerator": options.plain_config["trainer"]["accelerator"], "default_root_dir": folder}
        trainer = Trainer(max_epochs=1, callbacks=[timer], enable_progress_bar=False, **where)
        trainer.fit(DefaultClassifier(network), loader)
    print("seconds", timer.seconds, flush=True)
