"""What people do to their own jobs, and managers to everybody's."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from generation import overview, selectors, services
from generation.models import Job, JobState, QueueState, Upload
from generation.services import Destination
from models_hub.models import ModelFile
from sdweb.accounts.models import AuditEntry, User
from sdweb.errors import PortalError
from tests.generation.conftest import Submit
from tests.generation.drawing import base64_of
from tests.generation.test_state_machine import put

pytestmark = pytest.mark.django_db


def give(user: User, codename: str) -> User:
    """The same person with a permission."""
    user.user_permissions.add(Permission.objects.get(content_type__app_label="generation", codename=codename))
    return User.objects.get(pk=user.pk)


def order(user: User) -> list[uuid.UUID]:
    """The person's waiting jobs, the first to start first."""
    waiting = Job.objects.filter(owner=user, state__in=("queued", "held")).order_by("turn", "id")
    return list(waiting.values_list("pk", flat=True))


def refusal(code: str, status: int) -> Any:
    """Expect this error."""

    def fits(error: PortalError) -> bool:
        return (error.code, error.status) == (code, status)

    return pytest.raises(PortalError, check=fits)


class TestOwnJobs:
    @pytest.mark.parametrize(
        "service",
        [
            services.job_cancel,
            services.job_hold,
            services.job_release,
            services.job_expedite,
            services.job_unexpedite,
            services.job_retry,
        ],
    )
    def test_a_strangers_is_not_there(self, alice: User, bob: User, submit: Submit, service: Any) -> None:
        job = submit(alice)
        with refusal("not_found", 404):
            service(user=bob, job_id=job.pk)

    def test_what_cannot_be_done_says_why(self, alice: User, submit: Submit) -> None:
        job = submit(alice)
        with refusal("wrong_state", 409):
            services.job_release(user=alice, job_id=job.pk)
        put(job, JobState.DONE)
        with refusal("job_finished", 409):
            services.job_hold(user=alice, job_id=job.pk)

    def test_all_of_mine_are_cancelled_and_nobody_elses(self, alice: User, bob: User, submit: Submit) -> None:
        waiting, held, running, done = (submit(alice) for _ in range(4))
        services.job_hold(user=alice, job_id=held.pk)
        put(running, JobState.RUNNING)
        put(done, JobState.DONE)
        other = submit(bob)
        assert services.jobs_cancel_all(user=alice) == 3
        states = dict(Job.objects.values_list("pk", "state"))
        assert {states[job.pk] for job in (waiting, held, running)} == {JobState.CANCELLED}
        assert (states[done.pk], states[other.pk]) == (JobState.DONE, JobState.QUEUED)
        assert services.jobs_cancel_all(user=alice) == 0

    def test_finished_ones_leave_the_list_and_stay_in_the_table(
        self, alice: User, bob: User, submit: Submit
    ) -> None:
        done, waiting, other = submit(alice), submit(alice), submit(bob)
        put(done, JobState.DONE)
        put(other, JobState.DONE)
        assert services.jobs_clear_finished(user=alice) == 1
        assert list(selectors.job_list(user=alice)) == [waiting]
        assert list(selectors.job_list(user=bob)) == [other]
        assert Job.objects.filter(pk=done.pk).exists()
        assert services.jobs_clear_finished(user=alice) == 0


