"""The GPU worker with the real engine on a tiny real model: queue in, gallery out."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone
from PIL import Image as Pictures

from gallery.models import Image
from gallery.storage import gallery_storage
from generation import events, presence, publisher, services
from generation.engine.spec import EngineConfig
from generation.engine.step_engine import StepEngine
from generation.models import GpuUse, Job, JobState
from generation.models import Worker as WorkerRow
from generation.services import Claim
from generation.worker import Worker
from generation.worker.running import Running
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from tests.engine.tiny import tiny_folder
from tests.factories import ModelFileFactory
from tests.generation.conftest import Submit

pytestmark = pytest.mark.django_db(transaction=True)

SMALL = {"width": 64, "height": 64}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that paints noise in milliseconds."""
    return tiny_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(db: None, checkpoint: Path, settings: Any) -> ModelFile:
    """The same, in the library."""
    settings.MODELS_PATH = checkpoint.parent
    return ModelFileFactory.create(name="tiny", path="tiny", is_default=True, sha256="a" * 64)


@pytest.fixture(scope="module")
def engine() -> Iterator[StepEngine]:
    """One for all: loading is what takes time."""
    started = StepEngine(EngineConfig(device="cpu", precision="fp32", preview_interval=0.0))
    yield started
    started.close()


@pytest.fixture
def worker(model: ModelFile, engine: StepEngine, settings: Any) -> Iterator[Worker]:
    """Two slots; its pulse looks into the queue only where a test says so."""
    settings.RECOVERY_SECONDS = 3600
    settings.HEARTBEAT_SECONDS = 0.1
    started = Worker(engine, slots=2)
    time.sleep(0.3)  # past the pulse's first look
    yield started
    quiet(started)


def quiet(worker: Worker) -> None:
    """End the worker without ending the engine, which the next test uses."""
    worker._stopping.set()
    for running in list(worker._running.values()):
        running.stop.set()
    worker._pulse.join(5)
    for _ in range(worker._slots):
        assert worker._permits.acquire(timeout=30)
    publisher.background_stop()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that happens in another thread."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def state(job: Job) -> str:
    return str(Job.objects.values_list("state", flat=True).get(pk=job.pk))


def test_a_job_becomes_pictures_with_their_recipe(worker: Worker, alice: User, submit: Submit) -> None:
    job = submit(alice, **SMALL, batch_size=2, seed=11, steps=3, sampler="Euler a", prompt="a red fox")
    assert worker.serve() == 1
    job.refresh_from_db()
    assert (job.state, job.attempt, job.step) == (JobState.DONE, 1, job.total_steps)
    assert job.timings.keys() == {"queued", "waited", "loaded", "denoised", "decoded", "device", "stored"}
    pictures = list(Image.objects.filter(job_id=job.pk).order_by("index"))
    assert [(picture.seed, picture.owner) for picture in pictures] == [(11, alice), (12, alice)]
    recipe = pictures[0].recipe
    assert (recipe["prompt"], recipe["seed"], recipe["sampler"]) == ("a red fox", 11, "Euler a")
    assert (recipe["model_hash"], recipe["device"], recipe["dtype"]) == ("a" * 64, "cpu", "float32")
    assert recipe["job_id"] == str(job.pk)
    with gallery_storage().open(pictures[0].file_key) as file, Pictures.open(file) as png:
        assert png.size == (64, 64)
        assert png.text["parameters"].startswith("a red fox\n")  # type: ignore[attr-defined]
        assert "Seed: 11" in png.text["parameters"]  # type: ignore[attr-defined]


def test_one_doorbell_is_enough_for_the_whole_queue(
    worker: Worker, alice: User, bob: User, submit: Submit
) -> None:
    jobs = [submit(user, **SMALL, steps=2) for user in (alice, bob) for _ in range(3)]
    assert worker.wake()
    until(lambda: all(state(job) == JobState.DONE for job in jobs))
    assert Image.objects.count() == 6


