"""How close to the machine's limit a network comes: ``python benchmarks/roofline.py`` prints the limit.

A training step, or a batch on its way forward, must do its floating-point operations and read and write its weights and
feature maps; the larger of operations over the measured rate of a large matrix product, and bytes over that of a large
copy, is the least time it can take.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fmnist_pl.models import Classifier
from fmnist_pl.training.hardware import choose_precision
from fmnist_pl.training.steps_per_execution import forward_flops, training_flops

SIDE = 2048
COPIED = 2**26
FASTEST = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Peaks:
    """What this machine does at best: floating-point operations and bytes per second."""

    operations: float
    bytes: float


def measure_peaks(device: str = FASTEST, number: torch.dtype | None = None) -> Peaks:
    """Time a matrix product and a copy, counting bytes read and written.

    Args:
        device: Its kind.
        number: Of the product; by default that of a training on this device.
    """
    if number is None:
        number = torch.bfloat16 if choose_precision(device) == "bf16-mixed" else torch.float32
    left, right = (torch.randn(SIDE, SIDE, device=device).to(number) for _ in range(2))
    source = torch.randn(COPIED, device=device)
    target = torch.empty_like(source)
    return Peaks(
        operations=2 * SIDE**3 / _seconds(lambda: left @ right),
        bytes=2 * source.nbytes / _seconds(lambda: target.copy_(source)),
    )


@dataclass(frozen=True)
class Roofline:
    """The least that a batch asks of the machine, per image."""

    operations: float
    bytes: float
    peaks: Peaks

    @classmethod
    def of_training(cls, model: Classifier, batch_size: int, peaks: Peaks) -> "Roofline":
        """Args:
        model: In float32; what its layers with weights put out is written and read once forward and once backward.
        batch_size: Images that share the traffic of weights, gradients and Adam's two averages.
        peaks: As measured.
        """
        maps = 4 * _map_bytes(model, model.example_input_array)
        weights = 7 * sum(p.nbytes for p in model.parameters()) / batch_size
        return cls(training_flops(model), maps + weights, peaks)

    @classmethod
    def of_inference(cls, network: nn.Module, images: Tensor, peaks: Peaks) -> "Roofline":
        """Args:
        network: In float32; what its layers with weights put out is written and read once.
        images: A batch; its images share the traffic of weights.
        peaks: As measured.
        """
        maps = 2 * _map_bytes(network, images[:1])
        weights = sum(p.nbytes for p in network.parameters()) / len(images)
        return cls(forward_flops(network, images[:1]), maps + weights, peaks)

    @property
    def images_per_second(self) -> float:
        """The limit."""
        return 1 / max(self.operations / self.peaks.operations, self.bytes / self.peaks.bytes)

    def line(self, images_per_second: float) -> str:
        """What was reached, beside the limit."""
        bound = "arithmetic" if self.operations / self.peaks.operations > self.bytes / self.peaks.bytes else "memory"
        return (
            f"roofline: {self.operations / 1e6:.1f} MFLOP and {self.bytes / 1e6:.2f} MB an image, "
            f"{self.peaks.operations / 1e9:,.0f} GFLOP/s, {self.peaks.bytes / 1e9:.0f} GB/s: at most "
            f"{self.images_per_second:,.0f} images/s ({bound}); here {images_per_second / self.images_per_second:.0%}"
        )


def _map_bytes(network: nn.Module, image: Tensor) -> int:
    """Bytes of what leaves the layers with weights, for one image."""
    sizes: list[int] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        sizes.append(output.nbytes)

    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        network.eval()(image)
    for hook in hooks:
        hook.remove()
    return sum(sizes)


def _seconds(work: Callable[[], Tensor], times: int = 10) -> float:
    """Median time of a piece of work, after two that warm up."""
    seconds = []
    for _ in range(times + 2):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:])


if __name__ == "__main__":
    peaks = measure_peaks()
    print(f"{peaks.operations / 1e9:,.0f} GFLOP/s in a matrix product, {peaks.bytes / 1e9:.0f} GB/s in a copy")
