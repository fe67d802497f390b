"""Who is signed in."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from sdweb.accounts.models import SiteSettings, User
from sdweb.accounts.rights import ALL, MANAGE_QUEUE, SEE_WORKERS

pytestmark = pytest.mark.django_db


def test_tells_who_is_signed_in(alice: User, alice_client: Client) -> None:
    body = alice_client.get("/api/v1/me").json()
    assert body["user"] == {
        "id": alice.pk,
        "username": "alice",
        "email": "alice@example.org",
        "is_staff": False,
        "rights": [],
    }


def test_tells_the_rights_that_a_group_gives(alice: User, alice_client: Client) -> None:
    group = Group.objects.create(name="operators")
    for codename in ("manage_queue", "view_worker", "delete_job"):
        group.permissions.add(Permission.objects.get(codename=codename, content_type__app_label="generation"))
    alice.groups.add(group)
    assert alice_client.get("/api/v1/me").json()["user"]["rights"] == [MANAGE_QUEUE, SEE_WORKERS]


def test_a_superuser_has_every_right(admin_client: Client) -> None:
    assert admin_client.get("/api/v1/me").json()["user"]["rights"] == list(ALL)


def test_answers_a_stranger_and_sets_the_csrf_cookie(anonymous_client: Client) -> None:
    response = anonymous_client.get("/api/v1/me")
    assert response.json()["user"] is None
    assert response.json()["csrf_token"]
    assert "csrftoken" in response.cookies


@pytest.mark.parametrize("is_open", [True, False])
def test_says_whether_registration_is_open(anonymous_client: Client, is_open: bool) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"registration_open": is_open})
    assert anonymous_client.get("/api/v1/me").json()["registration_open"] is is_open
