"""Journals and databases that this search did not write: nothing of them is lost, and one line says what to do."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from filelock import FileLock
from optuna.trial import TrialState

from fmnist_pl.atomic_files import replacing
from fmnist_pl.errors import UserError
from fmnist_pl.tuning import Search, main, tune
from fmnist_pl.tuning.storage import hide_passwords
from fmnist_pl.tuning.study import TrialQueue
from tests.tuning.test_study import claim_all


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of the study `quick`."""
    folder = tmp_path / "tune/quick"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def said(quick_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run tune.py's main, which fails: its one line."""

    def run(*arguments: str) -> str:
        assert main(["--config", str(quick_file), "--folder", str(tmp_path / "tune"), *arguments]) == 1
        line = capsys.readouterr().err
        assert line.startswith("error: ")
        assert line.count("\n") == 1
        assert "secret" not in line
        return line

    return run


def test_a_study_of_someone_else_is_refused(queue: Callable[..., TrialQueue], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=url, study_name="quick").optimize(lambda trial: 0.0, n_trials=1)
    with pytest.raises(UserError, match="quick.*--study-name"):
        queue(storage=url)


def test_half_a_line_of_a_killed_worker_does_no_harm(queue: Callable[..., TrialQueue], home: Path) -> None:
    claim_all(queue(n_trials=2))
    with (home / "journal.log").open("a") as file:
        file.write('{"op_code": 4, "wor')
    assert len(claim_all(queue(n_trials=4))) == 2
    assert len(queue(n_trials=4).trials(TrialState.COMPLETE)) == 4


def test_half_of_the_first_line_does_no_harm(queue: Callable[..., TrialQueue], home: Path) -> None:
    (home / "journal.log").write_text('{"op_code":0,"wor')
    assert len(claim_all(queue(n_trials=2))) == 2


def test_a_line_that_lacks_its_newline_alone_is_kept(queue: Callable[..., TrialQueue], home: Path) -> None:
    claim_all(queue(n_trials=2))
    journal = home / "journal.log"
    before = journal.read_bytes()
    journal.write_bytes(before.removesuffix(b"\n"))
    assert len(claim_all(queue(n_trials=4))) == 2
    assert journal.read_bytes().startswith(before)


@pytest.mark.parametrize(
    "content",
    [
        "all my notes, in one line",
        "all my notes\n",
        "hello\nthere\n",
        '{"op": 1}',
        '[{"op_code": 0}]',
        '{"op_code": 0}\n',
        '{"op_code": 99, "worker_id": "x"}\n',
        '{"op_code": 0, "worker_id": "x", "study_name": "quick", "directions": [[1]]}\n',
        '{"op_code": 4, "worker_id": 3, "study_id": [], "datetime_start": 3}\nrest',
        '{"op_code": ' + "[" * 100_000 + "\n",
        "\0" * 1000,
    ],
)
def test_a_file_that_is_no_journal_stays_as_it_is(content: str, queue: Callable[..., TrialQueue], home: Path) -> None:
    precious = home.parent / "precious.txt"
    precious.write_text(content)
    (home / "journal.log").symlink_to(precious)
    with pytest.raises(UserError, match=r"journal\.log.*--study-name"):
        queue()
    assert precious.read_text() == content


def test_notes_in_place_of_the_journal_are_one_clear_line(said: Callable[..., str], home: Path) -> None:
    (home / "journal.log").write_text("all my notes, in one line")
    assert "--study-name" in said()
    assert (home / "journal.log").read_text() == "all my notes, in one line"


def test_a_pipe_in_place_of_the_journal_is_not_waited_for(queue: Callable[..., TrialQueue], home: Path) -> None:
    os.mkfifo(home / "journal.log")
    with pytest.raises(UserError, match="--study-name"):
        queue()


def test_a_lock_that_is_a_link_is_not_followed(said: Callable[..., str], home: Path) -> None:
    precious = home.parent / "precious.txt"
    precious.write_text("mine")
    (home / ".lock").symlink_to(precious)
    assert ".lock" in said()
    assert precious.read_text() == "mine"


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        ("user_attr", {"attempts": "many"}),
        ("user_attr", {"scores": ["high"]}),
        ("user_attr", {"scores": 1}),
        ("user_attr", {"threads": [1]}),
        ("values", ["high"]),
        ("values", [0.5, 0.5]),
        ("step", "first"),
        ("param_value_internal", 7.0),
    ],
)
def test_a_trial_that_this_search_cannot_have_made_is_refused(
    entry: str, values: Any, queue: Callable[..., TrialQueue], home: Path
) -> None:
    trials = queue(n_trials=1)
    trial = trials.claim("nobody")
    assert trial is not None
    trial.report(0.5, 0)
    trials.study.tell(trial, [0.5])
    journal = home / "journal.log"
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    place = max(
        place for place, written in enumerate(entries) if written.get(entry) is not None and "trial_id" in written
    )
    entries[place][entry] = values
    journal.write_text("".join(json.dumps(written) + "\n" for written in entries))
    before = journal.read_bytes()
    with pytest.raises(UserError, match="--study-name"):
        queue()
    assert journal.read_bytes().startswith(before)


