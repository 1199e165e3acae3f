"""A page in a process of its own, shared by the tests of a file."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

PATIENCE = 60  # seconds that a page may take on a busy machine


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("gradio", reason="the extra `app` is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "fmnist_pl.app", "--port", str(port)]
    temporary = tmp_path_factory.mktemp("page")
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        assert f"http://127.0.0.1:{port}" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        assert list(temporary.glob("fmnist_pl-page-*"))
        server.terminate()
    assert not list(temporary.glob("fmnist_pl-page-*")), "no upload is left behind"
