"""``/api/v1/prompts``."""

from typing import cast

from django.http import HttpRequest
from ninja import Router

from generation.enhancing import EnhancedOut, EnhanceIn, prompt_enhance
from sdweb.accounts.models import User

router = Router(tags=["prompts"])


@router.post(
    "/enhance", response=EnhancedOut, operation_id="prompts_enhance", summary="Say more of the same picture"
)
def prompts_enhance(request: HttpRequest, data: EnhanceIn) -> EnhancedOut:
    """Adds medium, style, light, composition and finish where the prompt does not name them.

    The same prompt and `seed` give the same answer; without a seed each call gives another variant.
    """
    # The API's authentication has let in nobody else.
    return prompt_enhance(data, user=cast("User", request.user))
