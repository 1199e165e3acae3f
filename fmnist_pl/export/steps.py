"""A network as a list of simple steps that JavaScript can compute, made from the graph of torch.export.

Value 0 is the normalised image; each step adds one value. Shapes leave out the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from fmnist_pl.data.facts import CLASSES, IMAGE_SIZE
from fmnist_pl.errors import UserError

BATCH = 2  # images while tracing: with one, the exporter may drop the dimension

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One operation."""

    op: str
    inputs: list[int]
    """Numbers of the values that it takes."""
    shape: list[int]
    """Shape of its value."""
    options: Arguments
    """Numbers and lists; weights are positions in `Program.tensors`."""


@dataclass(frozen=True)
class Program:
    """Steps from the normalised image (1, 28, 28) to logits (10)."""

    steps: list[Step] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    """float32, contiguous."""

    def store(self, tensor: Tensor) -> int:
        """Position of a tensor in `tensors`; one that several steps share is stored once."""
        tensor = tensor.float().contiguous()
        for position, known in enumerate(self.tensors):
            if torch.equal(known, tensor):
                return position
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def program_of(network: nn.Module) -> Program:
    """Translate a network.

    Args:
        network: In eval mode on the CPU, float32.

    Raises:
        UserError: torch.export cannot trace it, or it has an operation that is not one of the steps.
    """
    try:
        traced = torch.export.export(network, (torch.zeros(BATCH, 1, IMAGE_SIZE, IMAGE_SIZE),))
    except Exception as error:  # the tracer raises many kinds
        reason = " ".join(str(error).split())[:150]
        raise UserError(f"a page needs a network that torch.export can trace; this one it cannot: {reason}") from error
    signature = traced.graph_signature
    tensors: dict[str, Tensor] = {**traced.state_dict, **traced.constants}
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    names |= signature.inputs_to_lifted_tensor_constants
    translation = _Translation(traced.graph_module, {node: tensors[name].detach() for node, name in names.items()})
    for node in traced.graph.nodes:
        translation.add(node)
    return translation.program


class _UntranslatableError(Exception):
    """A call that is none of the steps; the message says why."""


class _Translation:
    """Translates one node of a graph after the other."""

    def __init__(self, module: nn.Module, weights: dict[str, Tensor]) -> None:
        self.program = Program()
        self._module = module
        self._weights = weights
        self._values: dict[fx.Node, int] = {}

    def add(self, node: fx.Node) -> None:
        if node.op == "placeholder" and node.name not in self._weights:
            self._values[node] = 0
        elif node.op == "call_function" and node.users:
            try:
                self._add_call(node)
            except _UntranslatableError as reason:
                raise UserError(
                    f"a page cannot compute {_layer_of(node)}: {reason}. It computes convolutions, dense layers, batch "
                    "norm, pooling, elementwise activations, sums, products and reshapes: export as onnx"
                ) from reason
        elif node.op == "output":
            self._check_output(node)

    def _add_call(self, node: fx.Node) -> None:
        name = str(node.target).replace("_.", ".")  # relu_ is the same step as relu
        arguments = self._arguments_of(node)
        values = [value for value in arguments.values() if isinstance(value, fx.Node)]
        if arguments.get("train"):
            raise _UntranslatableError(f"{name} is random in use too")
        if name in SAME or _is_first_item(node):
            self._values[node] = self._values[values[0]]
            return
        if name not in STEPS:
            raise _UntranslatableError(f"{name} is none of its steps")
        op, options = STEPS[name](arguments)
        shape = _shape_of(node)
        if shape[:1] != [BATCH]:
            raise _UntranslatableError(f"{name} mixes the images of a batch")
        step = Step(op, [self._values[value] for value in values], shape[1:], self._with_positions(options))
        self.program.steps.append(step)
        self._values[node] = len(self.program.steps)

    def _arguments_of(self, node: fx.Node) -> Arguments:
        """Arguments by name, defaults included, with the tensors of weights in their place."""
        call = node.normalized_arguments(self._module, normalize_to_only_use_kwargs=True)
        arguments = call.kwargs if call else dict(enumerate(node.args))
        return {
            str(name): self._weights.get(value.name, value) if isinstance(value, fx.Node) else value
            for name, value in arguments.items()
        }

    def _with_positions(self, options: Arguments) -> Arguments:
        store = self.program.store
        return {name: store(value) if isinstance(value, Tensor) else value for name, value in options.items()}

    def _check_output(self, node: fx.Node) -> None:
        outputs = list(node.all_input_nodes)
        if len(outputs) != 1 or self._values.get(outputs[0], 0) == 0 or _shape_of(outputs[0]) != [BATCH, len(CLASSES)]:
            raise UserError(f"a page needs a network that maps an image to {len(CLASSES)} logits: export as onnx")
        if self._values[outputs[0]] != len(self.program.steps):
            raise UserError("a page needs a network whose last operation returns the logits: export as onnx")


