"""The order that people are told."""

from hypothesis import given

from generation.scheduling import Person, Supply, Waiting, forecast
from tests.generation.scheduling.queues import NOW, UNHURRIED, Machine, job, queues, supplies


@UNHURRIED
@given(queues(), supplies())
def test_it_names_every_job_once_and_keeps_ones_own_order(waiting: list[Waiting], supply: Supply) -> None:
    order = forecast(waiting, supply)
    assert sorted(one.job_id for one in order) == sorted(one.job_id for one in waiting)
    for user in {one.user_id for one in waiting}:
        own = [one for one in order if one.user_id == user]
        assert own == sorted(
            own, key=lambda one: (one.urgent_at is None, one.urgent_at or 0, one.turn, one.job_id)
        )


@UNHURRIED
@given(queues(), supplies())
def test_those_let_past_stand_first(waiting: list[Waiting], supply: Supply) -> None:
    urgent = [one.urgent_at is not None for one in forecast(waiting, supply)]
    assert urgent == sorted(urgent, reverse=True)


def test_it_is_what_happens_when_nothing_else_matters() -> None:
    """Different costs and weights, one model: the order of the forecast is the order of the starts."""
    waiting = [job(i, i % 3 + 1, cost=10.0 + 7 * (i % 5), since=NOW - 50 + i) for i in range(1, 40)]
    weights = {1: 1.0, 2: 2.5, 3: 0.4}
    machine = Machine(list(waiting), weights=weights, seconds=0.01, tags=dict.fromkeys(weights, 0.0))
    people = {user: Person(tag=0.0, weight=weight) for user, weight in weights.items()}
    predicted = forecast(waiting, Supply(now=NOW, people=people))
    while machine.waiting:
        machine.serve()
    assert [one.job_id for one in machine.order] == [one.job_id for one in predicted]
