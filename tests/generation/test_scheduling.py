"""The promises of ``generation.scheduling``, on random queues."""

import uuid
from collections import Counter, defaultdict
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from generation.scheduling import (
    AFFINITY_SLACK,
    MAX_WAIT,
    Supply,
    Waiting,
    busy_seconds,
    choose_job,
    forecast,
)

NOW = 10_000.0


@st.composite
def queues(draw: st.DrawFn, *, max_age: float = 2 * MAX_WAIT) -> list[Waiting]:
    """Up to thirty jobs of up to five people; ids grow with time, as UUIDv7 do."""
    ages = draw(st.lists(st.floats(0, max_age), max_size=30))
    return [
        Waiting(
            job_id=uuid.UUID(int=index + 1),
            user_id=draw(st.integers(1, 5)),
            cost=draw(st.floats(1, 500)),
            since=NOW - age,
            model=draw(st.sampled_from(["", "a", "b"])),
            batch_key=draw(st.sampled_from(["", "a:512", "b:512"])),
        )
        for index, age in enumerate(sorted(ages, reverse=True))
    ]


@st.composite
def supplies(draw: st.DrawFn) -> Supply:
    """What five people were given, and what is loaded."""
    users = st.integers(1, 5)
    return Supply(
        now=NOW,
        given=draw(st.dictionaries(users, st.floats(0, 5000))),
        last_start=draw(st.dictionaries(users, st.floats(NOW - 2 * MAX_WAIT, NOW))),
        resident=draw(st.sets(st.sampled_from(["a", "b"]))),
        running=draw(st.sets(st.sampled_from(["a:512", "b:512"]))),
    )


@given(queues(), supplies())
def test_somebody_is_chosen_whenever_somebody_waits(waiting: list[Waiting], supply: Supply) -> None:
    choice = choose_job(waiting, supply)
    assert (choice in waiting) if waiting else (choice is None)


@given(queues(), supplies(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    waiting: list[Waiting], supply: Supply, random: Random
) -> None:
    shuffled = list(waiting)
    random.shuffle(shuffled)
    assert choose_job(shuffled, supply) == choose_job(waiting, supply)


@given(queues(), supplies())
def test_promise_1_ones_own_jobs_in_order(waiting: list[Waiting], supply: Supply) -> None:
    choice = choose_job(waiting, supply)
    if choice is not None:
        assert choice.job_id == min(job.job_id for job in waiting if job.user_id == choice.user_id)


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(1, 300)), min_size=1, max_size=80))
@settings(max_examples=60)
def test_promise_2_fair_shares(jobs: list[tuple[int, float]]) -> None:
    """While everybody has something waiting, nobody gets ahead by more than the slack and a job."""
    waiting = [
        Waiting(job_id=uuid.UUID(int=i + 1), user_id=user, cost=cost, since=NOW, model="ab"[user % 2])
        for i, (user, cost) in enumerate(jobs)
    ]
    largest = max(cost for _, cost in jobs)
    spent: defaultdict[int, float] = defaultdict(float)
    while len({job.user_id for job in waiting}) == len({user for user, _ in jobs}):
        choice = choose_job(waiting, Supply(now=NOW, given=spent, resident={"a"}))
        assert choice is not None
        waiting.remove(choice)
        spent[choice.user_id] += choice.cost
        shares = [spent[user] for user in {user for user, _ in jobs}]
        assert max(shares) - min(shares) <= AFFINITY_SLACK + largest + 1e-6


def test_two_hundred_jobs_do_not_delay_anothers_first() -> None:
    many = [
        Waiting(job_id=uuid.UUID(int=i + 1), user_id=1, cost=10, since=NOW - 200 + i / 10) for i in range(200)
    ]
    one = Waiting(job_id=uuid.UUID(int=999), user_id=2, cost=10, since=NOW)
    assert choose_job([*many, one], Supply(now=NOW, given={1: 10.0}, last_start={1: NOW})) == one


@given(queues(max_age=MAX_WAIT / 2), supplies())
def test_promise_3_affinity_stays_within_its_bound(waiting: list[Waiting], supply: Supply) -> None:
    rested = Supply(
        now=NOW, given=supply.given, resident=supply.resident, running=supply.running, last_start={}
    )
    choice = choose_job(waiting, rested)
    if choice is not None:
        least = min(rested.given.get(job.user_id, 0.0) for job in waiting)
        assert rested.given.get(choice.user_id, 0.0) <= least + AFFINITY_SLACK


def test_a_loaded_model_goes_first_and_a_running_batch_before_it() -> None:
    cold, warm, joins = (
        Waiting(job_id=uuid.UUID(int=i), user_id=i, cost=1, since=NOW - 10 + i, model=model, batch_key=key)
        for i, (model, key) in enumerate([("x", "x:512"), ("a", "a:768"), ("a", "a:512")], start=1)
    )
    supply = Supply(now=NOW, resident={"a"}, running={"a:512"})
    assert choose_job([cold, warm, joins], supply) == joins
    assert choose_job([cold, warm], supply) == warm
    assert choose_job([cold], supply) == cold


@given(queues(), supplies())
@settings(max_examples=60)
def test_promise_4_nobody_starves(waiting: list[Waiting], supply: Supply) -> None:
    """Once overdue, a person is passed over at most as often as there are others waiting."""
    last_start, now = dict(supply.last_start), NOW
    spent = Counter(supply.given)
    overdue_since: dict[int, int] = {}
    people = {job.user_id for job in waiting}
    for turn in range(len(waiting)):
        for user in {job.user_id for job in waiting}:
            head = min((job for job in waiting if job.user_id == user), key=lambda job: job.job_id)
            if now - max(head.since, last_start.get(user, head.since)) >= MAX_WAIT:
                overdue_since.setdefault(user, turn)
        choice = choose_job(
            waiting,
            Supply(
                now=now,
                given=spent,
                last_start=last_start,
                resident=supply.resident,
                running=supply.running,
            ),
        )
        assert choice is not None
        for user, since in overdue_since.items():
            assert turn - since <= len(people) - 1 or user == choice.user_id
        overdue_since.pop(choice.user_id, None)
        waiting.remove(choice)
        spent[choice.user_id] += int(choice.cost)
        last_start[choice.user_id] = now
        now += 1.0


@given(queues(), supplies())
def test_the_forecast_names_every_job_once_and_keeps_ones_own_order(
    waiting: list[Waiting], supply: Supply
) -> None:
    order = forecast(waiting, supply.given)
    assert sorted(job.job_id for job in order) == sorted(job.job_id for job in waiting)
    for user in {job.user_id for job in waiting}:
        own = [job.job_id for job in order if job.user_id == user]
        assert own == sorted(own)


def test_busy_time_counts_overlaps_once() -> None:
    assert busy_seconds([]) == 0
    assert busy_seconds([(0, 10), (5, 12), (20, 21)]) == 13
    assert busy_seconds([(0, 10), (2, 3)]) == 10
