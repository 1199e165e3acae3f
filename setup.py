"""What pyproject.toml cannot say: every package below fmnist_pl/, and configs/ installed as fmnist_pl/configs/."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["fmnist_pl*"]), "fmnist_pl.configs", "fmnist_pl.configs.search"],
    package_dir={"fmnist_pl.configs": "configs"},
)
