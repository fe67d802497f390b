"""Random queues, and a machine that serves them by the real scheduler."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from generation.scheduling import MAX_WAIT, Choice, Other, Person, Supply, Waiting, choose_job

NOW = 10_000.0
UNHURRIED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For properties: a busy machine is no failure."""


def job(number: int, user: int, **values: object) -> Waiting:
    """A job of 10 TFLOP that was submitted now."""
    plain = Waiting(job_id=uuid.UUID(int=number), user_id=user, cost=10.0, since=NOW, turn=float(number))
    return replace(plain, **values)  # type: ignore[arg-type] # the names are checked by the call


@st.composite
def queues(draw: st.DrawFn, *, max_age: float = 2 * MAX_WAIT, urgent: bool = True) -> list[Waiting]:
    """Up to thirty jobs of up to five people, in any order of turns."""
    ages = draw(st.lists(st.floats(0, max_age), max_size=30))
    return [
        Waiting(
            job_id=uuid.UUID(int=index + 1),
            user_id=draw(st.integers(1, 5)),
            cost=draw(st.floats(1, 500)),
            since=NOW - age,
            turn=draw(st.sampled_from([1.0, 2.0, 3.0])),
            urgent_at=draw(st.sampled_from([None, None, NOW - 5, NOW - 4])) if urgent else None,
            model=draw(st.sampled_from(["", "a", "b", "c"])),
            batch_key=draw(st.sampled_from(["", "a:512", "b:512"])),
            seconds=draw(st.floats(0, 60)),
            load_seconds=draw(st.floats(0.1, 30)),
        )
        for index, age in enumerate(sorted(ages, reverse=True))
    ]


@st.composite
def people(draw: st.DrawFn) -> Person:
    """Somebody."""
    return Person(
        tag=draw(st.floats(-1, 2000)),
        weight=draw(st.floats(0.1, 10)),
        running=draw(st.integers(0, 3)),
        most_running=draw(st.sampled_from([None, None, 1, 3])),
        last_start=draw(st.floats(NOW - 2 * MAX_WAIT, NOW)),
    )


@st.composite
def supplies(draw: st.DrawFn) -> Supply:
    """What five people were given, what is loaded here and elsewhere."""
    models = st.sets(st.sampled_from(["a", "b", "c"]))
    others = st.builds(
        Other, models=models, jobs=st.integers(1, 8), free=st.integers(0, 8), free_in=st.floats(0, 60)
    )
    return Supply(
        now=NOW,
        clock=draw(st.floats(0, 1000)),
        starts=draw(st.integers(1, 8)),
        people=draw(st.dictionaries(st.integers(1, 5), people())),
        tflops=draw(st.floats(0, 30)),
        loaded=draw(models),
        running=draw(st.sets(st.sampled_from(["a:512", "b:512"]))),
        jobs=draw(st.integers(0, 8)),
        loaded_at=draw(st.floats(NOW - 60, NOW)),
        others=draw(st.lists(others, max_size=3)),
    )


@dataclass
class Machine:
    """One worker that serves one job at a time, and remembers what the database would."""

    waiting: list[Waiting]
    weights: dict[int, float] = field(default_factory=dict)
    tflops: float = 5.0
    seconds: float = 1.0
    """That every job takes, and ``load`` for every load."""
    load: float = 0.0
    now: float = NOW
    clock: float = 0.0
    starts: int = 0
    loads: int = 0
    loaded: str = ""
    loaded_at: float = float("-inf")
    tags: dict[int, float] = field(default_factory=dict)
    last_start: dict[int, float] = field(default_factory=dict)
    given: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    """User -> TFLOP begun."""
    order: list[Waiting] = field(default_factory=list)

    def supply(self) -> Supply:
        """What the scheduler is told."""
        users = {one.user_id for one in self.waiting}
        return Supply(
            now=self.now,
            clock=self.clock,
            starts=self.starts + 1,
            tflops=self.tflops,
            loaded={self.loaded},
            loaded_at=self.loaded_at,
            people={
                user: Person(
                    tag=self.tags.get(user, -1.0),
                    weight=self.weights.get(user, 1.0),
                    last_start=self.last_start.get(user, float("-inf")),
                )
                for user in users
            },
        )

    def serve(self) -> Choice | None:
        """One job, from its choice to its end."""
        choice = choose_job(self.waiting, self.supply())
        if choice is None:
            return None
        user = choice.job.user_id
        self.waiting.remove(choice.job)
        self.order.append(choice.job)
        self.given[user] += choice.job.cost
        self.tags[user] = choice.start + choice.charge
        self.last_start[user] = self.now
        assert choice.clock >= self.clock
        self.clock = choice.clock
        self.starts += 1
        if choice.loads:
            self.loads += 1
            self.loaded, self.loaded_at = choice.job.model, self.now
            self.now += self.load
        self.now += self.seconds
        return choice
