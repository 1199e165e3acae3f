"""Limits of the page's requests, and the content security policy of its responses."""

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fmnist_pl.photos.decode import MAX_BYTES

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)
"""The browser fetches from this server only (gradio's page asks for fonts and scripts from other hosts)."""

OVERHEAD_BYTES = 2**20  # size of a request apart from its file


class UploadLimits:
    """ASGI middleware: refuses bodies that are too large or of unknown length, and adds the security policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    @classmethod
    def entry(cls) -> Middleware:
        """Entry for an application's list of middleware."""
        return Middleware(cls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        too_large = bool(length) and (not length.isdigit() or int(length) > MAX_BYTES + OVERHEAD_BYTES)
        if b"transfer-encoding" in headers or too_large:
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": f"at most {MAX_BYTES // 2**20} MB\n".encode()})
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await self._app(scope, receive, send_with_policy)
