"""The promises of ``generation.scheduling``, on random queues."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from generation.scheduling import (
    LEAVE_SECONDS,
    MAX_WAIT,
    NOBODY,
    OVERDUE_EVERY,
    PATIENCE,
    QUANTUM_LOADS,
    Other,
    Person,
    Supply,
    Waiting,
    choose_job,
    slack,
)
from tests.generation.scheduling.queues import NOW, UNHURRIED, Machine, job, queues, supplies

NOT_OVERDUE = 1
"""A value of ``Supply.starts``."""


def may_start(one: Waiting, supply: Supply) -> bool:
    person = supply.people.get(one.user_id, NOBODY)
    return person.most_running is None or person.running < person.most_running


def waited(one: Waiting, supply: Supply) -> float:
    return supply.now - max(one.since, supply.people.get(one.user_id, NOBODY).last_start)


def tag(one: Waiting, supply: Supply) -> float:
    return max(supply.people.get(one.user_id, NOBODY).tag, supply.clock)


# --- Always ------------------------------------------------------------------------------------------------


@UNHURRIED
@given(queues(), supplies())
def test_a_worker_alone_always_has_something_to_do(waiting: list[Waiting], supply: Supply) -> None:
    alone = Supply(now=NOW, people=supply.people, starts=supply.starts, loaded=supply.loaded)
    choice = choose_job(waiting, alone)
    assert (choice is not None) == any(may_start(one, supply) for one in waiting)


@UNHURRIED
@given(queues(), supplies())
def test_nobody_runs_more_than_they_may(waiting: list[Waiting], supply: Supply) -> None:
    choice = choose_job(waiting, supply)
    assert choice is None or (choice.job in waiting and may_start(choice.job, supply))


@UNHURRIED
@given(queues(), supplies(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    waiting: list[Waiting], supply: Supply, random: Random
) -> None:
    shuffled = list(waiting)
    random.shuffle(shuffled)
    assert choose_job(shuffled, supply) == choose_job(waiting, supply)


@UNHURRIED
@given(queues(), supplies())
def test_the_clock_never_goes_back_and_never_passes_somebody_who_waits(
    waiting: list[Waiting], supply: Supply
) -> None:
    choice = choose_job(waiting, supply)
    if choice is not None:
        assert choice.clock >= supply.clock
        assert choice.start + choice.charge > choice.clock
        others = {one.user_id: one for one in waiting if one.user_id != choice.job.user_id}
        for one in others.values():
            if may_start(one, supply) and supply.people.get(one.user_id, NOBODY).tag >= supply.clock:
                assert choice.clock <= tag(one, supply)


@UNHURRIED
@given(queues(), supplies())
def test_those_let_past_go_first(waiting: list[Waiting], supply: Supply) -> None:
    urgent = [one for one in waiting if one.urgent_at is not None and may_start(one, supply)]
    choice = choose_job(waiting, supply)
    if urgent:
        assert choice is not None
        assert choice.job.urgent_at == min(one.urgent_at for one in urgent if one.urgent_at)


# --- 1. One's own order ------------------------------------------------------------------------------------


@UNHURRIED
@given(queues(), supplies())
def test_1_ones_own_jobs_in_their_order(waiting: list[Waiting], supply: Supply) -> None:
    choice = choose_job(waiting, supply)
    if choice is not None and choice.job.urgent_at is None:
        own = [one for one in waiting if one.user_id == choice.job.user_id]
        assert (choice.job.turn, choice.job.job_id) == min((one.turn, one.job_id) for one in own)


# --- 2. Fair shares ----------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 4), st.floats(1, 300)), min_size=1, max_size=80),
    st.lists(st.floats(0.1, 10), min_size=4, max_size=4),
    st.floats(0, 20),
)
@settings(UNHURRIED, max_examples=60)
def test_2_fair_shares(jobs: list[tuple[int, float]], weights: list[float], tflops: float) -> None:
    """While everybody has something waiting, what is begun per weight differs by no more than was promised,
    in every stretch of time.
    """
    users = sorted({user for user, _ in jobs})
    weight = dict(enumerate(weights, start=1))
    machine = Machine(
        [job(i, user, cost=cost, model="ab"[user % 2]) for i, (user, cost) in enumerate(jobs, start=1)],
        weights=weight,
        tflops=tflops,
    )
    most = slack(machine.waiting[0], machine.supply())  # a load is needed: more it cannot be
    largest = {user: max(cost for one, cost in jobs if one == user) / weight[user] for user in users}
    history = [dict.fromkeys(users, 0.0)]
    while {one.user_id for one in machine.waiting} == set(users) and machine.now < NOW + MAX_WAIT:
        machine.serve()
        history.append({user: machine.given[user] / weight[user] for user in users})
    for begin, end in ((a, b) for i, a in enumerate(history) for b in history[i + 1 :]):
        for one in users:
            for other in users:
                ahead = (end[one] - begin[one]) - (end[other] - begin[other])
                assert ahead <= 2 * most + largest[one] + largest[other] + 1e-6


def test_2_shares_follow_the_weights() -> None:
    """Ten times the weight, ten times the work."""
    machine = Machine(
        [job(2 * i + user, user) for i in range(600) for user in (1, 2)],
        weights={1: 1.0, 2: 10.0},
        seconds=0.1,
    )
    for _ in range(550):
        machine.serve()
    assert abs(machine.given[2] / machine.given[1] - 10) < 0.5


def test_2_nobody_saves_up_credit() -> None:
    """Somebody who comes back after a long time does not get more than their share of what is left."""
    machine = Machine([job(i, 1) for i in range(1, 1000)], seconds=0.1)
    for _ in range(500):
        machine.serve()
    machine.waiting += [job(2000 + i, 2, since=machine.now) for i in range(100)]
    before = machine.given[1]
    for _ in range(40):
        machine.serve()
    assert abs(machine.given[2] - (machine.given[1] - before)) <= 2 * 10


# --- 3. Newcomers are next ---------------------------------------------------------------------------------


@UNHURRIED
@given(st.integers(1, 30), st.floats(1, 500), st.floats(1, 500), st.sampled_from(["a", "b"]))
def test_3_behind_a_hundred_jobs_the_one_is_next(
    served: int, cost: float, other_cost: float, model: str
) -> None:
    """However much of A's has been served, and whatever model B wants."""
    machine = Machine([job(i, 1, cost=cost, model="a") for i in range(1, 101)])
    for _ in range(served):
        machine.serve()
    mine = job(1000, 2, cost=other_cost, model=model, since=machine.now)
    machine.waiting.append(mine)
    choice = machine.serve()
    assert choice is not None
    assert choice.job == mine


