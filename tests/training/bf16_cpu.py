"""For the tests of several processes: importing this module pretends that the CPU computes in bf16."""

import os
from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from fmnist_pl.training import number_format
from fmnist_pl.training.number_format import Measurement

RECORD = Path(os.environ["RECORD"])


def measure(device_type: str) -> Measurement:
    """The first process that measures finds bf16 faster, every other one slower."""
    with (RECORD / "measured").open("a") as file:
        file.write("measured\n")
    others = (RECORD / "measured").read_text().count("measured") - 1
    return Measurement(0.7 if others else 1.8, agrees=True)


torch.cpu.get_capabilities = lambda: {"avx512_bf16": True, "cpu_name": "a CPU"}
number_format.measure = measure


class WriteChoice(Callback):
    """Writes the number format and the threads of each rank into the folder ``$RECORD``."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        text = f"{trainer.precision} {torch.get_num_threads()}"
        (RECORD / f"rank-{trainer.global_rank}").write_text(text)
