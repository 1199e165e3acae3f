"""What the page accepts: requests to its own address, from its own site, of limited size, that name uploads only."""

import ipaddress
import json
import re
import socket
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fmnist_pl.app.uploads import UPLOADS_ONLY, has_room, is_upload
from fmnist_pl.photos.decode import MAX_BYTES

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)
"""The browser fetches from this server only (gradio's page asks for fonts and scripts from other hosts)."""

API = "/gradio_api"
UPLOAD, EVENT = f"{API}/upload", f"{API}/queue/join"
MAX_REQUEST = {UPLOAD: MAX_BYTES + 2**20, EVENT: 2**14, f"{API}/cancel": 2**14, f"{API}/reset": 2**14}
"""Path that takes a POST -> largest body in bytes. The page uses none of gradio's other routes that take one."""

HOST = re.compile(r"(?P<name>[^\s:/@\[\]]+|\[[^\s/@\[\]]+\])(:\d{1,5})?")
LOCAL = ("localhost", "127.0.0.1", "::1")
ALL_ADDRESSES = ("0.0.0.0", "::")
FORWARDED = (b"forwarded", b"x-forwarded-", b"x-gradio-server")


class RequestLimits:
    """ASGI middleware: answers a request that is not accepted in one line, and adds the policy to all other answers."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        """Wrap an application.

        Args:
            app: The application.
            host: The address that the server listens on.
        """
        self._app = app
        self._host = host.strip("[]").lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None and scope["path"] == EVENT:
            body = await _whole_body(receive)
            refusal = _refusal_of_event(body)
            receive = _again(body, receive)
        if refusal is not None:
            status, reason = refusal
            await PlainTextResponse(f"{reason}\n", status)(scope, receive, send_with_policy)
            return
        # gradio would take the address of the page from these
        headers = [(name, value) for name, value in scope["headers"] if not name.startswith(FORWARDED)]
        await self._app({**scope, "headers": headers}, receive, send_with_policy)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason if the request is refused by its head."""
        headers = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if len(hosts) != 1 or not self._is_own(host):
            return 403, "this page has another address"
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "this page answers requests of its own site only"
        if "://" in scope["path"]:
            return 403, UPLOADS_ONLY
        length = headers.get(b"content-length", "0")
        limit = MAX_REQUEST.get(scope["path"], 0) if scope["method"] == "POST" else 0
        if scope["method"] == "POST" and not limit:
            return 404, "there is nothing here"
        if b"transfer-encoding" in headers or not length.isdecimal() or len(length) > 12 or int(length) > limit:
            return 413, f"at most {limit:,} bytes"
        if scope["path"] == UPLOAD and not has_room():
            return 507, "the disk of this server is almost full: free some space"
        return None

    def _is_own(self, host: str) -> bool:
        """Whether the Host of a request is the address of this server.

        A site of a stranger can make its name lead to this machine (DNS rebinding), but the browser then sends that
        name. An IP address cannot be made to lead elsewhere.
        """
        match = HOST.fullmatch(host)
        name = match["name"].strip("[]") if match else ""
        if name in (*LOCAL, self._host):
            return True
        return self._host in ALL_ADDRESSES and (name == socket.gethostname().lower() or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refusal_of_event(body: bytes) -> tuple[int, str] | None:
    """Status and reason if an event is refused: it is not JSON, or names a file that was not uploaded."""
    try:
        return None if _names_only_uploads(json.loads(body)) else (403, UPLOADS_ONLY)
    except (ValueError, RecursionError):
        return 400, "this is not an event"


def _names_only_uploads(content: Any) -> bool:
    """Whether every ``path`` in nested plain data, as in gradio's description of a file, lies in the upload folder."""
    if isinstance(content, dict):
        path = content.get("path")
        return (path is None or is_upload(path)) and all(map(_names_only_uploads, content.values()))
    return not isinstance(content, list) or all(map(_names_only_uploads, content))


async def _whole_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """``receive`` for a body that was read already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message
