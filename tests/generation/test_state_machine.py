"""Every transition, from every state: it happens where the diagram has it, and nowhere else."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image as Pictures

from gallery.models import Image
from gallery.services import NewImage
from gallery.storage import gallery_storage
from generation import services
from generation.models import ACTIVE_STATES, FINISHED_STATES, Job, JobState
from generation.services import Claim
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.generation.conftest import Submit

pytestmark = pytest.mark.django_db

ERROR = PortalError("broken", "It broke.", status=500)


def put(job: Job, state: str) -> Claim:
    """Bring a job into a state, past the services, and give a claim that fits if it runs."""
    now = timezone.now()
    running, finished = state == JobState.RUNNING, state in FINISHED_STATES
    Job.objects.filter(pk=job.pk).update(
        state=state,
        attempt=1,
        worker="w1" if running else "",
        lease_expires_at=now + timedelta(seconds=20) if running else None,
        started_at=now,
        finished_at=now if finished else None,
        error=ERROR.as_dict() if state == JobState.FAILED else None,
    )
    job.refresh_from_db()
    return Claim(job=job, attempt=1, worker="w1")


def pictures(count: int = 1) -> list[NewImage]:
    return [
        NewImage(index=i, image=Pictures.new("RGB", (64, 64), (i, 0, 0)), infotext="x", seed=i, recipe={})
        for i in range(count)
    ]


def own(service: Callable[..., Job]) -> Callable[[Job, Claim], bool]:
    """What an owner does to their job; whether it was done."""

    def act(job: Job, _claim: Claim) -> bool:
        try:
            service(user=job.owner, job_id=job.pk)
        except PortalError as error:
            return error.status != 409
        return True

    return act


def requeue(job: Job, _claim: Claim) -> bool:
    return services.REQUEUE.make(job.pk)


Transition = tuple[str, Callable[[Job, Claim], bool], set[str], str]
TRANSITIONS: list[Transition] = [
    ("cancel", own(services.job_cancel), set(ACTIVE_STATES), JobState.CANCELLED),
    ("hold", own(services.job_hold), {JobState.QUEUED}, JobState.HELD),
    ("release", own(services.job_release), {JobState.HELD}, JobState.QUEUED),
    (
        "requeue",
        requeue,
        {JobState.FAILED, JobState.CANCELLED},
        JobState.QUEUED,
    ),
    ("heartbeat", lambda _, claim: services.job_heartbeat(claim), {JobState.RUNNING}, JobState.RUNNING),
    (
        "finish",
        lambda _, claim: services.job_finish(claim, images=pictures(), timings={}),
        {JobState.RUNNING},
        JobState.DONE,
    ),
    (
        "fail",
        lambda _, claim: services.job_fail(claim, error=ERROR, permanent=True),
        {JobState.RUNNING},
        JobState.FAILED,
    ),
    (
        "fail for now",
        lambda _, claim: services.job_fail(claim, error=ERROR, permanent=False),
        {JobState.RUNNING},
        JobState.QUEUED,
    ),
    ("give back", lambda _, claim: services.job_give_back(claim), {JobState.RUNNING}, JobState.QUEUED),
    ("claim", lambda *_: services.job_claim(worker="w2") is not None, {JobState.QUEUED}, JobState.RUNNING),
]


@pytest.mark.parametrize("state", JobState.values)
@pytest.mark.parametrize("transition", TRANSITIONS, ids=[name for name, *_ in TRANSITIONS])
def test_transition(alice: User, submit: Submit, state: str, transition: Transition) -> None:
    _, act, from_states, to = transition
    job = submit(alice)
    changed = act(job, put(job, state))
    job.refresh_from_db()
    assert changed is (state in from_states)
    assert job.state == (to if state in from_states else state)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"state": "lost"}, "job_state_known|job_finished_at_when_finished"),
        ({"state": JobState.RUNNING}, "job_lease_while_running"),
        ({"lease_expires_at": timezone.now()}, "job_lease_while_running"),
        ({"worker": "w1"}, "job_lease_while_running"),
        ({"state": JobState.DONE}, "job_finished_at_when_finished"),
        ({"finished_at": timezone.now()}, "job_finished_at_when_finished"),
        ({"state": JobState.FAILED, "finished_at": timezone.now()}, "job_failed_says_why"),
        ({"step": 2, "total_steps": 1}, "job_step_within_total"),
        ({"cleared_at": timezone.now()}, "job_cleared_when_finished"),
        ({"cost_tflop": -1.0}, "job_cost_not_negative"),
    ],
)
def test_the_table_itself_refuses_what_makes_no_sense(
    alice: User, submit: Submit, changes: dict[str, Any], constraint: str
) -> None:
    job = submit(alice)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**changes)


class TestClaim:
    def test_starts_the_lease_and_counts_the_attempt(self, alice: User, submit: Submit) -> None:
        job = submit(alice)
        claim = services.job_claim(worker="w1")
        assert claim is not None
        job.refresh_from_db()
        assert (job.state, job.attempt, job.worker) == (JobState.RUNNING, 1, "w1")
        assert job.lease_expires_at is not None
        assert timezone.now() < job.lease_expires_at <= timezone.now() + timedelta(seconds=21)

    def test_nothing_waits(self, db: None) -> None:
        assert services.job_claim(worker="w1") is None

    def test_held_jobs_are_left_alone(self, alice: User, submit: Submit) -> None:
        services.job_hold(user=alice, job_id=submit(alice).pk)
        assert services.job_claim(worker="w1") is None

    def test_ones_own_jobs_start_in_order(self, alice: User, submit: Submit) -> None:
        jobs = [submit(alice).pk for _ in range(3)]
        claimed = [services.job_claim(worker="w1") for _ in range(3)]
        assert [claim.job.pk for claim in claimed if claim] == jobs

    def test_two_people_take_turns(self, alice: User, bob: User, submit: Submit) -> None:
        for _ in range(3):
            submit(alice)
        for _ in range(3):
            submit(bob)
        owners = [c.job.owner_id for c in (services.job_claim(worker="w1") for _ in range(4)) if c]
        assert owners == [alice.pk, bob.pk, alice.pk, bob.pk]


class TestHeartbeat:
    def test_extends_the_lease_and_notes_the_step(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        job, mine = submit(alice), claim()
        before = Job.objects.get(pk=job.pk).lease_expires_at
        assert services.job_heartbeat(mine, step=2, total=4, status="denoising")
        job.refresh_from_db()
        assert before is not None
        assert job.lease_expires_at is not None
        assert job.lease_expires_at > before
        assert (job.step, job.total_steps, job.status) == (2, 4, "denoising")

    def test_is_one_statement(
        self,
        alice: User,
        submit: Submit,
        claim: Callable[..., Claim],
        django_assert_num_queries: Any,
    ) -> None:
        submit(alice)
        mine = claim()
        with django_assert_num_queries(1):
            services.job_heartbeat(mine, step=1, total=4, status="denoising")

    def test_hears_of_a_cancel(self, alice: User, submit: Submit, claim: Callable[..., Claim]) -> None:
        job, mine = submit(alice), claim()
        services.job_cancel(user=alice, job_id=job.pk)
        assert not services.job_heartbeat(mine)

    def test_a_given_back_job_is_somebody_elses(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        submit(alice)
        first = claim("w1")
        services.job_give_back(first)
        second = claim("w2")
        assert second.attempt == 2
        assert not services.job_heartbeat(first)
        assert services.job_heartbeat(second)


class TestFinish:
    def test_stores_pictures_and_state_together(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        job, mine = submit(alice, batch_size=2), claim()
        services.job_heartbeat(mine, step=3, total=4)
        assert services.job_finish(mine, images=pictures(2), timings={"denoised": 1.5})
        job.refresh_from_db()
        assert (job.state, job.step, job.total_steps) == (JobState.DONE, 4, 4)
        assert job.timings["denoised"] == 1.5
        assert {"queued", "stored"} <= job.timings.keys()
        assert list(Image.objects.values_list("job_id", "index", "owner")) == [
            (job.pk, 1, alice.pk),
            (job.pk, 0, alice.pk),
        ]

    def test_a_late_worker_leaves_nothing_behind(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        submit(alice)
        late = claim("w1")
        services.job_give_back(late)
        prompt = claim("w2")
        files = set(stored_files())
        assert not services.job_finish(late, images=pictures(), timings={})
        assert set(stored_files()) == files
        assert services.job_finish(prompt, images=pictures(), timings={})
        assert Image.objects.count() == 1

    def test_finishing_twice_stores_once(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        submit(alice)
        mine = claim()
        assert services.job_finish(mine, images=pictures(), timings={})
        files = set(stored_files())
        assert not services.job_finish(mine, images=pictures(), timings={})
        assert Image.objects.count() == 1
        assert set(stored_files()) == files

    def test_a_job_cancelled_at_the_last_moment_stores_nothing(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        job, mine = submit(alice), claim()
        services.job_cancel(user=alice, job_id=job.pk)
        assert not services.job_finish(mine, images=pictures(), timings={})
        assert not Image.objects.exists()

    def test_files_go_when_the_rows_cannot_be_written(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        job, mine = submit(alice), claim()
        files = set(stored_files())
        doubled = [*pictures(), *pictures()]
        with pytest.raises((PortalError, IntegrityError)):
            services.job_finish(mine, images=doubled, timings={})
        job.refresh_from_db()
        assert job.state == JobState.RUNNING
        assert set(stored_files()) == files


def stored_files(folder: str = "") -> list[str]:
    storage = gallery_storage()
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return []
    inside = [name for sub in folders for name in stored_files(f"{folder}/{sub}".lstrip("/"))]
    return [f"{folder}/{name}" for name in files] + inside


class TestFail:
    def test_says_why(self, alice: User, submit: Submit, claim: Callable[..., Claim]) -> None:
        job, mine = submit(alice), claim()
        assert services.job_fail(mine, error=ERROR, permanent=True)
        job.refresh_from_db()
        assert job.error == ERROR.as_dict()

    def test_what_may_pass_is_tried_again_until_it_is_enough(
        self, alice: User, submit: Submit, claim: Callable[..., Claim], settings: Any
    ) -> None:
        settings.MAX_ATTEMPTS = 3
        job = submit(alice)
        states = []
        for _ in range(3):
            services.job_fail(claim(), error=ERROR, permanent=False)
            job.refresh_from_db()
            states.append(job.state)
        assert states == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]


class TestRecovery:
    def lose(self, job: Job) -> None:
        Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    def test_a_lost_job_goes_to_another_worker(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        job, dead = submit(alice), claim("dead")
        self.lose(job)
        assert services.requeue_lost_jobs() == 1
        job.refresh_from_db()
        assert (job.state, job.lost_attempts) == (JobState.QUEUED, 1)
        assert claim("alive").attempt == 2
        assert not services.job_heartbeat(dead)

    def test_one_that_lives_is_left_alone(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        submit(alice)
        claim()
        assert services.requeue_lost_jobs() == 0

    def test_three_lost_workers_are_enough(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        job = submit(alice)
        for _ in range(3):
            claim()
            self.lose(job)
            services.requeue_lost_jobs()
        job.refresh_from_db()
        assert job.state == JobState.FAILED
        assert job.error is not None
        assert job.error["code"] == "worker_lost"
        assert job.error["hint"]

    def test_giving_back_costs_nothing(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        job = submit(alice)
        for _ in range(5):
            services.job_give_back(claim())
        job.refresh_from_db()
        assert (job.state, job.attempt, job.lost_attempts) == (JobState.QUEUED, 5, 0)

    def test_rings_only_while_somebody_waits(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        assert not services.ring_for_waiting_jobs()
        submit(alice)
        assert services.ring_for_waiting_jobs()
        claim()
        assert not services.ring_for_waiting_jobs()


class TestCancel:
    def test_strangers_cannot(self, alice: User, bob: User, submit: Submit) -> None:
        job = submit(alice)
        with pytest.raises(PortalError) as refused:
            services.job_cancel(user=bob, job_id=job.pk)
        assert refused.value.status == 404
        job.refresh_from_db()
        assert job.state == JobState.QUEUED

    def test_what_does_not_exist_is_not_found(self, alice: User) -> None:
        with pytest.raises(PortalError) as refused:
            services.job_cancel(user=alice, job_id=uuid.uuid4())
        assert refused.value.status == 404

    def test_a_finished_job_is_a_conflict(self, alice: User, submit: Submit) -> None:
        job = submit(alice)
        services.job_cancel(user=alice, job_id=job.pk)
        with pytest.raises(PortalError) as refused:
            services.job_cancel(user=alice, job_id=job.pk)
        assert (refused.value.code, refused.value.status) == ("job_finished", 409)
