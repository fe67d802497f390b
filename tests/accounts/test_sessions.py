"""Sessions: listed, ended by their owner, and dead with their account."""

from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.core.management import call_command
from django.test import Client

from sdweb.accounts.models import AuditEntry, User
from tests.accounts.headless import ask, post, sign_in, who
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


def listed(client: Client) -> list[dict[str, Any]]:
    answer = ask(client, "GET", "/auth/sessions")
    assert answer.status_code == 200
    sessions: list[dict[str, Any]] = answer.json()["data"]
    return sessions


def browser(name: str, address: str) -> Client:
    client = Client(HTTP_USER_AGENT=name, REMOTE_ADDR=address)
    assert post(client, "/auth/login", username="alice", password=PASSWORD).status_code == 200
    return client


def test_are_listed_with_where_they_are(alice: User, bob: User) -> None:
    here, sign_in_of_bob = browser("Fox", "192.0.2.1"), sign_in("bob")
    browser("Owl", "192.0.2.2")
    shown = {(one["user_agent"], one["ip"], one["is_current"]) for one in listed(here)}
    assert shown == {("Fox", "192.0.2.1", True), ("Owl", "192.0.2.2", False)}
    assert all(one["last_seen_at"] >= one["created_at"] - 1 for one in listed(here))
    assert len(listed(sign_in_of_bob)) == 1
    assert ask(Client(), "GET", "/auth/sessions").status_code == 401


def test_end_at_once_and_it_is_written_down(alice: User) -> None:
    here, there = browser("Fox", "192.0.2.1"), browser("Owl", "192.0.2.2")
    (other,) = [one["id"] for one in listed(here) if not one["is_current"]]
    assert ask(here, "DELETE", "/auth/sessions", sessions=[other]).status_code == 200
    assert who(there) is None
    assert there.get("/api/v1/jobs").status_code == 401
    assert who(here) == "alice"
    (entry,) = AuditEntry.objects.filter(action="session.revoked")
    assert (entry.actor, entry.target_name) == (alice, "Owl")


def test_of_others_are_out_of_reach(alice: User, bob: User) -> None:
    hers, his = sign_in("alice"), sign_in("bob")
    (session,) = listed(hers)
    assert ask(his, "DELETE", "/auth/sessions", sessions=[session["id"]]).status_code == 400
    assert who(hers) == "alice"


def test_die_with_the_account_and_stay_dead(alice: User) -> None:
    client = sign_in("alice")
    alice.is_active = False
    alice.save()
    assert who(client) is None
    alice.is_active = True
    alice.save()
    assert who(client) is None
    assert not UserSession.objects.exists()


def test_die_when_the_admin_closes_the_account(alice: User, admin_client: Client) -> None:
    client = sign_in("alice")
    form = admin_client.get(f"/admin/accounts/user/{alice.pk}/change/").context["adminform"].form
    fields = {name: value for name, value in form.initial.items() if value is not None}
    fields |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    inline = {"limits-TOTAL_FORMS": 0, "limits-INITIAL_FORMS": 0}
    fields.pop("is_active")
    answer = admin_client.post(f"/admin/accounts/user/{alice.pk}/change/", {**fields, **inline})
    assert answer.status_code == 302, answer.content
    assert who(client) is None


def test_the_others_end_with_the_old_password(alice: User) -> None:
    here, there = sign_in("alice"), sign_in("alice")
    new = "another long enough password"
    post(here, "/account/password/change", current_password=PASSWORD, new_password=new)
    assert who(here) == "alice"
    assert who(there) is None
    assert len(listed(here)) == 1


def test_are_ended_by_administrators(alice: User, admin_client: Client) -> None:
    client = sign_in("alice")
    row = UserSession.objects.get(user=alice)
    page = admin_client.get("/admin/usersessions/usersession/")
    assert row.session_key not in page.content.decode()
    admin_client.post(f"/admin/usersessions/usersession/{row.pk}/delete/", {"post": "yes"})
    assert who(client) is None


def test_the_last_use_is_noted_at_most_once_a_minute(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    create = UserSession.objects.create_from_request

    def note(request: Any) -> None:
        noted.append(request)
        create(request)

    monkeypatch.setattr(UserSession.objects, "create_from_request", note)
    client = sign_in("alice")
    noted.clear()
    for _ in range(3):
        client.get("/api/v1/me")
    assert len(noted) == 1


def test_the_first_administrators_address_is_confirmed(db: None, settings: Any) -> None:
    settings.ADMIN_PASSWORD, settings.ADMIN_EMAIL = PASSWORD, "chief@example.org"
    call_command("bootstrap_admin", stdout=StringIO(), stderr=StringIO())
    (address,) = EmailAddress.objects.filter(user=User.objects.get())
    assert (address.email, address.verified, address.primary) == ("chief@example.org", True, True)
