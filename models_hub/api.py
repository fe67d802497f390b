"""``/api/v1/models``. Whether strangers may call is decided where the router is mounted."""

import uuid
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema

from models_hub import selectors
from models_hub.models import ModelFile
from sdweb.accounts.models import User

router = Router(tags=["models"])


class ModelOut(Schema):
    """A model that I may use."""

    id: uuid.UUID
    name: str
    kind: str
    family: str
    variant: str
    """Of a checkpoint: `base`, `inpainting` or `refiner`."""
    format: str
    size_bytes: int
    sha256: str
    native_size: int
    """Side in pixels of the pictures it was trained on."""
    is_default: bool
    description: str
    license: str
    trigger_words: list[str]
    """Words that wake a LoRA up in a prompt."""


class ModelPage(Schema):
    """All of them on one page: a library has hundreds, not millions."""

    items: list[ModelOut]
    next_cursor: str | None


def model_out(model: ModelFile) -> ModelOut:
    """The wire form."""
    return ModelOut(
        id=model.id,
        name=model.name,
        kind=model.kind,
        family=model.family,
        variant=model.variant,
        format=model.format,
        size_bytes=model.size_bytes,
        sha256=model.sha256,
        native_size=model.native_size,
        is_default=model.is_default,
        description=model.description,
        license=model.license,
        trigger_words=model.trigger_words,
    )


@router.get("", response=ModelPage, operation_id="models_list", summary="Models, the default first")
def models_list(
    request: HttpRequest,
    kind: Annotated[ModelFile.Kind, Query()] = ModelFile.Kind.CHECKPOINT,
    variant: Annotated[ModelFile.Variant | None, Query()] = None,
) -> ModelPage:
    """Enabled ones whose files are there. Without `variant` checkpoints that only refine are left out."""
    # The API's authentication has let in nobody else.
    user = cast("User", request.user)
    found = selectors.model_list(user=user, kind=kind, variant=variant)
    return ModelPage(items=[model_out(model) for model in found], next_cursor=None)
