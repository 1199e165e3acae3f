"""Pages that need nothing beside them: pictures within, no script, no network."""

import base64
import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import matplotlib.image
import numpy as np
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from fmnist_pl.reporting.evaluation import hardest_pairs
from fmnist_pl.reporting.evidence import Evidence
from fmnist_pl.reporting.picture_files import Picture

PAIRS, EXAMPLES = 6, 8
MISSING = {
    "learning_curves": "The checkpoint holds no history of its training.",
    "most_confidently_wrong": "Nothing is wrong.",
    "augmented_samples": "The run changes no training images (data.augment).",
    "feature_maps": "The network has no convolutions.",
    "first_filters": "The first layer's weights are no pictures.",
}
"""Why a picture may not be there."""


def report_page(evidence: Evidence, pictures: Mapping[str, Picture], drawn: Mapping[str, bytes]) -> str:
    """The report as one HTML file.

    Args:
        evidence: Of a run and its test.
        pictures: Those of the evidence.
        drawn: Each of them as PNG.
    """
    return render(
        "report.html",
        drawn,
        title=f"{evidence.metrics['config']}: report of a run on {evidence.metrics['data_source']} images",
        metrics=evidence.metrics,
        evaluation=evidence.evaluation,
        captions={name: picture.caption for name, picture in pictures.items()},
        missing=MISSING,
        pairs=_pair_rows(evidence),
        config=yaml.safe_dump(evidence.config, sort_keys=False),
        model_summary=evidence.model_summary,
        chosen_epoch=evidence.chosen_epoch,
    )


def render(template: str, drawn: Mapping[str, bytes], **values: Any) -> str:
    """A page from its template.

    Args:
        template: Name of a file in templates/.
        drawn: Pictures as PNG, for the template's ``figure`` macro.
        values: What the template names.
    """
    # a PNG's width is in its bytes 16 to 19
    sources = {name: {"uri": _data_uri(png), "width": int.from_bytes(png[16:20], "big")} for name, png in drawn.items()}
    return _environment().get_template(template).render(sources=sources, **values)


@cache
def _environment() -> Environment:
    # StrictUndefined: a name that nobody gave is a fault, not an empty place
    return Environment(
        loader=PackageLoader("fmnist_pl.reporting"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _pair_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """The pairs of classes that are hardest to tell apart, with examples."""
    confusion, names = evidence.evaluation.confusion, evidence.class_names
    return [
        {
            "first": names[a],
            "second": names[b],
            "errors": int(confusion[a, b] + confusion[b, a]),
            "first_as_second": int(confusion[a, b]),
            "second_as_first": int(confusion[b, a]),
            "rate": (confusion[a, b] + confusion[b, a]) / (confusion[a].sum() + confusion[b].sum()),
            "examples": [
                {"source": _small_image(evidence.test_images[i]), "text": evidence.evaluation.caption(i)}
                for i in evidence.pair_examples((a, b), EXAMPLES)
            ],
        }
        for a, b in hardest_pairs(confusion, PAIRS)
    ]


def _small_image(image: np.ndarray) -> str:
    content = io.BytesIO()
    matplotlib.image.imsave(content, image, cmap="gray", vmin=0, vmax=255, format="png")
    return _data_uri(content.getvalue())


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
