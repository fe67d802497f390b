"""What a request would cost, and whether it would be let in: asked while somebody fills in the form."""

from django.conf import settings
from django.utils import timezone

from generation.forecasting import start_estimate
from generation.limits import Refusal, Usage, demand_of, refusal_of, usage_of
from generation.limits.usage import jobs_ahead
from generation.orders import order_prepare
from generation.schemas import GenerateIn
from generation.schemas.limits import LimitCountOut, MyLimitsOut, QuoteOut, RefusalOut
from generation.uploads import pictures_measure
from sdweb.accounts.models import User
from sdweb.accounts.policies import limits_of
from sdweb.accounts.selectors import site_settings

MIB = 2**20


def my_limits(user: User) -> MyLimitsOut:
    """What this person may use and has used."""
    limits, usage = limits_of(user), usage_of(user, now=timezone.now())
    return MyLimitsOut(
        may_generate=limits.may_generate,
        weight=limits.weight,
        largest_side=limits.largest_side,
        steps=limits.steps,
        jobs_waiting=LimitCountOut(limit=limits.jobs_waiting, used=usage.jobs_waiting),
        jobs_running=LimitCountOut(limit=limits.jobs_running, used=usage.jobs_running),
        gpu_seconds_per_day=_gpu_count(limits.gpu_seconds_per_day, usage),
        pictures=LimitCountOut(limit=limits.pictures, used=usage.pictures, ahead=usage.pictures_ahead),
        stored_mb=LimitCountOut(limit=limits.stored_mb, used=round(usage.stored_bytes / MIB, 1)),
        picture_days=site_settings().picture_days or None,
        trash_days=settings.TRASH_DAYS,
    )


def _gpu_count(limit: int | None, usage: Usage) -> LimitCountOut:
    return LimitCountOut(
        limit=limit,
        used=round(usage.gpu_seconds, 1),
        ahead=round(usage.gpu_seconds_ahead, 1),
        resets_at=usage.resets_at,
    )


def job_quote(*, user: User, request: GenerateIn) -> QuoteOut:
    """Changes nothing and decodes no picture. Raises ``PortalError`` as ``order_prepare`` does: what nobody
    could carry out has no cost.
    """
    order = order_prepare(user=user, request=request, find=pictures_measure)
    demand = demand_of(order)
    refusal = refusal_of(user=user, demand=demand, now=timezone.now())
    place = start_estimate(
        user=user,
        cost_tflop=demand.cost_tflop,
        family=demand.family,
        width=order.params.width,
        height=order.params.height,
    )
    seconds = demand.seconds()
    return QuoteOut(
        cost_tflop=round(demand.cost_tflop, 3),
        gpu_seconds=None if seconds is None else round(seconds, 1),
        pictures=demand.pictures,
        position=place.position if place else None,
        starts_in_seconds=place.eta_seconds if place else None,
        jobs_waiting=jobs_ahead(user).waiting,
        jobs_waiting_limit=limits_of(user).jobs_waiting,
        allowed=refusal is None,
        refusal=_refusal_out(refusal) if refusal else None,
    )


def _refusal_out(refusal: Refusal) -> RefusalOut:
    error = refusal.error()
    return RefusalOut(
        code=error.code,
        message=error.message,
        hint=error.hint,
        fields=error.fields,
        limit=refusal.limit,
        allowed=refusal.allowed,
        used=refusal.used,
        wanted=refusal.wanted,
        resets_at=refusal.resets_at,
    )
