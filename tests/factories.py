"""Rows for tests."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from generation.models import Worker
from models_hub.models import ModelFile
from sdweb.accounts.models import User

PASSWORD = "correct horse battery staple"


class UserFactory(DjangoModelFactory[User]):
    """Somebody who can sign in with ``PASSWORD``; ``UserFactory(staff=True)`` is an administrator."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    class Params:
        staff = factory.Trait(is_staff=True, is_superuser=True)

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        # Through the manager, which hashes the password.
        return model_class.objects.create_user(*args, **{"password": PASSWORD, **kwargs})


class ModelFileFactory(DjangoModelFactory[ModelFile]):
    """A checkpoint in the library; its file does not exist."""

    class Meta:
        model = ModelFile

    name = factory.Sequence(lambda n: f"model {n}")
    kind = ModelFile.Kind.CHECKPOINT
    family = ModelFile.Family.SD15
    format = ModelFile.Format.DIFFUSERS
    source = ModelFile.Source.FOLDER
    path = factory.Sequence(lambda n: f"model-{n}")
    sha256 = factory.Sequence(lambda n: f"{n:064x}")
    fingerprint = ""
    size_bytes = 1
    native_size = 64


class WorkerFactory(DjangoModelFactory[Worker]):
    """A GPU worker that was heard of just now."""

    class Meta:
        model = Worker

    name = factory.Sequence(lambda n: f"gpu{n}@here")
    process = factory.LazyAttribute(lambda worker: f"{worker.name}:1:abcd")
    host = "here"
    device = "cpu"
    memory_total_mb = 16_000
    memory_used_mb = 4_000
    slots = 8
