"""Limits: what is refused, what it says, and that two submissions at once cannot both take the last place."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from gallery.models import Image
from generation import services
from generation.limits import usage_of
from generation.models import GpuUse, Job, Pace
from generation.schemas import generate_in
from generation.services import Claim, Submitted
from models_hub.models import ModelFile
from sdweb.accounts.models import GroupLimits, User, UserLimits
from sdweb.accounts.selectors import site_settings
from sdweb.errors import PortalError
from sdweb.ids import uuid7
from tests.generation.conftest import Submit
from tests.generation.test_races import at_once
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def limit(user: User, **values: Any) -> None:
    """Set this person's own limits."""
    UserLimits.objects.update_or_create(user=user, defaults=values)


def refused(submit: Submit, user: User, **params: Any) -> PortalError:
    """What submitting says; nothing is stored."""
    before = Job.objects.count()
    with pytest.raises(PortalError) as error:
        submit(user, **params)
    assert Job.objects.count() == before
    return error.value


def keep(user: User, count: int = 1, *, nbytes: int = 1000, trashed: bool = False) -> None:
    """Put pictures into somebody's gallery, without files."""
    for _ in range(count):
        Image.objects.create(
            owner=user,
            job_id=uuid7(),
            index=0,
            task="txt2img",
            seed=1,
            width=8,
            height=8,
            recipe={},
            file_key="x.png",
            thumbnail_key="x.webp",
            bytes=nbytes,
            sha256="0" * 64,
            deleted_at=timezone.now() if trashed else None,
        )


def charge(user: User, seconds: float, *, at: datetime | None = None) -> None:
    """Write GPU use into the ledger."""
    GpuUse.objects.create(
        user=user, job_id=uuid7(), attempt=1, seconds=seconds, created_at=at or timezone.now()
    )


def measured(*, tflops: float = 1.0) -> None:
    """Let the finished jobs have said that a GPU does ``tflops``."""
    Pace.objects.create(device="a GPU", family="sd15", work="paint 576", seconds=1 / tflops)


def test_without_limits_everything_goes(alice: User, submit: Submit) -> None:
    for _ in range(12):
        submit(alice, width=2048, steps=150, batch_size=8)


class TestMayGenerate:
    def test_refuses(self, alice: User, submit: Submit) -> None:
        limit(alice, may_generate=False)
        error = refused(submit, alice)
        assert (error.code, error.status) == ("not_allowed", 403)
        assert "administrator" in error.hint

    def test_of_the_site_but_for_a_group(self, alice: User, bob: User, submit: Submit) -> None:
        site = site_settings()
        site.may_generate = False
        site.save()
        painters = Group.objects.create(name="painters")
        GroupLimits.objects.create(group=painters, may_generate=True)
        alice.groups.add(painters)
        submit(alice)
        assert refused(submit, bob).code == "not_allowed"


class TestSize:
    @pytest.mark.parametrize(
        ("params", "field", "asked"),
        [
            ({"width": 520, "height": 64}, "width", 520),
            ({"width": 64, "height": 520}, "height", 520),
            ({"width": 256, "height": 256, "hires": {"scale": 2.1}}, "hires.scale", 536),
            ({"width": 256, "height": 64, "upscale": {"scale": 2.5}}, "upscale.scale", 640),
            (
                {"width": 128, "height": 128, "hires": {"scale": 2.0}, "upscale": {"scale": 3.0}},
                "upscale.scale",
                768,
            ),
        ],
    )
    def test_the_longest_side_on_the_way_counts(
        self, alice: User, submit: Submit, params: dict[str, Any], field: str, asked: int
    ) -> None:
        limit(alice, largest_side=512)
        error = refused(submit, alice, **params)
        assert (error.code, error.status) == ("limit_exceeded", 422)
        assert list(error.fields) == [field]
        assert str(asked) in error.message
        assert "512" in error.hint

    def test_up_to_the_limit_it_goes(self, alice: User, submit: Submit) -> None:
        limit(alice, largest_side=512)
        submit(alice, width=512, height=512)
        submit(alice, width=256, height=256, hires={"scale": 2.0})

    @pytest.mark.parametrize(
        ("params", "field"),
        [({"steps": 31}, "steps"), ({"steps": 20, "hires": {"steps": 31}}, "hires.steps")],
    )
    def test_steps_of_every_pass(
        self, alice: User, submit: Submit, params: dict[str, Any], field: str
    ) -> None:
        limit(alice, steps=30)
        error = refused(submit, alice, **params)
        assert (error.code, error.status, list(error.fields)) == ("limit_exceeded", 422, [field])

    def test_steps_at_the_limit(self, alice: User, submit: Submit) -> None:
        limit(alice, steps=30)
        submit(alice, steps=30, hires={"steps": 30})


