"""``GET /me``: who is asking."""

from django.http import HttpRequest
from django.middleware.csrf import get_token
from ninja import Router, Schema

from sdweb import __version__
from sdweb.accounts.models import User
from sdweb.accounts.rights import rights_of
from sdweb.accounts.selectors import registration_open

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
    version: str
    csrf_token: str
    """To be sent as ``X-CSRFToken`` with every write."""


@router.get("/me", auth=None, response=MeOut, operation_id="me_get", summary="Who is signed in")
def me_get(request: HttpRequest) -> MeOut:
    """Answers strangers too, and sets the CSRF cookie."""
    user = request.user
    return MeOut(
        user=_user_out(user) if isinstance(user, User) else None,
        registration_open=registration_open(),
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
