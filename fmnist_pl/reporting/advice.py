"""What to try next, as flags of ``train.py fit`` that the network of a run has, with their present values."""

from typing import Any

Config = dict[str, Any]

SIZE_KEYS = ("blocks", "filters", "filters_1", "hidden_sizes")  # the number of units; a network has one of the first
AUGMENTATION = "--data.augment.shift 0.05 --data.augment.rotation 5 --data.augment.zoom 0.1"
SLICE_KEYS = {"dark": ("brightness", 0.3), "small": ("zoom", 0.2), "off-centre": ("shift", 0.1), "thin": ("shear", 10)}
"""Slice -> the augmentation that makes more such images, and a usual value."""


def longer(config: Config) -> str:
    """More epochs."""
    epochs = _at(config, "trainer.max_epochs")
    if not isinstance(epochs, int) or epochs < 1:
        return "train longer (`--trainer.max_epochs`)"
    return f"train longer (`--trainer.max_epochs {2 * epochs}`; now {epochs})"


def larger(config: Config) -> str:
    """A larger network."""
    found = next(filter(None, (model_key(config, key) for key in SIZE_KEYS)), None)
    if found is None:
        return "use a larger network"
    flag, value = found
    if flag.endswith(".hidden_sizes"):
        return f"use a convolutional network (`--config cnn.yaml`) or more units (`{flag}`; now {value})"
    return f"use a larger network (`{flag}`; now {value})"


def regularize(config: Config) -> str:
    """The kinds of regularization that the run did not use, or how to strengthen them."""
    unused = []
    augment = _at(config, "data.augment")
    if isinstance(augment, dict) and not any(augment.values()):
        unused.append(f"augmentation (`{AUGMENTATION}`)")
    dropout = model_key(config, "dropout")
    if dropout is not None and not dropout[1]:
        unused.append(f"dropout (`{dropout[0]} 0.3`)")
    if not _at(config, "optimizer.init_args.weight_decay"):
        unused.append("weight decay (`--optimizer AdamW --optimizer.weight_decay 0.05`)")
    if unused:
        return f"add {', '.join(unused)}"
    stronger = [f"`{flag}` (now {value})" for flag, value in filter(None, [dropout])]
    weight_decay = _at(config, "optimizer.init_args.weight_decay")
    return (
        f"strengthen {', '.join(['`--data.augment`', *stronger, f'`--optimizer.weight_decay` (now {weight_decay})'])}"
    )


def regularize_less(config: Config) -> str:
    """The dropout to lower; empty if there is none."""
    dropout = model_key(config, "dropout")
    return f"lower `{dropout[0]}` (now {dropout[1]})" if dropout is not None and dropout[1] else ""


def learning_rate(config: Config) -> str:
    """A lower learning rate."""
    lr = _at(config, "optimizer.init_args.lr")
    return (
        f"lower the learning rate (`--optimizer.lr {lr / 10:g}`; now {lr:g})"
        if isinstance(lr, int | float)
        else ("lower the learning rate (`--optimizer.lr`)")
    )


def smooth_labels(config: Config, more: bool) -> str:
    """More label smoothing or less; empty if the run cannot use less."""
    now = _at(config, "model.init_args.label_smoothing") or 0.0
    if more:
        return f"raise label smoothing (`--model.label_smoothing {now + 0.1:g}`; now {now:g})" if now < 0.2 else ""
    return f"lower label smoothing (`--model.label_smoothing {now / 2:g}`; now {now:g})" if now else ""


def augment_for(slice_name: str, config: Config) -> str:
    """The augmentation that makes more images of a slice."""
    key, value = SLICE_KEYS[slice_name]
    now = _at(config, f"data.augment.{key}") or 0
    stronger = min(2 * now, 0.9) if now and key != "shear" else 2 * now
    return f"train with more such images (`--data.augment.{key} {stronger or value:g}`; now {now:g})"


def model_key(config: Config, key: str) -> tuple[str, Any] | None:
    """Flag and value of an argument of the network; ``None`` if it has no such argument."""
    for place, flag in (("model.init_args", "--model"), ("model.init_args.network.init_args", "--model.network")):
        arguments = _at(config, place)
        if isinstance(arguments, dict) and key in arguments:
            return f"{flag}.{key}", arguments[key]
    return None


def _at(config: Config, dotted: str) -> Any:
    """The value of a dotted key; ``None`` if there is none."""
    value: Any = config
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
