"""What bf16 does to accuracy, for a machine that does not compute in it."""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

aten = torch.ops.aten
PRODUCTS = (aten.convolution, aten.convolution_backward, aten.mm, aten.addmm)
"""Taken in bf16 under autocast, sums in float32: what goes in and comes out is rounded."""
NORMS = (aten.native_batch_norm, aten.native_batch_norm_backward)
"""Their maps are in bf16, statistics and the gradients of weights in float32: the first result is rounded."""


class RoundedToBfloat16(Callback):
    """Rounds all that ``--trainer.precision bf16-mixed`` would hold in bf16, and computes in float32."""

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
