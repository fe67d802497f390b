"""GPUs that share their time among the jobs in their hands, and stand still while a model loads."""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from bench.queue_simulator.arrivals import LOADS, Arrivals, Scenario
from generation.scheduling import Waiting

PULSE = 5.0
"""Seconds after which an idle worker looks into the queue by itself."""
FINISHED = 1e-6


@dataclass(eq=False)
class Gpu:
    """One worker."""

    slots: int
    room: int
    """Models that stay loaded; those of its jobs do in any case."""
    models: list[str] = field(default_factory=list)
    """What is loaded, the last used at the end."""
    loads: int = 0
    loaded_at: float = float("-inf")
    busy_until: float = 0.0
    """Loading until then."""
    jobs: dict[Waiting, float] = field(default_factory=dict)
    """In its hands, and the seconds that each still needs."""
    seen: float = 0.0
    worked: float = 0.0
    """Seconds of work done."""

    def pass_time(self, now: float) -> None:
        """Work until then; a job ends no later than at the end of the stretch."""
        stretch = max(0.0, now - max(self.seen, self.busy_until))
        self.seen = now
        if not self.jobs or not stretch:
            return
        each = stretch / len(self.jobs)
        for job in self.jobs:
            self.jobs[job] -= each
        self.worked += stretch

    def next_end(self) -> float:
        """When the first of its jobs will be done, if nothing else comes."""
        if not self.jobs:
            return float("inf")
        return max(self.seen, self.busy_until) + min(self.jobs.values()) * len(self.jobs)

    def take_finished(self) -> list[Waiting]:
        """Jobs that are done, which leave."""
        done = [job for job, left in self.jobs.items() if left <= FINISHED]
        for job in done:
            del self.jobs[job]
        return done

    def start(self, job: Waiting, now: float) -> None:
        """Take a job, and load its model if it is not there."""
        if job.model not in self.models:
            self.loads, self.loaded_at = self.loads + 1, now
            self.busy_until = max(now, self.busy_until) + LOADS[job.model]
        self.jobs[job] = job.seconds
        self.models = [*(model for model in self.models if model != job.model), job.model]
        needed = {one.model for one in self.jobs}
        while len(self.models) > self.room and (spare := [m for m in self.models if m not in needed]):
            self.models.remove(spare[0])


class Policy(Protocol):
    """Who is next."""

    name: str

    def submit(self, job: Waiting) -> None:
        """A job comes."""

    def choose(self, gpu: Gpu, gpus: list[Gpu], now: float) -> Waiting | None:
        """The job that this GPU should begin; it is taken out of the queue."""

    def finish(self, job: Waiting) -> None:
        """A job has ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened."""

    waits: dict[Waiting, float]
    """Seconds from submission to start."""
    loads: int
    worked: float
    """Seconds of work done by all GPUs."""
    seconds: float
    """Until everything was done."""


def simulate(policy: Policy, arrived: Arrivals, scenario: Scenario) -> Outcome:
    """Everything that was asked for, from the first submission to the last picture."""
    gpus = [Gpu(scenario.slots, scenario.room) for _ in range(scenario.gpus)]
    waits: dict[Waiting, float] = {}
    order = count()
    events: list[tuple[float, int, Gpu | None]] = []
    todo = iter(arrived.jobs)
    coming = next(todo, None)
    now = 0.0
    while coming is not None or len(waits) < len(arrived.jobs) or any(gpu.jobs for gpu in gpus):
        now = min(coming.since if coming else float("inf"), events[0][0] if events else float("inf"))
        while coming is not None and coming.since <= now:
            policy.submit(coming)
            coming = next(todo, None)
        while events and events[0][0] <= now:
            heappop(events)
        for gpu in gpus:
            gpu.pass_time(now)
            for job in gpu.take_finished():
                policy.finish(job)
        waits.update(_begin(policy, gpus, now))
        events = [event for event in events if event[2] is None]
        for gpu in gpus:
            if gpu.jobs:
                heappush(events, (gpu.next_end(), next(order), gpu))
        if not any(event[2] is None for event in events):
            heappush(events, (now + PULSE, next(order), None))
    return Outcome(waits, sum(gpu.loads for gpu in gpus), sum(gpu.worked for gpu in gpus), now)


def _begin(policy: Policy, gpus: list[Gpu], now: float) -> dict[Waiting, float]:
    """Fill the free slots, the idlest GPU first, as far as the policy wants it."""
    begun = {}
    asking = [gpu for gpu in gpus if len(gpu.jobs) < gpu.slots]
    while asking:
        gpu = min(asking, key=lambda gpu: len(gpu.jobs))
        job = policy.choose(gpu, gpus, now)
        if job is not None:
            gpu.start(job, now)
            begun[job] = now - job.since
        if job is None or len(gpu.jobs) == gpu.slots:
            asking.remove(gpu)
    return begun
