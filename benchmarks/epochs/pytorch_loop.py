"""A side: the same network, data, optimizer, schedule and precision in a loop of plain PyTorch.

Arguments: images, then those of fit.
"""

import contextlib
import sys
import time

import torch
import torch.nn.functional as F
from parts.objects import Objects

from fmnist_pl.data.loader import normalise
from fmnist_pl.training.hardware import choose_precision, keep_freed_memory, look_for_gpus_once


def epoch(count: int, arguments: list[str]) -> float:
    cli = Objects(["fit", *arguments])
    model, data = cli.model.train(), cli.datamodule
    data.prepare_data()
    train = data.loaded.train
    images, labels = train.images[:count], train.labels[:count]
    made = model.configure_optimizers()
    optimizer, schedule = (
        (made["optimizer"], made["lr_scheduler"]["scheduler"]) if isinstance(made, dict) else (made, None)
    )
    precision = cli.config["fit"].trainer.precision or choose_precision("cpu")
    autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bf16-mixed" else contextlib.nullcontext()
    generator = torch.Generator().manual_seed(0)
    loss_sum, hits = torch.zeros(()), torch.zeros((), dtype=torch.long)
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
        hits += (logits.argmax(dim=1) == targets).sum()
    return time.perf_counter() - start


keep_freed_memory()
look_for_gpus_once()
for _ in sys.stdin:
    print("seconds", epoch(int(sys.argv[1]), sys.argv[2:]), flush=True)