def _shape_of(node: fx.Node) -> list[int]:
    value = node.meta["val"]
    return [int(side) for side in (value[0] if isinstance(value, tuple | list) else value).shape]


def _is_first_item(node: fx.Node) -> bool:
    return getattr(node.target, "__name__", "") == "getitem" and bool(node.args[1] == 0)


def _layer_of(node: fx.Node) -> str:
    """The innermost module that a call belongs to, such as ``layer features.3 (LSTM)``."""
    *_, (path, kind) = (node.meta.get("nn_module_stack") or {"": ("", "")}).values()
    name = str(kind).rpartition(".")[2]
    return f"layer {path} ({name})" if path else f"a {name}" if name else "this network"


def _only(arguments: Arguments, **required: Any) -> None:
    """Check arguments that the steps do not have.

    Raises:
        _UntranslatableError: One has another value.
    """
    for name, value in required.items():
        if arguments[name] != value:
            raise _UntranslatableError(f"{name}={arguments[name]}")


def _pair(value: Any) -> list[int]:
    return [int(value)] * 2 if isinstance(value, int) else [int(side) for side in value] * (3 - len(value))


Translate = Callable[[Arguments], tuple[str, Arguments]]


def _convolution(call: Arguments) -> tuple[str, Arguments]:
    kernel, dilation, padding = call["weight"], _pair(call["dilation"]), call["padding"]
    if not isinstance(kernel, Tensor) or kernel.ndim != 4:
        raise _UntranslatableError("its kernels are computed")
    if padding == "same":
        padding = [step * (side - 1) // 2 for step, side in zip(dilation, kernel.shape[2:], strict=True)]
    elif padding == "valid":
        padding = 0
    options = {"stride": _pair(call["stride"]), "padding": _pair(padding), "dilation": dilation}
    return "convolution", {"kernel": kernel, "bias": call["bias"], **options, "groups": call["groups"]}


def _linear(call: Arguments) -> tuple[str, Arguments]:
    if not isinstance(call["weight"], Tensor) or _shape_of(call["input"])[1:] != [call["weight"].shape[1]]:
        raise _UntranslatableError("it is applied to more than one list of features")
    return "linear", {"kernel": call["weight"], "bias": call["bias"]}


def _batch_norm(call: Arguments) -> tuple[str, Arguments]:
    """One factor and offset per channel."""
    if call["running_var"] is None:
        raise _UntranslatableError("it has no running statistics")
    mean, variance = call["running_mean"].double(), call["running_var"].double()
    factor = (variance + call["eps"]).rsqrt() * (1 if call["weight"] is None else call["weight"].double())
    offset = (0 if call["bias"] is None else call["bias"].double()) - mean * factor
    return "scale", {"factor": factor, "offset": offset}


def _max_pool(call: Arguments) -> tuple[str, Arguments]:
    kernel = _pair(call["kernel_size"])
    stride = _pair(call["stride"] or kernel)
    rest = {"padding": _pair(call["padding"]), "dilation": _pair(call["dilation"])}
    return "max_pool", {"size": kernel, "stride": stride, **rest}


def _avg_pool(call: Arguments) -> tuple[str, Arguments]:
    _only(call | {"padding": _pair(call["padding"])}, padding=[0, 0], ceil_mode=False, divisor_override=None)
    kernel = _pair(call["kernel_size"])
    return "avg_pool", {"size": kernel, "stride": _pair(call["stride"] or kernel)}


def _over_places(op: str) -> Translate:
    """A mean or maximum over height and width is a pooling to one place."""

    def translate(call: Arguments) -> tuple[str, Arguments]:
        dimensions = len(_shape_of(call["input"]))
        if dimensions != 4 or sorted(dim % dimensions for dim in call["dim"] or []) != [2, 3]:
            raise _UntranslatableError("it is not over height and width")
        return op, {"places": [1, 1]}

    return translate


def _adaptive(op: str) -> Translate:
    return lambda call: (op, {"places": _pair(call["output_size"])})


def _permute(call: Arguments) -> tuple[str, Arguments]:
    dims = [dim % len(call["dims"]) for dim in call["dims"]]
    if dims[0] != 0:
        raise _UntranslatableError("it moves the batch")
    return "permute", {"dims": [dim - 1 for dim in dims[1:]]}


def _flip(call: Arguments) -> tuple[str, Arguments]:
    if list(call["dims"]) != [3]:
        raise _UntranslatableError("it mirrors other than left to right")
    return "mirror", {}


def _arithmetic(op: str) -> Translate:
    """Two values of one shape, values (C, H, W) and one for each channel (C, 1, 1), or a value and a number."""

    def translate(call: Arguments) -> tuple[str, Arguments]:
        if call.get("alpha", 1) != 1 or isinstance(call["other"], Tensor) or not isinstance(call["input"], fx.Node):
            raise _UntranslatableError(f"it can {op} only layers' values and numbers")
        if not isinstance(call["other"], fx.Node):
            return op, {"number": call["other"]}
        shape, other = _shape_of(call["input"]), _shape_of(call["other"])
        if other not in (shape, [*shape[:2], 1, 1]):
            raise _UntranslatableError(f"it can {op} only values of one shape, or one to each channel")
        return op, {}

    return translate


def _elementwise(op: str, *names: str) -> Translate:
    return lambda call: (op, {name: call[name] for name in names})


STEPS: dict[str, Translate] = {
    "aten.conv2d.default": _convolution,
    "aten.conv2d.padding": _convolution,
    "aten.linear.default": _linear,
    "aten.batch_norm.default": _batch_norm,
    "aten.max_pool2d.default": _max_pool,
    "aten.avg_pool2d.default": _avg_pool,
    "aten.adaptive_max_pool2d.default": _adaptive("adaptive_max_pool"),
    "aten.adaptive_avg_pool2d.default": _adaptive("adaptive_avg_pool"),
    "aten.mean.dim": _over_places("adaptive_avg_pool"),
    "aten.amax.default": _over_places("adaptive_max_pool"),
    "aten.permute.default": _permute,
    "aten.flip.default": _flip,
    "aten.add.Tensor": _arithmetic("add"),
    "aten.sub.Tensor": _arithmetic("subtract"),
    "aten.mul.Tensor": _arithmetic("multiply"),
    "aten.div.Tensor": _arithmetic("divide"),
    "aten.gelu.default": _elementwise("gelu", "approximate"),
    "aten.elu.default": _elementwise("elu", "alpha", "scale", "input_scale"),
    "aten.leaky_relu.default": _elementwise("leaky_relu", "negative_slope"),
    "aten.softplus.default": _elementwise("softplus", "beta", "threshold"),
    "aten.hardtanh.default": _elementwise("hardtanh", "min_val", "max_val"),
    **{f"aten.{name}.default": _elementwise(name) for name in ("abs", "relu", "selu", "silu", "tanh", "sigmoid")},
    **{f"aten.{name}.default": _elementwise(name) for name in ("hardsigmoid", "hardswish", "mish", "relu6")},
    **{f"aten.{name}": _elementwise("reshape") for name in ("flatten.using_ints", "view.default", "reshape.default")},
    **{f"aten.{name}": _elementwise("reshape") for name in ("squeeze.dims", "squeeze.dim")},
    **{f"aten.{name}": _elementwise("reshape") for name in ("squeeze.default", "unsqueeze.default")},
}
"""Operations of PyTorch, and how each is translated: its step's name and options from the arguments of the call."""

SAME = {
    f"aten.{name}.default" for name in ("dropout", "feature_dropout", "alpha_dropout", "clone", "contiguous", "alias")
}
"""Operations that change nothing when a network is used."""