class TestJobsWaiting:
    def test_refuses_one_too_many(self, alice: User, bob: User, submit: Submit) -> None:
        limit(alice, jobs_waiting=2)
        first, _ = submit(alice), submit(alice)
        error = refused(submit, alice)
        assert (error.code, error.status) == ("quota_exceeded", 429)
        assert error.fields == {"jobs_waiting": "1 asked for, 2 of 2 used"}
        assert "cancel" in error.hint
        submit(bob)
        services.job_cancel(user=alice, job_id=first.pk)
        submit(alice)

    def test_held_jobs_wait_too(self, alice: User, submit: Submit) -> None:
        limit(alice, jobs_waiting=1)
        services.job_hold(user=alice, job_id=submit(alice).pk)
        assert refused(submit, alice).code == "quota_exceeded"

    def test_running_jobs_do_not(self, alice: User, submit: Submit, claim: Callable[..., Claim]) -> None:
        limit(alice, jobs_waiting=1)
        submit(alice)
        claim()
        submit(alice)

    def test_zero_is_no_limit(self, alice: User, submit: Submit) -> None:
        limit(alice, jobs_waiting=0)
        for _ in range(5):
            submit(alice)

    def test_a_repeat_is_neither_refused_nor_counted(self, alice: User, submit: Submit) -> None:
        limit(alice, jobs_waiting=1)
        job = submit(alice, key="k")
        assert submit(alice, key="k").pk == job.pk
        limit(alice, jobs_waiting=1, may_generate=False, largest_side=1)
        assert submit(alice, key="k").pk == job.pk


class TestPictures:
    def test_counts_the_trash_and_what_is_promised(self, alice: User, bob: User, submit: Submit) -> None:
        limit(alice, pictures=10)
        keep(alice, 3)
        keep(alice, 2, trashed=True)
        keep(bob, 20)
        submit(alice, batch_size=3)
        error = refused(submit, alice, batch_size=3)
        assert (error.code, error.status) == ("quota_exceeded", 429)
        assert error.fields == {"pictures": "3 asked for, 8 of 10 used"}
        assert "trash" in error.hint
        submit(alice, batch_size=2)

    def test_the_end_of_a_job_frees_what_it_did_not_make(self, alice: User, submit: Submit) -> None:
        limit(alice, pictures=4)
        job = submit(alice, batch_size=4)
        assert refused(submit, alice).code == "quota_exceeded"
        services.job_cancel(user=alice, job_id=job.pk)
        submit(alice, batch_size=4)

    def test_a_finished_job_is_counted_by_its_pictures(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        submit(alice, batch_size=2)
        assert services.job_finish(claim(), images=pictures(2), timings={})
        usage = usage_of(alice, now=timezone.now())
        assert (usage.pictures, usage.pictures_ahead) == (2, 0)
        assert usage.stored_bytes == sum(Image.objects.values_list("bytes", flat=True)) > 0


class TestStored:
    def test_refuses_when_it_is_full(self, alice: User, submit: Submit) -> None:
        limit(alice, stored_mb=1)
        keep(alice, nbytes=2**20 - 1)
        submit(alice)
        keep(alice, nbytes=1, trashed=True)
        error = refused(submit, alice)
        assert (error.code, error.status) == ("quota_exceeded", 429)
        assert list(error.fields) == ["stored_mb"]


class TestGpuSeconds:
    def test_counts_what_was_used_today(self, alice: User, bob: User, submit: Submit) -> None:
        limit(alice, gpu_seconds_per_day=60)
        charge(bob, 1000)
        charge(alice, 1000, at=timezone.now() - timedelta(days=1))
        charge(alice, 59)
        submit(alice)
        charge(alice, 1)
        error = refused(submit, alice)
        assert (error.code, error.status) == ("quota_exceeded", 429)
        assert list(error.fields) == ["gpu_seconds_per_day"]
        assert "UTC" in error.hint

    def test_counts_what_unfinished_jobs_and_this_one_will_use(self, alice: User, submit: Submit) -> None:
        measured(tflops=submit(alice).cost_tflop / 10)
        limit(alice, gpu_seconds_per_day=35)
        charge(alice, 4)
        submit(alice)
        submit(alice)
        error = refused(submit, alice)
        assert error.fields == {"gpu_seconds_per_day": "10 asked for, 34 of 35 used"}
        limit(alice, gpu_seconds_per_day=45)
        submit(alice)

    def test_the_day_begins_at_midnight_utc(self, alice: User) -> None:
        charge(alice, 5, at=NOON.replace(hour=0))
        charge(alice, 7, at=NOON.replace(hour=0) - timedelta(microseconds=1))
        usage = usage_of(alice, now=NOON)
        assert usage.gpu_seconds == 5
        assert usage.resets_at == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_the_last_place_is_taken_once(self, alice: User, model: ModelFile) -> None:
        limit(alice, jobs_waiting=3)
        request = generate_in({"prompt": "a", "steps": 4})
        answers = at_once(*[partial(services.job_submit, user=alice, request=request)] * 8)
        assert sum(isinstance(answer, Submitted) for answer in answers) == 3
        assert {answer.code for answer in answers if isinstance(answer, PortalError)} == {"quota_exceeded"}
        assert Job.objects.count() == 3

    def test_pictures_too(self, alice: User, model: ModelFile) -> None:
        limit(alice, pictures=5)
        request = generate_in({"prompt": "a", "steps": 4, "batch_size": 2})
        at_once(*[partial(services.job_submit, user=alice, request=request)] * 6)
        assert Job.objects.count() == 2

    def test_repeats_of_the_last_that_fits_all_get_it(self, alice: User, model: ModelFile) -> None:
        limit(alice, jobs_waiting=1)
        request = generate_in({"prompt": "a", "steps": 4})
        answers = at_once(
            *[partial(services.job_submit, user=alice, request=request, idempotency_key="k")] * 6
        )
        assert all(isinstance(answer, Submitted) for answer in answers)
        assert sum(answer.created for answer in answers) == 1
        assert Job.objects.count() == 1
