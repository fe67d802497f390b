from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from gallery.models import Image
from gallery.storage import keys_discard


@receiver(post_delete, sender=Image)
def image_files_follow_row(instance: Image, **_: Any) -> None:
    """A signal, because rows also go by cascade, with their owner: no service of ours is called then."""
    keys = (instance.file_key, instance.thumbnail_key)
    transaction.on_commit(lambda: keys_discard(keys))
