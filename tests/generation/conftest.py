"""What the tests of jobs share."""

from collections.abc import Callable
from typing import Any

import pytest

from generation import services
from generation.models import Job
from generation.schemas import generate_in
from generation.services import Claim
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from tests.factories import ModelFileFactory

Submit = Callable[..., Job]


@pytest.fixture
def model(db: None) -> ModelFile:
    """The default checkpoint."""
    return ModelFileFactory.create(name="demo", is_default=True)


@pytest.fixture
def submit(model: ModelFile) -> Submit:
    """Submit a job for somebody, with the given parameters."""

    def build(user: User, *, key: str = "", **params: Any) -> Job:
        request = generate_in({"prompt": "a red apple", "steps": 4, **params})
        return services.job_submit(user=user, request=request, idempotency_key=key).job

    return build


@pytest.fixture
def claim() -> Callable[..., Claim]:
    """Claim the next job, which has to be there."""

    def build(worker: str = "w1") -> Claim:
        claimed = services.job_claim(worker=worker)
        assert claimed is not None
        return claimed

    return build
