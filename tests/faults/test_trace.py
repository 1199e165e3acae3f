"""The check of a trace finds what it is for."""

import pytest

from tests.faults.traced import mistakes_of_order, read_calls

SOUND = """\
7 openat(AT_FDCWD</run>, "/run/.a-x1", O_RDWR|O_CREAT|O_EXCL, 0600) = 3</run/.a-x1>
7 write(3</run/.a-x1>, ""..., 20) = 20
7 fsync(3</run/.a-x1>) = 0
7 close(3</run/.a-x1>) = 0
7 rename("/run/.a-x1", "/run/a") = 0
7 openat(AT_FDCWD</run>, "/run", O_RDONLY|O_DIRECTORY|O_CLOEXEC) = 3</run>
7 fsync(3</run>) = 0
7 close(3</run>) = 0
"""


def test_the_calls_of_a_trace_are_read() -> None:
    calls = list(read_calls(SOUND))
    assert " ".join(call.name for call in calls) == "openat write fsync close rename openat fsync close"
    assert [call.number for call in calls] == [1, 1, 1, 1, 1, 2, 2, 2]
    assert calls[4].paths == ("/run/.a-x1", "/run/a")
    assert mistakes_of_order(calls) == []


@pytest.mark.parametrize(
    ("without", "mistake"),
    [
        ("7 fsync(3</run/.a-x1>) = 0\n", "/run/.a-x1 was renamed before it was synced"),
        ("7 fsync(3</run>) = 0\n", "/run was not synced after /run/a was renamed"),
    ],
)
def test_a_missing_sync_is_found(without: str, mistake: str) -> None:
    assert mistakes_of_order(list(read_calls(SOUND.replace(without, "")))) == [mistake]


def test_a_write_after_the_sync_is_found() -> None:
    late = SOUND.replace("7 close(3</run/.a-x1>", '7 write(3</run/.a-x1>, ""..., 1) = 1\n7 close(3</run/.a-x1>', 1)
    assert mistakes_of_order(list(read_calls(late))) == ["/run/.a-x1 was renamed before it was synced"]
