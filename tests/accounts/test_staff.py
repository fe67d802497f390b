"""Roles, and what staff with few permissions may do in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from gallery.models import Image
from generation.models import Job
from models_hub.models import ModelFile
from sdweb.accounts import rights, roles
from sdweb.accounts.models import User, UserLimits
from tests.factories import PASSWORD, ModelFileFactory, UserFactory
from tests.generation.conftest import Submit, model, submit
from tests.generation.test_limits import keep

__all__ = ["model", "submit"]

pytestmark = pytest.mark.django_db

REGISTERED = [model._meta.label for model in admin.site._registry]


@pytest.fixture
def clerk(db: None) -> User:
    """Somebody who may enter the admin, and nothing else."""
    return UserFactory.create(username="clerk", is_staff=True)


@pytest.fixture
def as_clerk(client_for: Callable[[User | None], Client], clerk: User) -> Callable[..., Client]:
    """HTTP as the clerk with some permissions."""

    def build(*permissions: str) -> Client:
        for right in permissions:
            app, codename = right.split(".")
            clerk.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        return client_for(User.objects.get(pk=clerk.pk))

    return build


def pages(label: str) -> tuple[str, str]:
    """The list and the "add" page of a model."""
    name = apps.get_model(label)._meta
    return tuple(
        reverse(f"admin:{name.app_label}_{name.model_name}_{page}") for page in ("changelist", "add")
    )  # type: ignore[return-value] # two of them


class TestRoles:
    def test_they_are_there_with_their_rights(self) -> None:
        for name, wanted in roles.ROLES.items():
            given = Group.objects.get(name=name).permissions.select_related("content_type")
            assert {f"{one.content_type.app_label}.{one.codename}" for one in given} == set(wanted)

    def test_members_have_them(self, alice: User) -> None:
        alice.groups.add(Group.objects.get(name=roles.QUEUE_MANAGERS))
        rights.require(alice, rights.MANAGE_QUEUE)
        assert alice.has_perm(rights.SEE_ALL_JOBS)
        assert not alice.has_perm(rights.USE_ALL_MODELS)

    def test_what_an_administrator_changed_stays(self) -> None:
        group = Group.objects.get(name=roles.AUDITORS)
        group.permissions.clear()
        Group.objects.get(name=roles.QUEUE_MANAGERS).delete()
        call_command("migrate", verbosity=0)
        assert not group.permissions.exists()
        assert Group.objects.filter(name=roles.QUEUE_MANAGERS).count() == 1


class TestWithoutPermissions:
    @pytest.mark.parametrize("label", REGISTERED)
    def test_nothing_can_be_seen(self, as_clerk: Callable[..., Client], label: str) -> None:
        client = as_clerk()
        assert client.get("/admin/").status_code == 200
        assert [client.get(page).status_code for page in pages(label)] == [403, 403]

    @pytest.mark.parametrize("label", REGISTERED)
    def test_who_may_look_may_not_change(self, as_clerk: Callable[..., Client], label: str) -> None:
        name = apps.get_model(label)._meta
        client = as_clerk(f"{name.app_label}.view_{name.model_name}")
        listed, add = pages(label)
        assert client.get(listed, follow=True).status_code == 200
        assert client.get(add).status_code == 403
        offered = admin.site._registry[apps.get_model(label)].get_actions(
            client.get(listed, follow=True).wsgi_request
        )
        assert not offered

    def test_pictures_of_others_need_a_permission(self, as_clerk: Callable[..., Client], alice: User) -> None:
        keep(alice)
        image = Image.objects.get()
        url = reverse("admin:gallery_image_change", args=[image.pk])
        assert as_clerk().get(url).status_code == 403
        assert as_clerk("gallery.view_image").get(url).status_code == 200

    def test_jobs_of_others_too(self, as_clerk: Callable[..., Client], alice: User, submit: Submit) -> None:
        job = submit(alice)
        url = reverse("admin:generation_job_change", args=[job.pk])
        assert as_clerk().get(url).status_code == 403
        assert as_clerk(rights.SEE_ALL_JOBS).get(url).status_code == 200

    def test_the_api_stays_everybodys_own(
        self, as_clerk: Callable[..., Client], alice: User, submit: Submit
    ) -> None:
        keep(alice)
        job = submit(alice)
        client = as_clerk(rights.SEE_ALL_JOBS, "gallery.view_image", "gallery.change_image")
        assert client.get(f"/api/v1/images/{Image.objects.get().pk}").status_code == 404
        assert client.post(f"/api/v1/jobs/{job.pk}/cancel").status_code in (403, 404)
        assert Job.objects.get(pk=job.pk).state == "queued"


class TestPeople:
    PERMISSIONS = ("accounts.view_user", "accounts.change_user", "accounts.delete_user", "auth.change_group",
                   "auth.view_group")  # fmt: skip

    def change(self, client: Client, person: User, **fields: Any) -> Any:
        url = reverse("admin:accounts_user_change", args=[person.pk])
        empty = {f"limits-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
        return client.post(url, {"username": person.username, "is_active": "on", **empty, **fields})

    def test_nobody_makes_themselves_an_administrator(
        self, as_clerk: Callable[..., Client], clerk: User
    ) -> None:
        client = as_clerk(*self.PERMISSIONS)
        queue = Group.objects.get(name=roles.QUEUE_MANAGERS)
        rights_of_all = Permission.objects.values_list("pk", flat=True)[:50]
        answer = self.change(
            client,
            clerk,
            first_name="Carl",
            is_superuser="on",
            groups=[queue.pk],
            user_permissions=rights_of_all,
        )
        assert answer.status_code == 302
        clerk.refresh_from_db()
        assert (clerk.first_name, clerk.is_superuser, clerk.groups.count()) == ("Carl", False, 0)
        assert clerk.user_permissions.count() == len(self.PERMISSIONS)

    def test_other_staff_cannot_be_touched(
        self, as_clerk: Callable[..., Client], admin: User, alice: User
    ) -> None:
        client = as_clerk(*self.PERMISSIONS)
        assert self.change(client, admin, email="mine@example.org").status_code == 403
        password = {"password1": "another horse", "password2": "another horse", "usable_password": "true"}
        for person, status in ((admin, 403), (alice, 302)):
            url = reverse("admin:auth_user_password_change", args=[person.pk])
            assert client.post(url, password).status_code == status
        delete = reverse("admin:accounts_user_delete", args=[admin.pk])
        assert client.post(delete, {"post": "yes"}).status_code == 403
        admin.refresh_from_db()
        assert admin.check_password(PASSWORD)
        assert admin.email == "root@example.org"

    def test_a_list_action_does_not_delete_an_administrator(
        self, as_clerk: Callable[..., Client], admin: User
    ) -> None:
        client = as_clerk(*self.PERMISSIONS)
        action = {"action": "delete_selected", "_selected_action": [admin.pk], "post": "yes"}
        client.post(reverse("admin:accounts_user_changelist"), action)
        assert User.objects.filter(pk=admin.pk).exists()

    def test_a_group_gets_no_rights_from_who_may_edit_groups(self, as_clerk: Callable[..., Client]) -> None:
        group = Group.objects.create(name="mine")
        empty = {f"limits-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
        everything = Permission.objects.values_list("pk", flat=True)[:50]
        url = reverse("admin:auth_group_change", args=[group.pk])
        answer = as_clerk(*self.PERMISSIONS).post(
            url, {"name": "renamed", "permissions": everything, **empty}
        )
        assert answer.status_code == 302
        group.refresh_from_db()
        assert (group.name, group.permissions.count()) == ("renamed", 0)

    def test_their_page_shows_what_holds_and_what_they_used(
        self, admin_client: Client, alice: User, submit: Submit
    ) -> None:
        UserLimits.objects.create(user=alice, jobs_waiting=7, largest_side=777)
        submit(alice)
        page = admin_client.get(reverse("admin:accounts_user_change", args=[alice.pk])).content.decode()
        assert "777" in page
        assert "1 used" in page
        assert "Nothing is said here" in page
        assert admin_client.get(reverse("admin:accounts_user_add")).status_code == 200


class TestModels:
    def test_managers_of_models_choose_groups(
        self, client_for: Callable[[User | None], Client], clerk: User
    ) -> None:
        clerk.groups.add(Group.objects.get(name=roles.MODEL_MANAGERS))
        painters = Group.objects.create(name="painters")
        secret = ModelFileFactory.create(name="secret")
        client = client_for(clerk)
        url = reverse("admin:models_hub_modelfile_change", args=[secret.pk])
        assert (
            client.post(url, {"description": "", "license": "", "groups": [painters.pk]}).status_code == 302
        )
        assert list(secret.groups.all()) == [painters]
        listed = reverse("admin:models_hub_modelfile_changelist")
        assert "painters" in client.get(f"{listed}?groups__id__exact={painters.pk}").content.decode()

    def test_a_model_of_a_group_that_goes_is_for_nobody(self, alice: User) -> None:
        painters, others = (Group.objects.create(name=name) for name in ("painters", "others"))
        alone = ModelFileFactory.create(is_default=True)
        alone.groups.add(painters)
        shared = ModelFileFactory.create()
        shared.groups.add(painters, others)
        public = ModelFileFactory.create()
        painters.delete()
        assert set(ModelFile.objects.filter(enabled=True)) == {shared, public}
        others.delete()
        assert set(ModelFile.objects.filter(enabled=True)) == {public}