class TestMoving:
    @pytest.mark.parametrize(
        ("moved", "to", "expected"),
        [
            (2, "first", [2, 0, 1, 3]),
            (0, "last", [1, 2, 3, 0]),
            (2, "up", [0, 2, 1, 3]),
            (0, "up", [0, 1, 2, 3]),
            (1, "down", [0, 2, 1, 3]),
            (3, "down", [0, 1, 2, 3]),
        ],
    )
    def test_to_a_place(self, alice: User, submit: Submit, moved: int, to: Any, expected: list[int]) -> None:
        jobs = [submit(alice) for _ in range(4)]
        services.job_move(user=alice, job_id=jobs[moved].pk, where=Destination(to=to))
        assert order(alice) == [jobs[i].pk for i in expected]

    @pytest.mark.parametrize(("moved", "before", "expected"), [(3, 1, [0, 3, 1, 2]), (0, 3, [1, 2, 0, 3])])
    def test_before_another(
        self, alice: User, submit: Submit, moved: int, before: int, expected: list[int]
    ) -> None:
        jobs = [submit(alice) for _ in range(4)]
        where = Destination(before=jobs[before].pk)
        services.job_move(user=alice, job_id=jobs[moved].pk, where=where)
        assert order(alice) == [jobs[i].pk for i in expected]

    def test_exchanges_turns_so_that_new_jobs_stay_last(self, alice: User, bob: User, submit: Submit) -> None:
        other = submit(bob)
        jobs = [submit(alice) for _ in range(3)]
        turns = sorted(job.turn for job in jobs)
        services.job_move(user=alice, job_id=jobs[2].pk, where=Destination(to="first"))
        assert sorted(Job.objects.filter(owner=alice).values_list("turn", flat=True)) == turns
        assert Job.objects.get(pk=other.pk).turn == other.turn
        assert order(alice)[-1] != submit(alice).pk == order(alice)[-1]

    def test_jobs_of_the_same_moment_can_be_told_apart(self, alice: User, submit: Submit) -> None:
        jobs = [submit(alice) for _ in range(3)]
        Job.objects.update(turn=1.0)
        services.job_move(user=alice, job_id=jobs[2].pk, where=Destination(to="first"))
        assert order(alice) == [jobs[i].pk for i in (2, 0, 1)]

    def test_held_ones_keep_their_place_and_may_move(self, alice: User, submit: Submit) -> None:
        jobs = [submit(alice) for _ in range(3)]
        services.job_hold(user=alice, job_id=jobs[1].pk)
        services.job_move(user=alice, job_id=jobs[1].pk, where=Destination(to="last"))
        services.job_release(user=alice, job_id=jobs[1].pk)
        assert order(alice) == [jobs[i].pk for i in (0, 2, 1)]

    def test_what_runs_or_is_a_strangers_does_not_move(self, alice: User, bob: User, submit: Submit) -> None:
        running, waiting, other = submit(alice), submit(alice), submit(bob)
        put(running, JobState.RUNNING)
        with refusal("wrong_state", 409):
            services.job_move(user=alice, job_id=running.pk, where=Destination(to="last"))
        with refusal("not_found", 404):
            services.job_move(user=alice, job_id=other.pk, where=Destination(to="last"))
        for neighbour in (running, other):
            with refusal("wrong_state", 409):
                services.job_move(user=alice, job_id=waiting.pk, where=Destination(before=neighbour.pk))


class TestRetrying:
    @pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
    def test_the_same_as_a_new_job_that_takes_its_place(
        self, alice: User, submit: Submit, state: str
    ) -> None:
        job = submit(alice, prompt="a heron", seed=77, batch_size=2)
        put(job, state)
        again = services.job_retry(user=alice, job_id=job.pk)
        assert again.created
        assert again.job.params == job.params
        assert (again.job.state, again.job.attempt) == (JobState.QUEUED, 0)
        assert list(selectors.job_list(user=alice)) == [again.job]

    def test_asked_for_twice_it_happens_once(self, alice: User, submit: Submit) -> None:
        job = submit(alice)
        put(job, JobState.FAILED)
        first, second = (services.job_retry(user=alice, job_id=job.pk) for _ in range(2))
        assert (first.job, first.created, second.created) == (second.job, True, False)

    @pytest.mark.parametrize("state", [JobState.QUEUED, JobState.HELD, JobState.RUNNING, JobState.DONE])
    def test_only_what_failed_or_was_cancelled(self, alice: User, submit: Submit, state: str) -> None:
        job = submit(alice)
        put(job, state)
        with refusal("wrong_state", 409):
            services.job_retry(user=alice, job_id=job.pk)

    def test_a_picture_that_is_gone_is_named(self, alice: User, submit: Submit) -> None:
        job = submit(alice, image=base64_of())
        put(job, JobState.FAILED)
        Upload.objects.all().delete()
        with pytest.raises(PortalError) as caught:
            services.job_retry(user=alice, job_id=job.pk)
        error = caught.value
        assert (error.code, error.status, list(error.fields)) == ("input_gone", 409, ["image"])
        assert list(selectors.job_list(user=alice)) == [job]

    def test_a_picture_that_is_kept_is_used_again(self, alice: User, submit: Submit) -> None:
        job = submit(alice, image=base64_of())
        put(job, JobState.FAILED)
        again = services.job_retry(user=alice, job_id=job.pk).job
        assert again.params["image"] == job.params["image"]
        assert Upload.objects.count() == again.inputs.count() == 1

    def test_a_model_that_is_gone_is_an_error(self, alice: User, submit: Submit, model: ModelFile) -> None:
        job = submit(alice)
        put(job, JobState.FAILED)
        model.delete()
        with pytest.raises(PortalError):
            services.job_retry(user=alice, job_id=job.pk)
        assert Job.objects.count() == 1


