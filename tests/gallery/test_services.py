"""Rows: made once, put into the trash, taken out, purged with their files."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from gallery.models import Image
from gallery.selectors import image_get, image_list, images_of_job, images_of_jobs
from gallery.services import (
    image_files_write,
    image_restore,
    image_set_favourite,
    image_trash,
    images_create,
    trash_purge,
)
from gallery.sweep import orphan_files_sweep
from gallery.tasks import purge_trash, sweep_orphans
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from tests.gallery.making import image_make, new_image
from tests.gallery.test_files import files_under

pytestmark = pytest.mark.django_db


def test_rows_repeat_what_the_recipe_says(alice: User) -> None:
    job_id = uuid.uuid4()
    stored = image_files_write(images=[new_image(0), new_image(1, prompt="Ein Straßenhund")])
    first, second = images_create(owner_id=alice.pk, job_id=job_id, task="txt2img", stored=stored)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.id, first.index, first.seed, first.prompt) == (stored[0].id, 0, 1000, "a red apple")
    assert (first.model_name, first.model_hash, first.negative_prompt) == ("demo", "ab" * 32, "blurry")
    assert first.recipe == stored[0].recipe
    assert second.prompt_folded == "ein strassenhund"
    assert list(images_of_job(job_id)) == [first, second]


def test_a_job_stores_its_pictures_once(alice: User) -> None:
    job_id = uuid.uuid4()
    image_make(alice, job_id=job_id, index=1)
    again = image_files_write(images=[new_image(0), new_image(1)])
    with transaction.atomic():
        with pytest.raises(PortalError) as caught:
            images_create(owner_id=alice.pk, job_id=job_id, task="txt2img", stored=again)
        # The transaction around it goes on: on PostgreSQL it would be lost without a savepoint.
        assert Image.objects.filter(job_id=job_id).count() == 1
    assert caught.value.code == "images_exist"


def test_another_broken_constraint_is_not_mistaken_for_a_repetition() -> None:
    from django.db import IntegrityError, connection

    stored = image_files_write(images=[new_image()])
    nobody = 10**6

    def create_and_check() -> None:
        with transaction.atomic():
            images_create(owner_id=nobody, job_id=uuid.uuid4(), task="txt2img", stored=stored)
            connection.check_constraints()

    with pytest.raises(IntegrityError):
        create_and_check()


def test_pictures_of_several_jobs_come_in_one_query(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    jobs = [uuid.uuid4() for _ in range(3)]
    made = {job: [image_make(alice, job_id=job, index=index) for index in range(2)] for job in jobs[:2]}
    with django_assert_num_queries(1):
        found = images_of_jobs(jobs)
    assert {job: found[job] for job in jobs} == {**made, jobs[2]: []}


def test_the_trash_and_back(alice: User) -> None:
    image = image_make(alice)
    image_trash(image_id=image.id, user=alice)
    assert not image_list(user=alice).exists()
    assert not images_of_job(image.job_id).exists()
    with pytest.raises(PortalError):
        image_get(user=alice, image_id=image.id)
    assert image_restore(image_id=image.id, user=alice).deleted_at is None
    assert image_get(user=alice, image_id=image.id) == image


def test_trashing_twice_does_not_prolong_the_stay(alice: User) -> None:
    image = image_make(alice)
    image_trash(image_id=image.id, user=alice)
    before = Image.objects.get().deleted_at
    image_trash(image_id=image.id, user=alice)
    assert Image.objects.get().deleted_at == before


def test_restoring_what_was_never_deleted_changes_nothing(alice: User) -> None:
    image = image_make(alice)
    assert image_restore(image_id=image.id, user=alice) == image


def test_restoring_ends_with_the_retention_time(alice: User, settings: Settings) -> None:
    settings.TRASH_DAYS = 30
    image = image_make(alice)
    image_trash(image_id=image.id, user=alice)
    with time_machine.travel(timezone.now() + timedelta(days=31)), pytest.raises(PortalError) as caught:
        image_restore(image_id=image.id, user=alice)
    assert caught.value.status == 404


def test_strangers_change_nothing(alice: User, bob: User) -> None:
    image = image_make(alice)
    for attempt in (
        lambda: image_trash(image_id=image.id, user=bob),
        lambda: image_restore(image_id=image.id, user=bob),
        lambda: image_set_favourite(image_id=image.id, user=bob, favourite=True),
        lambda: image_get(user=bob, image_id=image.id),
    ):
        with pytest.raises(PortalError) as caught:
            attempt()
        assert caught.value.status == 404
    image.refresh_from_db()
    assert (image.deleted_at, image.favourite) == (None, False)


def test_the_purge_takes_what_is_old_with_its_files(
    alice: User, media: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    old, young, kept = image_make(alice), image_make(alice), image_make(alice)
    Image.objects.filter(pk=old.pk).update(deleted_at=timezone.now() - timedelta(days=30, minutes=1))
    Image.objects.filter(pk=young.pk).update(deleted_at=timezone.now() - timedelta(days=29))
    with django_capture_on_commit_callbacks(execute=True):
        assert trash_purge(timezone.now()) == 1
    assert set(Image.objects.all()) == {young, kept}
    assert len(files_under(media)) == 4
    assert not (media / old.file_key).exists()


def test_the_purge_goes_on_beyond_one_batch(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.services.PURGE_BATCH", 2)
    for _ in range(5):
        image_make(alice)
    Image.objects.update(deleted_at=timezone.now() - timedelta(days=60))
    purge_trash()
    assert not Image.objects.exists()


def test_files_go_with_their_owner(
    alice: User, media: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    image_make(alice)
    with django_capture_on_commit_callbacks(execute=True):
        alice.delete()
    assert files_under(media) == []


def test_a_rollback_keeps_the_files(alice: User, media: Path) -> None:
    image = image_make(alice)
    with transaction.atomic():
        Image.objects.get(pk=image.pk).delete()
        transaction.set_rollback(True)
    assert len(files_under(media)) == 2


def test_the_sweep_takes_old_orphans_only(alice: User, media: Path) -> None:
    kept = image_make(alice)
    orphan = image_files_write(images=[new_image()])[0]
    (media / "2020/01/01").mkdir(parents=True)
    foreign = [media / "2020/01/01/holiday.png", media / "notes.txt"]
    for path in foreign:
        path.write_text("not ours")
    everything = files_under(media)
    assert orphan_files_sweep(timezone.now() + timedelta(hours=23)) == 0
    assert files_under(media) == everything
    assert orphan_files_sweep(timezone.now() + timedelta(hours=25)) == 2
    gone = {media / orphan.file_key, media / orphan.thumbnail_key}
    assert set(files_under(media)) == set(everything) - gone
    assert media / kept.file_key in files_under(media)


def test_the_sweep_does_nothing_with_the_wrong_database(
    media: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gallery.sweep.ALWAYS_ALLOWED", 3)
    image_files_write(images=[new_image(0), new_image(1)])
    assert orphan_files_sweep(timezone.now() + timedelta(days=2)) == 0
    assert len(files_under(media)) == 4
    assert "right database" in caplog.text


def test_the_sweep_of_a_new_installation_finds_nothing() -> None:
    sweep_orphans()
