"""Requests of strangers to the page: other people's files, other addresses, other sites, other routes."""

import http.client
import json
import secrets
import socket
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.photos.sample_files import encoded, shirt

pytestmark = pytest.mark.slow

JSON = {"Content_Type": "application/json"}
EVENT = "/gradio_api/queue/join"
META = {"meta": {"_type": "gradio.FileData"}}


class Client:
    """Sends any request to a page."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.own = f"127.0.0.1:{port}"

    def send(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the answer; underscores in names of headers are hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {"Host": self.own} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        content = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def upload(self, content: bytes, name: str = "x.png") -> str:
        """The path of an uploaded file."""
        end = secrets.token_hex(8)
        head = f'--{end}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{end}--\r\n".encode()
        status, _, answer = self.send(
            "POST", "/gradio_api/upload", body, Content_Type=f"multipart/form-data; boundary={end}"
        )
        assert status == 200, answer
        return json.loads(answer)[0]

    def event(self, kind: str, data: list[Any], event_data: Any = None) -> tuple[int, Any]:
        """Status of an event of the page, and the end of its work or the reason of its refusal."""
        config = json.loads(self.send("GET", "/config")[2])
        number = next(one["id"] for one in config["dependencies"] if one["targets"][0][1] == kind)
        session = secrets.token_hex(5)
        event = {"data": data, "fn_index": number, "session_hash": session, "event_data": event_data}
        status, _, answer = self.send("POST", EVENT, json.dumps(event), **JSON)
        if status != 200:
            return status, answer
        stream = self.send("GET", f"/gradio_api/queue/data?session_hash={session}")[2]
        messages = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line]
        return status, next(message for message in messages if message["msg"] == "process_completed")


@pytest.fixture(scope="module")
def page(address: str) -> Client:
    return Client(int(address.rpartition(":")[2]))


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A photo on the machine that nobody uploaded."""
    (tmp_path / "private.png").write_bytes(encoded(shirt()))
    return tmp_path / "private.png"


def test_an_upload_is_classified(page: Client) -> None:
    path = page.upload(encoded(shirt()))
    _, ended = page.event("input", [{"path": path} | META])
    assert ended["success"], ended
    assert "sure" in ended["output"]["data"][0].lower()


@pytest.mark.parametrize("meta", [{}, META], ids=["bare", "described"])
def test_other_files_are_not_opened_and_cannot_be_told_apart(page: Client, private: Path, meta: dict[str, Any]) -> None:
    upload = Path(page.upload(encoded(shirt())))
    link = upload.with_name(f"{private.parent.name}.png")
    link.symlink_to(private)
    paths = [
        private, private.with_name("nowhere.png"), private.parent, "/etc/passwd", "pyproject.toml", link, "x" * 300,
        upload.parent / "../../.." / private.relative_to("/"), "a/" * 5000, "a\0b", "http://example.com/x.png", 5, [],
    ]  # fmt: skip
    answers = {
        page.event("input", [{"path": path if isinstance(path, int | list) else str(path)} | meta]) for path in paths
    }
    assert len(answers) == 1, answers
    status, reason = answers.pop()
    assert status == 403
    assert "uploaded" in reason


