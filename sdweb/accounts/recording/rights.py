"""Who was given which right or limit: groups, permissions, flags of a person, limits, the site's settings.

Signals, because the admin, single sign-on and the shell all change these, each by a way of its own.
"""

from typing import Any, Final, TypedDict

from django.contrib.auth.models import Group
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver

from sdweb.accounts.audit import current_actor, record
from sdweb.accounts.models import GroupLimits, Limits, SiteSettings, User, UserLimits

LIMITS: Final = tuple(field.name for field in Limits._meta.fields)
WATCHED: Final[dict[type[Model], tuple[str, tuple[str, ...]]]] = {
    User: ("user.changed", ("username", "email", "is_active", "is_staff", "is_superuser")),
    UserLimits: ("limits.changed", LIMITS),
    GroupLimits: ("limits.changed", LIMITS),
    SiteSettings: (
        "site.changed",
        (
            *LIMITS, "registration_open", "registration_domains", "picture_days", "job_days", "audit_days",
        ),
    ),
}  # fmt: skip
"""What is written when which fields change."""
SAID_WHEN_NEW: Final = {"is_staff": False, "is_superuser": False}
"""Of a new person, only what lifts them above others; that they came is written where they come from."""


class _Named(TypedDict):
    target: str
    target_name: str


BEFORE: Final = "_before_for_the_audit_log"


def remember(sender: type[Model], instance: Model, update_fields: Any = None, **_: Any) -> None:
    """What stood there before."""
    fields = WATCHED[sender][1]
    untouched = update_fields is not None and not set(update_fields) & set(fields)
    before = None
    if not instance._state.adding and not untouched:
        before = sender._default_manager.filter(pk=instance.pk).values(*fields).first()
    setattr(instance, BEFORE, before)


def compare(*, sender: type[Model], instance: Model, created: bool, raw: bool, **_: Any) -> None:
    """Write down what is different now."""
    if raw:
        return
    action, fields = WATCHED[sender]
    before: dict[str, Any] | None = getattr(instance, BEFORE, None)
    if created:
        # Nobody decides anything by being the first who reads the site's settings, which makes their row.
        new = {User: SAID_WHEN_NEW, SiteSettings: None}
        before = new.get(sender, dict.fromkeys(fields))
    changes = {
        name: [was, getattr(instance, name)]
        for name, was in (before or {}).items()
        if was != getattr(instance, name)
    }
    if changes:
        record(action, actor=current_actor(), **_named(instance), details={"changes": changes})


for _model in WATCHED:
    pre_save.connect(remember, sender=_model)
    post_save.connect(compare, sender=_model)


@receiver(post_delete, sender=UserLimits)
@receiver(post_delete, sender=GroupLimits)
def limits_gone(instance: Model, origin: object = None, **_: Any) -> None:
    """What holds for everybody holds again; unless the person went, which is an entry of its own."""
    if origin is not instance:
        return
    record("limits.removed", actor=current_actor(), **_named(instance))


@receiver(post_delete, sender=User)
def person_gone(instance: User, **_: Any) -> None:
    """With everything of theirs; what they did stays in the log, by their name."""
    actor = current_actor()
    # Who deletes themselves cannot be pointed at any more.
    record("user.deleted", actor=None if actor == instance else actor, **_named(instance))


def _named(instance: Model) -> _Named:
    if isinstance(instance, UserLimits):
        return {"target": f"user:{instance.user_id}", "target_name": instance.user.username}
    if isinstance(instance, GroupLimits):
        return {"target": f"group:{instance.group_id}", "target_name": instance.group.name}
    kind = {User: "user", SiteSettings: "site"}[type(instance)]
    name = instance.username if isinstance(instance, User) else ""
    return {"target": f"{kind}:{instance.pk}", "target_name": name}


def _m2m(relation: Any, what: str, kinds: tuple[str, str]) -> None:
    """Write changes of a many-to-many relation, from whichever side they are made."""

    def write(
        *, instance: Any, action: str, reverse: bool, model: type[Model], pk_set: set[Any] | None, **_: Any
    ) -> None:
        done = {"post_add": "given", "post_remove": "taken", "pre_clear": "taken"}.get(action)
        if done is None or (pk_set is not None and not pk_set):
            return
        others = (
            model._default_manager.filter(pk__in=pk_set)
            if pk_set is not None
            else cleared(instance, reverse=reverse)
        )
        record(
            f"{what}.{done}",
            actor=current_actor(),
            target=f"{kinds[reverse]}:{instance.pk}",
            target_name=str(instance),
            details={kinds[not reverse]: sorted(str(other) for other in others)[:100]},
        )

    def cleared(instance: Any, *, reverse: bool) -> Any:
        name = relation.rel.get_accessor_name() if reverse else relation.field.name
        return getattr(instance, name).all()

    through = relation.through
    m2m_changed.connect(write, sender=through, weak=False, dispatch_uid=f"audit {through.__name__}")


_m2m(User.groups, "group", ("user", "group"))
_m2m(User.user_permissions, "permission", ("user", "permission"))
_m2m(Group.permissions, "permission", ("group", "permission"))
