"""``/api/v1/me/limits`` and ``/api/v1/jobs/quote``."""

from typing import cast

from django.http import HttpRequest
from ninja import Router

from generation.quotes import job_quote, my_limits
from generation.schemas import GenerateIn
from generation.schemas.limits import MyLimitsOut, QuoteOut
from sdweb.accounts.models import User

router = Router(tags=["limits"])


@router.get(
    "/me/limits", response=MyLimitsOut, operation_id="me_limits", summary="What I may use and have used"
)
def me_limits(request: HttpRequest) -> MyLimitsOut:
    """Limits of mine, of my groups or of everybody, whichever is nearest, beside what counts for them."""
    return my_limits(_user(request))


@router.post("/jobs/quote", response=QuoteOut, operation_id="jobs_quote", summary="What a job would cost")
def jobs_quote(request: HttpRequest, params: GenerateIn) -> QuoteOut:
    """The body of `POST /jobs`; changes nothing. A request that nobody could submit is refused as it would be
    there; one that my limits do not allow answers with `allowed: false` and the reason.
    """
    return job_quote(user=_user(request), request=params)


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
