"""The picture that an authenticator app scans; allauth's API gives only the text in it."""

from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.http import HttpRequest
from ninja import Router, Schema

from sdweb.errors import not_found

router = Router(tags=["account"])


class TotpPictureOut(Schema):
    """A QR code of the key that is being set up."""

    svg: str


@router.get(
    "/me/totp-picture",
    response=TotpPictureOut,
    operation_id="me_totp_picture",
    summary="QR code of the app's key",
)
def me_totp_picture(request: HttpRequest) -> TotpPictureOut:
    """Of the set-up that this session has begun by ``GET .../account/authenticators/totp``; else 404."""
    secret = request.session.get(SECRET_SESSION_KEY)
    if not secret:
        raise not_found("A second factor that is being set up")
    adapter = get_adapter()
    return TotpPictureOut(svg=adapter.build_totp_svg(adapter.build_totp_url(request.user, secret)))
