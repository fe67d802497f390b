"""The queue as the scheduler sees it: rows become the plain values of ``generation.scheduling``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import F, Max, OuterRef, Subquery
from django.utils import timezone

from generation import scheduling
from generation.batching import batch_key
from generation.models import FairClock, Job, JobState, Pace, QueueState, Share, Worker
from generation.pace import Kind, Measured, Paces, kind_of
from generation.presence import workers_here
from generation.scheduling import Other, Person, Supply, Waiting
from sdweb.accounts.models import User
from sdweb.accounts.policies import limits_of_all

_PEOPLE: Final = f"""
WITH RECURSIVE people(owner_id) AS (
    SELECT MIN(owner_id) FROM {Job._meta.db_table} WHERE state = '{JobState.QUEUED.value}'
    UNION ALL
    SELECT (
        SELECT MIN(owner_id) FROM {Job._meta.db_table}
        WHERE state = '{JobState.QUEUED.value}' AND owner_id > people.owner_id
    ) FROM people WHERE people.owner_id IS NOT NULL
)
SELECT owner_id FROM people WHERE owner_id IS NOT NULL
"""  # noqa: S608 - made of constants
"""Those who wait, jumping from one to the next in the index ``job_waiting``; DISTINCT would read it all."""


QUEUE_ORDER: Final = (F("urgent_at").asc(nulls_last=True), F("turn").asc(), F("id").asc())
"""Of one person's jobs, and of several people's the nearest to it that a query can have."""


HEAD_TRIES: Final = 5
"""How often the heads of the queue are read anew when others begin some of them meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The worker that asks for a job."""

    process: str
    """What ``Job.worker`` says of its jobs."""
    name: str = ""
    """Its row in ``Worker``; empty where it has none."""
    resident: Collection[str] = ()
    running: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a worker chooses from."""

    waiting: Sequence[Waiting]
    """Each person's next job."""
    supply: Supply
    device: str
    """The maker's name for the worker's device; empty when nobody knows."""


