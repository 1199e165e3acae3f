"""How a program starts: quick imports, and nothing heavy before it is used."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fmnist_pl.training.command_line import CLASSES, COMMANDS, OF_COMMAND, SHARED, check_flags, parameters_of
from fmnist_pl.training.options import ParsedOptions
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


NEEDS_NO_TORCH = [
    ("train.py", 0, "predict"),
    ("train.py --help", 0, "predict"),
    ("train.py fti", 1, "give fit, validate, test, predict"),
    ("train.py fit", 1, "--config NAME.yaml"),
    ("train.py fit --config nope.yaml", 1, "cnn.yaml"),
    ("train.py fit --config cnn.yaml --xyz 3", 1, "--xyz"),
    ("train.py fit --config cnn.yaml --show", 1, "--show"),
    ("train.py fit --config cnn.yaml --trainer.max_epoch=3", 1, "--trainer.max_epochs"),
    ("train.py predict --data.predict_path x --data.batchsize 3", 1, "--data.batch_size"),
    ("tune.py --help", 0, "--n_trials"),
    ("tune.py --config nope.yaml", 1, "dense_grid.yaml"),
    ("tune.py --config cnn.yaml --base nope.yaml", 1, "nope.yaml"),
    ("tune.py --xyz 3", 1, "--xyz"),
    ("tune.py --n-trials many", 1, "n_trials"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "code", "words"), NEEDS_NO_TORCH)
def test_help_and_mistakes_that_need_no_torch(tmp_path: Path, command: str, code: int, words: str) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch is imported')")
    program, *arguments = command.split()
    done = subprocess.run(
        [sys.executable, str(ROOT / program), *arguments],
        capture_output=True, text=True, cwd=tmp_path, timeout=120,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert words in (done.stderr if code else done.stdout)
    assert not code or (done.stderr.startswith("error: ") and done.stderr.count("\n") == 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_first_look_knows_every_flag(command: str) -> None:
    config = vars(ParsedOptions(command, ["--config", "cnn.yaml"]).config)
    others = {"help", "print_config", *(["no_show"] if command == "predict" else [])}
    assert SHARED | OF_COMMAND[command] == set(config) | others
    for key in CLASSES:
        assert parameters_of(key) == set(vars(config[key]))


def test_what_cannot_be_read_is_left_to_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLASSES, "trainer", ("lightning", "moved.py", "Trainer"))
    parameters_of.cache_clear()
    check_flags("fit", ["--trainer.max_epoch", "3"])
    parameters_of.cache_clear()


PROGRAM = """
import atexit, os, sys
from fmnist_pl import start_up

class Module:
    def __del__(self):
        os.write(1, b"cleared ")

module = Module()

def main():
    atexit.register(print, "closed", end=" ")
    if sys.argv[1] == "work":
        start_up.work_begins()
    print("done", end=" ")
    if sys.argv[1] == "help":
        raise SystemExit(0)
    return 3

sys.exit(start_up.program(main))
"""


@pytest.mark.parametrize(("way", "code", "output"), [("help", 0, ""), ("mistake", 3, ""), ("work", 3, "cleared ")])
def test_a_program_that_has_not_begun_ends_at_once(way: str, code: int, output: str) -> None:
    command = [sys.executable, "-c", PROGRAM, way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (code, f"done closed {output}")


SLOW_MODULE = """
import time
print("importing", flush=True)
try:
    time.sleep(60)
except BaseException:
    raise ImportError("as some extension modules say after Ctrl-C")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize(
    "program",
    [
        [str(ROOT / "train.py"), "fit", "--config", "cnn.yaml"],
        [str(ROOT / "tune.py"), "--config", "cnn.yaml"],
        ["-m", "fmnist_pl.export", "--help"],
    ],
)
def test_a_signal_while_modules_are_imported(tmp_path: Path, program: list[str], number: signal.Signals) -> None:
    (tmp_path / "torch.py").write_text(SLOW_MODULE)
    process = subprocess.Popen(
        [sys.executable, *program],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (128 + number, "error: stopped\n")
