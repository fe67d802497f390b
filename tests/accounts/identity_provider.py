"""A real, small OpenID Connect provider, and people who sign on through it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from django.test import Client
from oidc_provider_mock import run_server_in_thread

from sdweb.settings.oidc import OidcProvider, allauth_providers
from tests.accounts.headless import AUTH


@dataclass(frozen=True)
class IdentityProvider:
    """One that runs."""

    url: str

    def knows(self, sub: str, **claims: Any) -> None:
        """Make a person of it, or change what it says about them."""
        httpx.put(f"{self.url}/users/{sub}", json=claims).raise_for_status()

    def consents(self, authorize_url: str, sub: str) -> str:
        """The person signs in there; returns where the provider sends them."""
        answer = httpx.post(authorize_url, data={"sub": sub})
        assert answer.status_code == 302, answer.text[:500]
        return answer.headers["Location"]

    def denies(self, authorize_url: str) -> str:
        """The person changes their mind."""
        return httpx.post(authorize_url, data={"action": "deny"}).headers["Location"]

    def entry(self, **changes: Any) -> dict[str, Any]:
        """What the portal's configuration says about it."""
        known = {"id": "corp", "name": "Corp", "server_url": self.url, "client_id": "portal"}
        return {**known, "client_secret": "hush", **changes}


@contextmanager
def provider_running() -> Iterator[IdentityProvider]:
    """A provider for the length of the block."""
    with run_server_in_thread() as server:
        yield IdentityProvider(f"http://localhost:{server.server_port}")


def configure(settings: Any, *entries: Mapping[str, Any]) -> None:
    """As ``SDWEB_OIDC`` would at the start."""
    providers = tuple(OidcProvider.model_validate(entry) for entry in entries)
    settings.OIDC_PROVIDERS = providers
    settings.SOCIALACCOUNT_PROVIDERS = allauth_providers(providers)


def leave(client: Client, *, process: str = "login", provider: str = "corp") -> str:
    """Leave for the provider's page; returns its address."""
    form = {"provider": provider, "process": process, "callback_url": "/"}
    answer = client.post(f"{AUTH}/auth/provider/redirect", form)
    assert answer.status_code == 302, answer.content
    return answer["Location"]


def come_back(client: Client, callback: str) -> str | None:
    """Follow the provider's redirect; returns the error that the front end is told, or None."""
    parts = urlsplit(callback)
    answer = client.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 302, answer.content
    return dict(parse_qsl(urlsplit(answer["Location"]).query)).get("error")


def sign_on(client: Client, idp: IdentityProvider, sub: str, *, process: str = "login") -> str | None:
    """The whole way there and back; returns the error, or None."""
    return come_back(client, idp.consents(leave(client, process=process), sub))
