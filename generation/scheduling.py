"""Who is next: pure functions over what the database knows. Times are seconds, work is TFLOP.

A start-tag fair queue. Everybody has a *tag*, in TFLOP per weight, that grows by ``cost / weight`` with every
job of theirs that begins; whoever has the smallest is next. The *clock* is where newcomers join: a tag behind
it counts as the clock, so that nobody saves up credit by being away, and being away cleans the slate.

The promises, each of which ``tests/generation/scheduling/`` checks with random queues:

1. **One's own jobs begin in their order** (``turn``), one let past everybody before them.
2. **Fair share.** Between two people who both have jobs waiting and may start them, the work begun per weight
   in any stretch of time differs by at most two slacks (4) and each one's largest job per weight. What (5)
   gives comes on top of that, and so does a job that is left to another worker (6).
3. **Newcomers are next.** A first job - nothing of its owner's runs, or began since it was submitted - is
   passed over only for other such jobs and for people who have been given less; not for affinity with
   somebody who has just been served. So behind A's hundred jobs, B's one is the next that begins.
4. **Affinity is bounded.** A job that can join the running batch, or else one whose model is loaded, goes
   before a person who is due only while its owner is within a slack of the due one's tag, and only while the
   due person has waited less than ``PATIENCE`` or, if their model has to be loaded, the worker's last load
   is less than ``QUANTUM_LOADS`` times as long ago as that would take. The slack is what a worker does in the
   longer of these two times. So with enough to do for its models, a worker spends at most one part of its
   time out of ``1 + QUANTUM_LOADS`` with loading for the sake of fairness.
5. **Nobody starves.** Every ``OVERDUE_EVERY``-th start is for whoever has waited longest, if that is
   ``MAX_WAIT`` or more. So an overdue person is passed over for at most ``OVERDUE_EVERY`` starts for each
   person that has waited even longer, and as many for themselves, let-past jobs left aside.
6. **Loading pays.** A job whose model is loaded on another worker is left to that one while it is younger
   than ``LEAVE_SECONDS`` and would be done there at least as soon, the loading here counted. No more jobs
   are left to a worker than fit there, and one to a full one.
"""

import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final

MAX_WAIT: Final = 300.0
"""Seconds after which a person is overdue."""
OVERDUE_EVERY: Final = 4
"""Of so many starts one belongs to the overdue: the others keep the shares as the weights say."""
PATIENCE: Final = 10.0
"""Seconds for which a person who is due may be passed over for a better use of what is loaded."""
QUANTUM_LOADS: Final = 4.0
"""After a load, so many times as long belongs to work before the next, if what is loaded is wanted."""
LEAVE_SECONDS: Final = 15.0
"""Age up to which a job is left to another worker that has its model."""
DEFAULT_TFLOPS: Final = 5.0
"""Work per second of a worker that has not been measured yet."""
DEFAULT_LOAD_SECONDS: Final = 5.0
"""Likewise for the loading of a model."""
SMALLEST_WEIGHT: Final = 0.01
NEVER_SERVED: Final = -1.0
"""The tag of somebody who has not been given anything yet: behind every clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that waits."""

    job_id: uuid.UUID
    user_id: int
    cost: float
    """Predicted TFLOP, corrected by what was measured."""
    since: float
    """When it was submitted, on the clock of ``Supply.now``."""
    turn: float = 0.0
    """Order among its owner's jobs; of equal ones, the smaller id is first."""
    urgent_at: float | None = None
    """When it was let past everybody."""
    model: str = ""
    """The model's digest or path, as the engine names what it has loaded."""
    batch_key: str = ""
    """Jobs with equal keys can be denoised in one batch."""
    seconds: float = 0.0
    """Predicted seconds of a GPU; 0 when nobody knows."""
    load_seconds: float = DEFAULT_LOAD_SECONDS
    """Predicted for its model, where that has to be loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What one of those who wait has been given."""

    tag: float = NEVER_SERVED
    """Where their next job would start, if that is not behind the clock."""
    weight: float = 1.0
    running: int = 0
    """Jobs of theirs that run."""
    most_running: int | None = None
    """How many may."""
    last_start: float = float("-inf")
    """When a job of theirs last began."""


