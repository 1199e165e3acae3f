"""What can be typed after tune.py."""

import dataclasses
import re
import sys
from pathlib import Path

import pytest

from fmnist_pl.config import CONFIG_FOLDER
from fmnist_pl.errors import UserError
from fmnist_pl.tuning import Search, main
from fmnist_pl.tuning.command_line import SEARCH_FOLDER, parse
from fmnist_pl.tuning.plan import Plan, base_config, check_plan

LARGE = ["--space.seed_everything", "{int: {low: 0, high: 4294967295}}"]
SEARCHES = sorted(SEARCH_FOLDER.glob("*.yaml"))


def test_no_argument_is_the_cnn() -> None:
    search = parse([])
    assert (search.base, search.name) == ("cnn.yaml", "cnn")
    assert {"data.batch_size", "optimizer.init_args.lr", "model.init_args.dropout"} <= set(search.space)


def test_flags_with_hyphens_or_underscores() -> None:
    assert parse(["--n-trials", "7"]).n_trials == parse(["--n_trials=7"]).n_trials == 7
    search = parse(["--study-name=x", "--workers-per-device", "2", "--refit", "false"])
    assert (search.name, search.workers_per_device, search.refit) == ("x", 2, False)


def test_a_dotted_flag_adds_to_the_file() -> None:
    search = parse(
        ["--overrides.trainer.max_epochs", "1", "--space.optimizer.init_args.lr={float: {low: 1e-5, high: 1}}"]
    )
    assert search.overrides["trainer.max_epochs"] == 1
    assert "model.init_args.kernel_size" in search.overrides
    assert search.space["optimizer.init_args.lr"] == {"float": {"low": 1e-5, "high": 1}}
    with pytest.raises(UserError, match="lacks its value"):
        parse(["--overrides.trainer.max_epochs"])


def test_a_class_stays_as_it_is_written(tmp_path: Path) -> None:
    block = {"class_path": "fmnist_pl.models.DenseClassifier", "init_args": {"hidden_sizes": [8]}}
    path = tmp_path / "own.yaml"
    path.write_text(f"base: dense.yaml\noverrides: {{model: {block}}}\nspace: {{model: {{categorical: [{block}]}}}}\n")
    search = parse(["--config", str(path), "--refit-overrides.model", str(block)])
    assert search.overrides == search.refit_overrides == {"model": block}
    assert search.space == {"model": {"categorical": [block]}}


def test_names_are_looked_up_and_name_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse(["--config", "cnn_random"]).name == "cnn_random"
    own = tmp_path / "own.yaml"
    own.write_text("base: dense.yaml\nspace: {data.batch_size: {categorical: [1, 2]}}\n")
    assert parse(["--config", str(own)]).name == "own"
    assert parse(["--base", "dense.yaml", "--space.x", "{categorical: [1]}"]).name == "dense", "without a file"