# --- 4. Affinity is bounded --------------------------------------------------------------------------------


def test_4_a_loaded_model_goes_first_and_a_running_batch_before_it() -> None:
    cold, warm, joins = (
        job(i, i, since=NOW - 10 + i, model=model, batch_key=key)
        for i, (model, key) in enumerate([("x", "x:512"), ("a", "a:768"), ("a", "a:512")], start=1)
    )
    supply = Supply(now=NOW, loaded={"a"}, running={"a:512"})

    def first(waiting: list[Waiting]) -> Waiting:
        choice = choose_job(waiting, supply)
        assert choice is not None
        return choice.job

    assert first([cold, warm, joins]) == joins
    assert first([cold, warm]) == warm
    assert first([cold]) == cold


@UNHURRIED
@given(queues(urgent=False), supplies())
def test_4_affinity_stays_within_its_bounds(waiting: list[Waiting], supply: Supply) -> None:
    supply = Supply(
        now=NOW,
        clock=supply.clock,
        starts=NOT_OVERDUE,
        people=supply.people,
        tflops=supply.tflops,
        loaded=supply.loaded,
        running=supply.running,
        loaded_at=supply.loaded_at,
    )
    choice = choose_job(waiting, supply)
    if choice is None:
        return
    heads = [one for one in waiting if may_start(one, supply)]
    least = min(tag(one, supply) for one in heads)
    assert tag(choice.job, supply) <= least + max(slack(one, supply) for one in heads)
    due = [
        one
        for one in heads
        if tag(one, supply) == least
        and waited(one, supply) >= PATIENCE
        and not any(own.turn < one.turn for own in heads if own.user_id == one.user_id)
    ]
    if due and tag(choice.job, supply) > least:
        # Only a load soon after another is put off further.
        assert not choice.loads
        assert NOW - supply.loaded_at < QUANTUM_LOADS * max(one.load_seconds for one in due)


@given(st.integers(2, 4), st.floats(0.5, 5), st.floats(1, 10))
@settings(UNHURRIED, max_examples=30)
def test_4_models_do_not_thrash(models: int, seconds: float, load: float) -> None:
    """Heavy users of different models on one worker: a load for each quantum, not for each job."""
    machine = Machine(
        [job(i, i % models, model=f"m{i % models}", load_seconds=load) for i in range(1, 200)],
        tflops=10 / seconds,
        seconds=seconds,
        load=load,
    )
    while machine.waiting and machine.now < NOW + MAX_WAIT:
        machine.serve()
    # Everybody's first job is next, and the last ones may find nothing else to do.
    assert machine.loads <= (machine.now - NOW) / (QUANTUM_LOADS * load) + 2 * models


# --- 5. Nobody starves -------------------------------------------------------------------------------------


