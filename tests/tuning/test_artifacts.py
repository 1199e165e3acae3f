"""Artifacts of the best trials: in Optuna's store, and in its dashboard."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import FrozenTrial
from PIL import Image

from fmnist_pl.networks.saved import read_checkpoint
from fmnist_pl.tuning import Search, tune
from fmnist_pl.tuning.artifacts import upload_artifacts
from fmnist_pl.tuning.run import Outcome
from fmnist_pl.tuning.study import TrialQueue
from tests.tuning.conftest import QUICK, RATE

NAMES = {"learning_curves.png", "confusion_matrix.png", "best.ckpt"}
POINTS = [{"optimizer.init_args.lr": rate} for rate in (1e-4, 1e-2, 3e-3)]
CHROMIUM, DRIVER, DASHBOARD = (
    shutil.which(name, path=path)
    for name, path in (("chromium", None), ("chromedriver", None), ("optuna-dashboard", Path(sys.executable).parent))
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1280,1600",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SECONDS_TO_WAIT = 180

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A finished search of three trials, which saves the best one."""
    folder = tmp_path_factory.mktemp("tune")
    return tune(
        Search(
            base="dense.yaml", space=RATE, overrides=QUICK, points=POINTS, n_trials=3, epochs=3, keep=1, refit=False,
            pruner="none", folder=folder, study_name="shown",
        )
    )  # fmt: skip


def files_of(queue: TrialQueue, trial: FrozenTrial) -> dict[str, Path]:
    """Artifacts of a trial, by name."""
    entries = get_all_artifact_meta(trial, storage=queue.storage)
    assert len({entry.filename for entry in entries}) == len(entries)
    return {entry.filename: queue.plan.search.home / "artifacts" / entry.artifact_id for entry in entries}


def test_the_best_trial_has_figures_and_its_checkpoint(outcome: Outcome) -> None:
    queue, (best, *others) = outcome.queue, outcome.queue.ranked()
    files = files_of(queue, best)
    assert set(files) == NAMES
    for name in NAMES - {"best.ckpt"}:
        with Image.open(files[name]) as image:
            assert image.format == "PNG"
            assert min(image.size) > 300
    assert read_checkpoint(files["best.ckpt"]).metrics["val/acc"] == pytest.approx(best.value, abs=1e-5)
    assert best.user_attrs["val_images"] == 30
    dropped = [files_of(queue, trial)["best.ckpt"] for trial in others if files_of(queue, trial)]
    assert len(dropped) >= 1, "the first trial was the best one for a while"
    assert all("raise --keep" in path.read_text() for path in dropped)
    known = {path.name for trial in queue.trials() for path in files_of(queue, trial).values()}
    assert {path.name for path in (outcome.folder / "artifacts").iterdir()} == known


def test_a_second_attempt_replaces_what_a_killed_worker_left(queue: Callable[..., TrialQueue], tmp_path: Path) -> None:
    trials = queue(n_trials=1)
    trial = trials.claim("nobody")
    assert trial is not None
    (tmp_path / "figure.png").write_text("whole")
    upload_artifacts(trials.plan, trial, [tmp_path / "figure.png"])
    (stored,) = files_of(trials, trials.trials()[0]).values()
    stored.unlink()  # killed after the entry, before the file
    upload_artifacts(trials.plan, trial, [tmp_path / "figure.png"])
    trials.study.tell(trial, [0.5])
    assert files_of(trials, trials.trials()[0]) == {"figure.png": stored}
    assert stored.read_text() == "whole"


@pytest.fixture
def address(outcome: Outcome, tmp_path: Path) -> Iterator[str]:
    """The dashboard of the finished search, as docs/search.md starts it."""
    if DASHBOARD is None:
        pytest.skip("optuna-dashboard is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [DASHBOARD, str(outcome.folder / "journal.log"), "--artifact-dir", str(outcome.folder / "artifacts")]
    with (tmp_path / "log.txt").open("w") as log:
        server = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}/dashboard"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    opened = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield opened
    opened.quit()


def test_the_dashboard_shows_the_search_and_its_artifacts(
    outcome: Outcome, address: str, browser: Any, tmp_path: Path
) -> None:
    def text() -> str:
        return str(browser.find_element("tag name", "body").text)

    opens(browser, address)
    until(lambda: "shown" in text())
    browser.get(f"{address}/studies/0/trials?numbers={outcome.best_trial}")
    until(lambda: f"Trial {outcome.best_trial} (trial_id=" in text())
    assert all(f"Trial {number}" in text() for number in range(3)), "the list of trials"
    images = until(
        lambda: browser.execute_script(
            "return [...document.images].filter(i => i.src.includes('/artifacts/')).map(i => [i.alt, i.naturalWidth])"
        )
    )
    until(lambda: all(name in text() for name in NAMES))
    assert len(images) == 2
    until(lambda: browser.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)"))
    browser.save_screenshot(str(tmp_path / "dashboard.png"))


def opens(browser: Any, address: str) -> None:
    """Open a page of a server that may just be starting."""

    def get() -> bool:
        browser.get(address)
        return "Optuna" in browser.title

    until(get)


def until(condition: Callable[[], Any]) -> Any:
    from selenium.common.exceptions import WebDriverException

    end = time.monotonic() + SECONDS_TO_WAIT
    while time.monotonic() < end:
        try:
            found = condition()
        except WebDriverException:
            found = None
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError("the condition did not become true")
