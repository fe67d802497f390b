"""A request becomes a job."""

from dataclasses import dataclass
from typing import Final

from django.db import transaction

from generation import announcements
from generation.doorbell import after_commit, ring
from generation.forecasting import Forecast, queue_forecast
from generation.limits import demand_of, require_allowed
from generation.models import Job
from generation.orders import Order, order_prepare
from generation.schemas import GenerateIn
from generation.uploads import uploads_discard, uploads_keep
from sdweb.accounts.models import User
from sdweb.accounts.policies import person_lock
from sdweb.errors import PortalError

MAX_KEY_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job, and whether this call made it or an earlier one with the same key."""

    job: Job
    created: bool
    forecast: Forecast | None = None
    """The queue with a new job in it, as the owner's sockets were told; it need not be worked out again."""


def job_submit(*, user: User, request: GenerateIn, idempotency_key: str = "", origin: str = "") -> Submitted:
    """Store the job and ring for it after the commit; the same key gives the same job, however often and from
    wherever.

    ``origin`` is the channel of a socket that tells its client by itself. Raises ``PortalError``, see
    ``order_prepare``, ``require_allowed`` and ``uploads_keep``; then nothing is stored.
    """
    key = _checked_key(idempotency_key)
    if earlier := _submitted_before(user, key):
        return earlier
    order = order_prepare(user=user, request=request)
    job = Job(
        owner=user,
        task=request.task,
        params=order.params.model_dump(mode="json"),
        model=order.model,
        idempotency_key=key,
        cost_tflop=order.cost_tflop,
    )
    return _job_store(job, order, origin=origin)


def _job_store(job: Job, order: Order, *, origin: str) -> Submitted:
    """The job and its pictures, or nothing; or the job that another request with the key has just made."""
    try:
        with transaction.atomic():
            # One submission of a person at a time: what the next one counts includes this one.
            person_lock(job.owner)
            if earlier := _submitted_before(job.owner, job.idempotency_key):
                return earlier
            require_allowed(user=job.owner, demand=demand_of(order))
            inputs = uploads_keep(user=job.owner, pictures=order.pictures)
            job.save(force_insert=True)
            job.inputs.set(inputs)
            after_commit(ring)
            after_commit(announcements.queue_changed)
    except BaseException:
        uploads_discard(order.pictures)
        raise
    forecast = queue_forecast()
    after_commit(announcements.job_changed, job.pk, origin=origin, forecast=forecast)
    return Submitted(job=job, created=True, forecast=forecast)


def _checked_key(key: str) -> str:
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise PortalError(
            "invalid_input",
            f"The idempotency key must be printable and at most {MAX_KEY_LENGTH} characters long.",
            fields={"idempotency_key": "not usable"},
            status=422,
        )
    return key


def _submitted_before(user: User, key: str) -> Submitted | None:
    job = Job.objects.filter(owner=user, idempotency_key=key).first() if key else None
    return Submitted(job=job, created=False) if job else None