@pytest.mark.slow
@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_every_search_is_sound(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith(f"# python tune.py --config {path.name}")
    search = parse(["--config", str(path)])
    base = base_config(search)
    for space in [search.space, *(stage["space"] for stage in search.stages)]:
        if space:
            check_plan(Plan(dataclasses.replace(search, space=space, stages=[]), base))


def test_there_are_searches() -> None:
    assert {"cnn", "cnn_random", "dense_grid"} <= {path.stem for path in SEARCHES}


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    options = re.findall(r"^  (--\S+)([^\n]*\n(?: {8,}[^\n]*\n)*)", text, re.M)
    assert len(options) > 20
    for name, explanation in options:
        words = re.sub(r"\(type:.*|\(required.*", "", " ".join(explanation.split()))
        assert len(words.split()) >= 3, f"{name} lacks an explanation"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--n-trials", "-3"], "n_trials is -3: give at least 1"),
        (["--patience", "0"], "patience is 0: give at least 1"),
        (["--patience", "3", "--objectives", "[accuracy, parameters]"], "patience .*one objective.*omit patience"),
        (["--n-trials", "many"], "n_trials: expected int; got many"),
        (["--sampler", "magic"], "sampler: expected one of 'tpe', .*; got magic"),
        (["--pruner", "magic"], "pruner: expected one of"),
        (["--folds", "1"], "folds is 1: give at least 2"),
        (["--repeats", "0"], "repeats is 0: give at least 1"),
        (["--workers", "0"], "workers is 0: give at least 1"),
        (["--keep", "-1"], "keep is -1"),
        (["--objectives", "[speed]"], "objectives: expected one of 'accuracy', 'parameters'; got speed"),
        (["--objectives", "[accuracy, accuracy]"], "each once"),
        (["--objectives", "[accuracy, parameters]", "--pruner", "median"], "pruner: .*none"),
        (["--objectives", "[accuracy, parameters]", "--sampler", "cmaes"], "one objective"),
        (["--config", "nope.yaml"], "no config nope.yaml: .*cnn.yaml"),
        (["--base", "nope.yaml"], "space is empty"),
        (["--base", "nope.yaml", "--space.x", "{categorical: [1]}"], "no config nope.yaml"),
        (["--unknown", "1"], "unrecognized arguments: --unknown 1"),
        (["--sampler-args", "{seed: 3}"], "sampler_args .*give --seed"),
        (["--refit-overrides.data.val_fractoin", "0.2"], "refit_overrides: .*val_fractoin"),
        (["--sampler-args", "{speed: 3}"], "sampler_args .*tpe: .*speed"),
        (["--pruner-args", "{speed: 3}"], "pruner_args .*median: .*speed"),
        (["--storage", "nonsense"], "storage .*write postgresql://"),
        (["--storage", "postgresql://me:secret@host:port/x"], "storage .*write postgresql://"),
        (["--storage", "postgresql://127.0.0.1:1/x?password=secret"], "does not answer"),
        (["--storage", "oracle://x/y"], "storage oracle .*postgresql://"),
        (
            ["--storage", "postgresql://me:secret@127.0.0.1:1/x"],
            r"storage postgresql.*me:\*\*\*@.* does not answer: .*",
        ),
        (["--storage", "sqlite:///x.db", "--workers", "2"], "storage .*sqlite.* one worker"),
        (["--sampler", "grid"], "space.*lr .*give it a step, or choices"),
        (["--base", "dense.yaml", "--sampler", "grid", *LARGE], "space: .*100,000 .*give --n-trials"),
        (["--overrides.model.init_args.blocks2", "3"], "overrides: model: .*blocks2"),
        (["--space.model.init_args.width", "{categorical: [1]}"], "space.model.init_args.width: .*width"),
        (["--space.model.init_args.activation", "{categorical: [relu, magic]}"], "activation: .*got magic"),
        (["--space.trainer.max_epoch", "{int: {low: 1, high: 2}}"], "space.trainer.max_epoch: .*max_epoch"),
        (["--points", "[{data.batch_size: 3}]"], "data.batch_size is 3"),
        (["--limits.parameters", "0"], "limits.parameters is 0: give 1 to"),
        (["--limits.flops", "-1"], "limits.flops is -1.0: give 1 to"),
        (["--limits.flops", ".nan"], "limits.flops is nan: give 1 to"),
        (["--limits.parameters", "9" * 400], "limits.parameters is 9+: give 1 to 1e"),
        (["--limits.parameters", "many"], "limits.parameters: expected int; got many"),
        (["--limits.params", "3"], "limits.params"),
        (["--limits.parameters", "3", "--sampler", "gp"], "sampler gp .*limits.*: give tpe"),
        (["--limits", "{params: 3}"], "limits.*params"),
        (["--limits.parameters", "1000"], "points.0 has 467,626 parameters, .*limits.parameters 1,000: remove"),
        (["--overrides.data.val_fraction", "0", "--points", "[]"], "data.val_fraction is 0"),
        (["--overrides.trainer.devices", "2"], "overrides: trainer.devices is 2, .*--workers"),
        (["--overrides.trainer.num_nodes", "2"], "overrides: trainer.num_nodes is 2, .*--workers"),
        (["--refit-overrides.trainer.devices", "2"], "refit_overrides: trainer.devices is 2, .*train.py"),
        (["--space.trainer.devices", "{categorical: [1, 2]}"], "space.trainer.devices: .*is 2, .*--workers"),
        (["--refit-resume", "true", "--keep", "0"], "refit_resume .*keep"),
        (["--n-trials", "1000000000"], "n_trials is 1000000000: give at most 1,000,000"),
        (["--repeats", "1000000000"], "repeats is 1000000000: give at most 100"),
        (["--folds", "1000000000"], "folds is 1000000000: give at most 100"),
        (["--epochs", "1000000000"], "epochs is 1000000000: give at most"),
        (["--seed", "-1"], "seed is -1: give at least 0"),
        (["--workers", "100000"], "workers is 100000: .* cores; give at most"),
        (["--sampler-args", "{n_ei_candidates: 1000000000}"], "sampler_args.n_ei_candidates is 1000000000"),
        (["--sampler-args", "{n_ei_candidates: .inf}"], "sampler_args.n_ei_candidates is inf"),
        (["--stages", str([{"space": {}}] * 51)], "stages holds 51 searches: give at most 50"),
        (["--stages", "[{stages: [{space: {}}]}]"], "stage 1: stages"),
        (["--stages", "[{name: ../../x}]"], "stage 1: name.*'../../x'"),
        (["--stages", "[{name: [1]}]"], "stage 1: name"),
        (["--overrides.model.init_args.blocks.1000000000", "3"], "blocks.1000000000: .*at most 999"),
        (["--overrides.model.init_args.blocks.²", "3"], "blocks.²"),
        (["--overrides", "{3: 4}"], "'3' is not a key"),
        (["--overrides.trainer", "null"], "overrides.* trainer"),
        (["--overrides.data", "[]"], "overrides.* data"),
        (["--overrides.seed_everything", "many"], "overrides.* seed_everything"),
        (["--space", "{3: 4}"], "'3' is not a key"),
        (
            ["--space.data.batch_size", f"{{categorical: {list(range(1, 200))}}}", "--points", "[]"],
            "space: .* more than 100 configs",
        ),
        (["--space.x", "{categorical: [1], when: {data.batch_size: [64, 63]}}"], "space.x.when .*batch_size 63"),
        (["--space.optimizer.init_args.lr", "{float: {low: -1, high: 0.1}}"], "space.optimizer.init_args.lr: .*-1"),
        (["--space.optimizer.init_args.lr", "{float: {low: .nan, high: 0.1}}"], "space.optimizer.init_args.lr.* nan"),
        (["--space.x", "[" * 10_000], ""),
        *(
            (["--study-name", name], "study_name.*")
            for name in ("../x", "a/b", "..", ".", "x" * 300, "\x1b[31m", "a\n")
        ),
    ],
)
def test_a_bad_flag_is_one_clear_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*arguments, "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert re.match(f"error: .*{expected}", said)
    assert said.count("\n") == 1
    assert "secret" not in said
    assert not list(tmp_path.rglob("trial_*")), "nothing was trained"


