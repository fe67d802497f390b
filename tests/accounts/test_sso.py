"""Single sign-on through a real provider, over HTTP."""

from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client

from sdweb.accounts.models import ApiToken, AuditEntry, SiteSettings, User
from tests.accounts.headless import AUTH, ask, codes, factors, give_app, post, prove, sign_in, who
from tests.accounts.identity_provider import (
    IdentityProvider,
    come_back,
    configure,
    leave,
    provider_running,
    sign_on,
)
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def _server() -> Iterator[IdentityProvider]:
    with provider_running() as idp:
        yield idp


@pytest.fixture
def idp(_server: IdentityProvider, settings: Any) -> IdentityProvider:
    """A provider that may let newcomers in, while nobody else may join."""
    configure(settings, _server.entry(sign_up=True))
    SiteSettings.objects.update_or_create(pk=1, defaults={"registration_open": False})
    return _server


def address(user: User, *, verified: bool) -> None:
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)


def groups_of(name: str) -> set[str]:
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))


class TestComingIn:
    def test_makes_an_account_although_registration_is_closed(self, idp: IdentityProvider) -> None:
        idp.knows("s-ann", preferred_username="ann", email="ann@corp.example", email_verified=True)
        client = Client()
        assert sign_on(client, idp, "s-ann") is None
        assert who(client) == "ann"
        ann = User.objects.get(username="ann")
        assert (ann.email, ann.is_staff, ann.has_usable_password()) == ("ann@corp.example", False, False)

    def test_the_second_time_it_is_the_same_account(self, idp: IdentityProvider) -> None:
        idp.knows("s-ben", preferred_username="ben", email="ben@corp.example")
        sign_on(Client(), idp, "s-ben")
        idp.knows("s-ben", preferred_username="benjamin", email="benjamin@corp.example")
        client = Client()
        assert sign_on(client, idp, "s-ben") is None
        assert who(client) == "ben"
        assert User.objects.count() == 1

    def test_without_an_address_and_with_a_taken_name(self, idp: IdentityProvider, alice: User) -> None:
        idp.knows("s-alice", preferred_username="alice")
        client = Client()
        assert sign_on(client, idp, "s-alice") is None
        assert who(client) not in (None, "alice")

    def test_strangers_stay_out_where_the_provider_may_not_let_them_in(
        self, idp: IdentityProvider, settings: Any
    ) -> None:
        configure(settings, idp.entry())
        SiteSettings.objects.update(registration_open=True)
        idp.knows("s-cy", preferred_username="cy")
        client = Client()
        assert sign_on(client, idp, "s-cy") == "signup_closed"
        assert who(client) is None
        assert not User.objects.exists()

    def test_a_closed_account_stays_closed(self, idp: IdentityProvider) -> None:
        idp.knows("s-dan", preferred_username="dan")
        sign_on(Client(), idp, "s-dan")
        User.objects.update(is_active=False)
        client = Client()
        assert sign_on(client, idp, "s-dan") == "account_inactive"
        assert who(client) is None

    def test_a_second_factor_is_asked_for_as_well(self, idp: IdentityProvider) -> None:
        idp.knows("s-eve", preferred_username="eve")
        sign_on(Client(), idp, "s-eve")
        give_app(User.objects.get())
        client = Client()
        assert sign_on(client, idp, "s-eve") is None
        assert who(client) is None
        flows = ask(client, "GET", "/auth/session").json()["data"]["flows"]
        assert [flow["id"] for flow in flows if flow.get("is_pending")] == ["mfa_authenticate"]


