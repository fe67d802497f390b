"""What happens to models in the admin, written into the audit log."""

from typing import Any

from django.db.models.signals import m2m_changed, post_delete
from django.dispatch import receiver

from models_hub.models import ModelFile
from sdweb.accounts.audit import current_actor, record


@receiver(m2m_changed, sender=ModelFile.groups.through)
def groups_changed(*, instance: Any, action: str, reverse: bool, pk_set: set[Any] | None, **_: Any) -> None:
    """Who may use a model is another now."""
    if action not in {"post_add", "post_remove", "post_clear"} or pk_set == set():
        return
    if reverse:
        names = sorted(ModelFile.objects.filter(pk__in=pk_set or ()).values_list("name", flat=True))
        details: dict[str, Any] = {"models": names[:100], "change": action.removeprefix("post_")}
        target = f"group:{instance.pk}"
    else:
        names = sorted(instance.groups.values_list("name", flat=True))
        details, target = {"groups": names[:100]}, f"model:{instance.pk}"
    record(
        "model.groups_changed",
        actor=current_actor(),
        target=target,
        target_name=str(instance),
        details=details,
    )


@receiver(post_delete, sender=ModelFile)
def deleted(instance: ModelFile, **_: Any) -> None:
    """Only rows whose files are gone can be."""
    record("model.deleted", actor=current_actor(), target=f"model:{instance.pk}", target_name=instance.name)
