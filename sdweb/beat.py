"""The scheduler of Celery's beat, for a clock that may be set."""

from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry


class SteadyScheduler(PersistentScheduler):
    """Does not wait for the clock to catch up where it was set back.

    Celery's own reckons with the time of day: after an hour back, a task that is due every ten seconds runs
    in an hour, and until then nobody finds lost jobs.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One round, as in Celery; what ran "later" than now counts as run now."""
        if early := [entry for entry in self.schedule.values() if _is_early(entry)]:
            for entry in early:
                entry.last_run_at = entry.default_now()
            self._heap = None  # it holds times of the old clock
        seconds: float = super().tick(*args, **kwargs)
        return seconds


def _is_early(entry: ScheduleEntry) -> bool:
    return entry.last_run_at is not None and entry.last_run_at > entry.default_now()