def test_progress_goes_to_its_owner(
    worker: Worker, alice: User, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(publisher, "publish", lambda group, event, *, key="": sent.append((group, event)))
    presence.watcher_seen(alice.pk)
    submit(alice, **SMALL, steps=4)
    worker.serve()
    assert {group for group, _ in sent} == {f"user.{alice.pk}", events.QUEUE_GROUP}
    kinds = [event["message"]["type"] for group, event in sent if group != events.QUEUE_GROUP]
    assert kinds[-1] == "complete"
    progress = [event for _, event in sent if event["message"]["type"] == "progress"]
    steps = [event["message"]["data"]["step"] for event in progress]
    assert steps == sorted(steps)
    assert steps[-1] == 4
    previews = [event["preview"] for event in progress if event["preview"]]
    assert previews
    assert all(preview.startswith(b"\xff\xd8") for preview in previews)


def test_a_cancelled_job_stops_within_a_moment(worker: Worker, alice: User, submit: Submit) -> None:
    job = submit(alice, **SMALL, steps=150, batch_size=8)
    worker.wake()
    until(lambda: Job.objects.get(pk=job.pk).step > 0)
    began = time.monotonic()
    services.job_cancel(user=alice, job_id=job.pk)
    until(lambda: not worker._running)
    assert time.monotonic() - began < 5
    assert state(job) == JobState.CANCELLED
    assert not Image.objects.exists()


def test_a_job_that_was_taken_away_is_let_go(worker: Worker, alice: User, submit: Submit) -> None:
    job = submit(alice, **SMALL, steps=150, batch_size=8)
    worker.wake()
    until(lambda: Job.objects.get(pk=job.pk).step > 0)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=60))
    # Between the pulse's look and its heartbeat the lease may be extended again: then it is not lost.
    until(lambda: lose(job))
    until(lambda: not worker._running or Job.objects.get(pk=job.pk).attempt == 2)
    assert Job.objects.get(pk=job.pk).lost_attempts == 1


def lose(job: Job) -> bool:
    """Let the lease run out and have it found before the next heartbeat."""
    Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )
    return services.requeue_lost_jobs() == 1


def test_heartbeats_keep_the_lease_alive(worker: Worker, alice: User, submit: Submit, settings: Any) -> None:
    settings.LEASE_SECONDS = 2.0
    job = submit(alice, **SMALL, steps=150, batch_size=8)
    worker.wake()
    until(lambda: Job.objects.get(pk=job.pk).step > 0)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and state(job) == JobState.RUNNING:
        assert services.requeue_lost_jobs() == 0
        time.sleep(0.1)
    assert Job.objects.get(pk=job.pk).lost_attempts == 0


def test_without_any_doorbell_the_pulse_finds_the_job(
    model: ModelFile, engine: StepEngine, alice: User, submit: Submit, settings: Any
) -> None:
    settings.RECOVERY_SECONDS = 0.3
    worker = Worker(engine, slots=1)
    job = submit(alice, **SMALL, steps=1)
    until(lambda: state(job) == JobState.DONE)
    quiet(worker)