def people_waiting() -> list[int]:
    """Whoever has a job in the queue."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE)
        return [owner_id for (owner_id,) in cursor.fetchall()]


def waiting_heads() -> list[Job]:
    """Each person's next job: all that a claim has to look at, however long the queue is. One let past
    everybody is its owner's next, wherever it stands among the others.

    Where another worker begins one of them while they are read, its owner's next one has to be found, or a
    worker that has their model would believe that nobody wants it, and load another.
    """
    for _ in range(HEAD_TRIES):
        heads = _head_ids()
        found = list(Job.objects.filter(pk__in=heads, state=JobState.QUEUED).select_related("model"))
        if len(found) == len(heads):
            break
    return found


def _head_ids() -> set[UUID]:
    own = Job.objects.filter(state=JobState.QUEUED, owner=OuterRef("pk")).order_by("turn", "id")
    people = User.objects.filter(pk__in=people_waiting()).annotate(head=Subquery(own.values("pk")[:1]))
    heads = {head for head in people.values_list("head", flat=True) if head}
    urgent = Job.objects.filter(state=JobState.QUEUED, urgent_at__isnull=False)
    heads.update(urgent.order_by("urgent_at").values_list("pk", flat=True)[:1])
    return heads


def queue_paused() -> bool:
    """Whether nothing new may begin anywhere."""
    return QueueState.objects.filter(pk=QueueState.PK, paused=True).exists()


def workers_live() -> list[Worker]:
    """Those heard of lately that take jobs."""
    return list(workers_here().filter(accepts=True))


def running_jobs() -> list[Job]:
    """What runs, on all workers together."""
    return list(Job.objects.filter(state=JobState.RUNNING).select_related("model"))


def seconds_left(job: Job, learned: Paces, *, device: str = "") -> float | None:
    """Seconds of its GPU that a running job will probably still take; None when nobody knows."""
    seconds = learned.seconds(job.cost_tflop, kind_of_job(job), device=device)
    if seconds is None:
        return None
    return seconds * (1.0 - job.step / job.total_steps if job.total_steps else 1.0)


def paces() -> Paces:
    """What was learned about how long work takes."""
    rows: list[Measured] = []
    loads: list[Measured] = []
    for row in Pace.objects.all():
        to = loads if row.work == Pace.LOAD else rows
        to.append(Measured(row.device, Kind(row.family, row.work), row.seconds, row.samples))
    return Paces(rows, loads)


def kind_of_job(job: Job) -> Kind:
    """The kind of work that this job is measured with."""
    return kind_of(
        family=job.model.family if job.model else "",
        width=job.params.get("width", 0),
        height=job.params.get("height", 0),
    )


def waiting(job: Job, learned: Paces, *, device: str = "") -> Waiting:
    """A job as the scheduler sees it."""
    kind = kind_of_job(job)
    return Waiting(
        job_id=job.pk,
        user_id=job.owner_id,
        cost=job.cost_tflop * learned.correction(kind),
        since=job.created_at.timestamp(),
        turn=job.turn,
        urgent_at=job.urgent_at.timestamp() if job.urgent_at else None,
        model=_digest(job),
        batch_key=batch_key(job),
        seconds=learned.seconds(job.cost_tflop, kind, device=device) or 0.0,
        load_seconds=learned.load_seconds(kind.family, device=device) or scheduling.DEFAULT_LOAD_SECONDS,
    )


def shares(
    user_ids: Collection[int], running: Sequence[Job] = (), *, since: datetime | None = None
) -> Supply:
    """Who has been given what, of these people; nothing of a worker is in it yet.

    ``since`` is when the first of the jobs that wait was submitted: if everything had ended by then, what
    people were given before is forgotten, for nobody went short of it.
    """
    of = {share.user_id: share for share in Share.objects.filter(user__in=user_ids)}
    clock = FairClock.objects.filter(pk=FairClock.PK).first() or FairClock()
    limits = limits_of_all(user_ids)
    people = {}
    for user_id in user_ids:
        share = of.get(user_id)
        people[user_id] = Person(
            tag=share.tag if share else scheduling.NEVER_SERVED,
            weight=limits[user_id].weight,
            running=sum(job.owner_id == user_id for job in running),
            most_running=limits[user_id].jobs_running,
            last_start=share.last_start.timestamp() if share and share.last_start else float("-inf"),
        )
    return Supply(
        now=timezone.now().timestamp(),
        clock=max(clock.now, _forgotten(running, since)),
        starts=clock.starts + 1,
        people=people,
    )


def _forgotten(running: Sequence[Job], since: datetime | None) -> float:
    if running or since is None:
        return scheduling.NEVER_SERVED
    ended = Job.objects.filter(finished_at__isnull=False).aggregate(last=Max("finished_at"))["last"]
    if ended is not None and ended >= since:
        return scheduling.NEVER_SERVED
    highest: float | None = Share.objects.aggregate(highest=Max("tag"))["highest"]
    return scheduling.NEVER_SERVED if highest is None else highest


def view_for(asking: Place) -> View | None:
    """What the asking worker has to know to choose; None where it may not or cannot begin anything: nothing
    waits, the queue is paused, the worker is being drained.
    """
    heads = waiting_heads()
    row = Worker.objects.filter(pk=asking.name).first() if asking.name else None
    if not heads or queue_paused() or (row is not None and not row.accepts):
        return None
    learned = paces()
    device = row.device_name if row else ""
    running = running_jobs()
    mine = [job for job in running if job.worker == asking.process]
    supply = replace(
        shares({job.owner_id for job in heads}, running, since=min(job.created_at for job in heads)),
        tflops=learned.tflops(device) or scheduling.DEFAULT_TFLOPS,
        loaded={*asking.resident, *map(_digest, mine)},
        running=asking.running,
        jobs=len(mine),
        loaded_at=row.loaded_at.timestamp() if row and row.loaded_at else float("-inf"),
        others=[_other(one, running, learned) for one in workers_live() if one.process != asking.process],
    )
    return View(waiting=[waiting(job, learned, device=device) for job in heads], supply=supply, device=device)


def _other(row: Worker, running: Sequence[Job], learned: Paces) -> Other:
    its = [job for job in running if job.worker == row.process]
    left = [seconds_left(job, learned, device=row.device_name) for job in its]
    known = [seconds for seconds in left if seconds is not None]
    return Other(
        models={*row.resident, *map(_digest, its)},
        jobs=len(its),
        free=max(0, row.slots - len(its)),
        # They share the GPU. Unknown: too long to wait for.
        free_in=min(known) * len(its) if known else float("inf"),
    )


def _digest(job: Job) -> str:
    return job.model.sha256 if job.model else ""
