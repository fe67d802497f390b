"""When jobs will begin: nobody has more running than they may, no slot idles while somebody could begin."""

import uuid
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from generation.begin_times import Slot, begin_times
from generation.scheduling import Waiting

ANN, BOB, CEC = 1, 2, 3


def queue(*jobs: tuple[int, float]) -> list[Waiting]:
    """Jobs by owner and seconds, in their order."""
    return [
        Waiting(job_id=uuid.UUID(int=number), user_id=user, cost=1.0, since=0.0, seconds=seconds)
        for number, (user, seconds) in enumerate(jobs)
    ]


def times(
    order: Sequence[Waiting], slots: Sequence[Slot], allowances: Mapping[int, Sequence[float]]
) -> list[tuple[int, float]]:
    """Which job of the order begins when, the first first."""
    return [(job_id.int, begin) for job_id, begin in begin_times(order, slots, allowances).items()]


def test_each_takes_the_slot_that_is_free_first() -> None:
    slots = [Slot(0.0, 1), Slot(4.0, 1)]
    assert times(queue((ANN, 10), (ANN, 10), (BOB, 10)), slots, {}) == [(0, 0.0), (1, 4.0), (2, 10.0)]


def test_jobs_that_share_a_gpu_take_longer() -> None:
    assert times(queue((ANN, 10), (ANN, 10), (BOB, 10)), [Slot(0.0, 2)] * 2, {}) == [(0, 0), (1, 0), (2, 20)]


def test_whoever_may_run_no_more_is_passed_and_is_next_when_they_may() -> None:
    order = queue((ANN, 10), (ANN, 10), (ANN, 10), (BOB, 4), (BOB, 4), (BOB, 4))
    found = times(order, [Slot(0.0, 1)] * 2, {ANN: [0.0]})
    assert found == [(0, 0), (3, 0), (4, 4), (5, 8), (1, 10), (2, 20)]


def test_what_runs_already_counts() -> None:
    assert times(queue((ANN, 10), (BOB, 10)), [Slot(0.0, 1)] * 2, {ANN: [7.0]}) == [(1, 0), (0, 7)]


def test_whoever_may_run_nothing_never_begins() -> None:
    assert times(queue((ANN, 10), (BOB, 10)), [Slot(0.0, 1)], {ANN: []}) == [(1, 0)]


SECONDS = st.integers(1, 9).map(float)
ORDERS = st.lists(st.tuples(st.sampled_from([ANN, BOB, CEC]), SECONDS), max_size=30).map(
    lambda jobs: queue(*jobs)
)
SLOTS = st.lists(st.builds(Slot, st.integers(0, 9).map(float), st.just(1)), min_size=1, max_size=4)
ALLOWANCES = st.dictionaries(
    st.sampled_from([ANN, BOB, CEC]), st.lists(st.integers(0, 9).map(float), min_size=1, max_size=3)
)


@given(ORDERS, SLOTS, ALLOWANCES)
def test_all_begin_in_their_order_and_nobody_runs_more_than_they_may(
    order: list[Waiting], slots: list[Slot], allowances: dict[int, list[float]]
) -> None:
    begins = begin_times(order, slots, allowances)
    assert set(begins) == {job.job_id for job in order}
    assert list(begins.values()) == sorted(begins.values())
    for user in (ANN, BOB, CEC):
        mine = [job for job in order if job.user_id == user]
        assert [job_id for job_id in begins if job_id in {job.job_id for job in mine}] == [
            job.job_id for job in mine
        ]
        for moment in (begins[job.job_id] for job in mine if user in allowances):
            running = sum(begins[job.job_id] <= moment < begins[job.job_id] + job.seconds for job in mine)
            busy = sum(free > moment for free in allowances[user])
            assert running + busy <= len(allowances[user])


@given(ORDERS, SLOTS, ALLOWANCES)
def test_no_slot_idles_while_somebody_could_begin(
    order: list[Waiting], slots: list[Slot], allowances: dict[int, list[float]]
) -> None:
    begins = begin_times(order, slots, allowances)
    for waiting in order:
        begin = begins[waiting.job_id]
        for moment in {end for job in order if (end := begins[job.job_id] + job.seconds) < begin}:
            on_slots = sum(begins[job.job_id] <= moment < begins[job.job_id] + job.seconds for job in order)
            taken = on_slots + sum(slot.free_in > moment for slot in slots)
            mine = sum(
                begins[job.job_id] <= moment < begins[job.job_id] + job.seconds
                for job in order
                if job.user_id == waiting.user_id
            )
            free = allowances.get(waiting.user_id)
            full = free is not None and mine + sum(end > moment for end in free) >= len(free)
            assert taken >= len(slots) or full
