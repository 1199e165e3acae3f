"""The page in a browser, from disk: its probabilities, its networks, drawing, bad files, the width of a phone."""

import io
import json
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

from benchmarks.once.photos import photograph
from fmnist_pl.data.synthetic import draw
from fmnist_pl.export.html_page import html_page
from fmnist_pl.networks import CNN, Dense, ResidualCNN, SeparableCNN, StridedCNN, TunerCNN
from fmnist_pl.networks.from_pixels import FromPixels
from fmnist_pl.networks.layers import ACTIVATIONS
from fmnist_pl.networks.saved import read_safetensors
from fmnist_pl.photos.decode import decode_photo
from fmnist_pl.photos.prepare import prepare
from fmnist_pl.photos.verdict import verdicts_of
from fmnist_pl.predictor import Predictor
from fmnist_pl.weights import SHIPPED
from tests.photos.sample_files import encoded, png, shirt

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1280,1000",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 600  # seconds that a page may take on a busy machine
ABOUT = {"config": {"name": "shipped", "data": {"source": "real"}}}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(PATIENCE)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the shipped weights."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_bytes(html_page(read_safetensors(SHIPPED), ABOUT))
    return path


def opened(browser: Any, path: Path) -> Any:
    browser.get(path.as_uri())
    until(lambda: "Choose" in status(browser))
    return browser


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.2)


def status(browser: Any) -> str:
    return browser.find_element("id", "status").text


def classified(browser: Any, *paths: Path) -> list[dict[str, Any]]:
    """Give the page photos; returns name, heading, reason and probabilities of each card, the last photos first."""
    browser.find_element("id", "files").send_keys("\n".join(map(str, paths)))
    until(lambda: "Done" in status(browser))
    return cards(browser)


def cards(browser: Any) -> list[dict[str, Any]]:
    return browser.execute_script(
        """return [...document.querySelectorAll(".card")].map((card) => ({
            heading: card.querySelector("h3").textContent,
            reason: card.querySelector(".reason").textContent,
            name: card.querySelector(".source")?.textContent,
            probabilities: [...card.querySelectorAll("progress")].map((bar) => bar.value),
        }))"""
    )


def photos(count: int) -> dict[str, bytes]:
    """Synthetic images as photos, by name: every second a JPEG with an EXIF orientation, the rest lossless."""
    generator = np.random.default_rng(0)
    files = {}
    for number, image in enumerate(draw(6 * count, 0).test.images[:count]):
        jpeg = photograph(image[0], generator)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg)))
        cut_out = upright.copy()
        cut_out.putalpha(upright.convert("L").point(lambda value: 0 if value > 250 else 255))
        kinds = [
            ("jpg", jpeg),
            ("png", encoded(upright)),
            ("jpg", jpeg),
            ("webp", encoded(upright, "WEBP", lossless=True, method=0)),
            ("jpg", jpeg),
            ("cut.png", encoded(cut_out)),
        ]
        ending, content = kinds[number % len(kinds)]
        files[f"{number:03}.{ending}"] = content
    return files


def test_60_photos(browser: Any, page: Path, tmp_path: Path) -> None:
    files = photos(60)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = classified(opened(browser, page), *(tmp_path / name for name in files))
    images = torch.stack([prepare(decode_photo(content)) for content in files.values()])[:, None]
    expected = Predictor.shipped().probabilities(images)
    probabilities = torch.tensor([card["probabilities"] for card in found])
    difference = (probabilities - expected).abs().amax(dim=1)
    assert [card["name"] for card in found] == list(files)
    assert difference.max() < 1e-3, f"{list(files)[difference.argmax()]} differs by {difference.max()}"
    assert torch.equal(probabilities.argmax(dim=1), expected.argmax(dim=1))
    unsure = [bool(verdict.unsure) for verdict in verdicts_of(images, expected)]
    assert [card["heading"] == "Unsure" for card in found] == unsure
    assert 5 < sum(unsure) < 55