LAUGHS = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS.encode(),
        b"base: dense.yaml\nspace: &s {x: *s}\n",
        b"space: " + b"[" * 10_000,
        b"base: dense.yaml\nbase: cnn.yaml\n",
        b"base: \xff\n",
        b"- base\n",
        b"just words\n",
        b"",
        b"{3: 4}\n",
        b"base: dense.yaml\nspace: {x: {categorical: [2020-01-01, !!binary aGk=]}}\n",
        b"base: dense.yaml\nspace: [1]\n",
        b"base: dense.yaml\nsampler_args: null\n",
        b"base: dense.yaml\nstages: null\n",
        b"base: dense.yaml\nspace: {data.batch_size: {categorical: [1]}}\nlimits: [1]\n",
        b"base: dense.yaml\nspace: {optimizer: {categorical: {a: {class_path: torch.optim.SGD, init_args: [1]}}}}\n",
        b"base: dense.yaml\noverrides: {optimizer: {class_path: torch.optim.SGD, init_args: [1]}}\n",
        b"base: !!python/object/apply:os.system [id]\n",
    ],
)
def test_a_bad_file_is_one_clear_line(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "search.yaml"
    path.write_bytes(content)
    assert main(["--config", str(path), "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert len(said) < 500


def test_places_of_a_tuple_beside_other_keys_are_sound() -> None:
    space = {"optimizer.init_args.betas.0": {"float": {"low": 0.8, "high": 0.95}}}
    search = Search(base="dense.yaml", space=space | {"data.batch_size": {"categorical": [32, 64, 128]}})
    check_plan(Plan(search, base_config(search)))


@pytest.mark.parametrize(("sampler", "package"), [("gp", "scipy"), ("qmc", "scipy"), ("cmaes", "cmaes")])
def test_a_sampler_that_needs_more_than_is_installed(
    sampler: str, package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["--sampler", sampler, "--folder", str(tmp_path)]) == 1
    assert re.fullmatch(
        rf"error: .*\b{sampler} needs .*{package}: pip install -e '.\[samplers\]'.*\n", capsys.readouterr().err
    )
    assert not list(tmp_path.rglob("trial_*")), "nothing was trained"


def test_the_storage_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMNIST_STORAGE", "postgresql://me:secret@host/x")
    assert parse([]).storage == "postgresql://me:secret@host/x"
    assert parse(["--storage", "sqlite:///x.db"]).storage == "sqlite:///x.db"
    monkeypatch.setenv("FMNIST_STORAGE", "")
    assert parse([]).storage is None


def test_a_base_config_for_several_devices_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tmp_path / "two.yaml"
    base.write_text((CONFIG_FOLDER / "dense.yaml").read_text().replace("trainer:", "trainer:\n  devices: 2"))
    space = ["--space.optimizer.init_args.lr", "{categorical: [0.1, 0.01]}"]
    assert main(["--base", str(base), *space, "--folder", str(tmp_path)]) == 1
    assert re.match("error: .*trainer.devices is 2, .*--workers", capsys.readouterr().err)
