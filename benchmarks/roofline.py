"""Roofline of a network: the upper limit of images per second on this machine.

    python benchmarks/roofline.py

Prints the two peaks of the machine: floating-point operations per second in a large matrix product, bytes per second in
a large copy. A training step, or the forward pass of a batch, needs its floating-point operations, and reads and writes
its weights and feature maps. The larger of operations / peak operations and bytes / peak bytes is the least time it can
take. Other benchmarks print their throughput as a fraction of that limit. Takes a few seconds; needs no images.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from helpers.arguments import Parser, run
from torch import Tensor, nn

from fmnist_pl.models import Classifier
from fmnist_pl.training.number_format import BF16, choose_number_format
from fmnist_pl.training.steps_per_execution import forward_flops, training_flops

MATRIX_SIDE = 2048  # rows and columns of the matrices of the product
COPY_SIZE = 2**26  # float32 numbers of the copy
DEFAULT_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Peaks:
    """Measured peaks of this machine: floating-point operations and bytes per second."""

    operations: float
    bytes: float


def measure_peaks(device: str = DEFAULT_DEVICE, dtype: torch.dtype | None = None) -> Peaks:
    """Time a matrix product and a copy, which both reads and writes its bytes.

    Args:
        device: Device type.
        dtype: Of the matrices; by default that of a training on this device.
    """
    if dtype is None:
        dtype = torch.bfloat16 if choose_number_format(None, device).precision == BF16 else torch.float32
    left, right = (torch.randn(MATRIX_SIDE, MATRIX_SIDE, device=device).to(dtype) for _ in range(2))
    source = torch.randn(COPY_SIZE, device=device)
    target = torch.empty_like(source)
    return Peaks(
        operations=2 * MATRIX_SIDE**3 / _seconds(lambda: left @ right),
        bytes=2 * source.nbytes / _seconds(lambda: target.copy_(source)),
    )


@dataclass(frozen=True)
class Roofline:
    """Operations and bytes that a batch needs per image, and the peaks of the machine."""

    operations: float
    bytes: float
    peaks: Peaks

    @classmethod
    def of_training(cls, model: Classifier, batch_size: int, peaks: Peaks) -> "Roofline":
        """Limit of a training step. Outputs of layers with weights are written and read once in each direction.

        Args:
            model: In float32.
            batch_size: Images that share the traffic of weights, gradients and Adam's two averages.
            peaks: Measured peaks.
        """
        maps = 4 * _map_bytes(model, model.example_input_array)
        weights = 7 * sum(p.nbytes for p in model.parameters()) / batch_size
        return cls(training_flops(model), maps + weights, peaks)

    @classmethod
    def of_inference(cls, network: nn.Module, images: Tensor, peaks: Peaks) -> "Roofline":
        """Limit of a forward pass. Outputs of layers with weights are written and read once.

        Args:
            network: In float32.
            images: A batch, whose images share the traffic of weights.
            peaks: Measured peaks.
        """
        maps = 2 * _map_bytes(network, images[:1])
        weights = sum(p.nbytes for p in network.parameters()) / len(images)
        return cls(forward_flops(network, images[:1]), maps + weights, peaks)

    @property
    def images_per_second(self) -> float:
        """Upper limit of the throughput."""
        return 1 / max(self.operations / self.peaks.operations, self.bytes / self.peaks.bytes)

    def line(self, images_per_second: float) -> str:
        """Describe the limit and the fraction of it that a measured throughput reaches."""
        bound = "arithmetic" if self.operations / self.peaks.operations > self.bytes / self.peaks.bytes else "memory"
        return (
            f"roofline: {self.operations / 1e6:.1f} MFLOP and {self.bytes / 1e6:.2f} MB an image, "
            f"{self.peaks.operations / 1e9:,.0f} GFLOP/s, {self.peaks.bytes / 1e9:.0f} GB/s: at most "
            f"{self.images_per_second:,.0f} images/s ({bound}); here {images_per_second / self.images_per_second:.0%}"
        )


def _map_bytes(network: nn.Module, image: Tensor) -> int:
    """Bytes of the outputs of convolutions and linear layers for one image."""
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
    """Median seconds of a piece of work, after two warm-up calls."""
    seconds = []
    for _ in range(times + 2):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:])


def main() -> None:
    """Measure and print the peaks."""
    Parser(__doc__).parse_args()
    peaks = measure_peaks()
    print(f"{peaks.operations / 1e9:,.0f} GFLOP/s in a matrix product, {peaks.bytes / 1e9:.0f} GB/s in a copy")


if __name__ == "__main__":
    run(main)