def test_files_are_not_opened_by_any_route(page: Client, private: Path) -> None:
    event = json.dumps({"data": [{"path": str(private)}], "session_hash": "s"})
    for name in ("lambda", "_of_photo", "choose", "0"):
        for route in ("call", "call/v2", "run", "api"):
            assert page.send("POST", f"/gradio_api/{route}/{name}", event, **JSON)[0] == 404
    for path in (
        f"/gradio_api/file={private}",
        f"/gradio_api/file={ROOT / 'pyproject.toml'}",
        f"/gradio_api/file/{private}",
    ):
        assert page.send("GET", path)[0] in (403, 404)
    for path in ("/gradio_api/file=http://example.com/x.png", "/gradio_api/proxy=https://example.com/"):
        status, _, answer = page.send("GET", path)
        assert (status, "uploaded" in answer) == (403, True), "the page fetches nothing for others"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe\xff", b"[" * 16_000, b"5", b"{}", b'{"data": 1}'])
def test_events_of_no_sense(page: Client, body: bytes) -> None:
    status, _, answer = page.send("POST", EVENT, body, **JSON)
    assert 400 <= status < 500
    assert "Traceback" not in answer


def test_an_event_of_many_bytes(page: Client) -> None:
    assert page.send("POST", EVENT, b"5" * 70_000, **JSON)[0] == 413


@pytest.mark.parametrize("index", [-1, 10**9, "1", None, [0, 0], {"a": 1}])
def test_an_example_that_is_none(page: Client, index: Any) -> None:
    _, ended = page.event("select", [], {"index": index, "value": None})
    assert not ended["success"]
    assert page.event("select", [], {"index": 3, "value": None})[1]["success"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "10.0.0.1", "x@127.0.0.1", "[::2]", ""]
)
def test_another_address_is_refused(page: Client, host: str) -> None:
    event = json.dumps({"data": [None], "fn_index": 0, "session_hash": "s"})
    for method, path, body in (("GET", "/", ""), ("GET", "/config", ""), ("POST", EVENT, event)):
        status, _, answer = page.send(method, path, body, Host=host, **JSON)
        assert status in (400, 403)
        assert len(answer.splitlines()) == 1


def test_the_own_addresses(page: Client) -> None:
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        assert page.send("GET", "/config", Host=f"{name}:{page.port}")[0] == 200


def test_another_site_is_refused(page: Client) -> None:
    event = json.dumps({"data": [None], "fn_index": 0, "session_hash": "s"})
    for origin in (
        "http://evil.example",
        "null",
        f"http://127.0.0.1:{page.port + 1}",
        f"http://{page.own}.evil.example",
    ):
        for method, path, body in (("GET", "/config", ""), ("POST", EVENT, event), ("POST", "/gradio_api/upload", "")):
            assert page.send(method, path, body, Origin=origin, **JSON)[0] == 403
    assert page.send("GET", "/config", Origin=f"http://{page.own}")[0] == 200


def test_the_address_is_not_taken_from_a_proxy(page: Client) -> None:
    for header in ("X_Forwarded_Host", "X_Gradio_Server", "X_Forwarded_Server"):
        _, _, answer = page.send("GET", "/config", **{header: "http://evil.example"})
        assert "evil.example" not in answer


def test_the_policy(page: Client) -> None:
    assert "default-src 'self'" in page.send("GET", "/")[1]["content-security-policy"]


def test_no_address_is_fetched(page: Client) -> None:
    upload = page.upload(encoded(shirt()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.png"
        for photo in ({"url": url}, {"path": None, "url": url}, {"path": upload, "url": url}, {"name": url}, url):
            page.event("input", [photo | META if isinstance(photo, dict) else photo])
        for path in (f"gradio_api/file={url}", f"gradio_api/proxy={url}", f"?deep_link={url}", f"?__theme={url}"):
            page.send("GET", f"/{path}")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "name", ["../../up.png", "/etc/up.png", "..\\up.png", "a\0b.png", "x" * 300, "up.html", "up.svg"]
)
def test_the_name_of_an_upload_leads_nowhere_and_runs_nothing(page: Client, name: str) -> None:
    content = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    path = Path(page.upload(content, name))
    assert path.parents[1] == Path(page.upload(encoded(shirt()))).parents[1]
    status, headers, _ = page.send("GET", f"/gradio_api/file={urllib.parse.quote(str(path))}")
    assert status == 200
    assert headers["content-type"].startswith(("application/octet-stream", "image/png"))
    assert "content-security-policy" in headers


def test_no_websocket_is_opened(page: Client) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Key": "a" * 22 + "=="}
    for host in (page.own, "evil.example"):
        for path in ("/", "/queue/join", EVENT, "/gradio_api/heartbeat/x"):
            status, _, _ = page.send("GET", path, Host=host, Sec_WebSocket_Version="13", **upgrade)
            assert status == 403


def test_idle_connections_do_not_stop_the_page(page: Client) -> None:
    path = page.upload(encoded(shirt()))
    idle = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(300)]
    assert page.event("input", [{"path": path} | META])[1]["success"]
    for connection in idle:
        connection.close()
