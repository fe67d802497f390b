"""The environment, typed: the only place that reads ``os.environ``.

Every variable is described in ``docs/configuration.md``. A wrong value stops the start with a message that
names it. Secrets may come from a file instead: ``SECRET_KEY_FILE=/run/secrets/key`` is read when
``SECRET_KEY`` is not set.
"""

import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from sdweb.ratelimit.rates import Rate, rate_read
from sdweb.settings.mail import mail_config
from sdweb.settings.oidc import providers_parse
from sdweb.settings.proxies import Networks, proxies_parse

ROOT: Final = Path(__file__).resolve().parents[2]
"""The repository."""

SECRETS: Final = {
    "secret_key": "SECRET_KEY",
    "database_url": "SDWEB_DATABASE_URL",
    "redis_url": "SDWEB_REDIS_URL",
    "admin_password": "SDWEB_ADMIN_PASSWORD",
    "metrics_token": "SDWEB_METRICS_TOKEN",
    "email_url": "SDWEB_EMAIL_URL",
    "oidc": "SDWEB_OIDC",
}
"""Fields whose variable may be given as a file, by ``<VARIABLE>_FILE``."""

SAMPLE_SECRETS: Final = re.compile(
    r"(a|django|change|changeme|default|example|for|goes|here|in|insecure|key|long|me|my|not|password|please|portal"
    r"|production|put|random|replace|sample|sdweb|secret|secure|string|test|the|this|to|use|with|x|your)*"
)
"""The letters of values from examples, such as ``change-me-change-me`` or ``your-secret-key-here``."""
MIN_SECRET_CHARACTERS: Final = 5
"""Different ones."""

MIN_SECRET_LENGTH: Final = 32


class ConfigurationError(Exception):
    """The environment is wrong; the message says which variable and what to do."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A comma-separated list."""


