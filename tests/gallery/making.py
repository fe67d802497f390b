"""Pictures for tests, made by the real services."""

import uuid
from typing import IO, Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from PIL import Image as PillowImage

from gallery.models import Image
from gallery.services import NewImage, image_files_write, images_create
from sdweb.accounts.models import User


def picture(width: int = 96, height: int = 64) -> PillowImage.Image:
    """A gradient, so that encoders have something to do."""
    red = PillowImage.linear_gradient("L").resize((width, height))
    return PillowImage.merge("RGB", (red, red.rotate(90), red.rotate(180)))


def recipe(**changes: Any) -> dict[str, Any]:
    """What a worker hands over, without ``version`` and ``seed``."""
    return {
        "prompt": "a red apple",
        "negative_prompt": "blurry",
        "model": "demo",
        "model_hash": "ab" * 32,
        "width": 96,
        "height": 64,
        "steps": 20,
        "cfg_scale": 7.0,
        "buckets": [1, 2],
        **changes,
    }


def new_image(index: int = 0, **changes: Any) -> NewImage:
    """One picture that an engine made."""
    made = recipe(**changes)
    return NewImage(
        index=index, image=picture(), infotext=f"{made['prompt']}\nSteps: 20", seed=1000 + index, recipe=made
    )


def image_make(
    owner: User,
    *,
    prompt: str = "a red apple",
    task: str = "txt2img",
    job_id: uuid.UUID | None = None,
    index: int = 0,
) -> Image:
    """A picture in somebody's gallery, files and all."""
    stored = image_files_write(images=[new_image(index, prompt=prompt)])
    return images_create(owner_id=owner.pk, job_id=job_id or uuid.uuid4(), task=task, stored=stored)[0]


class FullDisk(FileSystemStorage):
    """A disk on which the third file no longer fits; the file that failed is left half written."""

    saved = 0

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        """Two files fit."""
        FullDisk.saved += 1
        if FullDisk.saved < 3:
            return super().save(name, content, max_length)
        super().save(name, ContentFile(content.read()[:10]), max_length)
        raise OSError(28, "No space left on device")