NOBODY: Final = Person()


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Another worker that takes jobs."""

    models: Collection[str]
    """Loaded there, or being loaded."""
    jobs: int
    """That it has in its hands."""
    free: int
    """How many more it could take now."""
    free_in: float = 0.0
    """If none: seconds until it probably could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What was given to whom, and what the asking worker has at hand."""

    now: float
    clock: float = 0.0
    """Where newcomers join, in TFLOP per weight."""
    starts: int = 1
    """How many jobs have begun; every ``OVERDUE_EVERY``-th belongs to the overdue."""
    people: Mapping[int, Person] = field(default_factory=dict)
    tflops: float = DEFAULT_TFLOPS
    """Work that the worker does in a second."""
    loaded: Collection[str] = ()
    """Models that this worker has loaded, or is loading."""
    running: Collection[str] = ()
    """Batch keys of its jobs."""
    jobs: int = 0
    """That it has in its hands."""
    loaded_at: float = float("-inf")
    """When it last began a job that needed another model."""
    others: Sequence[Other] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The job to start now, and what that changes."""

    job: Waiting
    start: float
    """The job's start tag: its owner's next one is ``start + charge``."""
    charge: float
    clock: float
    """Where newcomers join from now on."""
    loads: bool
    """Whether the worker has to load a model for it."""


def choose_job(waiting: Sequence[Waiting], supply: Supply) -> Choice | None:
    """The job to start now, or None where nothing waits that this worker may or should start."""
    heads = [head for head in _heads(waiting) if _may_start(supply, head)]
    if not heads:
        return None
    job = _urgent(heads) or _overdue(heads, supply) or _fair(heads, supply)
    return _begun(job, heads, supply) if job else None


def _own_order(job: Waiting) -> tuple[bool, float, float, int]:
    return (job.urgent_at is None, job.urgent_at or 0.0, job.turn, job.job_id.int)


def _heads(waiting: Sequence[Waiting]) -> list[Waiting]:
    """Each person's first job."""
    heads: dict[int, Waiting] = {}
    for job in waiting:
        head = heads.get(job.user_id)
        if head is None or _own_order(job) < _own_order(head):
            heads[job.user_id] = job
    return list(heads.values())


def _person(supply: Supply, job: Waiting) -> Person:
    return supply.people.get(job.user_id, NOBODY)


def _may_start(supply: Supply, job: Waiting) -> bool:
    person = _person(supply, job)
    return person.most_running is None or person.running < person.most_running


def _start_tag(supply: Supply, job: Waiting) -> float:
    return max(_person(supply, job).tag, supply.clock)


def _charge(supply: Supply, job: Waiting) -> float:
    return job.cost / max(_person(supply, job).weight, SMALLEST_WEIGHT)


def _waited(supply: Supply, job: Waiting) -> float:
    """Since something of its owner's last began, or since it was submitted, if later."""
    return supply.now - max(job.since, _person(supply, job).last_start)


def _urgent(heads: Sequence[Waiting]) -> Waiting | None:
    """Let past everybody: the earliest first."""
    urgent = [head for head in heads if head.urgent_at is not None]
    return min(urgent, key=_own_order, default=None)


def _overdue(heads: Sequence[Waiting], supply: Supply) -> Waiting | None:
    if supply.starts % OVERDUE_EVERY:
        return None
    longest = max(heads, key=lambda head: (_waited(supply, head), -head.job_id.int))
    return longest if _waited(supply, longest) >= MAX_WAIT else None


def _fair(heads: Sequence[Waiting], supply: Supply) -> Waiting | None:
    """The one that is due, or one that makes better use of what is loaded, within the bounds."""
    order = sorted(
        heads, key=lambda head: (_start_tag(supply, head), -_waited(supply, head), head.job_id.int)
    )
    here = _without_those_left_to_others(order, supply)
    if not here:
        return None
    due = here[0]
    limit = _start_tag(supply, due) + (0.0 if _is_first(supply, due) else slack(due, supply))
    close = [head for head in here if _start_tag(supply, head) <= limit]
    better = max(close, key=lambda head: _affinity(head, supply))  # of equal ones, the first in order
    return better if _may_pass(due, better, supply) else due


def _is_first(supply: Supply, job: Waiting) -> bool:
    """Whether its owner has been waiting for nothing else."""
    person = _person(supply, job)
    return person.running == 0 and person.last_start <= job.since


def _affinity(job: Waiting, supply: Supply) -> int:
    if _needs_load(job, supply):
        return 0
    return 2 if job.batch_key and job.batch_key in supply.running else 1


def _needs_load(job: Waiting, supply: Supply) -> bool:
    return bool(job.model) and job.model not in supply.loaded


