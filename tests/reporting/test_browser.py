"""The pages in a browser: every image is drawn, no console messages, no horizontal overflow."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fmnist_pl.reporting.__main__ import main
from tests.reporting.conftest import Reported

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
]  # fmt: skip
MEASURE = """<script>
window.addEventListener("load", () => {
  for (const image of document.images) image.dataset.seen = image.complete ? image.naturalWidth : 0;
  const root = document.documentElement;
  root.dataset.width = innerWidth;
  root.dataset.overflow = root.scrollWidth - innerWidth;
});
</script>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open the pages in"),
]


def opened(page: Path, width: int, folder: Path) -> str:
    """The document as the browser sees it, with the measurements of a script that is added to a copy."""
    copy = folder / f"{page.stem}-{width}.html"
    copy.write_text(page.read_text().replace("</body>", f"{MEASURE}</body>"))
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--dump-dom"]
        + [copy.as_uri()],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pages(reported: Reported, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    sheet = ["--data.source", "synthetic", "--data.synthetic_size", "120", "--folder", str(folder)]
    assert main(["data", *sheet]) == 0
    return {
        "report": reported.folder / "report/report.html",
        "data sheet": folder / "data_sheet.html",
    }


@pytest.mark.parametrize("width", [1200, 500])
@pytest.mark.parametrize("name", ["report", "data sheet"])
def test_a_page_opens(pages: dict[str, Path], name: str, width: int, tmp_path: Path) -> None:
    document = opened(pages[name], width, tmp_path)
    images = re.findall(r"<img [^>]*>", document)
    seen = [re.search(r'data-seen="(\d+)"', image) for image in images]
    assert len(seen) == pages[name].read_text().count("<img ") > 0
    assert all(size is not None and int(size[1]) > 20 for size in seen), "every image is drawn"
    assert f'data-width="{width}"' in document
    assert 'data-overflow="0"' in document, "nothing overflows"
