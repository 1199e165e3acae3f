"""The download, from a server in this process: all of it or nothing."""

import errno
import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from torchvision.datasets import FashionMNIST

from fmnist_pl.data import download as download_module
from fmnist_pl.data import facts
from fmnist_pl.data.download import download
from fmnist_pl.data.folder import load_folder
from fmnist_pl.data.source import load
from fmnist_pl.errors import UserError


class Mirror(BaseHTTPRequestHandler):
    """Serves a folder; ``breaks_off`` names a file of which only a half is sent."""

    folder: Path
    breaks_off = ""

    def do_GET(self) -> None:
        path = self.folder / Path(self.path).name
        if not path.exists():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if path.name.startswith(self.breaks_off or " ") else content)

    do_HEAD = do_GET  # noqa: N815  (http.server's name)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def mirror(idx_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Mirror]]:
    """A mirror of four small files that count as the official ones, and an empty folder to work in."""
    served = tmp_path / "served"
    served.mkdir()
    for path in idx_folder.iterdir():
        content = path.read_bytes()
        (served / f"{path.name.removesuffix('.gz')}.gz").write_bytes(
            content if path.suffix == ".gz" else gzip.compress(content)
        )
    handler = type("Handler", (Mirror,), {"folder": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    digests = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(served.iterdir())]
    monkeypatch.setattr(FashionMNIST, "resources", digests)
    monkeypatch.setattr(download_module, "load_folder", lambda folder, verify: load_folder(folder, verify=False))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield handler
    server.shutdown()
    server.server_close()


def leftovers() -> list[Path]:
    return list(Path.cwd().rglob("*"))


def test_the_files_arrive_where_torchvision_puts_them(mirror: type[Mirror]) -> None:
    folder = download()
    assert folder == Path("data/FashionMNIST/raw")
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{file.name}.gz" for file in facts.OFFICIAL_FILES)
    assert len(load_folder(folder, verify=False).train) == 200


def test_a_download_that_breaks_off_leaves_nothing(mirror: type[Mirror]) -> None:
    mirror.breaks_off = "t10k-images"
    with pytest.raises(UserError, match=r"cannot download .*try again, give the folder .*synthetic"):
        download()
    assert leftovers() == []


def test_a_mirror_without_the_files(mirror: type[Mirror]) -> None:
    (mirror.folder / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"cannot download Fashion-MNIST.*404.*--data.root"):
        download()
    assert leftovers() == []


def test_no_network(mirror: type[Mirror], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(
        UserError, match=r"cannot download .*--data.root DIR or FMNIST_DATA=DIR.*--data.source synthetic"
    ):
        load("real", None, True, 600, 0, may_download=True)
    assert leftovers() == []


def test_a_full_disk(mirror: type[Mirror], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", no_space)
    with pytest.raises(UserError, match="No space left on device"):
        download()
    assert leftovers() == []


def test_auto_falls_back_with_a_banner(
    mirror: type[Mirror], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    data = load("auto", None, True, 600, 0, may_download=True)
    assert data.source == "synthetic"
    assert "SYNTHETIC DATA" in capsys.readouterr().err


def test_auto_does_not_hide_a_folder_that_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"given by --data.root"):
        load("auto", tmp_path, True, 600, 0, may_download=True)
