"""Who is next: pure functions over what the database knows. Times are seconds, work is TFLOP.

The promises, which ``tests/generation/test_scheduling.py`` checks with random queues:

1. **One's own jobs start in the order they were submitted.**
2. **Fair share.** Between people who both have jobs waiting all the time, the work begun for them within
   ``FAIR_WINDOW`` differs by at most ``AFFINITY_SLACK`` plus the larger of their largest jobs, as long as
   nobody is overdue (4). Two hundred jobs of one person do not delay another's first.
3. **Affinity, bounded.** Among people within ``AFFINITY_SLACK`` of the one who was given least, a job that
   can join the running batch goes first, then one whose model is loaded.
4. **Nobody starves.** Somebody who has waited ``MAX_WAIT`` since their last job began (or since their oldest
   waiting job was submitted, if later) goes before all others; of several such people, the one who has waited
   longest. So once overdue, a person is passed over at most as often as there are other people waiting.
"""

import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

FAIR_WINDOW: Final = 600.0
"""Seconds of the past in which work counts: long enough to be fair, short enough to forgive."""
MAX_WAIT: Final = 300.0
"""Seconds after which a person goes first, whatever they were given."""
AFFINITY_SLACK: Final = 100.0
"""TFLOP by which somebody may be passed over for a loaded model: about two 512 x 512 pictures of 30 steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that waits."""

    job_id: uuid.UUID
    user_id: int
    cost: float
    """Predicted TFLOP."""
    since: float
    """When it was submitted, on the clock of ``Supply.now``."""
    model: str = ""
    """The model's digest or path, as the engine names what it has loaded."""
    batch_key: str = ""
    """Jobs with equal keys can be denoised in one batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What was given to whom, and what the asking worker has at hand."""

    now: float
    given: Mapping[int, float] = field(default_factory=dict)
    """User -> TFLOP begun within ``FAIR_WINDOW``."""
    last_start: Mapping[int, float] = field(default_factory=dict)
    """User -> when a job of theirs last began."""
    resident: Collection[str] = ()
    """Models that are loaded."""
    running: Collection[str] = ()
    """Batch keys of the running jobs."""


def choose_job(waiting: Sequence[Waiting], supply: Supply) -> Waiting | None:
    """The job to start now, or None when nothing waits."""
    heads = _heads(waiting)
    if not heads:
        return None
    overdue = [head for head in heads if _passed_over_for(head, supply) >= MAX_WAIT]
    if overdue:
        return max(overdue, key=lambda head: (_passed_over_for(head, supply), -head.job_id.int))
    least = min(supply.given.get(head.user_id, 0.0) for head in heads)
    close = [head for head in heads if supply.given.get(head.user_id, 0.0) <= least + AFFINITY_SLACK]
    return min(
        close,
        key=lambda head: (
            -_affinity(head, supply),
            supply.given.get(head.user_id, 0.0),
            head.since,
            head.job_id.int,
        ),
    )


def _heads(waiting: Sequence[Waiting]) -> list[Waiting]:
    """Each person's oldest job; a UUIDv7 grows with time."""
    heads: dict[int, Waiting] = {}
    for job in waiting:
        head = heads.get(job.user_id)
        if head is None or job.job_id < head.job_id:
            heads[job.user_id] = job
    return list(heads.values())


def _passed_over_for(head: Waiting, supply: Supply) -> float:
    return supply.now - max(head.since, supply.last_start.get(head.user_id, head.since))


def _affinity(head: Waiting, supply: Supply) -> int:
    if head.batch_key and head.batch_key in supply.running:
        return 2
    return 1 if head.model and head.model in supply.resident else 0


def forecast(waiting: Sequence[Waiting], given: Mapping[int, float]) -> list[Waiting]:
    """The order in which the queue will probably start: fair shares alone, since affinity and time cannot be
    foreseen.
    """
    queues: dict[int, deque[Waiting]] = {}
    for job in sorted(waiting, key=lambda job: job.job_id.int):
        queues.setdefault(job.user_id, deque()).append(job)
    spent = {user: given.get(user, 0.0) for user in queues}
    order = []
    while queues:
        user = min(queues, key=lambda user: (spent[user], queues[user][0].since, queues[user][0].job_id.int))
        job = queues[user].popleft()
        spent[user] += job.cost
        order.append(job)
        if not queues[user]:
            del queues[user]
    return order


def busy_seconds(intervals: Sequence[tuple[float, float]]) -> float:
    """Length of the union of ``(start, end)`` intervals: how long the machine was at work on overlapping
    jobs.
    """
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
