"""The schedules that span a run."""

import pytest
import torch

from fmnist_pl.models.schedules import OneCycle


def rates(total_steps: int, **shape: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = OneCycle(optimizer, **shape)
    schedule.total_steps = total_steps
    seen = []
    for _ in range(total_steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return [*seen, optimizer.param_groups[0]["lr"]]


def test_one_cycle_rises_to_the_optimizers_rate_and_falls() -> None:
    seen = rates(100, warmup=0.25, start=0.1, final=0.02)
    assert seen[0] == pytest.approx(0.05)
    assert max(seen) == seen[25] == pytest.approx(0.5)
    assert seen[-1] == pytest.approx(0.01)
    assert seen[:26] == sorted(seen[:26])
    assert seen[25:] == sorted(seen[25:], reverse=True)


def test_without_warmup_it_starts_at_the_top() -> None:
    assert rates(10, warmup=0.0)[1] < rates(10, warmup=0.0)[0] == pytest.approx(0.5)


def test_the_state_leaves_the_length_to_the_run() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    assert "total_steps" not in OneCycle(optimizer).state_dict()
