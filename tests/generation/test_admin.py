"""Jobs in the admin."""

import pytest
from django.test import Client

from generation import services
from generation.models import Job, JobState
from sdweb.accounts.models import User
from tests.generation.conftest import Submit

pytestmark = pytest.mark.django_db

LIST = "/admin/generation/job/"


def act(client: Client, action: str, *jobs: Job) -> None:
    response = client.post(LIST, {"action": action, "_selected_action": [str(job.pk) for job in jobs]})
    assert response.status_code == 302


def test_lists_filters_and_shows_jobs(admin_client: Client, alice: User, submit: Submit) -> None:
    job = submit(alice, prompt="<script>alert(1)</script>")
    listed = admin_client.get(f"{LIST}?state__exact=queued").content.decode()
    assert str(job.pk) in listed
    assert str(job.pk) not in admin_client.get(f"{LIST}?state__exact=done").content.decode()
    shown = admin_client.get(f"{LIST}{job.pk}/change/").content.decode()
    assert "&lt;script&gt;" in shown
    assert "<script>alert(1)" not in shown


def test_searches_prompts(admin_client: Client, alice: User, submit: Submit) -> None:
    found, other = submit(alice, prompt="a heron"), submit(alice, prompt="a boat")
    page = admin_client.get(f"{LIST}?q=heron").content.decode()
    assert str(found.pk) in page
    assert str(other.pk) not in page


def test_is_closed_to_people_without_rights(alice_client: Client, db: None) -> None:
    assert alice_client.get(LIST).status_code == 302


def test_cancels_and_puts_back(admin_client: Client, alice: User, bob: User, submit: Submit) -> None:
    jobs = [submit(alice), submit(bob)]
    act(admin_client, "cancel_jobs", *jobs)
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.CANCELLED}
    act(admin_client, "requeue_jobs", *jobs)
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.QUEUED}


def test_holds_and_releases(admin_client: Client, alice: User, submit: Submit) -> None:
    job = submit(alice)
    act(admin_client, "hold_jobs", job)
    assert services.job_claim(worker="w1") is None
    act(admin_client, "release_jobs", job)
    assert services.job_claim(worker="w1") is not None


def test_nothing_can_be_edited_or_deleted_by_hand(admin_client: Client, alice: User, submit: Submit) -> None:
    job = submit(alice)
    admin_client.post(f"{LIST}{job.pk}/change/", {"state": "done"})
    assert admin_client.post(f"{LIST}{job.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"{LIST}add/").status_code == 403
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