@pytest.mark.parametrize("definition", [[], "x", {}, {"config": 3}, {"config": {}}, {"config": {"trainer": []}}])
def test_a_definition_of_another_form_is_refused(definition: Any, queue: Callable[..., TrialQueue]) -> None:
    queue().study.set_user_attr("definition", definition)
    with pytest.raises(UserError, match="--study-name"):
        queue()


@pytest.mark.parametrize("worker", ["../../precious", "a" * 300, 3, ["x"], "\0"])
def test_the_name_of_a_worker_leads_to_no_other_file(worker: Any, queue: Callable[..., TrialQueue], home: Path) -> None:
    (home / "workers").mkdir()
    precious = home.parent / "precious.lock"
    precious.write_text("mine")
    trials = queue(n_trials=2)
    assert trials.claim(worker)
    trials.requeue_lapsed()
    assert precious.read_text() == "mine"


def test_a_database_of_another_optuna_says_what_to_do(said: Callable[..., str], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=url)
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
    database.close()
    assert "another version of Optuna" in said("--storage", url)


@pytest.mark.parametrize("rest", ["notes.txt", "nowhere/study.db", "\0"])
def test_a_database_that_cannot_be_opened(rest: str, queue: Callable[..., TrialQueue], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    with pytest.raises(UserError, match="storage sqlite"):
        queue(storage=f"sqlite:///{tmp_path}/{rest}")


@pytest.mark.parametrize(
    "storage",
    ["[postgresql://me:secret@host/x]", "{password: secret}", "{url: 'postgresql://me:secret@host/x'}", "[me, secret]"],
)
def test_a_storage_of_the_wrong_kind_shows_no_password(
    storage: str, said: Callable[..., str], quick_file: Path
) -> None:
    assert "storage is not a database address: write postgresql://" in said("--storage", storage)
    quick_file.write_text(quick_file.read_text() + f"storage: {storage}\n")
    assert "storage is not a database address: write postgresql://" in said()


def test_a_mistyped_flag_shows_no_password(said: Callable[..., str]) -> None:
    assert "--storge postgresql://me:***@host/x" in said("--storge", "postgresql://me:secret@host/x")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("at postgresql://me:p@ss:w/d@host/x now", "at postgresql://me:***@host/x now"),
        ("postgresql://host/x?password=pass&y=1", "postgresql://host/x?password=***&y=1"),
        ("https://host:80/x", "https://host:80/x"),
    ],
)
def test_passwords_are_hidden(text: str, hidden: str) -> None:
    assert hide_passwords(text) == hidden


def test_a_full_disk_is_one_clear_line(said: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "journal.log")

    monkeypatch.setattr("fmnist_pl.tuning.study.TrialQueue.claim", full)
    monkeypatch.setattr("fmnist_pl.tuning.run.write_results", lambda queue: [])
    assert "cannot write journal.log: No space left" in said()


@pytest.mark.slow
def test_a_full_disk_stops_the_search_and_no_trial_is_lost(
    quick: Callable[..., Search], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        with replacing(tmp_path / "last.ckpt"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(UserError, match=r"last.ckpt.*free some space.*same command"):
        patch.setattr("fmnist_pl.training.checkpoints.LastCheckpoint.on_train_epoch_end", full)
        tune(quick(n_trials=2))
    trials = tune(quick(n_trials=2)).study.trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
    assert trials[0].user_attrs["attempts"] == 1, "a full disk is no failed attempt"


def test_a_journal_that_cannot_be_repaired_is_not_locked(
    queue: Callable[..., TrialQueue], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    trials = queue()
    monkeypatch.setattr("fmnist_pl.tuning.storage._repair_last_line", full)
    with pytest.raises(OSError, match="No space"):
        trials.claim("nobody")
    with FileLock(home / "journal.lock", timeout=0):
        pass
