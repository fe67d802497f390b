"""Changes to people."""

import secrets
from dataclasses import dataclass

from allauth.account.models import EmailAddress
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
    address_set(user=user)
    return Bootstrapped(user=user, generated_password=generated)


@transaction.atomic
def address_set(*, user: User) -> None:
    """Make the account's address the one that its row has: an administrator wrote it, so it is confirmed."""
    email = user.email.lower()
    EmailAddress.objects.filter(user=user).exclude(email=email).delete()
    if email:
        taken = EmailAddress.objects.exclude(user=user).filter(email=email, verified=True).exists()
        EmailAddress.objects.update_or_create(
            user=user, email=email, defaults={"primary": True, "verified": not taken}
        )


@transaction.atomic
def emergency_administrator(*, username: str) -> User:
    """The active administrator of that name, made without a password where nobody has it.

    Raises ``PortalError("not_administrator")``.
    """
    user = User.objects.filter(username__iexact=username).first()
    if user is None:
        user = User(username=username, is_staff=True, is_superuser=True)
        user.set_unusable_password()
        user.save()
    elif not (user.is_active and user.is_superuser):
        raise PortalError(
            "not_administrator",
            f"{username} exists and is no active administrator.",
            hint="Name an administrator, or somebody who does not exist yet.",
            status=409,
        )
    return user


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
