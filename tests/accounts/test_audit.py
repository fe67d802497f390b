"""The audit log: everything that it must hold, who may read it, and that nobody changes it."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission
from django.test import AsyncClient, Client
from django.utils import timezone

from models_hub import services as models_hub
from sdweb.accounts import audit, audit_list
from sdweb.accounts.models import AuditEntry, GroupLimits, SiteSettings, User, UserLimits
from sdweb.accounts.selectors import site_settings
from tests.access.world import somebody_with
from tests.factories import PASSWORD, ModelFileFactory, UserFactory

pytestmark = pytest.mark.django_db

AUTH = "/_allauth/browser/v1"
URL = "/api/v1/audit"


def post(client: Client, path: str, method: str = "POST", **data: Any) -> Any:
    return client.generic(method, f"{AUTH}{path}", json.dumps(data), content_type="application/json")


def last(action: str) -> AuditEntry:
    """The newest entry of this action."""
    found = AuditEntry.objects.filter(action=action).order_by("-id").first()
    assert found is not None, list(AuditEntry.objects.values_list("action", flat=True))
    return found


class TestSigningIn:
    def test_in_and_out(self, alice: User, client: Client) -> None:
        post(client, "/auth/login", username="alice", password=PASSWORD)
        entry = last("signin.succeeded")
        assert (entry.actor, entry.actor_name, entry.target) == (alice, "alice", f"user:{alice.pk}")
        assert (entry.via, entry.address) == ("session", "127.0.0.1")
        post(client, "/auth/session", method="DELETE")
        assert last("signout.done").actor == alice

    def test_a_failed_one_keeps_the_name_that_was_tried(self, alice: User, client: Client) -> None:
        post(client, "/auth/login", username="alice", password="a wrong password")
        entry = last("signin.failed")
        assert (entry.actor, entry.target_name, entry.via) == (None, "alice", "anonymous")
        assert "wrong" not in str(entry.details)

    def test_a_long_name_is_cut(self, client: Client) -> None:
        audit.record("signin.failed", actor=None, target_name="x" * 5000)
        assert len(last("signin.failed").target_name) == 200

    def test_registering(self, client: Client) -> None:
        SiteSettings.objects.update_or_create(pk=1, defaults={"registration_open": True})
        post(client, "/auth/signup", username="carol", password=PASSWORD, email="carol@example.org")
        assert last("user.registered").actor == User.objects.get(username="carol")

    def test_changing_the_password(self, alice: User, client: Client) -> None:
        post(client, "/auth/login", username="alice", password=PASSWORD)
        new = "another long enough password"
        post(client, "/account/password/change", current_password=PASSWORD, new_password=new)
        entry = last("password.changed")
        assert entry.actor == alice
        assert new not in str(entry.details)

    def test_ending_a_session(self, alice: User) -> None:
        here, there = Client(), Client(headers={"User-Agent": "an old phone"})
        for one in (there, here):
            post(one, "/auth/login", username="alice", password=PASSWORD)
        session = UserSession.objects.get(user_agent="an old phone")
        post(here, "/auth/sessions", method="DELETE", sessions=[session.pk])
        entry = last("session.revoked")
        assert (entry.actor, entry.target_name) == (alice, "an old phone")


class TestRights:
    def test_groups_and_permissions(self, alice: User) -> None:
        group = Group.objects.create(name="painters")
        permission = Permission.objects.get(codename="manage_queue")
        alice.groups.add(group)
        entry = last("group.given")
        assert (entry.target, entry.target_name) == (f"user:{alice.pk}", "alice")
        assert entry.details == {"group": ["painters"]}
        alice.groups.clear()
        assert last("group.taken").details == {"group": ["painters"]}
        group.user_set.add(alice)
        assert last("group.given").details == {"user": ["alice"]}
        group.permissions.add(permission)
        entry = last("permission.given")
        assert (entry.target, entry.target_name) == (f"group:{group.pk}", "painters")
        assert "manage" in str(entry.details["permission"])
        alice.user_permissions.set([permission])
        assert last("permission.given").target == f"user:{alice.pk}"
        alice.user_permissions.set([])
        assert last("permission.taken").target == f"user:{alice.pk}"

    def test_what_changes_nothing_is_not_written(self, alice: User) -> None:
        group = Group.objects.create(name="painters")
        alice.groups.add(group)
        before = AuditEntry.objects.count()
        alice.groups.add(group)
        alice.save()
        alice.save(update_fields=["last_login"])
        assert AuditEntry.objects.count() == before

    def test_flags_of_a_person(self, alice: User) -> None:
        alice.is_staff = True
        alice.save()
        assert last("user.changed").details == {"changes": {"is_staff": [False, True]}}

    def test_a_new_administrator(self) -> None:
        UserFactory.create(username="root2", staff=True)
        assert last("user.changed").details["changes"]["is_superuser"] == [False, True]

    def test_limits(self, alice: User) -> None:
        limits = UserLimits.objects.create(user=alice, steps=30)
        assert last("limits.changed").details == {"changes": {"steps": [None, 30]}}
        limits.steps = 50
        limits.save()
        entry = last("limits.changed")
        assert (entry.target, entry.details) == (f"user:{alice.pk}", {"changes": {"steps": [30, 50]}})
        limits.delete()
        assert last("limits.removed").target_name == "alice"
        GroupLimits.objects.create(group=Group.objects.create(name="painters"), weight=2)
        assert last("limits.changed").target_name == "painters"

    def test_the_sites_settings(self) -> None:
        site = site_settings()
        assert not AuditEntry.objects.filter(action="site.changed").exists()
        site.audit_days = 30
        site.save()
        assert last("site.changed").details == {"changes": {"audit_days": [365, 30]}}

    def test_who_is_gone_stays_in_the_log(self, alice: User, admin: User) -> None:
        UserLimits.objects.create(user=alice, steps=30)
        audit.record("password.changed", actor=alice)
        alice.delete()
        entry = last("password.changed")
        assert (entry.actor, entry.actor_name) == (None, "alice")
        assert last("user.deleted").target_name == "alice"
        assert not AuditEntry.objects.filter(action="limits.removed").exists()


class TestModels:
    def test_enabled_and_default(self) -> None:
        first, second = ModelFileFactory.create(name="a"), ModelFileFactory.create(name="b")
        models_hub.model_set_default(model_id=first.pk)
        models_hub.model_set_default(model_id=first.pk)
        models_hub.model_set_enabled(model_id=second.pk, enabled=False)
        models_hub.model_set_enabled(model_id=second.pk, enabled=False)
        models_hub.model_set_enabled(model_id=second.pk, enabled=True)
        written = AuditEntry.objects.filter(action__startswith="model.").order_by("id")
        assert list(written.values_list("action", "target_name")) == [
            ("model.made_default", "a"),
            ("model.disabled", "b"),
            ("model.enabled", "b"),
        ]

    def test_groups_and_deletion(self) -> None:
        model, group = ModelFileFactory.create(name="a"), Group.objects.create(name="painters")
        model.groups.add(group)
        assert last("model.groups_changed").details == {"groups": ["painters"]}
        model.groups.clear()
        assert last("model.groups_changed").details == {"groups": []}
        model.delete()
        assert last("model.deleted").target_name == "a"


class TestTheAdmin:
    def test_a_change_a_deletion_and_an_action(self, admin: User, admin_client: Client) -> None:
        groups = [Group.objects.create(name=f"group {n}") for n in range(3)]
        forms = {"limits-TOTAL_FORMS": 0, "limits-INITIAL_FORMS": 0}
        admin_client.post("/admin/auth/group/add/", {"name": "painters", **forms})
        entry = last("admin.added")
        assert (entry.actor, entry.target_name) == (admin, "painters")
        address = f"/admin/auth/group/{Group.objects.get(name='painters').pk}"
        admin_client.post(f"{address}/change/", {"name": "drawers", **forms})
        assert "ame" in last("admin.changed").details["message"]
        admin_client.post(f"{address}/delete/", {"post": "yes"})
        assert last("admin.deleted").target_name == "drawers"
        chosen = {"action": "delete_selected", "_selected_action": [group.pk for group in groups]}
        admin_client.post("/admin/auth/group/", chosen)
        assert not AuditEntry.objects.filter(action="admin.action").exists()  # it only asked
        admin_client.post("/admin/auth/group/", {**chosen, "post": "yes"})
        assert not Group.objects.filter(name__startswith="group").exists()
        action = last("admin.action")
        assert (action.actor, action.target_name) == (admin, "delete_selected")
        assert action.target == "admin:auth_group"
        assert action.details == {"selected": [str(group.pk) for group in groups], "count": 3}

    def test_the_actor_of_a_change_is_known(self, admin: User, admin_client: Client) -> None:
        model = ModelFileFactory.create(name="a")
        admin_client.post(
            "/admin/models_hub/modelfile/",
            {"action": "disable_selected", "_selected_action": [str(model.pk)]},
        )
        entry = last("model.disabled")
        assert (entry.actor, entry.via, entry.address) == (admin, "session", "127.0.0.1")

    def test_a_person_who_may_not_leaves_no_trace_of_an_action(self, alice_client: Client) -> None:
        alice_client.post("/admin/auth/group/", {"action": "delete_selected"})
        assert not AuditEntry.objects.filter(action__startswith="admin.").exists()

    def test_shows_the_log_and_changes_nothing(self, admin_client: Client) -> None:
        audit.record("queue.paused", actor=None, target_name="for the night")
        entry = last("queue.paused")
        assert "queue.paused" in admin_client.get("/admin/accounts/auditentry/").content.decode()
        page = f"/admin/accounts/auditentry/{entry.pk}/"
        assert admin_client.get(page + "change/").status_code == 200
        assert admin_client.post(page + "change/", {"action": "x"}).status_code == 403
        assert admin_client.post(page + "delete/", {"post": "yes"}).status_code == 403
        assert admin_client.get("/admin/accounts/auditentry/add/").status_code == 403

    def test_revokes_tokens_and_never_shows_one(self, alice: User, admin: User, admin_client: Client) -> None:
        from sdweb.accounts.models import ApiToken
        from sdweb.accounts.tokens import token_create

        made = [token_create(user=alice, name=f"t{n}", scopes=[ApiToken.Scope.READ]) for n in range(2)]
        pages = [
            admin_client.get("/admin/accounts/apitoken/"),
            admin_client.get(f"/admin/accounts/apitoken/{made[0].token.pk}/change/"),
        ]
        for page in pages:
            assert page.status_code == 200
            assert made[0].token.prefix in page.content.decode()
            assert made[0].token.digest not in page.content.decode()
        chosen = {"action": "revoke_selected", "_selected_action": [str(made[0].token.pk)]}
        admin_client.post("/admin/accounts/apitoken/", chosen)
        admin_client.post(f"/admin/accounts/apitoken/{made[1].token.pk}/delete/", {"post": "yes"})
        assert not ApiToken.objects.exists()
        revoked = AuditEntry.objects.filter(action="token.revoked", actor=admin)
        assert sorted(revoked.values_list("target_name", flat=True)) == ["t0", "t1"]


class TestNobodyChangesIt:
    def test_neither_one_nor_many(self) -> None:
        audit.record("queue.paused", actor=None)
        entry = last("queue.paused")
        entry.action = "queue.resumed"
        with pytest.raises(TypeError):
            entry.save()
        with pytest.raises(TypeError):
            AuditEntry.objects.update(action="queue.resumed")
        assert AuditEntry.objects.get(pk=entry.pk).action == "queue.paused"


class TestReading:
    @pytest.fixture
    def reader(self) -> Client:
        """HTTP as somebody with the right, which is all that they have."""
        client = Client()
        client.force_login(somebody_with("accounts.view_auditentry"))
        AuditEntry.objects.all().delete()
        return client

    def actions(self, client: Client, query: str) -> list[str]:
        return [item["action"] for item in client.get(f"{URL}?{query}").json()["items"]]

    def test_shows_everything_about_an_entry(self, reader: Client, alice: User) -> None:
        audit.record("a.b", actor=alice, target="job:7", target_name="seven", details={"x": [1]})
        (item,) = reader.get(URL).json()["items"]
        assert {name: item[name] for name in item if name not in {"id", "at"}} == {
            "action": "a.b", "actor": "alice", "target": "job:7", "target_name": "seven",
            "details": {"x": [1]}, "via": "system", "address": None,
        }  # fmt: skip

    def test_filters(self, reader: Client, alice: User, bob: User) -> None:
        with time_machine.travel("2026-01-01 12:00Z", tick=False) as traveller:
            audit.record("signin.failed", actor=None)
            traveller.shift(timedelta(days=1))
            audit.record("signin.succeeded", actor=alice, target="user:1")
            traveller.shift(timedelta(days=1))
            audit.record("queue.paused", actor=bob)
        assert self.actions(reader, "action=signin.") == ["signin.succeeded", "signin.failed"]
        assert self.actions(reader, "actor=bob") == ["queue.paused"]
        assert self.actions(reader, "actor=nobody") == []
        assert self.actions(reader, "target=user:1") == ["signin.succeeded"]
        assert self.actions(reader, "since=2026-01-03T00:00:00Z") == ["queue.paused"]
        assert self.actions(reader, "until=2026-01-02T12:00:00Z") == ["signin.failed"]
        assert reader.get(f"{URL}?since=yesterday").status_code == 422
        assert reader.get(f"{URL}?since=2026-01-03T00:00:00").status_code == 422

    def test_pages(self, reader: Client) -> None:
        for n in range(5):
            audit.record(f"a.{n}", actor=None)
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = reader.get(f"{URL}?limit=2&cursor={cursor}").json()
            seen += [item["action"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert seen == [f"a.{n}" for n in range(4, -1, -1)]

    @pytest.mark.parametrize("path", [URL, f"{URL}/csv"])
    def test_is_for_those_with_the_right(self, path: str, alice_client: Client, client: Client) -> None:
        assert alice_client.get(path).status_code == 403
        assert client.get(path).status_code == 401

    def test_as_a_table(self, reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit_list, "CSV_BATCH", 2)
        monkeypatch.setattr(audit_list, "CSV_LIMIT", 4)
        for n in range(5):
            audit.record(f"a.{n}", actor=None, target_name="=1+1")
        answer = reader.get(f"{URL}/csv")
        assert answer["Content-Type"] == "text/csv"
        header, *rows = csv.reader(io.StringIO(b"".join(answer).decode()))
        assert header == list(audit_list.COLUMNS)
        assert [row[1] for row in rows] == ["a.4", "a.3", "a.2", "a.1"]
        assert {row[4] for row in rows} == {"'=1+1"}


@pytest.mark.django_db(transaction=True)
async def test_an_asynchronous_server_knows_the_origin_too() -> None:
    """Daphne serves through the asynchronous chain of middleware."""
    client = AsyncClient()
    await client.post(
        f"{AUTH}/auth/login", {"username": "nobody", "password": "x"}, content_type="application/json"
    )
    entry = await AuditEntry.objects.aget(action="signin.failed")
    assert (entry.target_name, entry.via, entry.address) == ("nobody", "anonymous", "127.0.0.1")
    assert entry.at <= timezone.now()