class TestTheWay:
    def test_carries_state_and_a_pkce_challenge(self, idp: IdentityProvider) -> None:
        query = parse_qs(urlsplit(leave(Client())).query)
        assert query["code_challenge_method"] == ["S256"]
        assert len(query["code_challenge"][0]) >= 43
        assert len(query["state"][0]) >= 16
        assert set(query["scope"][0].split()) == {"openid", "profile", "email"}
        assert query["redirect_uri"] == ["http://testserver/accounts/oidc/corp/login/callback/"]

    def test_a_wrong_state_is_refused(self, idp: IdentityProvider) -> None:
        idp.knows("s-fay", preferred_username="fay")
        client = Client()
        callback = idp.consents(leave(client), "s-fay")
        state = parse_qs(urlsplit(callback).query)["state"][0]
        assert come_back(client, callback.replace(state, "x" * len(state))) is not None
        assert who(client) is None

    def test_somebody_elses_callback_is_refused(self, idp: IdentityProvider) -> None:
        """Otherwise a page could sign its visitors in as its owner."""
        idp.knows("s-gus", preferred_username="gus")
        callback = idp.consents(leave(Client()), "s-gus")
        victim = Client()
        assert come_back(victim, callback) is not None
        assert who(victim) is None

    def test_a_callback_counts_once(self, idp: IdentityProvider) -> None:
        idp.knows("s-hal", preferred_username="hal")
        client = Client()
        callback = idp.consents(leave(client), "s-hal")
        assert come_back(client, callback) is None
        ask(client, "DELETE", "/auth/session")
        assert come_back(client, callback) is not None
        assert who(client) is None

    def test_a_change_of_mind_is_told(self, idp: IdentityProvider) -> None:
        client = Client()
        authorize = leave(client)
        state = parse_qs(urlsplit(authorize).query)["state"][0]
        # The small provider forgets the state that the standard wants beside the error.
        assert come_back(client, f"{idp.denies(authorize)}&state={state}") == "cancelled"
        assert come_back(client, idp.denies(leave(client))) == "cancelled"

    def test_what_is_no_change_of_mind_is_not_told_as_one(self, idp: IdentityProvider) -> None:
        client = Client()
        authorize = leave(client)
        callback = idp.denies(authorize).replace("access_denied", "server_error")
        state = parse_qs(urlsplit(authorize).query)["state"][0]
        assert come_back(client, callback) == "unknown"
        assert come_back(client, f"{callback}&state={state}") == "unknown"

    @pytest.mark.parametrize("server", ["http://localhost:1", "/nowhere"])
    def test_a_provider_that_does_not_answer_is_told(
        self, idp: IdentityProvider, settings: Any, server: str
    ) -> None:
        configure(settings, idp.entry(server_url=server if ":" in server else idp.url + server))
        assert leave(Client()) == "/?error=unknown&error_process=login"

    @pytest.mark.parametrize("callback", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_the_way_back_leads_nowhere_else(self, idp: IdentityProvider, callback: str) -> None:
        form = {"provider": "corp", "process": "login", "callback_url": callback}
        answer = Client().post(f"{AUTH}/auth/provider/redirect", form)
        assert "evil" not in answer["Location"]
        assert "javascript" not in answer["Location"]

    def test_an_unknown_provider_is_no_page(self, idp: IdentityProvider) -> None:
        assert Client().get("/accounts/oidc/other/login/callback/?code=1&state=2").status_code == 404

    def test_the_page_is_told_the_providers_without_their_secrets(self, idp: IdentityProvider) -> None:
        answer = ask(Client(), "GET", "/config")
        (shown,) = answer.json()["data"]["socialaccount"]["providers"]
        assert (shown["id"], shown["name"]) == ("corp", "Corp")
        assert "hush" not in answer.content.decode()


class TestExistingAccounts:
    """Somebody with the same address is there already."""

    @pytest.fixture(autouse=True)
    def _ann(self, idp: IdentityProvider) -> None:
        self.ann = UserFactory.create(username="ann", email="ann@example.org")

    def test_are_not_given_to_a_provider_that_is_not_trusted(self, idp: IdentityProvider) -> None:
        address(self.ann, verified=True)
        idp.knows("s-1", preferred_username="ann", email="ann@example.org", email_verified=True)
        client = Client()
        assert sign_on(client, idp, "s-1") == "email_taken"
        assert who(client) is None
        assert not SocialAccount.objects.exists()

    @pytest.mark.parametrize("verified", [False, "false", None])
    def test_are_not_given_for_an_address_that_nobody_verified(
        self, idp: IdentityProvider, settings: Any, verified: Any
    ) -> None:
        configure(settings, idp.entry(sign_up=True, trust_email=True))
        address(self.ann, verified=True)
        claims = {} if verified is None else {"email_verified": verified}
        idp.knows("s-2", preferred_username="ann", email="ann@example.org", **claims)
        client = Client()
        assert sign_on(client, idp, "s-2") == "email_taken"
        assert who(client) is None

    @pytest.mark.parametrize("verified", [True, "true"])
    def test_are_given_to_a_trusted_one_for_a_verified_address(
        self, idp: IdentityProvider, settings: Any, verified: Any
    ) -> None:
        configure(settings, idp.entry(trust_email=True))
        address(self.ann, verified=True)
        idp.knows("s-3", preferred_username="boss", email="Ann@Example.org", email_verified=verified)
        client = Client()
        assert sign_on(client, idp, "s-3") is None
        assert who(client) == "ann"
        self.ann.refresh_from_db()
        assert self.ann.has_usable_password()
        # It is connected: the address may change on either side now.
        idp.knows("s-3", email="other@example.org")
        again = Client()
        assert sign_on(again, idp, "s-3") is None
        assert who(again) == "ann"

    def test_that_never_proved_the_address_keep_nothing_of_an_impostor(
        self, idp: IdentityProvider, settings: Any
    ) -> None:
        configure(settings, idp.entry(trust_email=True))
        impostor = sign_in("ann")
        give_app(self.ann)
        ApiToken.objects.create(user=self.ann, name="back door", prefix="abc", digest="0" * 64)
        idp.knows("s-4", email="ann@example.org", email_verified=True)
        owner = Client()
        assert sign_on(owner, idp, "s-4") is None
        assert who(owner) == "ann"
        assert who(impostor) is None
        self.ann.refresh_from_db()
        assert not self.ann.has_usable_password()
        assert not factors(self.ann).exists()
        assert not self.ann.api_tokens.exists()

    def test_are_connected_by_their_owner_who_proves_it(self, idp: IdentityProvider) -> None:
        idp.knows("s-5", preferred_username="someone", email="elsewhere@corp.example")
        client = sign_in("ann")
        assert sign_on(client, idp, "s-5", process="connect") == "reauthentication_required"
        prove(client)
        assert sign_on(client, idp, "s-5", process="connect") is None
        later = Client()
        assert sign_on(later, idp, "s-5") is None
        assert who(later) == "ann"
        assert User.objects.count() == 1

    def test_of_others_are_not_taken_by_connecting(self, idp: IdentityProvider) -> None:
        idp.knows("s-6", preferred_username="bea")
        sign_on(Client(), idp, "s-6")
        client = sign_in("ann")
        prove(client)
        assert sign_on(client, idp, "s-6", process="connect") == "connected_other"
        assert SocialAccount.objects.get().user.username == "bea"

    def test_are_disconnected_again(self, idp: IdentityProvider) -> None:
        idp.knows("s-7", preferred_username="someone")
        client = sign_in("ann")
        prove(client)
        sign_on(client, idp, "s-7", process="connect")
        (shown,) = ask(client, "GET", "/account/providers").json()["data"]
        gone = ask(client, "DELETE", "/account/providers", provider="corp", account=shown["uid"])
        assert gone.json()["data"] == []
        assert not SocialAccount.objects.exists()


class TestGroups:
    @pytest.fixture(autouse=True)
    def _mapping(self, idp: IdentityProvider, settings: Any) -> None:
        entry = idp.entry(sign_up=True, groups={"dep-art": "Artists", "dep-lab": "Lab"})
        configure(settings, entry)

    def test_follow_the_provider_at_every_sign_on(self, idp: IdentityProvider) -> None:
        idp.knows("g-1", preferred_username="ida", groups=["dep-art", "unheard of"])
        sign_on(Client(), idp, "g-1")
        assert groups_of("ida") == {"Artists"}
        User.objects.get(username="ida").groups.add(Group.objects.create(name="Jury"))
        idp.knows("g-1", preferred_username="ida", groups=["dep-lab"])
        sign_on(Client(), idp, "g-1")
        assert groups_of("ida") == {"Lab", "Jury"}
        assert not Group.objects.filter(name="unheard of").exists()
        told = [entry.details for entry in AuditEntry.objects.filter(action="user.groups_mapped")]
        assert {"provider": "corp", "added": ["Lab"], "removed": ["Artists"]} in told

    @pytest.mark.parametrize("groups", [None, [], 7, {"dep-art": 1}, [["dep-art"]]])
    def test_a_claim_that_says_nothing_takes_the_mapped_ones(
        self, idp: IdentityProvider, groups: Any
    ) -> None:
        idp.knows("g-2", preferred_username="jo", groups=["dep-art"])
        sign_on(Client(), idp, "g-2")
        idp.knows("g-2", preferred_username="jo", **({} if groups is None else {"groups": groups}))
        assert sign_on(Client(), idp, "g-2") is None
        assert groups_of("jo") == set()

    def test_lie_where_the_configuration_says(self, idp: IdentityProvider, settings: Any) -> None:
        entry = idp.entry(sign_up=True, groups_claim="realm_access.roles", groups={"art": "Artists"})
        configure(settings, entry)
        idp.knows("g-3", preferred_username="kit", realm_access={"roles": ["art"]})
        sign_on(Client(), idp, "g-3")
        assert groups_of("kit") == {"Artists"}

    def test_make_nobody_an_administrator_by_themselves(self, idp: IdentityProvider) -> None:
        idp.knows("g-4", preferred_username="lea", groups=["admin", "dep-art"], is_superuser=True)
        sign_on(Client(), idp, "g-4")
        lea = User.objects.get(username="lea")
        assert not lea.is_staff
        assert not lea.is_superuser

    def test_rights_by_an_explicit_mapping_come_and_go(self, idp: IdentityProvider, settings: Any) -> None:
        entry = idp.entry(sign_up=True, admin_groups=["chiefs"], staff_groups=["helpers"])
        configure(settings, entry)
        seen = []
        for groups in (["chiefs"], ["helpers"], [], ["chiefs", "helpers"]):
            idp.knows("g-5", preferred_username="max", groups=groups)
            assert sign_on(Client(), idp, "g-5") is None
            user = User.objects.get(username="max")
            seen.append((user.is_superuser, user.is_staff))
        assert seen == [(True, True), (False, True), (False, False), (True, True)]

    def test_a_mapping_of_administrators_leaves_other_staff_alone(
        self, idp: IdentityProvider, settings: Any
    ) -> None:
        configure(settings, idp.entry(sign_up=True, admin_groups=["chiefs"]))
        idp.knows("g-6", preferred_username="nic", groups=[])
        sign_on(Client(), idp, "g-6")
        User.objects.filter(username="nic").update(is_staff=True)
        sign_on(Client(), idp, "g-6")
        assert User.objects.get(username="nic").is_staff


class TestNothingButSingleSignOn:
    @pytest.fixture(autouse=True)
    def _switch(self, idp: IdentityProvider, settings: Any) -> None:
        SiteSettings.objects.update(registration_open=True)
        settings.SSO_ONLY = True

    def test_people_of_the_provider_come_in(self, idp: IdentityProvider) -> None:
        idp.knows("o-1", preferred_username="oli")
        client = Client()
        assert sign_on(client, idp, "o-1") is None
        assert who(client) == "oli"

    def test_no_password_opens_anything(self, alice: User, anonymous_client: Client) -> None:
        answer = post(anonymous_client, "/auth/login", username="alice", password=PASSWORD)
        assert (answer.status_code, codes(answer)) == (400, ["sso_only"])
        assert who(anonymous_client) is None

    def test_nobody_signs_up_with_one(self, anonymous_client: Client) -> None:
        answer = post(anonymous_client, "/auth/signup", username="carol", password=PASSWORD)
        assert answer.status_code == 403
        assert not User.objects.exists()

    def test_nobody_is_mailed_a_link_to_a_new_one(
        self, alice: User, anonymous_client: Client, mailoutbox: list[Any]
    ) -> None:
        post(anonymous_client, "/auth/password/request", email=alice.email)
        assert mailoutbox == []

    def test_the_admin_knows_no_other_door(self, admin: User, anonymous_client: Client) -> None:
        answer = anonymous_client.post("/admin/login/", {"username": "root", "password": PASSWORD})
        assert answer.status_code == 405
        assert who(anonymous_client) is None

    def test_the_page_is_told(self, anonymous_client: Client) -> None:
        me = anonymous_client.get("/api/v1/me").json()
        assert (me["sso_only"], me["registration_open"], me["password_reset"]) == (True, False, False)


class TestEmergency:
    """``manage.py emergency_signin``: when the provider is away, or an administrator is locked out."""

    @staticmethod
    def link(username: str = "root") -> str:
        out = StringIO()
        call_command("emergency_signin", username, stdout=out, stderr=StringIO())
        return urlsplit(out.getvalue().strip()).path

    def test_signs_an_administrator_in_once(
        self, admin: User, idp: IdentityProvider, settings: Any, anonymous_client: Client
    ) -> None:
        settings.SSO_ONLY = True
        link = self.link()
        answer = anonymous_client.get(link)
        assert (answer.status_code, answer["Location"]) == (302, "/")
        assert who(anonymous_client) == "root"
        assert AuditEntry.objects.filter(action="signin.emergency", actor=admin).exists()
        second = Client()
        assert second.get(link).status_code == 403
        assert who(second) is None

    def test_makes_an_administrator_where_there_is_none(self, db: None, anonymous_client: Client) -> None:
        anonymous_client.get(self.link("rescue"))
        assert who(anonymous_client) == "rescue"
        rescue = User.objects.get(username="rescue")
        assert rescue.is_superuser
        assert not rescue.has_usable_password()

    def test_is_for_administrators(self, alice: User) -> None:
        with pytest.raises(CommandError, match="no active administrator"):
            self.link("alice")

    def test_ends_with_the_administrators_rights(self, admin: User, anonymous_client: Client) -> None:
        link = self.link()
        User.objects.update(is_superuser=False)
        assert anonymous_client.get(link).status_code == 403

    def test_grows_old(self, admin: User, anonymous_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        link = self.link()
        monkeypatch.setattr("sdweb.accounts.doors.EMERGENCY_SECONDS", -1)
        assert anonymous_client.get(link).status_code == 403

    def test_cannot_be_made_up(self, admin: User, anonymous_client: Client) -> None:
        assert anonymous_client.get("/accounts/emergency/made-up/").status_code == 403
