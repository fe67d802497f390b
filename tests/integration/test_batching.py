"""Eight jobs of three people in one batch: fewer ticks than one after another, and the same pictures.

A real Celery worker runs inside the test's process, so that the engine's ticks can be counted.
"""

import io
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from PIL import Image as Pictures

from gallery.selectors import images_of_job
from gallery.storage import gallery_storage
from generation.engine.step_engine import StepEngine
from generation.models import Job, JobState
from generation.schemas import GenerateIn
from generation.services import job_submit
from generation.worker import Worker, engine_config, process
from models_hub.services import library_scan
from sdweb.accounts.models import User
from sdweb.celery import app
from tests.integration.portal import eventually, params_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

BUCKET = 8
JOBS: tuple[dict[str, Any], ...] = (
    {"prompt": "a red fox", "sampler": "Euler", "steps": 40, "cfg_scale": 7.5, "seed": 1},
    {"prompt": "a blue cat", "sampler": "Euler a", "steps": 30, "cfg_scale": 5.0, "seed": 2},
    {"prompt": "a photo of a red apple", "sampler": "DPM++ 2M", "steps": 25, "cfg_scale": 9.0, "seed": 3},
    {"prompt": "a cat on a background", "sampler": "LMS", "steps": 35, "cfg_scale": 3.0, "seed": 4},
    {"prompt": "the fox", "sampler": "Heun", "steps": 20, "cfg_scale": 6.0, "seed": 5},
    {"prompt": "the red background", "sampler": "DDIM", "steps": 28, "cfg_scale": 11.0, "seed": 6},
    {"prompt": "an apple on a cat", "sampler": "DPM++ SDE", "steps": 18, "cfg_scale": 4.5, "seed": 7},
    {"prompt": "blue, blue, blue", "sampler": "UniPC", "steps": 45, "cfg_scale": 8.0, "seed": 8},
)


@pytest.fixture
def engine(settings: Any, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StepEngine]:
    """The engine of this process's GPU worker, with batches that are always filled up to eight."""
    settings.MODELS_PATH = models
    settings.DEVICE, settings.MIN_BUCKET = "cpu", BUCKET
    settings.ENGINE_SWITCHES = {"max_rows": BUCKET}
    engine = StepEngine(engine_config())
    worker = Worker(engine, slots=len(JOBS))
    monkeypatch.setattr(process, "_worker", worker)
    yield engine
    worker.stop()


@pytest.fixture
def celery_worker(engine: StepEngine) -> AbstractContextManager[Any]:
    """A Celery worker for the queue ``gpu``, not started yet; doorbells wait for it."""
    del engine  # has to be there before the first doorbell is heard
    return start_worker(app, pool="threads", concurrency=len(JOBS), queues=["gpu"], perform_ping_check=False)


def test_eight_jobs_of_three_people_share_the_ticks(
    engine: StepEngine, celery_worker: AbstractContextManager[Any]
) -> None:
    library_scan()
    people = [User.objects.create_user(username=name) for name in ("alice", "bob", "carol")]
    together = [_submit(people[n % 3], params) for n, params in enumerate(JOBS)]
    with celery_worker:
        for job_id in together:
            _wait(job_id)
        shared = engine.stats().ticks
        alone = [_wait(_submit(people[0], params)) for params in JOBS]
        one_by_one = engine.stats().ticks - shared
    assert shared < one_by_one / 2, f"{shared} ticks together, {one_by_one} one after another"
    for mixed_id, solo_id, params in zip(together, alone, JOBS, strict=True):
        mixed, solo = _picture(mixed_id), _picture(solo_id)
        assert mixed.tobytes() == solo.tobytes(), f"not the same picture: {params}"
    different = {_picture(job_id).tobytes() for job_id in together}
    assert len(different) == len(JOBS)


def _submit(user: User, params: dict[str, Any]) -> uuid.UUID:
    return job_submit(user=user, request=GenerateIn.model_validate(params_of(**params))).job.pk


def _wait(job_id: uuid.UUID) -> uuid.UUID:
    def look() -> Job | None:
        return Job.objects.exclude(state__in=(JobState.QUEUED, JobState.RUNNING)).filter(pk=job_id).first()

    job = eventually(look, seconds=300, what=f"the end of {job_id}")
    assert job is not None
    assert job.state == JobState.DONE, job.error
    return job_id


def _picture(job_id: uuid.UUID) -> Pictures.Image:
    (image,) = images_of_job(job_id)
    assert image.recipe["buckets"] == [BUCKET]
    with gallery_storage().open(image.file_key) as file:
        return Pictures.open(io.BytesIO(file.read())).convert("RGB")
