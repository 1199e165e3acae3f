"""What to say of a photo: a class, or that one cannot be sure."""

from dataclasses import dataclass

from torch import Tensor

from fmnist_pl.data.facts import CLASSES

UNSURE_BELOW = 0.5
"""A class that the network itself gives less than an even chance."""

FLAT = 4.0
"""Mean brightness, of 255, below which an image shows next to nothing."""

TOP = 3


@dataclass(frozen=True)
class Verdict:
    """The likeliest classes of an image, with their probabilities, and why not to trust the first."""

    top: list[tuple[str, float]]
    unsure: str
    """Empty where there is no reason for doubt."""

    @property
    def text(self) -> str:
        """For people: ``Sneaker 97%``, or ``unsure (Sneaker 31%)``."""
        name, probability = self.top[0]
        said = f"{name} {probability:.0%}"
        return f"unsure ({said})" if self.unsure else said


def judge(images: Tensor, probabilities: Tensor) -> list[Verdict]:
    """Say what each image shows.

    Args:
        images: What the network saw, uint8 (N, 1, 28, 28).
        probabilities: What it said, (N, 10).
    """
    return [_judge(image, row) for image, row in zip(images, probabilities, strict=True)]


def _judge(image: Tensor, probabilities: Tensor) -> Verdict:
    values, indices = probabilities.topk(TOP)
    top = [(CLASSES[index], value) for index, value in zip(indices.tolist(), values.tolist(), strict=True)]
    unsure = ""
    if image.float().mean() < FLAT:
        unsure = "nothing stands out from the background"
    elif top[0][1] < UNSURE_BELOW:
        unsure = "unlike any of the ten classes"
    return Verdict(top, unsure)
