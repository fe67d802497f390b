"""Who is asking, as far as limits are concerned."""

import hashlib
from typing import Final

from django.http import HttpRequest

from sdweb.accounts.models import ApiToken
from sdweb.accounts.origin import client_address

BEARER: Final = "Bearer "


def client_of(request: HttpRequest) -> str:
    """The person behind the session or the API token, else the address."""
    person = request.user.pk if request.user.is_authenticated else _person_of_token(request)
    return client_name(person, client_address(request))


def client_name(person: int | None, address: str | None) -> str:
    """The same for both doors, so that they share one budget."""
    return f"person:{person}" if person is not None else f"address:{address or 'unknown'}"


def _person_of_token(request: HttpRequest) -> int | None:
    given = request.headers.get("Authorization", "")
    if not given.startswith(BEARER):
        return None
    digest = hashlib.sha256(given.removeprefix(BEARER).strip().encode()).hexdigest()
    # By the prefix, which is indexed; whether the token may do anything is for the API to decide.
    prefix = given.removeprefix(f"{BEARER}sdw_").partition("_")[0][:12]
    return ApiToken.objects.filter(prefix=prefix, digest=digest).values_list("user_id", flat=True).first()
