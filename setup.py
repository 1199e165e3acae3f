"""What pyproject.toml cannot say: every package below fmnist_pl/, and configs/ installed as fmnist_pl/configs/."""

from setuptools import find_packages, setup

CONFIGS = ["fmnist_pl.configs", "fmnist_pl.configs.records", "fmnist_pl.configs.search"]

setup(
    packages=[*find_packages(include=["fmnist_pl*"]), *CONFIGS],
    package_dir={"fmnist_pl.configs": "configs"},
)
