"""Providers of single sign-on, from ``SDWEB_OIDC``: a JSON list, each entry one OpenID Connect provider."""

import json
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SHOWN: Final = 5
"""So many mistakes are told at once."""


def _safe_url(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in {"https", "http"}:
        raise ValueError("must be an address such as https://id.example.org/realms/portal")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("must begin with https://: whoever can read along could sign in as anybody")
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_safe_url)]
GroupName = Annotated[str, Field(min_length=1, max_length=150)]
Claim = Annotated[str, Field(min_length=1, max_length=200)]


class OidcProvider(BaseModel):
    """One provider, see ``docs/people.md``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")
    """Part of the address that the provider sends people back to."""
    name: str = Field(min_length=1, max_length=40)
    """What the button says."""
    server_url: Url
    """Its issuer, without ``/.well-known/openid-configuration``."""
    client_id: str = Field(min_length=1, max_length=191)
    client_secret: SecretStr = SecretStr("")
    """Empty for a public client, which PKCE alone protects."""
    scopes: tuple[Claim, ...] = ("openid", "profile", "email")
    origins: tuple[Url, ...] = ()
    """Other hosts that its sign-in pages lead over at once: browsers are told to go nowhere else."""
    sign_up: bool = False
    """Whether strangers that it knows get an account, whatever the registration switch says."""
    trust_email: bool = False
    """Whether it may sign people in to the existing account that has the address which it verified."""
    groups_claim: Claim = "groups"
    """Where a person's groups are, such as ``groups`` or ``realm_access.roles``."""
    groups: dict[Claim, GroupName] = {}
    """Its groups, and the portal's groups whose members they are."""
    staff_groups: tuple[Claim, ...] | None = None
    """Who may see the admin. None: the provider has no say in that."""
    admin_groups: tuple[Claim, ...] | None = None
    """Who may do everything. None: the provider has no say in that."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError('"scopes" must contain "openid"')
        return self

    @property
    def maps_groups(self) -> bool:
        """Whether its groups mean anything here."""
        return bool(self.groups) or self.staff_groups is not None or self.admin_groups is not None


_list: Final = TypeAdapter(list[OidcProvider])


def providers_parse(text: str) -> tuple[OidcProvider, ...]:
    """The providers of the variable's text; none for an empty one.

    Raises ``ValueError`` with everything that is wrong.
    """
    if not text.strip():
        return ()
    try:
        providers = _list.validate_python(json.loads(text))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error}") from None
    except ValidationError as error:
        raise ValueError("; ".join(_told(text, problem) for problem in error.errors()[:SHOWN])) from None
    ids = [provider.id for provider in providers]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise ValueError(f"the id {twice[0]} is given twice")
    return tuple(providers)


def _told(text: str, problem: Any) -> str:
    """Which provider, which key, what is wrong; never the value, which may be a secret."""
    place = list(problem["loc"])
    entry: Any = json.loads(text)
    who = "the list"
    if place and isinstance(place[0], int):
        found = entry[place[0]]
        name = found.get("id") if isinstance(found, dict) else None
        who = f"provider {name or place[0] + 1}"
        place = place[1:]
    key = ".".join(str(part) for part in place)
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{who}: {key}: {message}" if key else f"{who}: {message}"


def allauth_providers(providers: tuple[OidcProvider, ...]) -> dict[str, Any]:
    """``SOCIALACCOUNT_PROVIDERS``."""
    return {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": provider.id,
                    "name": provider.name,
                    "client_id": provider.client_id,
                    "secret": provider.client_secret.get_secret_value(),
                    "settings": {
                        "server_url": provider.server_url,
                        "scope": list(provider.scopes),
                        "email_authentication": provider.trust_email,
                    },
                }
                for provider in providers
            ],
        }
    }


def sign_on_origins(providers: tuple[OidcProvider, ...]) -> list[str]:
    """Where forms of the front end may lead: browsers check every step on the way to a provider's page."""
    urls = [url for provider in providers for url in (provider.server_url, *provider.origins)]
    return sorted({f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in urls})
