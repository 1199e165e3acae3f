"""How a program starts: quick imports, and nothing heavy before it is used."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NO_PICTURES, ROOT, SMALL

RECORDER = """
import gc, json, os, sys
from pathlib import Path
from lightning.pytorch.callbacks import Callback

class FirstStep(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "fmnist_pl"]
        held = [value for module in ours for value in vars(module).values()]
        owners = {getattr(value, "__module__", None) or getattr(value, "__name__", "") for value in held}
        found = {"modules": list(sys.modules), "held": sorted(str(owner) for owner in owners)}
        found |= {"collects": gc.isenabled(), "kept": gc.get_freeze_count()}
        Path(os.environ["RECORD"]).write_text(json.dumps(found))
        trainer.should_stop = True
"""


def at_first_step(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    """What is imported when ``train.py fit`` begins its first step."""
    (tmp_path / "first_step.py").write_text(RECORDER)
    record = tmp_path / "record.json"
    command = ["fit", "--config", "dense.yaml", *SMALL, "--test_after_fit", "false", *arguments]
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *command, "--trainer.callbacks+=first_step.FirstStep"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "RECORD": str(record)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(record.read_text())


def packages(names: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.slow
def test_the_way_to_the_first_step(tmp_path: Path) -> None:
    found = at_first_step(tmp_path)
    heavy = {"optuna", "sqlalchemy", "onnx", "onnxscript", "onnxruntime", "sklearn", "gradio", "jinja2", "pandas"}
    assert not heavy & packages(found["modules"])
    assert "fmnist_pl.reporting.report" not in found["modules"]
    assert found["collects"], "only the imports are without the collector"
    assert found["kept"] > 100_000, "and it leaves them alone"


@pytest.mark.slow
def test_our_modules_bring_no_pictures_into_a_run_without(tmp_path: Path) -> None:
    found = at_first_step(tmp_path, *NO_PICTURES, "--trainer.logger", "false")
    assert not {"matplotlib", "torchvision", "scipy", "tensorboard"} & packages(found["held"]), "others may import them"
    assert "tensorboard" not in packages(found["modules"])


SLOW_MODULE = """
import time
print("importing", flush=True)
try:
    time.sleep(60)
except BaseException:
    raise ImportError("as some extension modules say after Ctrl-C")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("program", [[str(ROOT / "train.py")], [str(ROOT / "tune.py")], ["-m", "fmnist_pl.export"]])
def test_a_signal_while_modules_are_imported(tmp_path: Path, program: list[str], number: signal.Signals) -> None:
    (tmp_path / "torch.py").write_text(SLOW_MODULE)
    process = subprocess.Popen(
        [sys.executable, *program, "--help"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (128 + number, "error: stopped\n")
