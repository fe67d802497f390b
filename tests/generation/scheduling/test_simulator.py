"""The simulated portal, in small: what fair share is there for, measured."""

import pytest

from bench.queue_simulator.arrivals import Arrivals, Scenario, arrivals
from bench.queue_simulator.machines import Outcome, simulate
from bench.queue_simulator.policies import FairShare, Fifo, RoundRobin
from bench.queue_simulator.report import percentile, waits_of

SMALL = Scenario(people=120, heavy=8, gpus=4, hours=0.6, seed=3)


@pytest.fixture(scope="module")
def arrived() -> Arrivals:
    return arrivals(SMALL)


@pytest.fixture(scope="module")
def fair(arrived: Arrivals) -> Outcome:
    return simulate(FairShare(), arrived, SMALL)


@pytest.fixture(scope="module")
def fifo(arrived: Arrivals) -> Outcome:
    return simulate(Fifo(), arrived, SMALL)


@pytest.fixture(scope="module")
def turns(arrived: Arrivals) -> Outcome:
    return simulate(RoundRobin(), arrived, SMALL)


def test_everything_is_done_and_the_same_every_time(arrived: Arrivals, fair: Outcome) -> None:
    assert len(fair.waits) == len(arrived.jobs)
    assert fair.worked == pytest.approx(sum(job.seconds for job in arrived.jobs))
    assert simulate(FairShare(), arrivals(SMALL), SMALL) == fair


def test_those_who_ask_for_little_wait_a_fraction(
    arrived: Arrivals, fair: Outcome, fifo: Outcome, turns: Outcome
) -> None:
    def light(outcome: Outcome, percent: float) -> float:
        return percentile(waits_of(outcome, arrived, heavy=False), percent)

    assert light(fair, 50) < light(fifo, 50) / 10
    assert light(fair, 95) < light(fifo, 95) / 4
    assert light(fair, 95) < light(turns, 95) / 2


def test_models_do_not_thrash(fair: Outcome, fifo: Outcome, turns: Outcome) -> None:
    assert fair.loads < 0.75 * fifo.loads
    assert fair.loads < 0.6 * turns.loads
    assert fair.seconds <= fifo.seconds


def test_heavy_users_are_not_starved(arrived: Arrivals, fair: Outcome, turns: Outcome) -> None:
    """What the others gain is not taken from them: fewer loads are more work."""

    def heavy(outcome: Outcome, percent: float) -> float:
        return percentile(waits_of(outcome, arrived, heavy=True), percent)

    assert heavy(fair, 95) < heavy(turns, 95)
