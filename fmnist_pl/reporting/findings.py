"""What an evaluation means, as sentences with their numbers, and what to try next.

docs/report.md lists every sentence with its limits and the source of its method. A difference is called a finding only
if it is above `LIMIT` standard errors: chance exceeds that in 5% of all cases.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from fmnist_pl.reporting import advice
from fmnist_pl.reporting.calibration import calibration_error_by_chance, fitted_temperature, with_temperature
from fmnist_pl.reporting.doubtful_labels import LARGEST_PROBABILITY, doubtful_labels
from fmnist_pl.reporting.evaluation import hardest_pairs
from fmnist_pl.reporting.report_figures import ReportInputs
from fmnist_pl.reporting.slices import weak_slices
from fmnist_pl.reporting.statistics import LIMIT, binomial_tail, difference_error, mean_error

NOT_LEARNED = 0.3  # training accuracy below which a network has learned next to nothing
SMALL_ERROR = 0.02  # validation error with little left to gain; the best published ones are about 0.03
OVERFIT, UNDERFIT = 0.5, 0.25  # difference of validation and training error as a fraction of the validation error
CALIBRATION_LIMIT = 0.01  # smallest difference of confidence and accuracy that matters
FEWEST_ERRORS = 30  # errors needed to name pairs of classes
PAIR_SIGNIFICANCE = 0.05  # chance that any pair is named if all pairs are equally likely
MOST_PAIRS = 3
SHOWN_INDICES = 10


@dataclass(frozen=True)
class Finding:
    """One sentence or two about a run."""

    headline: str
    text: str
    advice: str = ""
    """What to try next; empty if nothing follows."""
    is_problem: bool = False
    numbers: dict[str, Any] = field(default_factory=dict)
    """Plain data behind the text, unrounded."""


def findings(inputs: ReportInputs) -> list[Finding]:
    """All findings of a run, those to act on first in each topic; topics without data are left out."""
    parts = (_fit, _curves, _val_and_test, _confidence, _pairs, _slices, _labels, _noise)
    return [finding for part in parts for finding in part(inputs)]


def _fit(inputs: ReportInputs) -> Iterator[Finding]:
    """Underfits or overfits: which part of the error is on training images already (Ng 2018, chapters 20 to 25)."""
    train, config = inputs.train_evaluation, inputs.config
    unseen, name = (inputs.val_evaluation, "validation") if inputs.val_evaluation else (inputs.evaluation, "test")
    if train is None:
        return
    gap, error = train.accuracy - unseen.accuracy, 1 - unseen.accuracy
    deviation = difference_error(train.correct, unseen.correct)
    share = gap / error if error else 0.0
    numbers = {"train_acc": train.accuracy, f"{name}_acc": unseen.accuracy, "gap": gap, "standard_error": deviation}
    where = (
        f"Accuracy is {train.accuracy:.4f} on {len(train.labels):,} training images (without augmentation and dropout) "
        f"and {unseen.accuracy:.4f} on {len(unseen.labels):,} {name} images"
    )
    difference = f"{_points(gap)} apart, {abs(gap) / deviation:.1f} standard errors"
    part = f"The difference is {share:.0%} of the {name} error"
    bigger, stronger = advice.larger(config), advice.regularize(config)
    if train.accuracy < NOT_LEARNED:
        text, tip = f"{where}; guessing gives 0.1.", advice.learning_rate(config)
        yield Finding("Has not learned", text, _sentence(tip, advice.longer(config)), True, numbers)
    elif error <= SMALL_ERROR:
        yield Finding("Fits", f"{where}, {difference}: little error is left.", numbers=numbers)
    elif gap > LIMIT * deviation and share >= OVERFIT:
        text = f"{where}, {difference}. {part}."
        yield Finding("Overfits", text, _sentence(stronger, joined=" "), True, numbers)
    elif share <= UNDERFIT and gap + LIMIT * deviation < OVERFIT * error:
        text = f"{where}, {difference}. {part}: most errors are on training images too."
        first = [advice.longer(config)] if _still_improves(inputs) else []
        tips = [*first, bigger, advice.regularize_less(config)]
        yield Finding("Underfits", text, _sentence(*tips), True, numbers)
    elif gap <= LIMIT * deviation and LIMIT * deviation > OVERFIT * error:
        text = f"{where}, {difference}: too few images to say whether it overfits."
        yield Finding("Fit undecided", text, "Evaluate on more images before changing the recipe.", numbers=numbers)
    else:
        text = f"{where}, {difference}. {part}: capacity and regularization are in balance."
        yield Finding("Fits", text, f"Change both together: {bigger}, and {stronger}.", numbers=numbers)
    if inputs.val_evaluation is None:
        text = "There are no validation images, so the test images are the only check."
        tip = "Select a recipe on validation images (`--data.val_fraction 0.1`), not on the test images."
        yield Finding("No validation", text, tip)


def _curves(inputs: ReportInputs) -> Iterator[Finding]:
    """Whether the validation loss rose at the end while the training loss fell (Prechelt 1998)."""
    epochs = [epoch for epoch in inputs.history if {"train/loss", "val/loss"} <= set(epoch)]
    if len(epochs) < 2 or inputs.val_evaluation is None:
        return
    lowest, last = min(epochs, key=lambda epoch: epoch["val/loss"]), epochs[-1]
    rise, fall = last["val/loss"] - lowest["val/loss"], lowest["train/loss"] - last["train/loss"]
    deviation = mean_error(inputs.val_evaluation.losses)
    best, end = int(lowest["epoch"]) + 1, int(last["epoch"]) + 1
    numbers = {"lowest_val_loss_epoch": best, "rise": rise, "standard_error": deviation}
    if rise > LIMIT * deviation and fall > 0:
        text = (
            f"From epoch {best} to {end} the validation loss rose from {lowest['val/loss']:.4f} to "
            f"{last['val/loss']:.4f} ({rise / deviation:.1f} standard errors) while the training loss fell from "
            f"{lowest['train/loss']:.4f} to {last['train/loss']:.4f}."
        )
        tip = f"Stop earlier (`--trainer.max_epochs {best}`), or regularize."
        yield Finding("Validation loss rises", text, tip, True, numbers)
    else:
        state = "it is still falling" if _still_improves(inputs) else "it did not rise beyond chance afterwards"
        text = f"Validation loss was lowest after epoch {best} of {end} ({lowest['val/loss']:.4f}); {state}."
        yield Finding("Validation loss does not rise", text, numbers=numbers)


def _val_and_test(inputs: ReportInputs) -> Iterator[Finding]:
    """Difference of validation and test accuracy over its standard error."""
    val, test = inputs.val_evaluation, inputs.evaluation
    if val is None:
        return
    difference, deviation = val.accuracy - test.accuracy, difference_error(val.correct, test.correct)
    numbers = {"val_acc": val.accuracy, "test_acc": test.accuracy, "standard_error": deviation}
    text = (
        f"Accuracy is {val.accuracy:.4f} on {len(val.labels):,} validation and {test.accuracy:.4f} on "
        f"{len(test.labels):,} test images: {_points(difference)} apart, "
        f"{abs(difference) / deviation:.1f} standard errors"
    )
    if abs(difference) <= LIMIT * deviation:
        yield Finding("Validation and test agree", f"{text}.", numbers=numbers)
    elif difference > 0:
        text += ". The recipe or epoch was selected on the validation images, or they are easier; trust the test."
        tip = "Select recipes by cross-validation (`--data.num_folds 5 --data.fold 0`, then 1 to 4)."
        yield Finding("Validation is better than test", text, tip, True, numbers)
    else:
        yield Finding("Test is better than validation", f"{text}. The test images are easier.", numbers=numbers)


def _confidence(inputs: ReportInputs) -> Iterator[Finding]:
    """Mean confidence against accuracy, and the calibration error against what chance gives."""
    evaluation, config = inputs.evaluation, inputs.config
    differences = evaluation.confidences - evaluation.correct
    mean, deviation = float(differences.mean()), mean_error(differences)
    ece, chance = evaluation.calibration_error, calibration_error_by_chance(evaluation.confidences)
    numbers = {"confidence_minus_acc": mean, "standard_error": deviation, "ece": ece, "ece_by_chance": chance}
    text = (
        f"Mean confidence is {evaluation.confidences.mean():.4f}, accuracy {evaluation.accuracy:.4f}: {_points(mean)} "
        f"apart, {abs(mean) / deviation:.1f} standard errors. The calibration error is {ece:.4f}; chance explains "
        f"up to {chance:.4f}."
    )
    if ece <= chance:
        yield Finding("Confidence is right", text, numbers=numbers)
    elif abs(mean) <= max(LIMIT * deviation, CALIBRATION_LIMIT):
        text += " Confidence is right on average, not at every level (Calibration)."
        yield Finding("Confidence is right on average", text, numbers=numbers)
    else:
        tips = [advice.smooth_labels(config, more=mean > 0)]
        if inputs.val_evaluation is not None:
            temperature = fitted_temperature(inputs.val_evaluation)
            after = with_temperature(evaluation, temperature).calibration_error
            numbers |= {"temperature": temperature, "ece_with_temperature": after}
            if after < ece:
                tips.append(
                    f"divide the logits by {temperature:.2f} where probabilities are used (temperature fitted on the "
                    f"validation images; the test calibration error is then {after:.4f})"
                )
        headline = "Over-confident" if mean > 0 else "Under-confident"
        yield Finding(headline, text, _sentence(*tips), True, numbers)


def _pairs(inputs: ReportInputs) -> Iterator[Finding]:
    """The pairs of classes with more errors than if all pairs were equally likely."""
    confusion, names = inputs.evaluation.confusion, inputs.class_names
    errors = len(inputs.evaluation.mistakes)
    pairs = len(names) * (len(names) - 1) // 2
    if errors < FEWEST_ERRORS or pairs < 2:
        return
    counts = {pair: int(confusion[pair] + confusion[pair[::-1]]) for pair in hardest_pairs(confusion, MOST_PAIRS)}
    named = {
        f"{names[a]} / {names[b]}": count
        for (a, b), count in counts.items()
        if binomial_tail(count, errors, 1 / pairs) < PAIR_SIGNIFICANCE / pairs
    }
    if not named:
        yield Finding("Errors are spread", f"No pair of classes stands out among the {errors:,} errors.")
        return
    listed = _and([f"{pair} ({count}, {count / errors:.0%})" for pair, count in named.items()])
    text = (
        f"{len(named)} of {pairs} pairs of classes make {sum(named.values()) / errors:.0%} of the {errors:,} errors: "
        f"{listed}."
    )
    tip = "Judge a change by the F1 of these classes too."
    yield Finding("Errors are between few classes", text, tip, numbers={"errors": errors, "pairs": named})


def _slices(inputs: ReportInputs) -> Iterator[Finding]:
    """Kinds of images with a lower accuracy than the others of the same classes."""
    for weak in weak_slices(inputs.evaluation, inputs.images):
        text = (
            f"On {weak.images:,} {weak.kind.name} images ({weak.kind.definition}) accuracy is {weak.accuracy:.4f}; on "
            f"the other images of the same classes it is {weak.rest_accuracy:.4f} ({weak.standard_errors:.1f} standard "
            "errors)."
        )
        numbers = {"images": weak.images, "acc": weak.accuracy, "rest_acc": weak.rest_accuracy}
        tip = _sentence(advice.augment_for(weak.kind.name, inputs.config))
        yield Finding(f"Weak on {weak.kind.name} images", text, tip, True, numbers)


def _labels(inputs: ReportInputs) -> Iterator[Finding]:
    """Images whose label a reliable prediction contradicts."""
    found = doubtful_labels(inputs.evaluation)
    if not found.positions:
        return
    shown, hidden = found.positions[:SHOWN_INDICES], len(found.positions[SHOWN_INDICES:])
    listed = ", ".join(map(str, shown)) + (f" and {hidden} more" if hidden else "")
    text = (
        f"{found.sure:,} predictions are at least as sure as usual for their class; {found.accuracy:.1%} of these are "
        f"correct. {len(found.positions)} of them are not, and give the label a probability of at most "
        f"{LARGEST_PROBABILITY:g}: the label may be wrong or ambiguous. Indices, the surest first: {listed}."
    )
    tip = "Look at these images (Predictions) first: a better network does not remove errors of the labels."
    yield Finding("Doubtful labels", text, tip, numbers=asdict(found))


def _noise(inputs: ReportInputs) -> Iterator[Finding]:
    """The smallest gain that one run can show."""
    val = inputs.val_evaluation
    if val is None:
        return
    least = LIMIT * difference_error(val.correct, val.correct)
    text = (
        f"With {len(val.labels):,} validation images, a gain of less than {_points(least)} in one run can be chance "
        f"({LIMIT:g} standard errors of the difference of two accuracies)."
    )
    tip = "Compare recipes over several seeds (`--seed_everything 1`, 2, ...)."
    yield Finding("What a change must gain", text, tip, numbers={"least_gain": least})


def _still_improves(inputs: ReportInputs) -> bool:
    """Whether the validation loss was lowest after the last epoch."""
    losses = [epoch["val/loss"] for epoch in inputs.history if "val/loss" in epoch]
    return len(losses) > 1 and losses[-1] == min(losses)


def _points(difference: float) -> str:
    return f"{100 * abs(difference):.2f} points"


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sentence(*tips: str, joined: str = ", or ") -> str:
    """One sentence of several alternatives; empty ones are left out."""
    text = joined.join(filter(None, tips))
    return f"{text[:1].upper()}{text[1:]}." if text else ""
