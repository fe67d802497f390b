"""What is mailed, in whose language, and what the links in mails do."""

import logging
import re
from string import Formatter
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.smtp import EmailBackend
from django.test import Client

from sdweb.accounts.mail_texts import LETTERS, NOTICES, mail_text
from sdweb.accounts.models import SiteSettings, User
from tests.accounts.headless import ask, codes, post, prove, sign_in, who
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another long enough password"


@pytest.fixture(autouse=True)
def _mail_server(settings: Any) -> None:
    settings.EMAIL_CONFIGURED = True
    settings.ACCOUNT_PREVENT_ENUMERATION = True
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True
    SiteSettings.objects.update_or_create(pk=1, defaults={"registration_open": True})


@pytest.fixture
def _mandatory(settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]


def key_in(body: Any, page: str) -> str:
    found = re.search(rf"http://testserver/#/{page}/(\S+)", str(body))
    assert found, body
    return unquote(found[1])


class TestResettingAPassword:
    def test_by_the_link_of_the_mail(self, alice: User, anonymous_client: Client) -> None:
        session = sign_in("alice")
        assert post(anonymous_client, "/auth/password/request", email="Alice@example.org").status_code == 200
        (letter,) = mail.outbox
        assert letter.to == ["alice@example.org"]
        assert "alice" in letter.body
        key = key_in(letter.body, "reset-password")
        seen = anonymous_client.get(
            "/_allauth/browser/v1/auth/password/reset", headers={"X-Password-Reset-Key": key}
        )
        assert seen.status_code == 200
        done = post(anonymous_client, "/auth/password/reset", key=key, password=NEW_PASSWORD)
        assert done.status_code == 401, "changed, and nobody is signed in by that"
        assert who(session) is None
        assert who(sign_in("alice", NEW_PASSWORD)) == "alice"
        again = post(anonymous_client, "/auth/password/reset", key=key, password="yet another password")
        assert codes(again) == ["invalid_password_reset"]

    def test_of_nobody_looks_the_same(self, alice: User, anonymous_client: Client) -> None:
        known = post(anonymous_client, "/auth/password/request", email="alice@example.org")
        unknown = post(anonymous_client, "/auth/password/request", email="nobody@example.org")
        assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
        assert [letter.subject for letter in mail.outbox] == [
            "Choose a new password",
            "No account with this address",
        ]

    @pytest.mark.parametrize("password", ["123", "alice"])
    def test_to_a_weak_one_is_refused(self, alice: User, anonymous_client: Client, password: str) -> None:
        post(anonymous_client, "/auth/password/request", email=alice.email)
        key = key_in(mail.outbox[0].body, "reset-password")
        assert post(anonymous_client, "/auth/password/reset", key=key, password=password).status_code == 400
        assert who(sign_in("alice")) == "alice"

    def test_too_often_is_refused(self, alice: User, anonymous_client: Client) -> None:
        told = [
            post(anonymous_client, "/auth/password/request", email=alice.email).status_code for _ in range(4)
        ]
        assert told == [200, 200, 200, 429]

    def test_of_a_closed_account_is_not_possible(self, anonymous_client: Client) -> None:
        UserFactory.create(username="gone", is_active=False)
        post(anonymous_client, "/auth/password/request", email="gone@example.org")
        assert [letter.subject for letter in mail.outbox] == ["No account with this address"]


