"""Print the lowest allowed version of each dependency in pyproject.toml, as constraints for pip (``make test-oldest``).

It needs no package, since it runs before any is installed.
"""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
# torchvision's wheel does not import beside a CPU-only torch, which pip prefers wherever it finds one
NOT_CPU_ONLY = ",!={version}+cpu"


def lowest_versions(pyproject: Path = PYPROJECT) -> list[str]:
    """Lower bounds of all required and optional dependencies: ``["torch==2.13,!=2.13+cpu", "optuna==5", ...]``.

    Raises:
        ValueError: A dependency has no lower bound.
    """
    project = tomllib.loads(pyproject.read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [_constraint(line) for group in groups for line in group if not line.startswith(project["name"])]


def _constraint(requirement: str) -> str:
    bound = re.match(r"(?P<name>[\w-]+)(\[\w+\])?>=(?P<version>[\d.]+)", requirement)
    if bound is None:
        raise ValueError(f"{requirement} in {PYPROJECT.name} has no lower bound: write NAME>=VERSION first")
    name, version = bound["name"], bound["version"]
    return f"{name}=={version}" + (NOT_CPU_ONLY.format(version=version) if name == "torch" else "")


if __name__ == "__main__":
    print("\n".join(lowest_versions()))
