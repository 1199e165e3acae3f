"""Requests as they reach the page, without its server: every address to listen on, a full disk."""

import asyncio
import shutil
import socket
from collections import namedtuple

import pytest

pytest.importorskip("starlette", reason="the extra `app` is not installed")

from fmnist_pl.app.request_limits import UPLOAD, RequestLimits


def status(listening: str, host: str, method: str = "GET", path: str = "/") -> int:
    """Status of the answer to a request; 204 if it reaches the application."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def application(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", host.encode())]}
    asyncio.run(RequestLimits(application, listening)(scope, receive, send))
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("listening", "host", "is_own"),
    [
        ("127.0.0.1", "127.0.0.1:7860", True),
        ("127.0.0.1", "192.168.1.5", False),
        ("127.0.0.1", socket.gethostname(), False),
        ("192.168.1.5", "192.168.1.5:80", True),
        ("192.168.1.5", "192.168.1.6", False),
        ("Shirts.example", "shirts.example", True),
        ("[::1]", "[::1]:7860", True),
        ("0.0.0.0", "192.168.1.5", True),
        ("::", "[fe80::1]:7860", True),
        ("0.0.0.0", socket.gethostname().upper(), True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", "", False),
        ("::", "[evil.example]", False),
    ],
)
def test_the_address_that_the_page_listens_on(listening: str, host: str, is_own: bool) -> None:
    assert status(listening, host) == (204 if is_own else 403)


def test_uploads_leave_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = namedtuple("disk", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk(100, 50, 50))
    assert status("localhost", "localhost", "POST", UPLOAD) == 204
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk(100, 98, 2))
    assert status("localhost", "localhost", "POST", UPLOAD) == 507
    assert status("localhost", "localhost") == 204
