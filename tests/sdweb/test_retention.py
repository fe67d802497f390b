"""What goes after its time, and what stays: each rule, twice, and the command that shows them."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from gallery import retention as gallery
from gallery.models import Image
from gallery.services import image_restore, image_trash
from gallery.storage import gallery_storage
from generation import retention as generation
from generation.models import GpuUse, Job, Upload
from generation.services import transitions
from sdweb.accounts import audit
from sdweb.accounts import retention as accounts
from sdweb.accounts.models import ApiToken, AuditEntry, User
from sdweb.accounts.selectors import site_settings
from sdweb.accounts.tokens import token_create
from sdweb.management.commands.retention import RULES
from sdweb.retention import Rule
from tests.access.world import world_make
from tests.factories import PASSWORD
from tests.gallery.making import image_make

pytestmark = pytest.mark.django_db


def later(days: float) -> datetime:
    """So long from now."""
    return timezone.now() + timedelta(days=days)


def site(**changes: Any) -> None:
    row = site_settings()
    for name, value in changes.items():
        setattr(row, name, value)
    row.save()


def rule(what: str) -> Rule:
    """The one whose words contain these."""
    (found,) = [one for one in RULES if what in one.what]
    return found


def applied(what: str, now: datetime) -> int:
    """Apply a rule; what it said would go goes, and the second time nothing."""
    one = rule(what)
    due = one.due(now)
    assert one.apply(now) == due
    assert (one.due(now), one.apply(now)) == (0, 0)
    return due


class TestPictures:
    def test_go_to_the_trash_when_they_are_old_but_favourites_stay(self, alice: User) -> None:
        plain, favourite = image_make(alice), image_make(alice)
        Image.objects.filter(pk=favourite.pk).update(favourite=True)
        assert applied("old pictures", later(400)) == 0  # never, unless somebody says so
        site(picture_days=30)
        assert applied("old pictures", later(29.9)) == 0
        assert applied("old pictures", later(30.1)) == 1
        assert set(Image.objects.filter(deleted_at=None)) == {favourite}
        image_restore(image_id=plain.pk, user=alice)

    def test_leave_the_trash_after_its_days(self, alice: User, settings: Any) -> None:
        settings.TRASH_DAYS = 30
        image, stays = image_make(alice), image_make(alice)
        image_trash(image_id=image.pk, user=alice)
        assert applied("long enough", later(29.9)) == 0
        assert applied("long enough", later(30.1)) == 1
        assert set(Image.objects.all()) == {stays}

    def test_leave_the_trash_early_for_want_of_room(
        self, alice: User, bob: User, settings: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        oldest, favourite, newer, kept = (
            image_make(alice),
            image_make(bob),
            image_make(bob),
            image_make(bob),
        )
        Image.objects.filter(pk=favourite.pk).update(favourite=True)
        for days, image in enumerate((oldest, favourite, newer), start=-3):
            Image.objects.filter(pk=image.pk).update(deleted_at=later(days))
        assert applied("want of room", later(0)) == 0  # without a bound
        settings.STORAGE_BYTES = sum(image.bytes for image in Image.objects.all()) - 1
        with django_capture_on_commit_callbacks(execute=True):
            assert applied("want of room", later(0)) == 1
        assert set(Image.objects.all()) == {favourite, newer, kept}
        assert not gallery_storage().exists(oldest.file_key)
        settings.STORAGE_BYTES = 1
        gallery.trash_shrink(later(0))
        assert set(Image.objects.all()) == {favourite, kept}  # what is not in the trash is not touched

    def test_what_is_taken_back_meanwhile_stays(
        self, alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = image_make(alice)
        image_trash(image_id=image.pk, user=alice)
        settings.STORAGE_BYTES = 1
        monkeypatch.setattr(gallery, "trash_surplus", lambda _now: [image])
        image_restore(image_id=image.pk, user=alice)
        assert gallery.trash_shrink(later(0)) == 0
        assert Image.objects.filter(pk=image.pk).exists()


class TestJobs:
    def test_go_when_they_are_finished_and_old_and_their_pictures_stay(self) -> None:
        world = world_make()
        Job.objects.get(pk=world.failed.pk).inputs.add(world.upload)
        active = {world.waiting.pk, world.held.pk}
        finished = Job.objects.exclude(pk__in=active).count()
        assert finished == 2
        assert applied("finished jobs", later(89)) == 0
        assert applied("finished jobs", later(91)) == finished
        assert set(Job.objects.values_list("pk", flat=True)) == active
        assert Image.objects.filter(pk=world.image.pk).exists()
        assert Upload.objects.get().jobs.count() == 0

    def test_can_be_kept_for_ever(self) -> None:
        world_make()
        site(job_days=0)
        assert applied("finished jobs", later(10_000)) == 0

    def test_one_that_is_put_back_stays(self) -> None:
        world = world_make()
        transitions.REQUEUE.require(world.failed)
        generation.jobs_purge(later(91))
        assert Job.objects.filter(pk=world.failed.pk).exists()

    def test_the_use_of_gpus_is_forgotten(self, alice: User) -> None:
        for n in range(2):
            GpuUse.objects.create(
                user=alice, job_id=world_id(n), attempt=1, seconds=1.0, created_at=later(-n * 80)
            )
        assert applied("GPU use", later(11)) == 1


def world_id(n: int) -> str:
    return f"00000000-0000-7000-8000-{n:012}"


class TestRecords:
    def test_the_audit_log(self) -> None:
        with time_machine.travel("2026-01-01 12:00Z", tick=False) as traveller:
            audit.record("a.old", actor=None)
            traveller.shift(timedelta(days=300))
            audit.record("a.new", actor=None)
            traveller.shift(timedelta(days=66))
            assert applied("audit entries", timezone.now()) == 1
            assert AuditEntry.objects.get(action__startswith="a.").action == "a.new"
            site(audit_days=0)
            assert applied("audit entries", timezone.now() + timedelta(days=10_000)) == 0

    def test_ended_sessions(self, alice: User, client: Client) -> None:
        client.post(
            "/_allauth/browser/v1/auth/login",
            {"username": "alice", "password": PASSWORD},
            content_type="application/json",
        )
        assert (Session.objects.count(), UserSession.objects.count()) == (1, 1)
        assert applied("ended sessions deleted", later(29)) == 0
        assert applied("people's lists", later(29)) == 0
        assert applied("ended sessions deleted", later(31)) == 1
        assert applied("people's lists", later(31)) == 1

    def test_expired_tokens(self, alice: User) -> None:
        for days in (None, 5, 100):
            token_create(user=alice, name=str(days), scopes=[ApiToken.Scope.READ], days=days)
        assert applied("API tokens", later(34)) == 0
        assert applied("API tokens", later(36)) == 1
        assert set(ApiToken.objects.values_list("name", flat=True)) == {"None", "100"}
        assert accounts.TOKEN_DAYS == 30


class TestCommand:
    def test_only_tells(self, alice: User) -> None:
        image_make(alice)
        site(picture_days=1)
        with time_machine.travel(later(3), tick=False):
            for switches, count in ((["--dry-run"], "1"), (["--dry-run"], "1"), ([], "1"), ([], "0")):
                out = StringIO()
                call_command("retention", *switches, stdout=out)
                lines = out.getvalue().splitlines()
                assert len(lines) == len(RULES)
                (line,) = [line for line in lines if "old pictures" in line]
                assert line.split()[0] == count
                assert ("would be" in line) == bool(switches)
