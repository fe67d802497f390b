"""Signing up, in and out, and changing the password, through the addresses that the front end uses."""

import pytest
from django.test import Client

from sdweb.accounts.models import SiteSettings, User
from tests.accounts.headless import AUTH, post
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def open_registration(*, is_open: bool) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"registration_open": is_open})


@pytest.mark.parametrize(
    "identity", [{"username": "alice"}, {"email": "alice@example.org"}, {"email": "Alice@Example.ORG"}]
)
def test_by_name_or_address(alice: User, anonymous_client: Client, identity: dict[str, str]) -> None:
    assert post(anonymous_client, "/auth/login", **identity, password=PASSWORD).status_code == 200
    assert anonymous_client.get("/api/v1/me").json()["user"]["username"] == "alice"


@pytest.mark.parametrize("identity", [{"username": "alice"}, {"username": "nobody"}])
def test_a_wrong_password_and_a_wrong_name_look_alike(
    alice: User, anonymous_client: Client, identity: dict[str, str]
) -> None:
    response = post(anonymous_client, "/auth/login", **identity, password="wrong")
    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "username_password_mismatch"


def test_guessing_is_stopped(alice: User, anonymous_client: Client) -> None:
    codes = [
        post(anonymous_client, "/auth/login", username="alice", password=f"guess {i}").json()["errors"][0][
            "code"
        ]
        for i in range(7)
    ]
    assert codes[-1] == "too_many_login_attempts"
    right = post(anonymous_client, "/auth/login", username="alice", password=PASSWORD)
    assert right.status_code == 400


class TestTheAdmin:
    """It has no sign-in of its own."""

    @pytest.mark.parametrize(
        ("wanted", "next_page"),
        [
            ("/admin/accounts/user/", "%2Fadmin%2Faccounts%2Fuser%2F"),
            ("https://evil.example/admin/", "%2Fadmin%2F"),
            ("//evil.example/admin/", "%2Fadmin%2F"),
        ],
    )
    def test_sends_strangers_to_the_portals_page(
        self, anonymous_client: Client, wanted: str, next_page: str
    ) -> None:
        answer = anonymous_client.get("/admin/login/", {"next": wanted})
        assert (answer.status_code, answer["Location"]) == (302, f"/?next={next_page}#/")

    def test_lets_staff_go_on(self, admin_client: Client) -> None:
        assert admin_client.get("/admin/login/?next=/admin/auth/group/")["Location"] == "/admin/auth/group/"

    def test_sends_others_back(self, alice_client: Client) -> None:
        assert alice_client.get("/admin/login/?next=/admin/")["Location"] == "/"

    def test_takes_no_password(self, admin: User, anonymous_client: Client) -> None:
        form = {"username": "root", "password": PASSWORD}
        assert anonymous_client.post("/admin/login/", form).status_code == 405
        assert anonymous_client.get("/admin/").status_code == 302


def test_out(alice_client: Client) -> None:
    assert alice_client.delete(f"{AUTH}/auth/session").status_code == 401
    assert alice_client.get("/api/v1/me").json()["user"] is None


def test_a_closed_account_cannot_sign_in(anonymous_client: Client) -> None:
    UserFactory.create(username="gone", is_active=False)
    assert post(anonymous_client, "/auth/login", username="gone", password=PASSWORD).status_code != 200


def test_changing_the_password(alice: User, anonymous_client: Client) -> None:
    post(anonymous_client, "/auth/login", username="alice", password=PASSWORD)
    new = "another long enough password"
    changed = post(anonymous_client, "/account/password/change", current_password=PASSWORD, new_password=new)
    assert changed.status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(new)


class TestSigningUp:
    def test_works_while_registration_is_open(self, anonymous_client: Client) -> None:
        open_registration(is_open=True)
        assert post(anonymous_client, "/auth/signup", username="carol", password=PASSWORD).status_code == 200
        carol = User.objects.get(username="carol")
        assert not carol.is_staff
        assert carol.check_password(PASSWORD)

    def test_is_refused_while_it_is_closed(self, anonymous_client: Client) -> None:
        open_registration(is_open=False)
        response = post(anonymous_client, "/auth/signup", username="carol", password=PASSWORD)
        assert response.status_code == 403
        assert not User.objects.filter(username="carol").exists()

    @pytest.mark.parametrize(
        "data",
        [
            {"username": "alice", "password": PASSWORD},
            {"username": "carol", "password": "123"},
            {"username": "carol", "password": PASSWORD, "email": "not an address"},
            {"username": "", "password": PASSWORD},
        ],
    )
    def test_refuses_what_cannot_be(
        self, alice: User, anonymous_client: Client, data: dict[str, str]
    ) -> None:
        open_registration(is_open=True)
        assert post(anonymous_client, "/auth/signup", **data).status_code == 400
        assert User.objects.count() == 1

    def test_an_address_belongs_to_one_person(self, alice: User, anonymous_client: Client) -> None:
        open_registration(is_open=True)
        post(anonymous_client, "/auth/signup", username="carol", password=PASSWORD, email="ALICE@example.org")
        assert not User.objects.filter(username="carol").exists()

    def test_the_first_value_comes_from_the_environment(self, anonymous_client: Client) -> None:
        assert anonymous_client.get("/api/v1/me").json()["registration_open"] is True


def test_without_an_address_many_people_can_be(db: None) -> None:
    UserFactory.create(email="")
    UserFactory.create(email="")