def _mail_checked(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        mail_config(value.get_secret_value())
    return value


def _rate(value: object) -> object:
    return rate_read(value) if isinstance(value, str) else value


RateText = Annotated[Rate, NoDecode, BeforeValidator(_rate)]
"""``requests/seconds``."""


def _providers_checked(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        providers_parse(value.get_secret_value())
    return value


class SecretFiles(PydanticBaseSettingsSource):
    """Reads ``<VARIABLE>_FILE`` for the fields in ``SECRETS``."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the secret's file, or None where no file is named."""
        key = str(field.validation_alias or field_name)
        variable = f"{SECRETS.get(field_name, '')}_FILE"
        path = os.environ.get(variable) if field_name in SECRETS else None
        if not path:
            return None, key, False
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(f"{variable}={path} cannot be read: {error.strerror}.") from None
        if not content:
            raise ConfigurationError(f"{variable}={path} is empty.")
        return content, key, False

    def __call__(self) -> dict[str, Any]:
        found = (self.get_field_value(info, name) for name, info in self.settings_cls.model_fields.items())
        return {key: value for value, key, _ in found if value is not None}


class Environment(BaseSettings):
    """Every variable that the portal reads, with its default."""

    # Compose files pass unset variables as empty strings: those count as absent.
    model_config = SettingsConfigDict(env_prefix="SDWEB_", env_ignore_empty=True, extra="ignore", frozen=True)

    profile: Literal["embedded", "production", "test"] = "embedded"
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["line", "json"] = "line"
    metrics_token: SecretStr | None = None
    """What Prometheus has to show; without it there is no ``/metrics``."""
    otlp_endpoint: str = ""
    """Where one trace per job is sent, such as ``http://collector:4318``."""

    port: int = Field(5000, validation_alias="PORT", ge=1, le=65535)
    host: str = "127.0.0.1"
    insecure_http: bool = False
    """Production without TLS, on purpose: passwords and pictures can be read on the way."""
    public_url: str = ""
    """Where people reach the portal, such as ``https://pictures.example.org``: sets hosts, origins and secure
    cookies.
    """
    allowed_hosts: Names = ()
    allowed_origins: Names = ()
    """Other origins whose pages may call the API and open the WebSocket, scheme included."""
    trusted_proxies: Annotated[int | Networks, NoDecode, BeforeValidator(proxies_parse)] = 0
    """How many proxies stand before the portal, or their networks: they are believed about the client."""
    frontend_dist: Path = Path("frontend/dist")
    rate_limit: RateText = Rate(100, 60)
    """Of one client, by HTTP and by the WebSocket together."""
    picture_rate_limit: RateText = Rate(1200, 60)
    """The same for files of the gallery."""

    secret_key: SecretStr | None = Field(None, validation_alias="SECRET_KEY")
    data_dir: Path = Path("data")
    models_path: Path = Field(Path("models"), validation_alias="MODELS_PATH")
    database_url: SecretStr | None = None
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")

    admin_username: str = "admin"
    admin_password: SecretStr | None = None
    admin_email: str = ""
    registration_open: bool = False
    """Only the first start reads it: afterwards an administrator turns the switch."""

    email_url: Annotated[SecretStr | None, AfterValidator(_mail_checked)] = None
    """The mail server; without it mails are written to the log."""
    email_from: str = "Stable Diffusion portal <noreply@localhost>"
    email_verification: Literal["none", "optional", "mandatory"] = "none"
    require_2fa: Literal["none", "staff", "all"] = "none"
    oidc: Annotated[SecretStr | None, AfterValidator(_providers_checked)] = None
    """Providers of single sign-on, see ``sdweb.settings.oidc``."""
    sso_only: bool = False

    device: Literal["auto", "cpu", "cuda"] = "auto"
    preset: Literal["fast", "balanced", "low_memory"] = "balanced"
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    storage: Literal["same", "fp8"] | None = None
    """Overrides the preset, as do the four below."""
    attention: Literal["auto", "flash", "cudnn", "efficient", "math"] | None = None
    offload: Literal["none", "model", "group"] | None = None
    vae_tiling: bool | None = None
    compile: bool | None = None
    worker_slots: int = Field(8, ge=1, le=64)
    max_rows: int | None = Field(None, ge=1, le=64)
    min_bucket: int = Field(1, ge=1, le=64)
    preview_interval: float = Field(0.3, ge=0.0, le=60.0)
    model_cache_mb: int = Field(8192, ge=1)

    lease_seconds: float = Field(20.0, ge=2.0)
    heartbeat_seconds: float = Field(1.0, gt=0.0)
    max_attempts: int = Field(3, ge=1)
    recovery_seconds: float = Field(5.0, ge=0.5)
    trash_days: int = Field(30, ge=0)
    storage_gb: float = Field(0.0, ge=0.0)
    """GiB that all pictures together may take before the trash is emptied early; 0: no bound."""
    upload_days: float = Field(7.0, gt=0.0)
    upload_max_mb: int = Field(32, ge=1)
    uploads_mb: int = Field(2048, ge=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The variable itself wins over its ``_FILE``."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, SecretFiles(settings_cls)


def environment_load() -> Environment:
    """Read and check the environment. Raises ``ConfigurationError`` with everything that is wrong with it."""
    try:
        loaded = Environment()
    except ValidationError as error:
        problems = "; ".join(f"{_variable(str(p['loc'][0]))}: {p['msg']}" for p in error.errors())
        raise ConfigurationError(f"The environment is wrong: {problems}") from None
    if loaded.lease_seconds <= 2 * loaded.heartbeat_seconds:
        raise ConfigurationError("SDWEB_LEASE_SECONDS must be more than twice SDWEB_HEARTBEAT_SECONDS.")
    if loaded.email_verification != "none" and loaded.email_url is None:
        raise ConfigurationError(
            f"SDWEB_EMAIL_VERIFICATION={loaded.email_verification} needs a mail server: set SDWEB_EMAIL_URL."
        )
    if loaded.sso_only and (loaded.oidc is None or not providers_parse(loaded.oidc.get_secret_value())):
        raise ConfigurationError("SDWEB_SSO_ONLY needs a provider to sign in with: set SDWEB_OIDC.")
    complete = _with_absolute_paths(_with_secret_key(loaded))
    _check_production(complete)
    return complete


def _check_production(env: Environment) -> None:
    if env.profile != "production":
        return
    if env.debug:
        raise ConfigurationError("SDWEB_DEBUG shows secrets to everybody: production refuses it.")
    if not env.public_url.startswith("https://") and not env.insecure_http:
        raise ConfigurationError(
            "SDWEB_PUBLIC_URL has to begin with https://, or passwords can be read on the way. "
            "Where that does not matter, set SDWEB_INSECURE_HTTP=true."
        )


def unknown_variables() -> list[str]:
    """Variables that look like ours and that nothing reads: most likely misspelt."""
    known = {_variable(name) for name in Environment.model_fields}
    known |= {f"{name}_FILE" for name in SECRETS.values()}
    return sorted(name for name in os.environ if name.startswith("SDWEB_") and name not in known)


def _variable(name: str) -> str:
    """The variable behind a field, for messages."""
    info = Environment.model_fields.get(name)
    if info is None:
        return name
    return str(info.validation_alias) if info.validation_alias else f"SDWEB_{name.upper()}"


def _with_secret_key(env: Environment) -> Environment:
    key = env.secret_key.get_secret_value() if env.secret_key else ""
    if env.profile == "production":
        if not key:
            raise ConfigurationError("SECRET_KEY is not set. Make one: openssl rand -base64 48")
        letters = re.sub("[^a-z]", "", key.lower())
        is_poor = len(key) < MIN_SECRET_LENGTH or len(set(key)) < MIN_SECRET_CHARACTERS
        if is_poor or SAMPLE_SECRETS.fullmatch(letters):
            raise ConfigurationError(
                f"SECRET_KEY is a sample or shorter than {MIN_SECRET_LENGTH} characters. "
                "Make one: openssl rand -base64 48"
            )
        return env
    if key:
        return env
    return env.model_copy(
        update={"secret_key": SecretStr(_stored_secret(_absolute(env.data_dir) / "secret_key"))}
    )


def _stored_secret(path: Path) -> str:
    """The key of an embedded installation: made on the first start, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole, then linked: the web server, the workers and beat may all start for the first time
        # together, and link() lets exactly one of them name the file.
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret_key-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    key = path.read_text(encoding="utf-8").strip()
    if len(key) < MIN_SECRET_LENGTH:
        raise ConfigurationError(
            f"{path} is damaged: delete it (everybody has to sign in again) and start once more."
        )
    return key


def _absolute(path: Path) -> Path:
    return path if path.is_absolute() else ROOT / path


def _with_absolute_paths(env: Environment) -> Environment:
    return env.model_copy(
        update={name: _absolute(getattr(env, name)) for name in ("data_dir", "models_path", "frontend_dist")}
    )