class TestJumping:
    def test_takes_the_right(self, alice: User, submit: Submit) -> None:
        job = submit(alice)
        with refusal("forbidden", 403):
            services.job_expedite(user=alice, job_id=job.pk)
        trusted = give(alice, "jump_queue")
        assert services.job_expedite(user=trusted, job_id=job.pk).urgent_at is not None
        with refusal("wrong_state", 409):
            services.job_expedite(user=trusted, job_id=job.pk)
        assert services.job_unexpedite(user=trusted, job_id=job.pk).urgent_at is None
        actions = AuditEntry.objects.filter(actor=alice).order_by("id").values_list("action", flat=True)
        assert list(actions) == ["job.expedited", "job.unexpedited"]

    def test_of_others_only_who_manages_the_queue(self, alice: User, bob: User, submit: Submit) -> None:
        job = submit(alice)
        with refusal("not_found", 404):
            services.job_expedite(user=give(bob, "jump_queue"), job_id=job.pk)
        manager = give(bob, "manage_queue")
        changed = services.queue_job_change(user=manager, job_id=job.pk, transition=services.EXPEDITE)
        assert changed.urgent_at is not None


class TestManaging:
    @pytest.mark.parametrize(
        ("transition", "before", "after"),
        [
            (services.CANCEL, JobState.RUNNING, JobState.CANCELLED),
            (services.HOLD, JobState.QUEUED, JobState.HELD),
            (services.RELEASE, JobState.HELD, JobState.QUEUED),
            (services.REQUEUE, JobState.FAILED, JobState.QUEUED),
        ],
        ids=lambda value: getattr(value, "done", str(value)),
    )
    def test_anybodys_job_and_it_is_written_down(
        self, alice: User, bob: User, submit: Submit, transition: services.Transition, before: str, after: str
    ) -> None:
        job = submit(alice)
        put(job, before)
        with refusal("forbidden", 403):
            services.queue_job_change(user=bob, job_id=job.pk, transition=transition)
        manager = give(bob, "manage_queue")
        assert services.queue_job_change(user=manager, job_id=job.pk, transition=transition).state == after
        (entry,) = AuditEntry.objects.filter(actor=bob)
        assert (entry.action, entry.actor, entry.target, entry.target_name) == (
            f"job.{transition.done}",
            bob,
            f"job:{job.pk}",
            "alice",
        )
        with pytest.raises(PortalError, match="already"):
            services.queue_job_change(user=manager, job_id=job.pk, transition=transition)
        assert AuditEntry.objects.filter(actor=bob).count() == 1

    def test_what_was_put_back_waits_behind_what_came_later(self, alice: User, submit: Submit) -> None:
        failed, later = submit(alice), submit(alice)
        put(failed, JobState.FAILED)
        services.jobs_clear_finished(user=alice)
        services.REQUEUE.make(failed.pk)
        assert order(alice) == [later.pk, failed.pk]
        assert failed in selectors.job_list(user=alice)

    def test_anybodys_order(self, alice: User, bob: User, submit: Submit) -> None:
        jobs = [submit(alice) for _ in range(2)]
        manager = give(bob, "manage_queue")
        services.queue_job_move(user=manager, job_id=jobs[1].pk, where=Destination(to="first"))
        assert order(alice) == [jobs[1].pk, jobs[0].pk]
        assert AuditEntry.objects.get(actor=bob).action == "job.moved"

    def test_a_job_that_is_not_there(self, admin: User) -> None:
        with refusal("not_found", 404):
            services.queue_job_change(user=admin, job_id=uuid.uuid4(), transition=services.CANCEL)

    def test_the_queue_is_paused_and_resumed(self, alice: User, admin: User) -> None:
        for act in (services.queue_pause, services.queue_resume):
            with refusal("forbidden", 403):
                act(user=alice)
        assert not overview.queue_summary().paused
        services.queue_pause(user=admin, reason=" New disks ")
        summary = overview.queue_summary()
        assert (summary.paused, summary.reason) == (True, "New disks")
        assert summary.since == QueueState.objects.get().changed_at
        services.queue_pause(user=admin, reason="New disks")  # says nothing new
        services.queue_pause(user=admin, reason="Still")
        services.queue_resume(user=admin)
        services.queue_resume(user=admin)
        assert (overview.queue_summary().paused, overview.queue_summary().since) == (False, None)
        entries = AuditEntry.objects.filter(actor=admin).order_by("id").values_list("action", "details")
        assert list(entries) == [
            ("queue.paused", {"reason": "New disks"}),
            ("queue.paused", {"reason": "Still"}),
            ("queue.resumed", {}),
        ]