class TestConfirmingAnAddress:
    @pytest.mark.usefixtures("_mandatory")
    def test_comes_before_the_first_sign_in(self, anonymous_client: Client) -> None:
        form = {"username": "carol", "email": "carol@example.org", "password": PASSWORD}
        answer = post(anonymous_client, "/auth/signup", **form)
        assert answer.status_code == 401
        assert who(anonymous_client) is None
        key = key_in(mail.outbox[0].body, "confirm-email")
        post(anonymous_client, "/auth/email/verify", key=key)
        assert EmailAddress.objects.get().verified
        assert who(sign_in("carol")) == "carol"

    @pytest.mark.usefixtures("_mandatory")
    def test_needs_one(self, anonymous_client: Client) -> None:
        answer = post(anonymous_client, "/auth/signup", username="carol", password=PASSWORD)
        assert answer.status_code == 400
        assert not User.objects.exists()

    @pytest.mark.usefixtures("_mandatory")
    def test_is_not_asked_of_whom_an_administrator_added_without_one(self) -> None:
        UserFactory.create(username="dora", email="")
        assert who(sign_in("dora")) == "dora"

    @pytest.mark.usefixtures("_mandatory")
    def test_of_somebody_else_tells_the_stranger_nothing(self, alice: User, anonymous_client: Client) -> None:
        form = {"username": "carol", "email": "alice@example.org", "password": PASSWORD}
        assert post(anonymous_client, "/auth/signup", **form).status_code == 401
        assert User.objects.count() == 1
        assert [letter.subject for letter in mail.outbox] == ["You have an account already"]

    def test_may_wait_where_it_is_optional(self, anonymous_client: Client, settings: Any) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
        form = {"username": "carol", "email": "carol@example.org", "password": PASSWORD}
        assert post(anonymous_client, "/auth/signup", **form).status_code == 200
        assert who(anonymous_client) == "carol"
        assert len(mail.outbox) == 1

    def test_a_made_up_key_confirms_nothing(self, anonymous_client: Client) -> None:
        answer = post(anonymous_client, "/auth/email/verify", key="made:up:key")
        assert codes(answer) == ["invalid_or_expired_key"]


class TestChangingTheAddress:
    def test_holds_once_the_new_one_is_confirmed(self, alice: User) -> None:
        client = sign_in("alice")
        assert post(client, "/account/email", email="new@example.org").status_code == 401
        prove(client)
        assert post(client, "/account/email", email="new@example.org").status_code == 200
        alice.refresh_from_db()
        assert alice.email == "alice@example.org"
        (letter,) = mail.outbox
        assert letter.to == ["new@example.org"]
        post(Client(), "/auth/email/verify", key=key_in(letter.body, "confirm-email"))
        alice.refresh_from_db()
        assert alice.email == "new@example.org"

    def test_whoever_confirms_it_gets_it(self, alice: User, bob: User) -> None:
        """Bob claims Alice's other address, and never could confirm it."""
        bob.email = "other@example.org"
        bob.save()
        EmailAddress.objects.create(user=bob, email=bob.email, primary=True)
        client = sign_in("alice")
        prove(client)
        post(client, "/account/email", email="other@example.org")
        key = key_in(mail.outbox[-1].body, "confirm-email")
        assert post(Client(), "/auth/email/verify", key=key).status_code == 401
        alice.refresh_from_db()
        bob.refresh_from_db()
        assert (alice.email, bob.email) == ("other@example.org", "")

    def test_holds_at_once_without_a_mail_server(self, alice: User, bob: User, settings: Any) -> None:
        settings.EMAIL_CONFIGURED = settings.ACCOUNT_PREVENT_ENUMERATION = False
        client = sign_in("alice")
        prove(client)
        assert codes(post(client, "/account/email", email=bob.email)) == ["email_taken"]
        assert post(client, "/account/email", email="new@example.org").status_code == 200
        alice.refresh_from_db()
        assert alice.email == "new@example.org"
        (address,) = EmailAddress.objects.filter(user=alice)
        assert (address.primary, address.verified) == (True, False)
        assert mail.outbox == []


class TestWhoMayRegister:
    @pytest.fixture(autouse=True)
    def _domains(self) -> None:
        SiteSettings.objects.update(registration_domains="example.org\n@School.example\n\n")

    @pytest.mark.parametrize(
        ("email", "told"),
        [
            ("carol@example.org", []),
            ("carol@SCHOOL.example", []),
            ("carol@evil.example", ["email_domain_not_allowed"]),
            ("carol@sub.example.org", ["email_domain_not_allowed"]),
            ("carol@evil.example.org.evil", ["email_domain_not_allowed"]),
            ("", ["email_required"]),
        ],
    )
    def test_is_who_has_an_address_of_these_domains(
        self, anonymous_client: Client, email: str, told: list[str]
    ) -> None:
        form = {"username": "carol", "email": email, "password": PASSWORD}
        assert codes(post(anonymous_client, "/auth/signup", **form)) == told
        assert User.objects.exists() is not bool(told)

    def test_who_is_in_may_change_to_another(self, alice: User) -> None:
        client = sign_in("alice")
        prove(client)
        assert post(client, "/account/email", email="alice@elsewhere.example").status_code == 200


