"""The environment: typed, loud, secrets from files."""

import json
import os
import stat
from ipaddress import ip_network
from pathlib import Path

import pytest

from sdweb.settings.database import database_config
from sdweb.settings.env import (
    SECRETS,
    ConfigurationError,
    Environment,
    environment_load,
    unknown_variables,
)
from sdweb.settings.mail import mail_config
from sdweb.settings.network import allowed_hosts, trusted_origins
from sdweb.settings.oidc import providers_parse, sign_on_origins


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("SDWEB_") or name in {"PORT", "MODELS_PATH", "SECRET_KEY", "SECRET_KEY_FILE"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("SDWEB_DATA_DIR", str(tmp_path / "data"))


def test_everything_has_a_default() -> None:
    env = environment_load()
    assert (env.port, env.host, env.profile) == (5000, "127.0.0.1", "embedded")
    assert env.models_path.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("SDWEB_PROFILE", "staging"),
        ("SDWEB_DEVICE", "tpu"),
        ("SDWEB_WORKER_SLOTS", "0"),
        ("SDWEB_REGISTRATION_OPEN", "perhaps"),
        ("SDWEB_LEASE_SECONDS", "nan"),
        ("SDWEB_TRUSTED_PROXIES", "11"),
        ("SDWEB_TRUSTED_PROXIES", "proxy.example.org"),
        ("SDWEB_EMAIL_URL", "http://mail.example.org"),
        ("SDWEB_EMAIL_URL", "smtp://mail.example.org?ssl=1"),
        ("SDWEB_EMAIL_VERIFICATION", "maybe"),
        ("SDWEB_REQUIRE_2FA", "admins"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        environment_load()


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert environment_load().port == 5000


def test_a_lease_must_outlive_two_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDWEB_HEARTBEAT_SECONDS", "10")
    with pytest.raises(ConfigurationError, match="SDWEB_LEASE_SECONDS"):
        environment_load()


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDWEB_WORKER_SLOT", "3")
    monkeypatch.setenv("SDWEB_REDIS_URL_FILE", "/nowhere")
    assert unknown_variables() == ["SDWEB_WORKER_SLOT"]


class TestSecrets:
    @pytest.mark.parametrize(("field", "variable"), SECRETS.items())
    def test_from_a_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, field: str, variable: str
    ) -> None:
        checked = {"email_url": "smtp://from.the.file", "oidc": "[]"}
        content = checked.get(field, "from the file, long enough for a key")
        file = tmp_path / "secret"
        file.write_text(f"{content}\n", encoding="utf-8")
        monkeypatch.setenv(f"{variable}_FILE", str(file))
        assert getattr(environment_load(), field).get_secret_value() == content

    def test_the_variable_itself_wins(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("file", encoding="utf-8")
        monkeypatch.setenv("SDWEB_REDIS_URL_FILE", str(tmp_path / "secret"))
        monkeypatch.setenv("SDWEB_REDIS_URL", "redis://given/0")
        assert environment_load().redis_url.get_secret_value() == "redis://given/0"

    @pytest.mark.parametrize("content", [None, ""])
    def test_a_missing_or_empty_file_is_named(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
    ) -> None:
        file = tmp_path / "secret"
        if content is not None:
            file.write_text(content, encoding="utf-8")
        monkeypatch.setenv("SECRET_KEY_FILE", str(file))
        with pytest.raises(ConfigurationError, match="SECRET_KEY_FILE"):
            environment_load()

    @pytest.mark.parametrize(
        "key",
        [
            None, "change-me", "short", "CHANGE-ME " * 8, "your-secret-key-goes-" + "here" * 5, "k" * 48,
            "django-insecure-" + "change-me-" * 4, "replace_me_with_a_long_random_string_123456",
        ],
    )  # fmt: skip
    def test_production_refuses_a_sample(self, monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
        monkeypatch.setenv("SDWEB_PROFILE", "production")
        if key:
            monkeypatch.setenv("SECRET_KEY", key)
        with pytest.raises(ConfigurationError, match="SECRET_KEY"):
            environment_load()

    def test_production_takes_a_real_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SDWEB_PROFILE", "production")
        monkeypatch.setenv("SECRET_KEY", "pNd8zQ1hVw0aXk3Lr7TfYc5Jm2UbGs9E")
        monkeypatch.setenv("SDWEB_PUBLIC_URL", "https://pictures.example.org")
        assert environment_load().secret_key is not None

    @pytest.mark.parametrize(
        ("name", "value"), [("SDWEB_DEBUG", "true"), ("SDWEB_PUBLIC_URL", "http://pictures.example.org"),
                            ("SDWEB_PUBLIC_URL", "")],
    )  # fmt: skip
    def test_production_refuses_what_is_open(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv("SDWEB_PROFILE", "production")
        monkeypatch.setenv("SECRET_KEY", "pNd8zQ1hVw0aXk3Lr7TfYc5Jm2UbGs9E")
        monkeypatch.setenv("SDWEB_PUBLIC_URL", "https://pictures.example.org")
        assert environment_load().profile == "production"
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError, match=name):
            environment_load()

    def test_production_without_tls_has_to_be_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SDWEB_PROFILE", "production")
        monkeypatch.setenv("SECRET_KEY", "pNd8zQ1hVw0aXk3Lr7TfYc5Jm2UbGs9E")
        monkeypatch.setenv("SDWEB_INSECURE_HTTP", "true")
        assert environment_load().insecure_http

    def test_an_embedded_one_is_made_once_and_kept_private(self, tmp_path: Path) -> None:
        keys = {str(environment_load().secret_key and environment_load().secret_key) for _ in range(2)}
        assert len(keys) == 1
        file = tmp_path / "data/secret_key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(file.read_text(encoding="utf-8")) >= 48
        assert list(file.parent.iterdir()) == [file]

    def test_a_damaged_one_is_not_used(self, tmp_path: Path) -> None:
        file = tmp_path / "data/secret_key"
        file.parent.mkdir()
        file.write_text("x", encoding="utf-8")
        with pytest.raises(ConfigurationError, match="damaged"):
            environment_load()


class TestDatabase:
    def test_sqlite_is_the_default(self, tmp_path: Path) -> None:
        config = database_config(None, data_dir=tmp_path)
        assert config["NAME"] == tmp_path / "sdweb.sqlite3"
        assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"

    def test_postgresql_by_url(self, tmp_path: Path) -> None:
        url = "postgres://me:p%40ss@db.example:5433/portal?sslmode=require"
        config = database_config(url, data_dir=tmp_path)
        assert config["ENGINE"].endswith("postgresql")
        assert (config["USER"], config["PASSWORD"]) == ("me", "p@ss")
        assert (config["HOST"], config["PORT"], config["NAME"]) == ("db.example", "5433", "portal")
        assert config["OPTIONS"] == {"sslmode": "require"}

    def test_sqlite_by_url(self, tmp_path: Path) -> None:
        assert database_config(f"sqlite:///{tmp_path}/a.db", data_dir=tmp_path)["NAME"] == tmp_path / "a.db"

    def test_others_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="mysql"):
            database_config("mysql://a/b", data_dir=tmp_path)


class TestNetwork:
    def test_only_this_machine_by_default(self) -> None:
        assert allowed_hosts(Environment()) == ["127.0.0.1", "[::1]", "localhost"]
        assert trusted_origins(Environment()) == []

    def test_the_public_address_is_enough(self) -> None:
        env = Environment(public_url="https://pictures.example.org/")
        assert "pictures.example.org" in allowed_hosts(env)
        assert trusted_origins(env) == ["https://pictures.example.org"]

    def test_lists_are_split_at_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SDWEB_ALLOWED_HOSTS", "a.example, b.example")
        monkeypatch.setenv("SDWEB_ALLOWED_ORIGINS", "https://c.example/")
        env = environment_load()
        assert {"a.example", "b.example"} <= set(allowed_hosts(env))
        assert trusted_origins(env) == ["https://c.example"]

    def test_opened_to_the_network_it_knows_its_own_names(self) -> None:
        assert len(allowed_hosts(Environment(host="0.0.0.0"))) > 3  # noqa: S104


class TestMail:
    def test_over_tls_with_a_name_and_a_password(self) -> None:
        mail = mail_config("smtp://portal%40example.org:se%3Acret@mail.example.org?tls=true")
        assert mail["EMAIL_HOST"] == "mail.example.org"
        assert (mail["EMAIL_PORT"], mail["EMAIL_USE_TLS"], mail["EMAIL_USE_SSL"]) == (587, True, False)
        assert (mail["EMAIL_HOST_USER"], mail["EMAIL_HOST_PASSWORD"]) == ("portal@example.org", "se:cret")

    @pytest.mark.parametrize(
        ("url", "port", "ssl"),
        [("smtps://mail", 465, True), ("smtp://mail", 25, False), ("smtp://mail:2525", 2525, False)],
    )
    def test_ports(self, url: str, port: int, ssl: bool) -> None:
        mail = mail_config(url)
        assert (mail["EMAIL_PORT"], mail["EMAIL_USE_SSL"], mail["EMAIL_USE_TLS"]) == (port, ssl, False)

    def test_without_a_server_they_are_logged(self) -> None:
        assert mail_config("") == {"EMAIL_BACKEND": "sdweb.accounts.mails.LogBackend"}


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("", 0),
        ("2", 2),
        ("10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
    ],
)
def test_trusted_proxies(monkeypatch: pytest.MonkeyPatch, value: str, parsed: object) -> None:
    monkeypatch.setenv("SDWEB_TRUSTED_PROXIES", value)
    assert environment_load().trusted_proxies == parsed


def provider(**changes: object) -> str:
    entry = {"id": "corp", "name": "Corp", "server_url": "https://id.example.org", "client_id": "portal"}
    return json.dumps([{**entry, **changes}])


class TestProviders:
    def test_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SDWEB_OIDC", provider(client_secret="hush", groups={"artists": "Artists"}))
        (found,) = providers_parse(environment_load().oidc.get_secret_value())  # type: ignore[union-attr]
        assert (found.id, found.sign_up, found.trust_email) == ("corp", False, False)
        assert found.groups == {"artists": "Artists"}
        assert found.client_secret.get_secret_value() == "hush"

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("{not json", "no JSON"),
            ('{"id": "corp"}', "the list"),
            ("[1]", "provider 1"),
            (
                provider(server_url="http://id.example.org"),
                "provider corp: server_url: must begin with https",
            ),
            (provider(server_url="id.example.org"), "provider corp: server_url"),
            (provider(id="Corp & Co"), "id"),
            (provider(scopes=["email"]), '"scopes" must contain "openid"'),
            (provider(client_id=""), "provider corp: client_id"),
            (provider(admins=["chiefs"]), "provider corp: admins"),
            (provider(groups={"artists": 1}), "provider corp: groups.artists"),
            (provider()[:-1] + "," + provider()[1:], "corp is given twice"),
        ],
    )
    def test_mistakes_are_told_with_their_place(
        self, monkeypatch: pytest.MonkeyPatch, text: str, told: str
    ) -> None:
        monkeypatch.setenv("SDWEB_OIDC", text)
        with pytest.raises(ConfigurationError, match="SDWEB_OIDC") as caught:
            environment_load()
        assert told in str(caught.value)

    def test_a_mistake_beside_a_secret_does_not_tell_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SDWEB_OIDC", provider(client_secret=["hush"], name=""))
        with pytest.raises(ConfigurationError) as caught:
            environment_load()
        assert "client_secret" in str(caught.value)
        assert "hush" not in str(caught.value)

    def test_a_provider_on_this_machine_may_go_without_tls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SDWEB_OIDC", provider(server_url="http://localhost:9400"))
        assert environment_load().oidc is not None

    @pytest.mark.parametrize("text", [None, "[]"])
    def test_nothing_but_single_sign_on_needs_a_provider(
        self, monkeypatch: pytest.MonkeyPatch, text: str | None
    ) -> None:
        monkeypatch.setenv("SDWEB_SSO_ONLY", "true")
        if text:
            monkeypatch.setenv("SDWEB_OIDC", text)
        with pytest.raises(ConfigurationError, match="SDWEB_OIDC"):
            environment_load()

    def test_forms_may_lead_to_them_and_nowhere_else(self) -> None:
        text = provider(server_url="https://id.example.org/realms/x", origins=["https://login.example.org/"])
        assert sign_on_origins(providers_parse(text)) == [
            "https://id.example.org",
            "https://login.example.org",
        ]


def test_confirming_addresses_needs_a_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDWEB_EMAIL_VERIFICATION", "mandatory")
    with pytest.raises(ConfigurationError, match="SDWEB_EMAIL_URL"):
        environment_load()
    monkeypatch.setenv("SDWEB_EMAIL_URL", "smtp://mail")
    assert environment_load().email_verification == "mandatory"
