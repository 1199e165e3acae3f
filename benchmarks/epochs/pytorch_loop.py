"""Training epoch by a loop of plain PyTorch: same network, batches, optimizer, schedule and precision.

No Lightning, no checkpoints, no logs. Arguments: number of images, then those of fit.
"""

import contextlib
import sys
import time

import torch
import torch.nn.functional as F

from fmnist_pl.data.loader import normalise
from fmnist_pl.training.commands import quiet_lightning
from fmnist_pl.training.hardware import cpu_threads, keep_freed_memory, look_for_gpus_once
from fmnist_pl.training.number_format import BF16
from fmnist_pl.training.options import Options


def train_epoch(count: int, arguments: list[str]) -> float:
    """Train a new network for one epoch and return the seconds."""
    options = Options("fit", arguments)
    with cpu_threads(options.threads.number):
        return _train_epoch(count, options)


def _train_epoch(count: int, options: Options) -> float:
    model, data = options.model.train(), options.datamodule
    data.prepare_data()
    images, labels = data.loaded.train.images[:count], data.loaded.train.labels[:count]
    configured = model.configure_optimizers()
    if isinstance(configured, dict):
        optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    else:
        optimizer, schedule = configured, None
    is_bf16 = options.number_format.precision == BF16
    autocast = torch.autocast("cpu", torch.bfloat16) if is_bf16 else contextlib.nullcontext()
    generator = torch.Generator().manual_seed(0)
    loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.long)
    start = time.perf_counter()
    batches = torch.randperm(count).split(data.batch_size)
    if schedule is not None:
        schedule.total_steps = len(batches)
    for indices in batches:
        inputs = images[indices].float().mul_(1 / 255)
        inputs, targets = normalise(data.augment(inputs, generator)), labels[indices]
        with autocast:
            logits = model(inputs).float()
        loss = F.cross_entropy(logits, targets, label_smoothing=model.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        loss_sum += loss.detach() * len(targets)
        correct += (logits.argmax(dim=1) == targets).sum()
    return time.perf_counter() - start


quiet_lightning()
keep_freed_memory()
look_for_gpus_once()
for _ in sys.stdin:
    print("seconds", train_epoch(int(sys.argv[1]), sys.argv[2:]), flush=True)
