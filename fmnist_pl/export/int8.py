"""Weights and activations of an ONNX file in 8 bits: static quantisation by onnxruntime after training."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from fmnist_pl.errors import UserError

CALIBRATION_IMAGES = 1000
"""Training images whose activations set the ranges of the 8-bit numbers."""
BATCH = 100  # images per step of the calibration
WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")
"""Operations that compute in 8 bits."""
BETWEEN = ("MaxPool", "Relu", "Reshape", "Transpose")
"""Operations that keep the 8 bits of their input. Softmax stays in float32, so that probabilities sum to 1."""


def quantise(model: bytes, images: Tensor) -> bytes:
    """Quantise an ONNX model that takes pixels.

    Weights get a scale per output channel and 7 of the 8 bits. With all 8 bits, x86 CPUs without VNNI add two products
    in 16 bits and saturate. On one (Intel Xeon, AVX-512), the class of 132 of 10,000 test images changed; with 7 bits,
    of 40 (shipped weights, n = 1).

    Args:
        model: Content of the float32 file.
        images: Training images for the calibration, uint8 (N, 1, 28, 28).

    Returns:
        Content of the int8 file, with the same input and output.

    Raises:
        UserError: onnxruntime is not installed, or it cannot quantise this network.
    """
    try:
        import onnx
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise UserError(
            f"the format onnx_int8 needs {error.name}: pip install -e '.[export]' in the checkout"
        ) from error
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _without_logs():
        given, prepared, written = (Path(folder, name) for name in ("given.onnx", "prepared.onnx", "int8.onnx"))
        given.write_bytes(model)
        try:
            quant_pre_process(given, prepared, skip_symbolic_shape=True)  # the exporter has written the shapes
            quantization.quantize_static(
                prepared,
                written,
                _Batches(images),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=[*WITH_WEIGHTS, *BETWEEN],
                per_channel=True,
                reduce_range=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
            content = written.read_bytes()
        except Exception as error:  # onnx and onnxruntime raise many kinds for a graph that they do not know
            reason = " ".join(str(error).split())[:150]
            raise _unfit(f"onnxruntime stops with {type(error).__name__}: {reason}") from error
        weights = onnx.load_from_string(content).graph.initializer
    if not any(weight.data_type == onnx.TensorProto.INT8 for weight in weights):
        raise _unfit(f"it has no weights in {', '.join(WITH_WEIGHTS)}")
    return content


class _Batches:
    """Images in batches, as onnxruntime asks for them; ``None`` after the last."""

    def __init__(self, images: Tensor) -> None:
        self._batches = iter(images.split(BATCH))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch.numpy()}


def _unfit(reason: str) -> UserError:
    return UserError(f"this network cannot be quantised: {reason}; export it with --format onnx")


@contextlib.contextmanager
def _without_logs() -> Iterator[None]:
    """Hide what the libraries log: their advice is for their own users, and errors are raised too."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
