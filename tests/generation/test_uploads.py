"""The store of pictures that people send in: whose they are, how long they stay, what jobs do with them."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from gallery.models import Image
from gallery.services import image_trash
from gallery.storage import gallery_storage
from generation import services, uploads
from generation.models import Job, JobState, Upload
from generation.pictures import picture_read
from generation.translation import request_for
from models_hub.models import ModelFile
from sdweb.accounts.models import User
from sdweb.errors import PortalError
from sdweb.ids import uuid7
from tests.generation.conftest import Submit
from tests.generation.drawing import base64_of, encoded, picture
from tests.generation.test_state_machine import pictures

pytestmark = pytest.mark.django_db


def send(client: Client, content: bytes | None = None) -> Any:
    file = SimpleUploadedFile("../../etc/passwd", encoded(picture()) if content is None else content)
    return client.post("/api/v1/uploads", {"file": file})


class TestHttp:
    def test_the_owner_sends_reads_and_deletes(self, alice: User, alice_client: Client) -> None:
        answer = send(alice_client)
        assert answer.status_code == 201
        upload = answer.json()
        assert (upload["width"], upload["height"]) == (96, 64)
        assert upload["reference"] == f"upload:{upload['id']}"
        address = f"/api/v1/uploads/{upload['id']}"
        assert alice_client.get(address).json() == upload
        content = alice_client.get(f"{address}/content")
        assert (content["Content-Type"], content["X-Content-Type-Options"]) == ("image/png", "nosniff")
        assert picture_read(content.content, field="image").size == (96, 64)
        row = Upload.objects.get(owner=alice)
        assert row.file_key.endswith(f"/{row.pk}.png")
        assert alice_client.delete(address).status_code == 204
        assert alice_client.get(address).status_code == 404

    def test_a_stranger_finds_nothing(self, alice_client: Client, bob_client: Client) -> None:
        address = f"/api/v1/uploads/{send(alice_client).json()['id']}"
        for answer in (
            bob_client.get(address),
            bob_client.get(f"{address}/content"),
            bob_client.delete(address),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert Upload.objects.count() == 1

    def test_nobody_may_not(self, alice_client: Client, anonymous_client: Client) -> None:
        address = f"/api/v1/uploads/{send(alice_client).json()['id']}"
        answers = [
            send(anonymous_client),
            anonymous_client.get(address),
            anonymous_client.get(f"{address}/content"),
            anonymous_client.delete(address),
        ]
        assert [answer.status_code for answer in answers] == [401] * 4
        assert Upload.objects.count() == 1

    @pytest.mark.parametrize("content", [b"", b"hello", encoded(picture(), "GIF")])
    def test_what_is_no_picture_is_one_error(self, alice_client: Client, content: bytes) -> None:
        answer = send(alice_client, content)
        assert answer.status_code == 422
        assert list(answer.json()["fields"]) == ["file"]
        assert not Upload.objects.exists()

    def test_a_file_that_is_too_large_is_not_read(self, alice_client: Client, settings: Any) -> None:
        settings.UPLOAD_MAX_BYTES = 50
        answer = send(alice_client)
        assert (answer.status_code, answer.json()["code"]) == (422, "picture_too_large")

    def test_without_a_file(self, alice_client: Client) -> None:
        assert alice_client.post("/api/v1/uploads", {}).status_code == 422

    def test_one_person_cannot_fill_the_disk(self, alice_client: Client, settings: Any) -> None:
        settings.UPLOADS_BYTES = 1000
        answers = [send(alice_client, encoded(picture(90 + i, 64))) for i in range(8)]
        assert answers[-1].status_code == 409
        assert answers[-1].json()["code"] == "uploads_full"
        kept = Upload.objects.count()
        assert sum(answer.status_code == 201 for answer in answers) == kept
        files = Path(configured.MEDIA_ROOT) / "uploads"
        assert kept <= len(list(files.rglob("*.png")))


@pytest.fixture
def from_picture(submit: Submit) -> Submit:
    """Submit a job that begins with a picture."""

    def build(user: User, *, key: str = "", **params: Any) -> Job:
        return submit(user, key=key, **{"image": base64_of(), **params})

    return build


def test_a_job_names_its_pictures_and_holds_none(alice: User, from_picture: Submit) -> None:
    job = from_picture(alice, mask=base64_of(picture(mode="L")))
    stored = Job.objects.get(pk=job.pk).params
    assert job.task == "inpaint"
    assert len(str(stored)) < 5_000
    assert {stored["image"], stored["mask"]} == {f"upload:{one.pk}" for one in job.inputs.all()}


def test_the_same_picture_is_stored_once(alice: User, bob: User, from_picture: Submit) -> None:
    first, second = from_picture(alice), from_picture(alice)
    assert first.params["image"] == second.params["image"]
    assert from_picture(bob).params["image"] != first.params["image"]
    assert Upload.objects.count() == 2


def test_a_picture_may_come_by_its_id(alice: User, alice_client: Client, from_picture: Submit) -> None:
    upload = send(alice_client).json()
    assert from_picture(alice, image=upload["reference"]).params["image"] == upload["reference"]


def test_a_picture_of_the_gallery_is_copied(
    alice: User, submit: Submit, claim: Any, from_picture: Submit
) -> None:
    submit(alice)
    services.job_finish(claim(), images=pictures(1), timings={})
    mine = Image.objects.get()
    job = from_picture(alice, image=f"image:{mine.pk}")
    image_trash(image_id=mine.pk, user=alice)
    request = uploads.upload_read(job.params["image"])
    assert request.size == (mine.width, mine.height)


def test_what_is_made_of_a_gallery_picture_keeps_its_words(alice: User, submit: Submit, claim: Any) -> None:
    submit(alice)
    services.job_finish(claim(), images=pictures(1), timings={})
    job = submit(alice, task="upscale", image=f"image:{Image.objects.get().pk}", upscale={"scale": 3})
    assert job.params["prompt"] == Image.objects.get().prompt
    assert job.model is None


@pytest.mark.parametrize("kind", ["upload", "image"])
def test_other_peoples_pictures_do_not_exist(
    alice: User, bob: User, bob_client: Client, submit: Submit, claim: Any, kind: str
) -> None:
    submit(bob)
    services.job_finish(claim(), images=pictures(1), timings={})
    theirs = Image.objects.get().pk if kind == "image" else send(bob_client).json()["id"]
    jobs, kept = Job.objects.count(), Upload.objects.count()
    for wanted in (f"{kind}:{theirs}", f"{kind}:{uuid.uuid4()}", f"{kind}:{'0' * 36}"):
        with pytest.raises(PortalError) as refused:
            submit(alice, image=wanted)
        assert (refused.value.code, refused.value.status) == ("not_found", 404)
        assert list(refused.value.fields) == ["image"]
    assert (Job.objects.count(), Upload.objects.count()) == (jobs, kept)


def test_a_second_picture_that_is_bad_leaves_the_first_unstored(alice: User, from_picture: Submit) -> None:
    with pytest.raises(PortalError) as refused:
        from_picture(alice, mask="aGVsbG8=")
    assert list(refused.value.fields) == ["mask"]
    assert not Upload.objects.exists()
    assert not Job.objects.exists()


def test_a_full_storage_leaves_nothing(
    alice: User, from_picture: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(type(gallery_storage()), "save", full)
    with pytest.raises(PortalError) as refused:
        from_picture(alice)
    assert refused.value.code == "storage_failed"
    assert not Upload.objects.exists()
    assert not Job.objects.exists()


class TestTime:
    def expire(self, **which: Any) -> None:
        Upload.objects.filter(**which).update(expires_at=timezone.now() - timedelta(hours=1))

    def test_every_use_puts_the_end_off(self, alice: User, from_picture: Submit) -> None:
        from_picture(alice)
        soon = timezone.now() + timedelta(minutes=1)
        Upload.objects.update(expires_at=soon)
        from_picture(alice)
        assert Upload.objects.get().expires_at > soon + timedelta(days=1)

    @pytest.mark.django_db(transaction=True)
    def test_what_expired_goes_with_its_file(self, alice: User, from_picture: Submit) -> None:
        job = from_picture(alice)
        services.job_cancel(user=alice, job_id=job.pk)
        key = Upload.objects.get().file_key
        assert uploads.uploads_purge(timezone.now()) == 0
        self.expire()
        assert uploads.uploads_purge(timezone.now()) == 1
        assert not gallery_storage().exists(key)
        assert Job.objects.filter(pk=job.pk).exists()

    def test_what_an_unfinished_job_needs_stays(
        self, alice: User, alice_client: Client, submit: Submit
    ) -> None:
        job = submit(alice, image=base64_of())
        self.expire()
        assert uploads.uploads_purge(timezone.now()) == 0
        Upload.objects.update(expires_at=timezone.now() + timedelta(days=1))
        answer = alice_client.delete(f"/api/v1/uploads/{job.inputs.get().pk}")
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_in_use")

    def test_an_expired_one_cannot_be_used(self, alice: User, from_picture: Submit) -> None:
        reference = from_picture(alice).params["image"]
        self.expire()
        with pytest.raises(PortalError) as refused:
            from_picture(alice, image=reference)
        assert refused.value.code == "not_found"

    def test_a_job_whose_picture_is_gone_says_so(
        self, alice: User, from_picture: Submit, model: ModelFile, settings: Any, tmp_path: Path
    ) -> None:
        settings.MODELS_PATH = tmp_path
        (tmp_path / model.path).mkdir()
        job = from_picture(alice)
        Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED, finished_at=timezone.now())
        self.expire()
        uploads.uploads_purge(timezone.now())
        with pytest.raises(PortalError) as refused:
            request_for(Job.objects.get(pk=job.pk))
        assert (refused.value.code, refused.value.status) == ("input_gone", 410)

    def test_files_without_a_row_are_swept_up_later(self, alice: User, from_picture: Submit) -> None:
        from_picture(alice)
        orphan = uploads.Prepared(id=uuid7(), sha256="", width=1, height=1).file_key
        gallery_storage().save(orphan, ContentFile(b"x"))
        assert uploads.orphan_uploads_sweep(timezone.now()) == 0
        assert uploads.orphan_uploads_sweep(timezone.now() + timedelta(days=2)) >= 1
        assert not gallery_storage().exists(orphan)
        assert gallery_storage().exists(Upload.objects.get().file_key)

    @pytest.mark.django_db(transaction=True)
    def test_an_owner_takes_their_pictures_along(self, bob: User, from_picture: Submit) -> None:
        from_picture(bob)
        key = Upload.objects.get().file_key
        bob.delete()
        assert not Upload.objects.exists()
        assert not gallery_storage().exists(key)
