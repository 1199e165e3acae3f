"""Render pages as one HTML file each: images inside, no scripts, no network."""

import base64
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """Render a page.

    Args:
        template: Name of a file in templates/.
        values: Variables of the template.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    # StrictUndefined: a missing variable is an error, not an empty string
    environment = Environment(
        loader=PackageLoader("fmnist_pl.reporting"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"data_uri": _data_uri, "png_width": _png_width, "anchor": _anchor}
    return environment


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _png_width(png: bytes) -> int:
    return int.from_bytes(png[16:20], "big")  # the PNG format stores the width there


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