def test_its_slots_ask_one_after_another(
    worker: Worker, alice: User, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that each knows what the one before is about to load."""
    claim = services.job_claim
    asking: list[str] = []
    most: list[int] = []

    def watched(**values: Any) -> Claim | None:
        asking.append(values["worker"])
        most.append(len(asking))
        time.sleep(0.05)
        asking.pop()
        return claim(**values)

    monkeypatch.setattr(services, "job_claim", watched)
    jobs = [submit(alice, **SMALL, steps=1) for _ in range(4)]
    worker.wake()
    worker.wake()
    until(lambda: all(state(job) == JobState.DONE for job in jobs))
    assert set(most) == {1}


def test_stopping_gives_the_jobs_back_for_nothing(
    model: ModelFile, alice: User, submit: Submit, settings: Any
) -> None:
    settings.RECOVERY_SECONDS = 3600
    worker = Worker(StepEngine(EngineConfig(device="cpu", precision="fp32")), slots=2)
    jobs = [submit(alice, **SMALL, steps=150, batch_size=8) for _ in range(2)]
    worker.wake()
    until(lambda: all(state(job) == JobState.RUNNING for job in jobs))
    stoppers = [threading.Thread(target=worker.stop) for _ in range(2)]
    for stopper in stoppers:
        stopper.start()
    for stopper in stoppers:
        stopper.join(15)
    for job in jobs:
        job.refresh_from_db()
        assert (job.state, job.lost_attempts) == (JobState.QUEUED, 0)
    assert not worker.wake()
    assert not Image.objects.exists()


class TestFailures:
    def test_a_model_that_is_gone(
        self, worker: Worker, alice: User, submit: Submit, model: ModelFile
    ) -> None:
        job = submit(alice, **SMALL)
        model.delete()
        worker.serve()
        job.refresh_from_db()
        assert (job.state, job.error and job.error["code"]) == (JobState.FAILED, "model_gone")

    def test_a_model_that_cannot_be_loaded(
        self, worker: Worker, alice: User, submit: Submit, checkpoint: Path
    ) -> None:
        (checkpoint.parent / "broken").mkdir(exist_ok=True)
        ModelFileFactory.create(name="broken", path="broken", sha256="b" * 64)
        job = submit(alice, **SMALL, model="broken")
        worker.serve()
        job.refresh_from_db()
        assert job.state == JobState.FAILED
        assert job.error is not None
        assert job.error["message"]

    def test_a_full_storage_is_tried_again(
        self, worker: Worker, alice: User, submit: Submit, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_args: object, **_kwargs: object) -> str:
            raise OSError("No space left on device")

        settings.MAX_ATTEMPTS = 2
        monkeypatch.setattr(type(gallery_storage()), "save", full)
        job = submit(alice, **SMALL, steps=1)
        assert worker.serve() == 2
        job.refresh_from_db()
        assert (job.state, job.lost_attempts) == (JobState.FAILED, 1)
        assert job.error is not None
        assert job.error["code"] == "storage_failed"

    def test_one_failure_leaves_the_others_alone(
        self, worker: Worker, alice: User, bob: User, submit: Submit, model: ModelFile
    ) -> None:
        gone = ModelFileFactory.create(name="gone", path="gone", sha256="c" * 64)
        bad, good = submit(alice, **SMALL, model="gone", steps=2), submit(bob, **SMALL, steps=2)
        gone.delete()
        worker.wake()
        until(lambda: (state(bad), state(good)) == (JobState.FAILED, JobState.DONE))


def test_a_job_that_comes_back_at_once_is_looked_after_in_its_later_attempt(
    worker: Worker, alice: User, submit: Submit
) -> None:
    worker._stopping.set()  # the claims are this test's
    worker._pulse.join(5)
    job = submit(alice, **SMALL)
    assert job.model is not None
    loaded = [job.model.sha256]  # or the job would be left to the worker that has it
    first = services.job_claim(worker="w1", resident=loaded)
    assert first is not None
    early = Running(claim=first)
    services.job_give_back(first)
    second = services.job_claim(worker="w1", resident=loaded)
    assert second is not None
    late = Running(claim=second)
    worker._running[first.job.pk] = late
    worker._forget(early)
    assert worker._running == {first.job.pk: late}
    worker._forget(late)
    assert not worker._running


class TestItsRow:
    def test_it_says_what_the_worker_does(
        self, model: ModelFile, alice: User, submit: Submit, settings: Any
    ) -> None:
        settings.RECOVERY_SECONDS = 0.3
        worker = Worker(StepEngine(EngineConfig(device="cpu", precision="fp32")), slots=3, place="gpu7@here")
        until(lambda: presence.workers_alive() == 1)
        jobs = [submit(alice, **SMALL, steps=3) for _ in range(2)]
        until(lambda: all(state(job) == JobState.DONE for job in jobs))
        until(lambda: WorkerRow.objects.get().jobs_done == 2 and WorkerRow.objects.get().jobs_running == 0)
        row = WorkerRow.objects.get(pk="gpu7@here")
        assert (row.process, row.device, row.slots, row.errors) == (worker.name, "cpu", 3, 0)
        assert (row.resident, row.loads, row.rows) == (["a" * 64], 1, 6)
        assert row.ticks <= row.rows
        assert row.tick_ms > 0
        assert 0 < row.memory_used_mb < row.memory_total_mb
        charged = GpuUse.objects.aggregate(seconds=Sum("seconds"))["seconds"]
        assert row.device_seconds == pytest.approx(charged, abs=0.01)
        worker.stop()
        assert presence.workers_alive() == 0
        row.refresh_from_db()
        assert row.resident == []

    def test_a_loaded_model_is_known_before_the_next_look(
        self, model: ModelFile, alice: User, submit: Submit, settings: Any
    ) -> None:
        settings.RECOVERY_SECONDS = 3600
        worker = Worker(StepEngine(EngineConfig(device="cpu", precision="fp32")), slots=1)
        until(WorkerRow.objects.exists)
        submit(alice, **SMALL, steps=1)
        worker.wake()
        until(lambda: WorkerRow.objects.get().resident == ["a" * 64])
        worker.stop()


class TestDraining:
    def test_a_drained_worker_finishes_what_it_has_and_takes_nothing(
        self, worker: Worker, admin: User, alice: User, submit: Submit
    ) -> None:
        running = submit(alice, **SMALL, steps=60)
        worker.wake()
        until(lambda: Job.objects.get(pk=running.pk).step > 0)
        services.worker_drain(user=admin, name=worker.place)
        waiting = submit(alice, **SMALL, steps=1)
        worker.wake()
        until(lambda: state(running) == JobState.DONE)
        assert worker.serve() == 0
        assert state(waiting) == JobState.QUEUED

    def test_it_takes_jobs_again_without_a_doorbell(
        self, worker: Worker, admin: User, alice: User, submit: Submit
    ) -> None:
        services.worker_drain(user=admin, name=worker.place)
        assert worker.serve() == 0
        job = submit(alice, **SMALL, steps=1)
        services.worker_resume(user=admin, name=worker.place)
        until(lambda: state(job) == JobState.DONE)


class TestCharging:
    def test_a_finished_job_is_charged_what_its_timings_say(
        self, worker: Worker, alice: User, submit: Submit
    ) -> None:
        job = submit(alice, **SMALL, steps=3)
        worker.serve()
        job.refresh_from_db()
        (use,) = GpuUse.objects.filter(job_id=job.pk)
        assert (use.user, use.attempt, use.seconds) == (alice, 1, job.timings["device"])
        assert use.seconds > 0

    def test_a_cancelled_job_is_charged_for_what_it_took(
        self, worker: Worker, alice: User, submit: Submit
    ) -> None:
        job = submit(alice, **SMALL, steps=150, batch_size=8)
        worker.wake()
        until(lambda: Job.objects.get(pk=job.pk).step > 0)
        services.job_cancel(user=alice, job_id=job.pk)
        until(lambda: GpuUse.objects.filter(job_id=job.pk, attempt=1, user=alice, seconds__gt=0).exists())

    def test_one_given_back_is_charged_for_its_first_attempt_alone(
        self, model: ModelFile, alice: User, submit: Submit, settings: Any
    ) -> None:
        settings.RECOVERY_SECONDS = 3600
        worker = Worker(StepEngine(EngineConfig(device="cpu", precision="fp32")), slots=1)
        job = submit(alice, **SMALL, steps=150, batch_size=8)
        worker.wake()
        until(lambda: any(running.use.seconds > 0 for running in list(worker._running.values())))
        worker.stop()
        (use,) = GpuUse.objects.filter(job_id=job.pk)
        assert (use.attempt, state(job)) == (1, JobState.QUEUED)

    def test_one_that_never_reached_the_device_is_not(
        self, worker: Worker, alice: User, submit: Submit, model: ModelFile
    ) -> None:
        submit(alice, **SMALL)
        model.delete()
        worker.serve()
        assert not GpuUse.objects.exists()
