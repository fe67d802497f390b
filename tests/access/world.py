"""What Alice has, for others to try to reach."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import Permission
from django.utils import timezone

from gallery.models import Image
from generation import services
from generation.models import Job, JobState, SavedStyle, Upload
from generation.schemas import generate_in
from generation.uploads import picture_prepare, uploads_keep
from models_hub.models import ModelFile
from sdweb.accounts.models import ApiToken, User
from sdweb.accounts.tokens import token_create
from tests.factories import ModelFileFactory, UserFactory
from tests.gallery.making import image_make
from tests.generation.drawing import encoded, picture

SECRET: Final = "xyzzy-nobody-else-may-read-this"
"""Stands in everything of Alice's that has words."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Alice with one of everything, Bob with nothing, and somebody for each right."""

    alice: User
    bob: User
    image: Image
    upload: Upload
    style: SavedStyle
    waiting: Job
    held: Job
    failed: Job
    checkpoint: ModelFile
    token: ApiToken

    def ids(self) -> dict[str, object]:
        """What stands for each parameter of an address, unless a rule says otherwise."""
        return {
            "image_id": self.image.pk,
            "upload_id": self.upload.pk,
            "style_id": self.style.pk,
            "job_id": self.waiting.pk,
            "token_id": self.token.pk,
        }


def world_make() -> World:
    """By the real services, as far as there are any."""
    alice, bob = UserFactory.create(username="alice"), UserFactory.create(username="bob")
    checkpoint = ModelFileFactory.create(name="demo", is_default=True)
    for kind in (ModelFile.Kind.UPSCALER, ModelFile.Kind.FACE_RESTORER, ModelFile.Kind.DETECTOR):
        ModelFileFactory.create(name=kind, kind=kind, family=ModelFile.Family.UNKNOWN)
    (upload,) = uploads_keep(
        user=alice,
        pictures=[picture_prepare(user=alice, content=encoded(picture()), field="file")],
    )
    waiting, held, failed, done = (_submitted(alice) for _ in range(4))
    _put(held, state=JobState.HELD)
    _put(failed, state=JobState.FAILED, finished_at=timezone.now(), error={"code": "x", "message": SECRET})
    _put(done, state=JobState.DONE, finished_at=timezone.now())
    return World(
        alice=alice,
        bob=bob,
        image=image_make(alice, prompt=SECRET, job_id=done.pk),
        upload=upload,
        style=SavedStyle.objects.create(owner=alice, name=SECRET, prompt=SECRET),
        waiting=waiting,
        held=held,
        failed=failed,
        checkpoint=checkpoint,
        token=token_create(user=alice, name=SECRET, scopes=[ApiToken.Scope.READ]).token,
    )


def _put(job: Job, **changes: object) -> None:
    Job.objects.filter(pk=job.pk).update(**changes)


def _submitted(user: User) -> Job:
    return services.job_submit(user=user, request=generate_in({"prompt": SECRET, "steps": 4})).job


def somebody_with(right: str) -> User:
    """A person without anything but this one permission."""
    person = UserFactory.create()
    app, codename = right.split(".")
    person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return User.objects.get(pk=person.pk)  # permissions are remembered by the object
