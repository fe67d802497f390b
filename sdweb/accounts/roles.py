"""Groups that come with the portal, so that nobody has to find out which permissions a task needs.

They are made once, by the first ``migrate`` that does not find them; afterwards they are an administrator's
to change. One that is deleted comes back with the next ``migrate``, empty ones stay empty.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from sdweb.accounts.rights import (
    JUMP_QUEUE,
    MANAGE_QUEUE,
    SEE_ALL_JOBS,
    SEE_AUDIT,
    SEE_WORKERS,
    USE_ALL_MODELS,
)

QUEUE_MANAGERS: Final = "Queue managers"
MODEL_MANAGERS: Final = "Model managers"
AUDITORS: Final = "Auditors"
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    QUEUE_MANAGERS: (SEE_ALL_JOBS, JUMP_QUEUE, MANAGE_QUEUE, SEE_WORKERS),
    MODEL_MANAGERS: (
        "models_hub.view_modelfile",
        "models_hub.add_modelfile",
        "models_hub.change_modelfile",
        "models_hub.delete_modelfile",
        "models_hub.view_scanissue",
        USE_ALL_MODELS,
    ),
    AUDITORS: (SEE_AUDIT,),
}
"""Name of the group -> its permissions."""
APPS: Final = ("accounts", "models_hub", "generation")
"""Whose permissions the roles hold."""


def roles_create(*, using: str, **_kwargs: Any) -> None:
    """Make the groups that are not there, after all tables and permissions are. A receiver of
    ``post_migrate``.
    """
    for label in APPS:
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    with transaction.atomic(using=using):
        for name, rights in ROLES.items():
            group, is_new = Group.objects.using(using).get_or_create(name=name)
            if is_new:
                group.permissions.set(_permissions(rights, using))


def _permissions(rights: tuple[str, ...], using: str) -> list[Permission]:
    wanted = Q()
    for right in rights:
        app, codename = right.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.using(using).filter(wanted))
