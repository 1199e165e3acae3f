"""Effect of bf16 on accuracy, measured on a machine that does not support bf16.

    python benchmarks/variants.py fast --seeds 3 trainer.callbacks+=once.bf16_rounding.RoundedToBfloat16

A callback for variants.py: it rounds to bf16 what autocast would store in bf16, and computes in float32. A training
takes about 1.3 times as long.
"""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

aten = torch.ops.aten
PRODUCTS = (aten.convolution, aten.convolution_backward, aten.mm, aten.addmm)
"""Operations that autocast runs in bf16 with float32 sums: inputs and outputs are rounded."""
NORMS = (aten.native_batch_norm, aten.native_batch_norm_backward)
"""Operations with bf16 maps, float32 statistics and float32 gradients of weights: the first output is rounded."""


class RoundedToBfloat16(Callback):
    """Rounds what ``--trainer.precision bf16-mixed`` would store in bf16."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._mode = _Rounding()
        self._mode.__enter__()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._mode.__exit__(None, None, None)


class _Rounding(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet, kwargs = func.overloadpacket, kwargs or {}
        if packet in PRODUCTS:
            return tree_map(_rounded, func(*tree_map(_rounded, args), **kwargs))
        if packet in NORMS:
            first, *others = func(*args, **kwargs)
            return (_rounded(first), *others)
        return func(*args, **kwargs)


def _rounded(value: Any) -> Any:
    return value.bfloat16().float() if isinstance(value, Tensor) and value.dtype == torch.float32 else value
