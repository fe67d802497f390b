"""When waiting jobs will probably begin: pure functions, times in seconds from now."""

import uuid
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from math import inf, isinf

from generation.scheduling import Waiting


@dataclass(frozen=True, slots=True)
class Slot:
    """A place where a job can run."""

    free_in: float
    share: int
    """How many jobs share its GPU while the queue is not empty."""


def begin_times(
    order: Sequence[Waiting], slots: Sequence[Slot], allowances: Mapping[int, Sequence[float]]
) -> dict[uuid.UUID, float]:
    """When each job begins, the first to begin first. Each takes the slot that is free first; whoever may run
    no more jobs at that moment is passed.

    ``allowances`` has those people who may run only so many at once, and for each of these places of theirs
    when it is free. Without any they never begin, and their jobs are missing in the answer.
    """
    line = _Line(order, allowances)
    heap = [(slot.free_in, index, slot.share) for index, slot in enumerate(slots)]
    heapify(heap)
    times = {}
    while heap:
        now, index, share = heap[0]
        job = line.next(now)
        if job is not None:
            times[job.job_id] = now
            end = now + job.seconds * share
            line.begun(job, end)
        elif isinf(end := line.goes_on_at()):
            break
        heapreplace(heap, (end, index, share))
    return times


class _Line:
    """Those who wait, in their order, and those of them who have been passed."""

    def __init__(self, order: Sequence[Waiting], allowances: Mapping[int, Sequence[float]]) -> None:
        self._ahead = deque(enumerate(order))
        self._allowances = {user: sorted(times) for user, times in allowances.items()}
        self._passed: defaultdict[int, deque[tuple[int, Waiting]]] = defaultdict(deque)
        # Everybody who has been passed is in one of these two heaps, once.
        self._later: list[tuple[float, int]] = []
        """When they may begin another job, and who."""
        self._now: list[tuple[int, int]] = []
        """Where they stood, and who."""

    def next(self, now: float) -> Waiting | None:
        """The first that may begin, which is taken out; None if there is none at this moment."""
        while self._later and self._later[0][0] <= now:
            _, user = heappop(self._later)
            heappush(self._now, (self._passed[user][0][0], user))
        if self._now:
            _, user = heappop(self._now)
            return self._passed[user].popleft()[1]
        while self._ahead:
            place, job = self._ahead.popleft()
            if not self._passed[job.user_id] and self._opens(job.user_id) <= now:
                return job
            self._pass(place, job)
        return None

    def begun(self, job: Waiting, end: float) -> None:
        """That one began, and will be done then."""
        if job.user_id in self._allowances:
            heapreplace(self._allowances[job.user_id], end)
        if self._passed[job.user_id]:
            heappush(self._later, (self._opens(job.user_id), job.user_id))

    def goes_on_at(self) -> float:
        """When somebody who was passed may begin; infinity for never."""
        return self._later[0][0] if self._later else inf

    def _pass(self, place: int, job: Waiting) -> None:
        passed = self._passed[job.user_id]
        if not passed:
            heappush(self._later, (self._opens(job.user_id), job.user_id))
        passed.append((place, job))

    def _opens(self, user: int) -> float:
        if user not in self._allowances:
            return 0.0
        return self._allowances[user][0] if self._allowances[user] else inf
