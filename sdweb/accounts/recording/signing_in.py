"""Sign-ins, failed ones too, and what people change about how they sign in."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.socialaccount import signals as sso
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from sdweb.accounts.audit import record
from sdweb.accounts.models import User

METHODS = "account_authentication_methods"
"""Where allauth keeps in the session by what somebody signed in."""


@receiver(user_logged_in)
def signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    """By a password, a second factor, a passkey or single sign-on."""
    session = getattr(request, "session", {})
    methods = [str(one.get("method", "")) for one in session.get(METHODS, [])]
    record("signin.succeeded", actor=user, target=of(user), details={"by": methods} if methods else None)


@receiver(user_login_failed)
def refused(credentials: dict[str, Any], **_: Any) -> None:
    """Whoever it was, they are nobody; the name that they tried may be one that does not exist."""
    tried = next((credentials[key] for key in ("username", "email", "login") if credentials.get(key)), "")
    record("signin.failed", actor=None, target_name=str(tried)[:150])


@receiver(mfa.authentication_failed)
def second_factor_refused(user: User, authenticator: Any, **_: Any) -> None:
    """The password was right, and the code was not."""
    kind = authenticator.type if authenticator else ""
    record("signin.failed", actor=None, target=of(user), target_name=user.username, details={"factor": kind})


@receiver(user_logged_out)
def signed_out(user: User | None, **_: Any) -> None:
    """By themselves, or because their session was ended while they used it."""
    if user is not None:
        record("signout.done", actor=user, target=of(user))


def _own(signal: Signal, action: str) -> None:
    # Kept by the reference in the receiver list alone, so it must not be a weak one.
    def write(user: User, **_: Any) -> None:
        record(action, actor=user, target=of(user), target_name=user.username)

    signal.connect(write, weak=False, dispatch_uid=f"audit {action}")


_own(account.user_signed_up, "user.registered")
_own(account.password_set, "password.set")
_own(account.password_changed, "password.changed")
_own(account.password_reset, "password.reset")


def _email(signal: Signal, action: str) -> None:
    def write(user: User | None = None, **given: Any) -> None:
        address = given.get("email_address") or given.get("to_email_address")
        person = user or address.user  # type: ignore[union-attr] # email_confirmed brings the address alone
        record(action, actor=person, target=of(person), details={"email": str(address.email)})  # type: ignore[union-attr]

    signal.connect(write, weak=False, dispatch_uid=f"audit {action}")


_email(account.email_added, "email.added")
_email(account.email_removed, "email.removed")
_email(account.email_changed, "email.changed")
_email(account.email_confirmed, "email.confirmed")


def _factor(signal: Signal, action: str) -> None:
    def write(user: User, authenticator: Any, **_: Any) -> None:
        record(action, actor=user, target=of(user), details={"factor": authenticator.type})

    signal.connect(write, weak=False, dispatch_uid=f"audit {action}")


_factor(mfa.authenticator_added, "factor.added")
_factor(mfa.authenticator_removed, "factor.removed")
_factor(mfa.authenticator_reset, "factor.renewed")


@receiver(sso.social_account_added)
def connected(sociallogin: Any, **_: Any) -> None:
    """An account elsewhere opens this one from now on."""
    _sso("sso.connected", sociallogin.account)


@receiver(sso.social_account_removed)
def disconnected(socialaccount: Any, **_: Any) -> None:
    """And no more."""
    _sso("sso.disconnected", socialaccount)


def _sso(action: str, account_elsewhere: Any) -> None:
    person = account_elsewhere.user
    details = {"provider": account_elsewhere.provider, "uid": str(account_elsewhere.uid)[:200]}
    record(action, actor=person, target=of(person), details=details)


def of(person: User) -> str:
    """How the log names a person."""
    return f"user:{person.pk}"
