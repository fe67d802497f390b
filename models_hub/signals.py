"""What happens to models when something else goes."""

from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Count
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from models_hub.models import ModelFile


@receiver(pre_delete, sender=Group)
def on_group_deleted(instance: Group, using: str, **_kwargs: Any) -> None:
    """A model that was for this group alone would be for everybody without it: it is disabled instead, until
    an administrator says whom it is for.
    """
    # The groups of the model are counted before it is asked whether this is one of them.
    alone = ModelFile.objects.using(using).annotate(permits=Count("groups")).filter(permits=1)
    ids = [model.pk for model in alone.filter(pk__in=_of(instance, using))]
    ModelFile.objects.using(using).filter(pk__in=ids).update(enabled=False, is_default=False)


def _of(group: Group, using: str) -> Any:
    return ModelFile.groups.through.objects.using(using).filter(group=group).values("modelfile")
