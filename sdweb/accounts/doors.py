"""Doors that are not allauth's own: the way to a provider, the admin's, and the one for emergencies."""

from typing import Any, Final
from urllib.parse import quote

from allauth.headless.socialaccount.views import RedirectToProviderView
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from sdweb.accounts.adapter import AccountAdapter
from sdweb.accounts.audit import record
from sdweb.accounts.models import User

SALT: Final = "sdweb.accounts.emergency"
EMERGENCY_SECONDS: Final = 600
"""How long a link of ``manage.py emergency_signin`` is good."""
ADMIN: Final = "/admin/"


class ProviderRedirectView(RedirectToProviderView):  # type: ignore[misc] # allauth has no type information
    """Sends people to a provider's page, or back with an error where the provider does not answer."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A form of the front end."""
        try:
            response: HttpResponse = super().post(request, *args, **kwargs)
        except (RequestException, OAuth2Error, KeyError, ValueError) as error:
            # Its description could not be fetched, or is none.
            state = {"process": request.POST.get("process"), "next": request.POST.get("callback_url")}
            return render_authentication_error(  # type: ignore[no-any-return]
                request,
                provider=request.POST.get("provider"),
                exception=error,
                extra_context={"state": {**state, "headless": True}},
            )
        return response


@require_safe
@never_cache
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin has no sign-in of its own: the portal's asks for the second factor and counts attempts."""
    wanted = request.GET.get("next", ADMIN)
    if not (wanted.startswith(ADMIN) and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)):
        wanted = ADMIN
    user = request.user
    if isinstance(user, User):
        return redirect(wanted if user.is_staff else "/")
    return HttpResponseRedirect(f"/?next={quote(wanted, safe='')}#/")


def emergency_token(user: User) -> str:
    """What the link carries: it is good until the person signs in."""
    return signing.dumps({"user": user.pk, "seen": _seen(user)}, salt=SALT)


def _seen(user: User) -> str:
    return user.last_login.isoformat() if user.last_login else ""


@require_safe
@never_cache
def emergency_login(request: HttpRequest, token: str) -> HttpResponse:
    """Signs an administrator in by a link that only ``manage.py`` can make, whatever else is switched off."""
    user = _emergency_user(token)
    if user is None:
        return HttpResponse("This link is used up or too old. Make another one.", status=403)
    adapter = AccountAdapter(request)
    adapter.login(request, user)
    record("signin.emergency", actor=user, target=f"user:{user.pk}", target_name=user.username)
    details = {"email_verification": "none", "signal_kwargs": None, "email": None, "signup": False}
    response: HttpResponse = adapter.post_login(
        request, user, redirect_url=settings.PUBLIC_URL or "/", **details
    )
    return response


def _emergency_user(token: str) -> User | None:
    """Whom the token signs in, once: two requests at the same moment are one too many."""
    try:
        said = signing.loads(token, salt=SALT, max_age=EMERGENCY_SECONDS)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=said["user"], is_active=True, is_superuser=True).first()
    if user is None or _seen(user) != said["seen"]:
        return None
    unchanged = User.objects.filter(pk=user.pk, last_login=user.last_login)
    return user if unchanged.update(last_login=timezone.now()) else None
