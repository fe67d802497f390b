"""The first administrator."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sdweb.accounts.models import User
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def run() -> str:
    out = StringIO()
    call_command("bootstrap_admin", stdout=out, stderr=StringIO())
    return out.getvalue()


def test_makes_up_a_password_and_says_it_once(settings: Any) -> None:
    settings.ADMIN_PASSWORD = ""
    said = run()
    assert said.startswith("ADMIN_PASSWORD=")
    admin = User.objects.get(username="admin")
    assert admin.check_password(said.strip().removeprefix("ADMIN_PASSWORD="))
    assert admin.is_superuser
    assert run() == ""
    assert User.objects.count() == 1


def test_takes_the_given_one_and_does_not_print_it(settings: Any) -> None:
    settings.ADMIN_PASSWORD = "correct horse battery staple"
    settings.ADMIN_USERNAME = "chief"
    assert run() == ""
    assert User.objects.get(username="chief").check_password("correct horse battery staple")


def test_refuses_a_weak_one(settings: Any) -> None:
    settings.ADMIN_PASSWORD = "12345"
    with pytest.raises(CommandError, match="SDWEB_ADMIN_PASSWORD"):
        run()
    assert not User.objects.exists()


def test_does_not_turn_somebody_into_an_administrator(settings: Any) -> None:
    settings.ADMIN_PASSWORD = "correct horse battery staple"
    UserFactory.create(username="Admin")
    with pytest.raises(CommandError, match="SDWEB_ADMIN_USERNAME"):
        run()
