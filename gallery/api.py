"""``/api/v1/images``. Whether strangers may call is decided where the router is mounted; whose pictures,
here.
"""

import uuid
from datetime import datetime
from typing import Annotated, Any, Final, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field, StrictBool

from gallery import selectors, services
from gallery.links import signed_url
from gallery.models import Image
from sdweb.accounts.models import User
from sdweb.pagination import DEFAULT_LIMIT, MAX_LIMIT, keyset_page

router = Router(tags=["images"])


class ImageOut(Schema):
    """A picture of mine."""

    id: uuid.UUID
    job_id: uuid.UUID
    index: int
    task: str
    prompt: str
    negative_prompt: str
    model: str
    width: int
    height: int
    seed: int
    created_at: datetime
    favourite: bool
    url: str
    """The original, signed: it works without a session until it expires."""
    thumbnail_url: str
    thumbhash: str
    """ThumbHash placeholder in base64."""
    bytes: int
    recipe: dict[str, Any]


class ImagePage(Schema):
    """One page, newest first."""

    items: list[ImageOut]
    next_cursor: str | None


class ImageFilters(Schema):
    """What to show of the gallery."""

    q: str = Field("", max_length=1000, description="Words that all occur in the prompt, in any case.")
    task: str | None = Field(None, max_length=32)
    favourite: bool | None = None
    cursor: str | None = Field(None, max_length=64, description="`next_cursor` of the page before.")
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)


class ImagePatch(Schema):
    """What can be changed about a picture."""

    model_config = ConfigDict(extra="forbid")

    favourite: StrictBool


MAX_IDS: Final = 200


class ImageIds(Schema):
    """Pictures, by their ids."""

    model_config = ConfigDict(extra="forbid")

    ids: list[uuid.UUID] = Field(min_length=1, max_length=MAX_IDS)


class ImageMarks(ImageIds):
    """Pictures, and whether they are favourites."""

    favourite: StrictBool


class ImagesChanged(Schema):
    """Those that are now as was asked for; what is missing does not exist, or not for this person."""

    ids: list[uuid.UUID]


def image_out(image: Image) -> ImageOut:
    """The wire form, with fresh signed addresses."""
    return ImageOut(
        id=image.id,
        job_id=image.job_id,
        index=image.index,
        task=image.task,
        prompt=image.prompt,
        negative_prompt=image.negative_prompt,
        model=image.model_name,
        width=image.width,
        height=image.height,
        seed=image.seed,
        created_at=image.created_at,
        favourite=image.favourite,
        url=signed_url(image.id, "png"),
        thumbnail_url=signed_url(image.id, "webp"),
        thumbhash=image.thumbhash,
        bytes=image.bytes,
        recipe=image.recipe,
    )


@router.get("", response=ImagePage, operation_id="images_list", summary="My gallery, newest first")
def images_list(request: HttpRequest, filters: Annotated[ImageFilters, Query()]) -> ImagePage:
    """Pictures in the trash are left out."""
    found = selectors.image_list(
        user=_user(request), query=filters.q, task=filters.task, favourite=filters.favourite
    )
    images, next_cursor = keyset_page(found, filters.cursor, filters.limit)
    return ImagePage(items=[image_out(image) for image in images], next_cursor=next_cursor)


@router.post(
    "/trash", response=ImagesChanged, operation_id="images_trash_many", summary="Several into the trash"
)
def images_trash_many(request: HttpRequest, body: ImageIds) -> ImagesChanged:
    """Up to 200 in one request."""
    return ImagesChanged(ids=services.own_images_trash(user=_user(request), image_ids=body.ids))


@router.post(
    "/restore", response=ImagesChanged, operation_id="images_restore_many", summary="Several out of the trash"
)
def images_restore_many(request: HttpRequest, body: ImageIds) -> ImagesChanged:
    """Up to 200 in one request, within the retention time."""
    return ImagesChanged(ids=services.own_images_restore(user=_user(request), image_ids=body.ids))


@router.post(
    "/favourite",
    response=ImagesChanged,
    operation_id="images_update_many",
    summary="Mark several as favourites",
)
def images_update_many(request: HttpRequest, body: ImageMarks) -> ImagesChanged:
    """Up to 200 in one request; or take the mark away."""
    return ImagesChanged(
        ids=services.own_images_set_favourite(
            user=_user(request), image_ids=body.ids, favourite=body.favourite
        )
    )


@router.get("/{uuid:image_id}", response=ImageOut, operation_id="images_get", summary="One picture of mine")
def images_get(request: HttpRequest, image_id: uuid.UUID) -> ImageOut:
    """With its whole recipe."""
    return image_out(selectors.image_get(user=_user(request), image_id=image_id))


@router.patch(
    "/{uuid:image_id}", response=ImageOut, operation_id="images_update", summary="Mark as a favourite"
)
def images_update(request: HttpRequest, image_id: uuid.UUID, changes: ImagePatch) -> ImageOut:
    """The picture as it is now."""
    return image_out(
        services.image_set_favourite(image_id=image_id, user=_user(request), favourite=changes.favourite)
    )


@router.delete(
    "/{uuid:image_id}", response={204: None}, operation_id="images_trash", summary="Into the trash"
)
def images_trash(request: HttpRequest, image_id: uuid.UUID) -> Status[None]:
    """It stays there for the retention time; deleting it twice changes nothing."""
    services.image_trash(image_id=image_id, user=_user(request))
    return Status(204, None)


@router.post(
    "/{uuid:image_id}/restore", response=ImageOut, operation_id="images_restore", summary="Out of the trash"
)
def images_restore(request: HttpRequest, image_id: uuid.UUID) -> ImageOut:
    """Within the retention time."""
    return image_out(services.image_restore(image_id=image_id, user=_user(request)))


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
