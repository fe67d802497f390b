"""The same once more."""

import uuid

from django.db import transaction
from django.utils import timezone

from generation import announcements, selectors
from generation.doorbell import after_commit
from generation.models import Job, JobState
from generation.schemas import generate_in
from generation.services.submitting import Submitted, job_submit
from generation.services.transitions import refused
from sdweb.accounts.models import User
from sdweb.errors import PortalError


def job_retry(*, user: User, job_id: uuid.UUID, origin: str = "") -> Submitted:
    """Submit what a failed or cancelled job was to do as a new job, which takes its place in the list.

    A new one, because everything is checked again: limits, the models that the person may use, the pictures
    it begins with; and because it waits from now on, not since then. However often it is asked for, a job is
    retried once: the same new job is the answer.

    Raises ``not_found``, ``wrong_state`` for a job that neither failed nor was cancelled, ``input_gone``
    where a picture that it begins with is not kept any more, and as ``job_submit``.
    """
    job = selectors.job_get(user=user, job_id=job_id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise PortalError("wrong_state", refused(job).message, status=409)
    request = generate_in({**job.params, "model": job.params.get("model_id") or job.params["model"]})
    try:
        # The attempt, because an administrator may have put the same job back into the queue.
        key = f"retry:{job.pk}:{job.attempt}"
        submitted = job_submit(user=user, request=request, idempotency_key=key, origin=origin)
    except PortalError as error:
        if error.code == "not_found":  # a picture: models have a code of their own
            raise _input_gone(error) from None
        raise
    with transaction.atomic():
        if Job.objects.filter(pk=job.pk, cleared_at=None).update(cleared_at=timezone.now()):
            after_commit(announcements.jobs_cleared, user.pk, [job.pk])
    return submitted


def _input_gone(error: PortalError) -> PortalError:
    return PortalError(
        "input_gone",
        "A picture that this job begins with is not kept any more.",
        hint="Send it again with a new request.",
        fields=error.fields,
        status=409,
    )
