"""How allauth is adapted to the portal: who may join, by which doors people come in, what they are told."""

import logging
from smtplib import SMTPException
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.internal.restkit.response import ErrorResponse
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language

from sdweb.accounts.mail_texts import mail_text
from sdweb.accounts.models import User
from sdweb.accounts.origin import client_address
from sdweb.accounts.selectors import registration_domains, registration_open

logger = logging.getLogger(__name__)

VERIFICATION_STAGE: Final = "allauth.account.stages.EmailVerificationStage"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no type information
    """Accounts of people, with passwords and without."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_required": "Give an e-mail address: not every domain may register here.",
        "email_domain_not_allowed": "Addresses of this domain may not register here.",
        "sso_only": "Nobody signs in with a password here: use the single sign-on.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether the sign-up form is served; allauth answers 403 otherwise."""
        del request
        return registration_open()

    def clean_email(self, email: str) -> str:
        """Hold newcomers to the list of domains. People who are in may change to any address."""
        domains = registration_domains()
        if domains and not context.request.user.is_authenticated:
            if not email:
                raise self.validation_error("email_required")
            if email.rpartition("@")[2].lower() not in domains:
                raise self.validation_error("email_domain_not_allowed")
        return email

    def save_user(
        self, request: HttpRequest, user: AbstractBaseUser, form: BaseForm, **options: Any
    ) -> AbstractBaseUser:
        """Make the account; two forms with one name at the same moment make one account."""
        try:
            with transaction.atomic():
                saved: AbstractBaseUser = super().save_user(request, user, form, **options)
        except IntegrityError:
            taken = self.validation_error("username_taken")
            raise ImmediateHttpResponse(ErrorResponse(request, exception=taken)) from None
        return saved

    def get_client_ip(self, request: HttpRequest) -> str:
        """By which attempts are counted; whoever has no address (a Unix socket) is counted as one."""
        return client_address(request) or "0.0.0.0"  # noqa: S104 - a mark, nothing is bound to it

    # --- Doors ----------------------------------------------------------------------------------------------

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Before a password is looked at, at whatever door. Raises ``ValidationError``."""
        if settings.SSO_ONLY:
            raise self.validation_error("sso_only")
        super().pre_authenticate(request, **credentials)

    def pre_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse | None:
        """Before somebody is let in who has shown who they are, by whatever means."""
        if settings.SSO_ONLY:
            methods = [record["method"] for record in get_authentication_records(request, user)]
            if methods[-1:] != ["socialaccount"]:
                raise ImmediateHttpResponse(
                    ErrorResponse(request, exception=self.validation_error("sso_only"), status=403)
                )
        return super().pre_login(request, user, **details)  # type: ignore[no-any-return]

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether people must show again who they are. Without a password there may be nothing to show."""
        if settings.SSO_ONLY and not Authenticator.objects.filter(user=context.request.user).exists():
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def get_login_stages(self) -> list[str]:
        """What stands between a right password and being signed in."""
        ours = f"{AddressStage.__module__}.{AddressStage.__qualname__}"
        return [ours if stage == VERIFICATION_STAGE else stage for stage in super().get_login_stages()]

    # --- Addresses ------------------------------------------------------------------------------------------

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Give the address to whoever proved that it is theirs, whoever claimed it before without proof."""
        with transaction.atomic():
            if email_address.can_set_verified():
                others = User.objects.exclude(pk=email_address.user_id)
                others.filter(email__iexact=email_address.email).update(email="")
                claims = EmailAddress.objects.filter(email__iexact=email_address.email, verified=False)
                claims.exclude(pk=email_address.pk).delete()
            return bool(super().confirm_email(request, email_address))

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Whether it may go: not the last one where everybody must have a confirmed one."""
        if settings.ACCOUNT_EMAIL_VERIFICATION == EmailVerificationMethod.MANDATORY:
            others = EmailAddress.objects.filter(user=email_address.user_id, verified=True)
            if not others.exclude(pk=email_address.pk).exists():
                return False
        return bool(super().can_delete_email(email_address))

    # --- Mails ----------------------------------------------------------------------------------------------

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        """The mail in its reader's language."""
        user = context.get("user")
        language = (user.language if isinstance(user, User) else "") or get_language() or "en"
        home = settings.PUBLIC_URL or context["request"].build_absolute_uri("/")
        text = mail_text(template_prefix, language=language, context={**context, "home": home})
        to = [email] if isinstance(email, str) else email
        return EmailMessage(text.subject, text.body, self.get_from_email(), to, headers=headers)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send it; a mail server that is away is the administrator's matter, not the reader's."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError) as error:
            logger.exception("The mail %s was not sent: %s", template_prefix, error)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: AbstractBaseUser,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell somebody what was changed about their account."""
        super().send_notification_mail(template_prefix, user, {"user": user, **(context or {})}, email)

    def send_confirmation_mail(self, *details: Any, **options: Any) -> None:
        """Ask to confirm an address, where mails reach anybody."""
        if settings.EMAIL_CONFIGURED:
            super().send_confirmation_mail(*details, **options)

    def send_password_reset_mail(self, user: AbstractBaseUser, email: str, context: dict[str, Any]) -> None:
        """Send the link, where a password is of any use."""
        if not settings.SSO_ONLY:
            super().send_password_reset_mail(user, email, context)


class AddressStage(EmailVerificationStage):  # type: ignore[misc] # allauth has no type information
    """Asks for a confirmed address; who has none was let in by an administrator."""

    def handle(self) -> Any:
        """What to answer, and whether to go on."""
        user = self.login.user
        if user and not user.email and not EmailAddress.objects.filter(user=user).exists():
            return None, True
        return super().handle()


def on_email_added(email_address: EmailAddress, **_kwargs: Any) -> None:
    """Without a mail server nobody could confirm: the new address takes the old one's place at once, and
    counts as unconfirmed.
    """
    if settings.EMAIL_CONFIGURED or email_address.verified:
        return
    with transaction.atomic():
        email_address.set_as_primary()
        EmailAddress.objects.filter(user=email_address.user_id).exclude(pk=email_address.pk).delete()
