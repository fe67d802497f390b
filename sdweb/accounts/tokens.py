"""API tokens: made, checked, revoked. The secret is seen once, by whoever makes it; a digest is kept."""

import hashlib
import hmac
import secrets
import string
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from sdweb.accounts import audit
from sdweb.accounts.models import ApiToken, AuditEntry, User
from sdweb.accounts.origin import Origin
from sdweb.errors import PortalError, not_found

MARK: Final = "sdw"
"""What every token begins with, so that scanners of leaked secrets recognise it."""
PREFIX_BYTES: Final = 5
SECRET_LENGTH: Final = 43
"""Letters and digits: 43 of 62 kinds are 256 bits."""
MAX_LENGTH: Final = 128
"""Longer ones are not looked at."""
MAX_TOKENS: Final = 50
"""Of one person, expired ones included."""
USED_EVERY: Final = timedelta(minutes=1)
"""How exact ``last_used_at`` is: a request does not cost a write."""

_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made."""

    token: ApiToken
    secret: str
    """The whole token: nobody can see it again."""


def token_create(
    *, user: User, name: str, scopes: Sequence[ApiToken.Scope], days: int | None = None
) -> NewToken:
    """Make a token that ends in ``days`` days, or never. Raises ``PortalError("too_many_tokens")``."""
    with transaction.atomic():
        # Of two at once, the second counts the first.
        User.objects.select_for_update().get(pk=user.pk)
        if user.api_tokens.count() >= MAX_TOKENS:
            raise PortalError(
                "too_many_tokens",
                f"You have {MAX_TOKENS} tokens.",
                hint="Revoke those that you do not use.",
                status=409,
            )
        prefix = secrets.token_hex(PREFIX_BYTES)
        secret = f"{MARK}_{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))}"
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=_digest(secret),
            scopes=[scope.value for scope in ApiToken.Scope if scope in scopes],
            expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
        )
        _record("token.made", actor=user, token=token)
    return NewToken(token, secret)


def token_revoke(*, user: User, token_id: uuid.UUID) -> None:
    """End one of this person's tokens now. Raises ``not_found``."""
    found = ApiToken.objects.filter(pk=token_id, user=user).first()
    if found is None:
        raise not_found("This token")
    tokens_revoke(tokens=ApiToken.objects.filter(pk=found.pk), actor=user)


@transaction.atomic
def tokens_revoke(*, tokens: QuerySet[ApiToken], actor: User) -> int:
    """End tokens of whomever; an administrator's. Returns how many there were."""
    revoked = 0
    for token in tokens.select_related("user"):
        # Of two who revoke at once, one wrote it down.
        if ApiToken.objects.filter(pk=token.pk).delete()[0]:
            _record("token.revoked", actor=actor, token=token)
            revoked += 1
    return revoked


def token_authenticate(text: str) -> ApiToken:
    """The token that somebody showed, its person with it, and a note that it was used.

    Raises ``invalid_token`` for one that is unknown, has expired, or whose person was deactivated.
    """
    found = None
    parts = text.split("_", 2)
    if len(text) <= MAX_LENGTH and len(parts) == 3 and parts[0] == MARK:
        found = ApiToken.objects.select_related("user").filter(prefix=parts[1][:12]).first()
    digest = _digest(text)
    if found is None or not hmac.compare_digest(found.digest, digest) or not _is_alive(found):
        raise PortalError(
            "invalid_token",
            "This API token is unknown, expired or revoked.",
            hint="Make a new one in the settings.",
            status=401,
        )
    _note_use(found)
    return found


def _is_alive(token: ApiToken) -> bool:
    return token.user.is_active and (token.expires_at is None or token.expires_at > timezone.now())


def token_is_alive(token_id: uuid.UUID) -> bool:
    """Whether it would still let its person in."""
    found = ApiToken.objects.select_related("user").filter(pk=token_id).first()
    return found is not None and _is_alive(found)


def token_origin(origin: Origin, token: ApiToken) -> Origin:
    """Where a request comes from, once it is known to be a token's."""
    return replace(
        origin,
        via=AuditEntry.Via.TOKEN,
        token_prefix=token.prefix,
        scopes=frozenset(map(str, token.scopes)),
        who=lambda: token.user,
    )


def scope_require(scopes: Collection[str], scope: ApiToken.Scope) -> None:
    """Raises ``scope_missing`` unless ``scope`` is among a token's ``scopes``."""
    if scope not in scopes:
        raise PortalError(
            "scope_missing",
            f"This API token lacks the scope {scope.value!r}.",
            hint="Make one that has it.",
            fields={"scope": scope.value},
            status=403,
        )


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _digest(text: str) -> str:
    # A plain hash is enough: the secret is random, not chosen by somebody.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _record(action: str, *, actor: User, token: ApiToken) -> None:
    audit.record(
        action,
        actor=actor,
        target=f"token:{token.pk}",
        target_name=token.name,
        details={"prefix": token.prefix, "scopes": token.scopes, "of": token.user.username},
    )
