"""Options of the page that no server can be started with."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fmnist_pl.app.serve import serve
from fmnist_pl.errors import UserError
from fmnist_pl.networks.saved import about_safetensors
from fmnist_pl.weights import SHIPPED


@pytest.mark.parametrize("port", [0, -1, 65_536, 99_999])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(UserError, match=rf"port: .*{port};"):
        serve(port=port, block=False)


def test_a_model_that_asks_for_more_memory_than_its_file(tmp_path: Path) -> None:
    about = about_safetensors(SHIPPED)
    about["network"]["init_args"] |= {"hidden_sizes": [10**9]}
    path = tmp_path / "vast.safetensors"
    save_file({"x": torch.zeros(1)}, path, {name: json.dumps(value) for name, value in about.items()})
    with pytest.raises(UserError, match=r"vast\.safetensors"):
        serve(path, block=False)