def _quantum(job: Waiting, supply: Supply) -> float:
    """Seconds that have to be between the worker's last load and one for this job."""
    return QUANTUM_LOADS * job.load_seconds if _needs_load(job, supply) else 0.0


def slack(due: Waiting, supply: Supply) -> float:
    """TFLOP per weight by which others may be ahead of somebody who is due, and be preferred for affinity."""
    return supply.tflops * max(PATIENCE, _quantum(due, supply))


def _may_pass(due: Waiting, better: Waiting, supply: Supply) -> bool:
    if _affinity(better, supply) <= _affinity(due, supply):
        return False
    return _waited(supply, due) < PATIENCE or supply.now - supply.loaded_at < _quantum(due, supply)


def _without_those_left_to_others(order: Sequence[Waiting], supply: Supply) -> list[Waiting]:
    """What this worker should think of: not what another will have done sooner."""
    taken = [0] * len(supply.others)
    here = []
    for job in order:
        place = _better_place(job, supply, taken)
        if place is None:
            here.append(job)
        else:
            taken[place] += 1
    return here


def _better_place(job: Waiting, supply: Supply, taken: Sequence[int]) -> int | None:
    """The other worker that this job should be left to, given what has been left to them already.

    Jobs of one worker share its GPU: the time that one takes grows with their number. Loading pays where that
    would cost more than the load.
    """
    if not _needs_load(job, supply) or supply.now - job.since >= LEAVE_SECONDS:
        return None
    best, least = None, supply.jobs * job.seconds + job.load_seconds
    for index, other in enumerate(supply.others):
        if job.model not in other.models or taken[index] >= max(1, other.free):
            continue
        sharing = other.jobs + taken[index] - (0 if other.free else 1)
        seconds = sharing * job.seconds + (0.0 if other.free else other.free_in)
        if seconds <= least:
            best, least = index, seconds
    return best


def _begun(job: Waiting, heads: Sequence[Waiting], supply: Supply) -> Choice:
    return Choice(
        job=job,
        start=_start_tag(supply, job),
        charge=_charge(supply, job),
        clock=_clock_after(job, heads, supply),
        loads=_needs_load(job, supply),
    )


def _clock_after(job: Waiting, heads: Sequence[Waiting], supply: Supply) -> float:
    """The clock follows the start tags, and never passes somebody who waits with a tag of their own.

    A newcomer's job starts at the clock, so a stream of newcomers would hold it still, and those ahead of it
    would wait for ever. Therefore a newcomer's work moves the clock by its share among all who wait.
    """
    tag = _person(supply, job).tag
    tags = [_person(supply, head).tag for head in heads if head.user_id != job.user_id]
    ahead = [tag for tag in tags if tag >= supply.clock]
    if tag >= supply.clock:
        reached = tag
    elif ahead:
        weights = sum(max(_person(supply, head).weight, SMALLEST_WEIGHT) for head in heads)
        reached = supply.clock + job.cost / weights
    else:
        reached = supply.clock
    return min([reached, *ahead])


def forecast(waiting: Sequence[Waiting], supply: Supply) -> list[Waiting]:
    """The order in which the queue will probably start: those let past, then fair shares alone, since
    affinity and time cannot be foreseen.
    """
    urgent = sorted((job for job in waiting if job.urgent_at is not None), key=_own_order)
    queues: dict[int, deque[Waiting]] = {}
    for job in sorted((job for job in waiting if job.urgent_at is None), key=_own_order):
        queues.setdefault(job.user_id, deque()).append(job)
    tags = {user: max(supply.people.get(user, NOBODY).tag, supply.clock) for user in queues}
    for job in urgent:
        if job.user_id in tags:
            tags[job.user_id] += _charge(supply, job)
    return [*urgent, *_by_tags(queues, tags, supply)]


def _by_tags(queues: dict[int, deque[Waiting]], tags: dict[int, float], supply: Supply) -> list[Waiting]:
    heap = [
        (tags[user], -_waited(supply, jobs[0]), jobs[0].job_id.int, user) for user, jobs in queues.items()
    ]
    heapify(heap)
    order = []
    while heap:
        tag, _, _, user = heappop(heap)
        job = queues[user].popleft()
        order.append(job)
        if queues[user]:
            following = queues[user][0]
            # Whoever has just been served goes behind the others with the same tag.
            heappush(heap, (tag + _charge(supply, job), 0.0, following.job_id.int, user))
    return order
