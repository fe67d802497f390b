from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from gallery.storage import keys_discard
from generation.models import Upload


@receiver(post_delete, sender=Upload)
def upload_file_follows_row(instance: Upload, **_: Any) -> None:
    """A signal, because rows also go by cascade, with their owner: no service of ours is called then."""
    transaction.on_commit(lambda: keys_discard([instance.file_key]))
