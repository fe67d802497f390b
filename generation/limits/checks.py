"""Whether a job may be submitted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

from gallery.selectors import images_kept
from generation.limits.demand import Asked, Demand
from generation.limits.usage import Ahead, day_end, gpu_seconds_ahead, gpu_seconds_used, jobs_ahead
from sdweb.accounts.models import User
from sdweb.accounts.policies import EffectiveLimits, limits_of
from sdweb.errors import PortalError

MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a job may not be submitted now: one limit."""

    limit: str
    """Its name in ``EffectiveLimits``."""
    code: str
    message: str
    hint: str
    status: int
    field: str
    """The field of the request that asks for too much, or the limit's name."""
    allowed: float = 0.0
    used: float = 0.0
    """What is used and promised already, in the limit's unit."""
    wanted: float = 0.0
    """What this job would add."""
    resets_at: datetime | None = None
    """When time alone frees it; None: it takes somebody to do something."""

    def error(self) -> PortalError:
        """As the portal's services refuse."""
        what = f"{self.wanted:g} asked for, {self.used:g} of {self.allowed:g} used"
        if self.code == "limit_exceeded":
            what = f"at most {self.allowed:g} for you"
        return PortalError(
            self.code,
            self.message,
            hint=self.hint,
            fields={self.field: what if self.allowed else "not allowed"},
            status=self.status,
        )


@dataclass(frozen=True, slots=True)
class _Counts:
    """In the limit's unit."""

    allowed: float
    used: float
    wanted: float


def require_allowed(*, user: User, demand: Demand) -> None:
    """Raises ``PortalError``: ``not_allowed`` (403), ``limit_exceeded`` (422: the request itself is too
    large) or ``quota_exceeded`` (429: later, or after something is cleared, it will do).

    Two submissions that must not both pass have to hold a lock on the person's row.
    """
    refusal = refusal_of(user=user, demand=demand, now=timezone.now())
    if refusal is not None:
        raise refusal.error()


def refusal_of(*, user: User, demand: Demand, now: datetime) -> Refusal | None:
    """The first reason why this person may not submit such a job now, or None. Only what is limited is
    counted.
    """
    limits = limits_of(user)
    return next(_refusals(user, limits, demand, now), None)


def _refusals(user: User, limits: EffectiveLimits, demand: Demand, now: datetime) -> Iterator[Refusal]:
    if not limits.may_generate:
        yield _not_allowed()
    yield from _too_large("largest_side", limits.largest_side, demand.sides, "pixels on a side")
    yield from _too_large("steps", limits.steps, demand.steps, "steps")
    yield from _too_much_gpu(user, limits, demand, now)
    if (limits.jobs_waiting, limits.pictures, limits.stored_mb) != (None, None, None):
        ahead = jobs_ahead(user)
        yield from _too_many_waiting(limits, ahead)
        yield from _too_much_kept(user, limits, ahead, demand)


def _not_allowed() -> Refusal:
    return Refusal(
        limit="may_generate",
        code="not_allowed",
        message="You may look around, but not generate pictures.",
        hint="An administrator can allow it.",
        status=403,
        field="may_generate",
    )


def _too_large(name: str, limit: int | None, asked: Iterable[Asked], unit: str) -> Iterator[Refusal]:
    for one in asked:
        if limit is not None and one.value > limit:
            yield Refusal(
                limit=name,
                code="limit_exceeded",
                message=f"{one.field}: this asks for {one.value} {unit}, and {limit} are allowed to you.",
                hint=f"Ask for {limit} at most.",
                status=422,
                field=one.field,
                allowed=limit,
                wanted=one.value,
            )


def _too_many_waiting(limits: EffectiveLimits, ahead: Ahead) -> Iterator[Refusal]:
    limit = limits.jobs_waiting
    if limit is not None and ahead.waiting + 1 > limit:
        yield _quota(
            "jobs_waiting",
            f"{ahead.waiting} of your jobs wait, and {limit} may.",
            "Wait until one begins, or cancel one.",
            _Counts(limit, ahead.waiting, 1),
        )


def _too_much_gpu(user: User, limits: EffectiveLimits, demand: Demand, now: datetime) -> Iterator[Refusal]:
    limit = limits.gpu_seconds_per_day
    if limit is None:
        return
    promised, wanted = gpu_seconds_ahead(user), demand.seconds() or 0.0
    used = gpu_seconds_used(user, now=now)
    if used >= limit or used + promised + wanted > limit:
        ends = day_end(now)
        yield _quota(
            "gpu_seconds_per_day",
            f"This needs about {wanted:.0f} s of GPU. Today you have used {used:.0f} s of {limit} s, and "
            f"your unfinished jobs need about {promised:.0f} s.",
            f"The day ends at {ends:%Y-%m-%d %H:%M} UTC. Until then ask for less, or cancel what waits.",
            _Counts(limit, round(used + promised, 1), round(wanted, 1)),
            resets_at=ends,
        )


def _too_much_kept(user: User, limits: EffectiveLimits, ahead: Ahead, demand: Demand) -> Iterator[Refusal]:
    if limits.pictures is None and limits.stored_mb is None:
        return
    kept, promised = images_kept(user=user), ahead.pictures
    clear = (
        f"Delete some of your pictures; those in the trash count until they are gone, "
        f"{settings.TRASH_DAYS:g} days later."
    )
    if limits.pictures is not None and kept.count + promised + demand.pictures > limits.pictures:
        yield _quota(
            "pictures",
            f"You keep {kept.count} pictures, your unfinished jobs will add {promised}, this one "
            f"{demand.pictures}, and {limits.pictures} are allowed to you.",
            clear,
            _Counts(limits.pictures, kept.count + promised, demand.pictures),
        )
    if limits.stored_mb is not None and kept.bytes >= limits.stored_mb * MIB:
        yield _quota(
            "stored_mb",
            f"Your pictures take {kept.bytes / MIB:.1f} MiB, and {limits.stored_mb} MiB are allowed to you.",
            clear,
            _Counts(limits.stored_mb, round(kept.bytes / MIB, 1), 0),
        )


def _quota(
    limit: str, message: str, hint: str, counts: _Counts, resets_at: datetime | None = None
) -> Refusal:
    return Refusal(
        limit=limit,
        code="quota_exceeded",
        message=message,
        hint=hint,
        status=429,
        field=limit,
        allowed=counts.allowed,
        used=counts.used,
        wanted=counts.wanted,
        resets_at=resets_at,
    )
