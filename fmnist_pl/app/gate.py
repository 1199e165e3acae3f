"""What every request and every answer of the page must keep to."""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fmnist_pl.photos.read import MAX_BYTES

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)
"""Nothing is fetched from another place than this server (gradio's own page asks for fonts and scripts elsewhere)."""

ROOM = 2**20
"""Bytes for all that a request holds beside a file."""


class Gate:
    """ASGI middleware: refuses bodies that are too large, or of a length that is not told, and forbids the internet."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    @classmethod
    def entry(cls) -> Middleware:
        """For the list of an application's middleware."""
        return Middleware(cls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if b"transfer-encoding" in headers or (length and (not length.isdigit() or int(length) > MAX_BYTES + ROOM)):
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": f"at most {MAX_BYTES // 2**20} MB\n".encode()})
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self._app(scope, receive, send_with_policy)
