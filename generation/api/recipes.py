"""``/api/v1/images/read-recipe``: a picture dropped on the form."""

from typing import cast

from django.http import HttpRequest
from ninja import File, Router
from ninja.files import UploadedFile

from generation.recipes import RecipeOut, recipe_of_upload
from sdweb.accounts.models import User

router = Router(tags=["images"])


@router.post(
    "/read-recipe",
    response=RecipeOut,
    operation_id="images_read_recipe",
    summary="What a picture was made with",
)
def images_read_recipe(request: HttpRequest, file: File[UploadedFile]) -> RecipeOut:
    """Reads the texts in a PNG, JPEG, WebP, AVIF or GIF of A1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus,
    SwarmUI, NovelAI and of this portal. The file is not stored.
    """
    # The API's authentication has let in nobody else.
    return recipe_of_upload(user=cast("User", request.user), upload=file)
