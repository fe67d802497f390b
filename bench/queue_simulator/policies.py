"""First in, first out; taking turns; and ours."""

from collections import Counter, deque
from typing import Final

from bench.queue_simulator.arrivals import TFLOPS
from bench.queue_simulator.machines import Gpu
from generation.scheduling import Other, Person, Supply, Waiting, choose_job

NOBODY: Final = Person()


class Fifo:
    """Whoever came first, with all that they want."""

    name = "FIFO"

    def __init__(self) -> None:
        self._queue: deque[Waiting] = deque()

    def submit(self, job: Waiting) -> None:
        """At the end."""
        self._queue.append(job)

    def choose(self, _gpu: Gpu, _gpus: list[Gpu], _now: float) -> Waiting | None:
        """The oldest."""
        return self._queue.popleft() if self._queue else None

    def finish(self, _job: Waiting) -> None:
        """Nothing to do."""


class RoundRobin:
    """One job of everybody in turn, whatever it costs."""

    name = "round robin"

    def __init__(self) -> None:
        self._queues: dict[int, deque[Waiting]] = {}

    def submit(self, job: Waiting) -> None:
        """At the end of one's own; a person who comes is the last."""
        self._queues.setdefault(job.user_id, deque()).append(job)

    def choose(self, _gpu: Gpu, _gpus: list[Gpu], _now: float) -> Waiting | None:
        """The next person's oldest; then it is the others' turn."""
        if not self._queues:
            return None
        user, queue = next(iter(self._queues.items()))
        del self._queues[user]
        job = queue.popleft()
        if queue:
            self._queues[user] = queue
        return job

    def finish(self, _job: Waiting) -> None:
        """Nothing to do."""


class FairShare:
    """``generation.scheduling``, with the books that the database keeps for it."""

    name = "fair share"

    def __init__(self) -> None:
        self._queues: dict[int, deque[Waiting]] = {}
        self._people: dict[int, Person] = {}
        self._running: Counter[int] = Counter()
        self._clock = 0.0
        self._starts = 0

    def submit(self, job: Waiting) -> None:
        """At the end of one's own."""
        self._queues.setdefault(job.user_id, deque()).append(job)

    def choose(self, gpu: Gpu, gpus: list[Gpu], now: float) -> Waiting | None:
        """As a worker claims."""
        if not self._queues:
            return None
        supply = Supply(
            now=now,
            clock=self._clock,
            starts=self._starts + 1,
            people={user: self._person(user) for user in self._queues},
            tflops=TFLOPS,
            loaded=gpu.models,
            running={job.batch_key for job in gpu.jobs},
            jobs=len(gpu.jobs),
            loaded_at=gpu.loaded_at,
            others=[_other(other, now) for other in gpus if other is not gpu],
        )
        choice = choose_job([queue[0] for queue in self._queues.values()], supply)
        if choice is None:
            return None
        user = choice.job.user_id
        self._queues[user].popleft()
        if not self._queues[user]:
            del self._queues[user]
        self._people[user] = Person(tag=choice.start + choice.charge, last_start=now)
        self._running[user] += 1
        self._clock = choice.clock
        self._starts += 1
        return choice.job

    def finish(self, job: Waiting) -> None:
        """One less runs."""
        self._running[job.user_id] -= 1

    def _person(self, user: int) -> Person:
        person = self._people.get(user, NOBODY)
        return Person(tag=person.tag, last_start=person.last_start, running=self._running[user])


def _other(gpu: Gpu, now: float) -> Other:
    return Other(
        models=gpu.models,
        jobs=len(gpu.jobs),
        free=gpu.slots - len(gpu.jobs),
        free_in=gpu.next_end() - now,
    )
