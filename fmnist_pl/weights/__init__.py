"""The weights that come with the package: ``make weights`` makes them anew, their card tells how good they are."""

from pathlib import Path

SHIPPED = Path(__file__).with_name("shipped.safetensors")
