"""A page in a process of its own, shared by the tests of a file."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

PATIENCE = 60  # seconds that a page may take on a busy machine


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("gradio", reason="the extra `app` is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "fmnist_pl.app", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert f"http://127.0.0.1:{port}" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        server.terminate()
