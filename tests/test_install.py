"""The wheel, installed into an environment of its own, brings all that a user of the repository has."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import NO_PICTURES, ROOT, SMALL
from tests.lowest_versions import lowest_versions

SOURCES = ["fmnist_pl", "configs", "pyproject.toml", "setup.py", "README.md", "LICENSE"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
LOOK = """
import fmnist_pl.config
from fmnist_pl.predictor import Predictor
Predictor.shipped()
print(fmnist_pl.__file__, fmnist_pl.config.CONFIG_FOLDER, sep="\\n")
"""


def run(command: list[str | Path], folder: Path) -> str:
    """Run a program as a user does who has neither the repository nor the images; returns its output."""
    hidden = ("PYTHONPATH", "FMNIST_DATA")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built from a copy, since a build writes beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / "source" / name)
    run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", ".", "./source"], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment with the wheel and, after it, the packages that run this test."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", folder], folder)
    base = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", base))
    # these folders come after the wheel's, and the .pth file of an editable install in them is not read
    dependencies = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "dependencies.pth").write_text("\n".join(dependencies))
    binaries = Path(sysconfig.get_path("scripts", "venv", base))
    run([*PIP, "--python", binaries / "python", "install", "--no-deps", "--no-index", wheel], folder)
    return binaries


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    package = {path.relative_to(ROOT) for path in (ROOT / "fmnist_pl").rglob("*") if path.is_file()}
    package |= {Path("fmnist_pl") / path.relative_to(ROOT) for path in (ROOT / "configs").rglob("*.yaml")}
    assert held == {path.as_posix() for path in package if "__pycache__" not in path.parts}
    assert "License-Expression: MIT" in metadata


@pytest.mark.slow
def test_an_installed_package_trains_in_an_empty_folder(commands: Path, tmp_path: Path) -> None:
    fit = ["fit", "--config", "dense.yaml", *SMALL, *NO_PICTURES, "--trainer.max_epochs", "1", "--report", "true"]
    run([commands / "fmnist-train", *fit], tmp_path)
    assert (tmp_path / "runs/dense/version_0/metrics.json").is_file()
    assert (tmp_path / "runs/dense/version_0/report/report.html").is_file()


@pytest.mark.slow
def test_an_installed_package_searches(commands: Path, tmp_path: Path) -> None:
    assert "--n_trials" in run([commands / "fmnist-tune", "--help"], tmp_path)


@pytest.mark.slow
def test_an_installed_package_uses_its_own_files(commands: Path, tmp_path: Path) -> None:
    package, configs = run([commands / "python", "-c", LOOK], tmp_path).splitlines()
    assert Path(package).is_relative_to(commands.parent)
    assert Path(configs) == Path(package).parent / "configs"


def test_every_dependency_has_a_lowest_version() -> None:
    found = lowest_versions()
    assert {"optuna==5", "cmaes==0.12"} <= set(found)
    assert len(found) > 20
