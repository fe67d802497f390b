"""Changes to people."""

import secrets
from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from sdweb.accounts.models import User
from sdweb.errors import PortalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrapped:
    """What the first start did."""

    user: User | None
    """The new administrator, or None where there is one already."""
    generated_password: str
    """The password that was made up, or empty when it was given."""


@transaction.atomic
def administrator_bootstrap(*, username: str, password: str, email: str) -> Bootstrapped:
    """Create the first administrator unless there is one; an empty ``password`` is replaced with a random
    one.

    Raises ``PortalError("weak_password" | "username_taken")``.
    """
    if User.objects.filter(is_superuser=True, is_active=True).exists():
        return Bootstrapped(user=None, generated_password="")
    if User.objects.filter(username__iexact=username).exists():
        raise PortalError(
            "username_taken",
            f"{username} exists and is no administrator.",
            hint="Choose another name with SDWEB_ADMIN_USERNAME.",
            fields={"username": "taken"},
            status=409,
        )
    generated = "" if password else secrets.token_urlsafe(12)
    user = User(username=username, email=email, is_staff=True, is_superuser=True)
    _require_strength(password or generated, user)
    user.set_password(password or generated)
    user.save()
    return Bootstrapped(user=user, generated_password=generated)


def _require_strength(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PortalError(
            "weak_password",
            " ".join(error.messages),
            hint="Set a longer SDWEB_ADMIN_PASSWORD, or leave it out to have one made.",
            fields={"password": "too weak"},
            status=422,
        ) from None