def test_what_is_no_sound_photo(browser: Any, page: Path, tmp_path: Path) -> None:
    files = {
        "<img src=x>.png": encoded(shirt()),
        "text.png": b"a shirt",
        "empty.png": b"",
        "blank.png": encoded(Image.new("RGB", (100, 100), "white")),
        "large.png": png(8_000, 4_001, zlib.compress(bytes(8_001 * 4_001))),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = classified(opened(browser, page), *(tmp_path / name for name in files))
    assert found[0]["name"] == "<img src=x>.png"
    reasons = ["", "cannot read it as an image", "is empty", "Nothing stands out"]
    assert all(reason in card["reason"] for reason, card in zip(reasons, found, strict=False)), found
    assert found[4]["heading"] == "This file cannot be used"
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_drawing_on_a_phone_and_no_request(browser: Any, page: Path, tmp_path: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    (tmp_path / ("long" * 50 + ".png")).write_bytes(encoded(shirt()))
    browser.get_log("performance")
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        classified(opened(browser, page), *tmp_path.iterdir())
        paper = browser.find_element("id", "paper")
        browser.execute_script("arguments[0].scrollIntoView()", paper)
        strokes = ActionChains(browser, duration=20).move_to_element_with_offset(paper, -40, -80).click_and_hold()
        for x, y in ((0, 160), (80, 0), (0, -160)):
            strokes.move_by_offset(x, y)
        strokes.release().perform()
        drawing = cards(browser)[0]
        assert (drawing["name"], len(drawing["probabilities"])) == ("", 10)
        assert max(drawing["probabilities"]) > 0.2
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, "nothing is cut off"
        browser.find_element("id", "clear").click()
        assert len(cards(browser)) == 1
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    urls = {one["request"]["url"] for one in sent if one["documentURL"] == page.as_uri()}
    assert urls == {page.as_uri()}, "the page fetches nothing but itself"


class Residual(nn.Module):
    """Operations that no network of the package has."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, (5, 3), stride=(2, 3), padding=(2, 0), dilation=(2, 1))
        self.deep = nn.Conv2d(8, 6, 3, padding=1, groups=2)
        self.skip = nn.Conv2d(8, 6, 1, bias=False)
        self.pool = nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)
        self.places = nn.AdaptiveAvgPool2d((3, 2))
        self.logits = nn.Linear(36, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = nn.functional.hardswish(self.stem(images))
        features = self.pool(self.deep(features) + 0.5 * self.skip(features))
        return self.logits(nn.functional.mish(self.places(features)).flatten(1))


KINDS: dict[str, Callable[[], nn.Module]] = {
    "dense": lambda: Dense([32, 16], batch_norm=True, dropout=0.5),
    "linear": lambda: Dense([]),
    "avg, batch norm, even kernels": lambda: CNN([[6], [8, 5]], kernel_size=4, pooling="avg", batch_norm=True),
    "valid, no bias, dropout": lambda: CNN([[6]], padding="valid", conv_bias=False, conv_dropout=0.5),
    "tuner": lambda: TunerCNN(6, 5, 8, 3, 12),
    "residual": lambda: ResidualCNN([4, 8], 1),
    "residual, all of it": lambda: ResidualCNN([4, 8], 1, squeeze=0.25, head="flatten", mirror=True),
    "separable": lambda: SeparableCNN(4, [[8], [8, 8]]),
    "strided": lambda: StridedCNN([8, 12, 16]),
    "strided, cosine": lambda: StridedCNN([8, 12, 9, 16], stem="cosine", stem_kernel=3, activation="relu"),
    "your own": Residual,
    **{name: partial(CNN, [[5], [6]], hidden_sizes=[8], activation=name) for name in ACTIVATIONS},
}


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")
@pytest.mark.parametrize("kind", KINDS)
def test_every_network(kind: str, browser: Any, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = KINDS[kind]().eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(noise.abs() + 0.5 if name.endswith("running_var") else tensor + 0.2 * noise)
    (tmp_path / "page.html").write_bytes(html_page(network, ABOUT))
    images = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8, generator=generator)
    found = opened(browser, tmp_path / "page.html").execute_async_script(
        """const [images, done] = arguments;
        unpacked(element("program").textContent, element("weights").textContent).then((steps) =>
            done(images.map((image) => probabilitiesOf(steps, Uint8Array.from(image)))));""",
        images.flatten(1).tolist(),
    )
    expected = FromPixels(network)(images)
    assert expected.std(dim=0).max() > 1e-3, "the images differ"
    torch.testing.assert_close(torch.tensor(found), expected, atol=1e-5, rtol=0)
