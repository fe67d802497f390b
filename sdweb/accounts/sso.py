"""Single sign-on: what a provider may do here, as ``SDWEB_OIDC`` says."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import EmailAddress
from allauth.headless.socialaccount import internal as headless
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2Adapter
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest

from sdweb.accounts.audit import record
from sdweb.accounts.models import ApiToken, User
from sdweb.settings.oidc import OidcProvider

logger = logging.getLogger(__name__)

MOST_VALUES: Final = 1000
"""Groups of one person that are looked at."""


class SsoAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth has no type information
    """Who may come in through a provider, to which account, with which groups."""

    error_messages = {
        **DefaultSocialAccountAdapter.error_messages,
        "account_inactive": "This account is currently inactive.",
    }

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whether this provider's people get an account; the registration switch has no say in it."""
        del request
        return provider_of(sociallogin).sign_up

    def authenticate_by_email(self, sociallogin: SocialLogin) -> Any:
        """The account with an address that the provider has verified, where it is trusted in that."""
        for address in sociallogin.email_addresses:
            # Some providers send the word instead of the truth value, and "false" would count as true.
            address.verified = str(address.verified).lower() == "true"
        return super().authenticate_by_email(sociallogin)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Before somebody is let in. Raises ``ValidationError``, whose code the front end is told."""
        del request
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            return
        if not sociallogin.is_existing:
            # Otherwise allauth would ask for another address, and make a second account of one person.
            if any(filter_users_by_email(address.email) for address in sociallogin.email_addresses):
                raise self.validation_error("email_taken", provider_of(sociallogin).name)
            return
        if not sociallogin.user.is_active:
            raise self.validation_error("account_inactive")
        if sociallogin._did_authenticate_by_email:
            _take_over(sociallogin.user, sociallogin._did_authenticate_by_email)
        groups_apply(
            user=sociallogin.user, provider=provider_of(sociallogin), claims=sociallogin.account.extra_data
        )

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Somebody new, with their groups."""
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            groups_apply(user=user, provider=provider_of(sociallogin), claims=sociallogin.account.extra_data)
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: Mapping[str, Any] | None = None,
    ) -> None:
        """Before people are sent back with an error: a change of mind is told as one, also by a provider that
        forgets the state which the standard wants beside it.
        """
        if error == AuthError.UNKNOWN and request.GET.get("error") == OAuth2Adapter.login_cancelled_error:
            headless.on_authentication_error(
                request,
                provider=provider,
                error=AuthError.CANCELLED,
                exception=exception,
                extra_context=extra_context,
            )

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        """Where people are sent after they connected an account, if nothing else was asked for."""
        del request, socialaccount
        return f"{settings.PUBLIC_URL}/#/settings/account"


def provider_of(sociallogin: SocialLogin) -> OidcProvider:
    """The configured provider that somebody comes from."""
    by_id: dict[str, OidcProvider] = {provider.id: provider for provider in settings.OIDC_PROVIDERS}
    return by_id[sociallogin.account.provider]


def _take_over(user: User, email: str) -> None:
    """Take what an impostor could have left, where whoever made the account never proved that the address is
    theirs. allauth takes the password and the sessions in the same case.
    """
    if EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists():
        return
    Authenticator.objects.filter(user=user).delete()
    ApiToken.objects.filter(user=user).delete()


@transaction.atomic
def groups_apply(*, user: User, provider: OidcProvider, claims: Mapping[str, Any]) -> None:
    """Make the person's memberships of mapped groups, and what else is mapped, what the provider says now.

    Groups that the mapping does not name are left alone.
    """
    if not provider.maps_groups:
        return
    said = _values(claims, provider)
    wanted = {name for value, name in provider.groups.items() if value in said}
    mapped = set(provider.groups.values())
    have = set(user.groups.filter(name__in=mapped).values_list("name", flat=True))
    added, removed = sorted(wanted - have), sorted(have - wanted)
    user.groups.add(*(Group.objects.get_or_create(name=name)[0] for name in added))
    user.groups.remove(*Group.objects.filter(name__in=removed))
    flags = _flags(user, provider, said)
    changed = {name: value for name, value in flags.items() if getattr(user, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(user, name, value)
        user.save(update_fields=list(changed))
    if added or removed or changed:
        record(
            "user.groups_mapped",
            actor=user,
            target=f"user:{user.pk}",
            target_name=user.username,
            details={"provider": provider.id, "added": added, "removed": removed, **changed},
        )


def _flags(user: User, provider: OidcProvider, said: set[str]) -> dict[str, bool]:
    """``is_superuser`` and ``is_staff`` as far as the mapping decides them."""
    flags: dict[str, bool] = {}
    is_admin = False
    if provider.admin_groups is not None:
        is_admin = not said.isdisjoint(provider.admin_groups)
        flags["is_superuser"] = is_admin
        if is_admin or user.is_superuser:
            flags["is_staff"] = is_admin
    if provider.staff_groups is not None:
        flags["is_staff"] = is_admin or not said.isdisjoint(provider.staff_groups)
    return flags


def _values(claims: Mapping[str, Any], provider: OidcProvider) -> set[str]:
    """The person's groups at the provider, of the user info or else of the ID token."""
    for source in ("userinfo", "id_token"):
        found: Any = claims.get(source)
        for key in provider.groups_claim.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            return {found}
        if isinstance(found, list):
            return {value for value in found[:MOST_VALUES] if isinstance(value, str)}
    logger.warning(
        "%s does not send the claim %s: nobody is in its groups.", provider.id, provider.groups_claim
    )
    return set()