@given(queues(urgent=False), st.lists(st.floats(0.1, 10), min_size=6, max_size=6))
@settings(UNHURRIED, max_examples=60)
def test_5_once_overdue_at_most_so_many_starts(waiting: list[Waiting], weights: list[float]) -> None:
    machine = Machine(list(waiting), weights=dict(enumerate(weights)))
    people = {one.user_id for one in waiting}
    overdue: dict[int, int] = {}
    while machine.waiting:
        supply = machine.supply()
        for one in machine.waiting:
            if waited(one, supply) >= MAX_WAIT and not any(
                own.turn < one.turn for own in machine.waiting if own.user_id == one.user_id
            ):
                overdue.setdefault(one.user_id, machine.starts)
        choice = machine.serve()
        assert choice is not None
        overdue.pop(choice.job.user_id, None)
        assert all(machine.starts - since <= OVERDUE_EVERY * len(people) for since in overdue.values())


def test_5_a_stream_of_newcomers_does_not_hold_anybody_up_for_ever() -> None:
    """Somebody with a job of 100 behind them waits until newcomers had as much for each that waits."""
    heavy = [job(i, 1, cost=100.0) for i in range(1, 10)]
    machine = Machine(heavy, seconds=0.01)
    machine.serve()
    for user in range(2, 200):
        machine.waiting.append(job(1000 + user, user, since=machine.now))
        choice = machine.serve()
        assert choice is not None
        if choice.job.user_id == 1:
            break
    newcomers = machine.given.keys() - {1}
    assert 10 <= len(newcomers) <= 22


# --- 6. Loading pays ---------------------------------------------------------------------------------------


def test_6_a_job_is_left_to_the_worker_that_has_its_model() -> None:
    wants = job(1, 1, model="a", seconds=2.0)
    idle = Other(models={"a"}, jobs=0, free=8)
    assert choose_job([wants], Supply(now=NOW, others=[idle])) is None
    assert choose_job([wants], Supply(now=NOW, others=[idle], loaded={"a"})) is not None
    assert choose_job([wants], Supply(now=NOW + LEAVE_SECONDS, others=[idle])) is not None
    assert choose_job([wants], Supply(now=NOW, others=[Other(models={"b"}, jobs=0, free=8)])) is not None


def test_6_a_full_worker_is_waited_for_if_that_is_faster() -> None:
    wants = job(1, 1, model="a", seconds=1.0)

    def leaves(jobs: int, free_in: float) -> bool:
        full = Other(models={"a"}, jobs=jobs, free=0, free_in=free_in)
        return choose_job([wants], Supply(now=NOW, others=[full])) is None

    assert leaves(jobs=4, free_in=2.0)
    assert not leaves(jobs=4, free_in=2.1)
    assert not leaves(jobs=7, free_in=0.1)


def test_6_unless_it_is_so_busy_that_loading_is_faster() -> None:
    wants = job(1, 1, model="a", seconds=2.0)

    def leaves(jobs: int, load: float) -> bool:
        others = [Other(models={"a"}, jobs=jobs, free=8)]
        return choose_job([replace(wants, load_seconds=load)], Supply(now=NOW, others=others)) is None

    assert leaves(jobs=2, load=5.0)
    assert not leaves(jobs=3, load=5.0)
    assert leaves(jobs=3, load=6.0)


def test_6_no_more_than_fit_there() -> None:
    waiting = [job(i, i, model="a", seconds=0.1) for i in range(1, 6)]
    others = [Other(models={"a"}, jobs=0, free=3)]
    choice = choose_job(waiting, Supply(now=NOW, others=others))
    assert choice is not None
    assert choice.job == waiting[3]


@UNHURRIED
@given(queues(urgent=False), supplies())
def test_6_what_is_left_is_young_and_loaded_elsewhere(waiting: list[Waiting], supply: Supply) -> None:
    if choose_job(waiting, supply) is not None:
        return
    elsewhere = {model for other in supply.others for model in other.models}
    able = [one for one in waiting if may_start(one, supply)]
    for user in {one.user_id for one in able}:
        head = min((one for one in able if one.user_id == user), key=lambda one: (one.turn, one.job_id))
        assert NOW - head.since < LEAVE_SECONDS
        assert head.model in elsewhere


def test_6_a_person_at_their_limit_does_not_hold_the_clock() -> None:
    """Or newcomers would get all that the others have had meanwhile."""
    waiting = [job(1, 1), job(2, 2)]
    people = {1: Person(tag=5.0, running=1, most_running=1), 2: Person(tag=900.0)}
    choice = choose_job(waiting, Supply(now=NOW, clock=5.0, people=people))
    assert choice is not None
    assert (choice.job.user_id, choice.clock) == (2, 900.0)