class TestTexts:
    ALL = sorted([*LETTERS, *NOTICES])

    @pytest.mark.parametrize("name", ALL)
    def test_are_there_in_every_language_and_say_the_same(self, name: str) -> None:
        texts = (LETTERS | NOTICES)[name]  # type: ignore[operator]
        assert set(texts) == {code for code, _ in User.Language.choices if code}
        fields = [
            {field for _, field, _, _ in Formatter().parse(text.subject + text.body) if field}
            for text in texts.values()
        ]
        assert fields[0] == fields[1]
        assert re.search("[а-яіїєґ]", texts["uk"].subject)

    def test_of_changes_come_in_the_persons_language(self, alice: User) -> None:
        alice.language = "uk"
        alice.save()
        EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
        client = sign_in("alice")
        post(client, "/account/password/change", current_password=PASSWORD, new_password=NEW_PASSWORD)
        (letter,) = mail.outbox
        assert letter.subject == "Ваш пароль змінено"
        assert "127.0.0.1" in letter.body

    def test_of_strangers_come_in_the_browsers(self, anonymous_client: Client) -> None:
        header = {"Accept-Language": "uk"}
        body = '{"email": "nobody@example.org"}'
        address = "/_allauth/browser/v1/auth/password/request"
        anonymous_client.post(address, body, content_type="application/json", headers=header)
        assert mail.outbox[0].subject == "Немає облікового запису з цією адресою"

    def test_a_name_cannot_write_lines_of_its_own(self) -> None:
        context = {"user": "eve\nClick http://evil.example", "home": "http://portal", "ip": "1"}
        context |= {"user_agent": "Fox\n\nmore", "timestamp": "now"}
        text = mail_text("account/email/password_changed", language="xx", context=context)
        assert "\nClick" not in text.body
        assert "\nmore" not in text.body
        assert "\n" not in text.subject


def test_a_mail_server_that_is_away_is_no_error_of_the_page(
    alice: User, anonymous_client: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__name__}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert post(anonymous_client, "/auth/password/request", email=alice.email).status_code == 200
    assert "was not sent" in caplog.text


def test_without_a_mail_server_they_are_in_the_log(
    alice: User, anonymous_client: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "sdweb.accounts.mails.LogBackend"
    with caplog.at_level(logging.WARNING):
        post(anonymous_client, "/auth/password/request", email=alice.email)
    assert "#/reset-password/" in caplog.text


def test_two_forms_with_one_name_make_one_account(
    anonymous_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second passed its checks before the first was stored."""
    UserFactory.create(username="carol", email="")
    monkeypatch.setattr("sdweb.accounts.adapter.AccountAdapter.clean_username", lambda _self, name, **_: name)
    answer = post(anonymous_client, "/auth/signup", username="carol", password=PASSWORD)
    assert (answer.status_code, codes(answer)) == (400, ["username_taken"])
    assert User.objects.count() == 1


def test_the_address_that_an_administrator_writes_is_confirmed(alice: User, admin_client: Client) -> None:
    page = f"/admin/accounts/user/{alice.pk}/change/"
    form = admin_client.get(page).context["adminform"].form
    fields = {name: value for name, value in form.initial.items() if value is not None}
    fields |= {"email": "New@Example.org", "limits-TOTAL_FORMS": 0, "limits-INITIAL_FORMS": 0}
    assert admin_client.post(page, fields).status_code == 302
    (address,) = EmailAddress.objects.filter(user=alice)
    assert (address.email, address.verified, address.primary) == ("new@example.org", True, True)


def test_answers_of_the_headless_api_are_never_cached(anonymous_client: Client) -> None:
    assert "no-store" in ask(anonymous_client, "GET", "/config")["Cache-Control"]
