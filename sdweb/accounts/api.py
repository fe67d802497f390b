"""``GET /me``: who is asking."""

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from ninja import Router, Schema

from sdweb import __version__
from sdweb.accounts.authentication import anybody
from sdweb.accounts.models import User
from sdweb.accounts.rights import rights_of
from sdweb.accounts.second_factor import passkeys_possible
from sdweb.accounts.selectors import registration_open, second_factor_missing

router = Router(tags=["account"])


class UserOut(Schema):
    """Somebody, as they see themselves."""

    id: int
    username: str
    email: str
    is_staff: bool
    rights: list[str]
    """Permissions beyond one's own things, such as `generation.manage_queue`."""


class MeOut(Schema):
    """What a page needs before it shows anything."""

    user: UserOut | None
    registration_open: bool
    password_reset: bool
    """Whether a forgotten password can be replaced by mail."""
    sso_only: bool
    """Whether nobody signs in or up with a password."""
    passkeys: bool
    """Whether browsers can make passkeys at this address: they want a name, and TLS or localhost."""
    second_factor_required: bool
    """This person can do nothing else before they have set up a second factor."""
    version: str
    csrf_token: str
    """To be sent as ``X-CSRFToken`` with every write."""


@router.get("/me", auth=anybody, response=MeOut, operation_id="me_get", summary="Who is signed in")
def me_get(request: HttpRequest) -> MeOut:
    """Answers strangers too, and sets the CSRF cookie."""
    user = request.user
    return MeOut(
        user=_user_out(user) if isinstance(user, User) else None,
        registration_open=registration_open(),
        password_reset=settings.EMAIL_CONFIGURED and not settings.SSO_ONLY,
        sso_only=settings.SSO_ONLY,
        passkeys=passkeys_possible(request),
        second_factor_required=isinstance(user, User) and second_factor_missing(user),
        version=__version__,
        csrf_token=get_token(request),
    )


def _user_out(user: User) -> UserOut:
    return UserOut(
        id=user.pk,
        username=user.username,
        email=user.email,
        is_staff=user.is_staff,
        rights=rights_of(user),
    )
