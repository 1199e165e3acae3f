"""The page in a browser: a photo, a bad file, an example, two users at once, the width of a phone."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.photos.decode import MAX_BYTES
from tests.app.conftest import PATIENCE
from tests.conftest import ROOT
from tests.photos.sample_files import encoded, png, shirt

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
browser_needed = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1280,1000",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOCAL = ("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:")

pytestmark = pytest.mark.slow


@pytest.fixture
def visit(address: str, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Each call opens the page in a new browser."""
    browsers: list[Any] = []

    def open_page() -> Any:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        options.page_load_strategy = "none"
        for flag in (*FLAGS, f"--user-data-dir={tmp_path / f'browser{len(browsers)}'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        browsers.append(webdriver.Chrome(options, webdriver.ChromeService(DRIVER)))
        browsers[-1].get(address)
        until(lambda: select(browsers[-1], "#photo input[type=file]"))
        return browsers[-1]

    yield open_page
    for browser in browsers:
        browser.quit()


def select(browser: Any, css: str) -> list[Any]:
    return browser.find_elements("css selector", css)


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("the condition did not become true")


def upload(browser: Any, path: Path) -> None:
    select(browser, "#photo input[type=file]")[0].send_keys(str(path))


def headline(browser: Any) -> str:
    return select(browser, "#headline")[0].text


def answered(browser: Any) -> bool:
    return "sure" in headline(browser).lower() and len(select(browser, "#images img")) == 2


def requests_of_the_page(browser: Any) -> list[str]:
    """URLs that the page requested; the browser may also request its own start page."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [one["request"]["url"] for one in sent if one["documentURL"].startswith(LOCAL)]


@browser_needed
def test_a_photo_then_a_bad_file_then_an_example(visit: Callable[[], Any], tmp_path: Path) -> None:
    (tmp_path / "shirt.png").write_bytes(encoded(shirt()))
    (tmp_path / "bomb.png").write_bytes(png(100_000, 100_000))
    browser = visit()
    upload(browser, tmp_path / "shirt.png")
    until(lambda: answered(browser))
    shares = [int(share) for share in re.findall(r"(\d+)%", select(browser, "#bars")[0].text)]
    assert len(shares) == 10
    assert 95 <= sum(shares) <= 105
    before = headline(browser)

    browser.refresh()
    until(lambda: select(browser, "#photo input[type=file]"))
    upload(browser, tmp_path / "bomb.png")
    told = until(lambda: "".join(toast.text for toast in select(browser, ".toast-body")))
    assert "32,000,000 pixels" in told
    assert "Traceback" not in browser.page_source
    assert str(tmp_path) not in told

    until(lambda: select(browser, "#examples button img"))
    browser.execute_script("arguments[0].click()", select(browser, "#examples button")[1])
    until(lambda: answered(browser))
    assert headline(browser) != before
    asked = requests_of_the_page(browser)
    assert asked
    assert not [url for url in asked if not url.startswith(LOCAL)], "the page works offline"


@browser_needed
def test_two_users_at_once(visit: Callable[[], Any], tmp_path: Path) -> None:
    (tmp_path / "shirt.png").write_bytes(encoded(shirt()))
    (tmp_path / "nothing.png").write_bytes(encoded(shirt().crop((0, 150, 50, 200))))
    first, second = visit(), visit()
    upload(first, tmp_path / "shirt.png")
    upload(second, tmp_path / "nothing.png")
    until(lambda: answered(first) and answered(second))
    assert "stands out" in headline(second)
    assert "stands out" not in headline(first)


@browser_needed
def test_a_phone(visit: Callable[[], Any], tmp_path: Path) -> None:
    (tmp_path / "shirt.png").write_bytes(encoded(shirt()))
    browser = visit()
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    upload(browser, tmp_path / "shirt.png")
    until(lambda: answered(browser))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, "nothing is cut off"


def test_the_upload_limits(address: str) -> None:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    request = urllib.request.Request(f"{address}/gradio_api/upload", method="POST", data=b"")
    request.add_header("Content-Length", str(MAX_BYTES * 2))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE)
    assert refused.value.code == 413
    refused.value.close()


def test_no_file_of_the_server_is_served(address: str) -> None:
    for path in (ROOT / "pyproject.toml", Path("/etc/passwd")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/gradio_api/file={path}", timeout=PATIENCE)
        assert refused.value.code in (403, 404)
        refused.value.close()


def test_a_port_that_is_taken(address: str) -> None:
    port = address.rpartition(":")[2]
    command = [sys.executable, "-m", "fmnist_pl.app", "--port", port]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: port {port} ")
    assert "--port" in done.stderr
