"""The admin's pages answer, and its switches do what they say."""

import pytest
from django.test import Client

from sdweb.accounts.models import SiteSettings, User
from sdweb.accounts.selectors import registration_open

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["", "accounts/user/", "accounts/user/add/", "auth/group/"])
def test_pages_answer_an_administrator_and_nobody_else(
    admin_client: Client, alice_client: Client, path: str
) -> None:
    assert admin_client.get(f"/admin/{path}").status_code == 200
    assert alice_client.get(f"/admin/{path}").status_code == 302


def test_registration_is_closed_with_one_switch(admin_client: Client) -> None:
    assert registration_open()
    page = admin_client.get("/admin/accounts/sitesettings/")
    assert page.status_code == 302
    admin_client.post(page["Location"], {"picture_days": 0, "job_days": 90, "audit_days": 365})
    assert not registration_open()
    assert SiteSettings.objects.count() == 1


def test_a_user_page_shows_no_password(admin_client: Client, alice: User) -> None:
    page = admin_client.get(f"/admin/accounts/user/{alice.pk}/change/")
    assert page.status_code == 200
    assert alice.password not in page.content.decode()
