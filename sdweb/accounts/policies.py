"""What holds for a person: their own limits, else the most generous of their groups', else the site's."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sdweb.accounts.models import GroupLimits, Limits, User, UserLimits
from sdweb.accounts.selectors import site_settings

DEFAULT_WEIGHT: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveLimits:
    """What holds for one person; None is no limit. Units as in ``Limits``."""

    may_generate: bool = True
    weight: float = DEFAULT_WEIGHT
    jobs_waiting: int | None = None
    jobs_running: int | None = None
    gpu_seconds_per_day: int | None = None
    pictures: int | None = None
    stored_mb: int | None = None
    largest_side: int | None = None
    steps: int | None = None


COUNTED: Final = tuple(
    one.name for one in fields(EffectiveLimits) if one.name not in ("may_generate", "weight")
)
"""Limits that are numbers of something, where zero says that there is none."""


def person_lock(user: User) -> None:
    """Let others that ask for the same wait until the caller's transaction ends: what is counted and
    compared with a limit in between stays as it was counted.

    On PostgreSQL it locks the row, and leaves foreign keys to it alone; SQLite has one writer at a time.
    """
    list(User.objects.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk"))


def limits_of(user: User) -> EffectiveLimits:
    """What holds for this person now."""
    return limits_of_all([user.pk])[user.pk]


def limits_of_all(user_ids: Collection[int]) -> dict[int, EffectiveLimits]:
    """The same for several people, in three queries."""
    site = site_settings()
    own = {limits.user_id: limits for limits in UserLimits.objects.filter(user__in=user_ids)}
    of_groups: dict[int, list[Limits]] = {user_id: [] for user_id in user_ids}
    memberships = User.groups.through.objects.filter(user__in=user_ids).values_list("user_id", "group_id")
    by_group = {
        limits.group_id: limits for limits in GroupLimits.objects.filter(group__user__in=user_ids).distinct()
    }
    for user_id, group_id in memberships:
        if group_id in by_group:
            of_groups[user_id].append(by_group[group_id])
    return {user_id: _effective(own.get(user_id), of_groups[user_id], site) for user_id in user_ids}


def _effective(own: Limits | None, groups: Sequence[Limits], site: Limits) -> EffectiveLimits:
    may = _said("may_generate", own, groups, site, any)
    weight = _said("weight", own, groups, site, max)
    counted = {name: _said(name, own, groups, site, _most_generous) or None for name in COUNTED}
    return EffectiveLimits(
        may_generate=True if may is None else may,
        weight=DEFAULT_WEIGHT if weight is None else weight,
        **counted,
    )


def _said(
    name: str, own: Limits | None, groups: Sequence[Limits], site: Limits, most: Callable[[list[Any]], Any]
) -> Any:
    """What the nearest place says that says anything; ``most`` picks one of several groups'."""
    if own is not None and getattr(own, name) is not None:
        return getattr(own, name)
    said = [getattr(one, name) for one in groups if getattr(one, name) is not None]
    return most(said) if said else getattr(site, name)


def _most_generous(values: list[int]) -> int:
    return 0 if 0 in values else max(values)
