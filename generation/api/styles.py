"""``/api/v1/styles`` and ``/api/v1/wildcards``: what prompts are made of beside words."""

import uuid
from typing import Literal, cast

from django.http import HttpRequest
from ninja import File, Router, Schema, Status
from ninja.files import UploadedFile

from generation import prompt_files, selectors, styles
from generation.models import SavedStyle
from generation.orders.errors import as_field
from generation.styles import StyleIn
from sdweb.accounts.models import User
from sdweb.errors import PortalError

router = Router(tags=["prompts"])


class StyleOut(Schema):
    """A style. `{prompt}` in it is where the prompt goes."""

    id: uuid.UUID | None
    """Of those that can be changed: my own."""
    name: str
    prompt: str
    negative_prompt: str
    source: Literal["file", "shared", "own"]


class StyleList(Schema):
    """All of them; of two with one name the later counts."""

    items: list[StyleOut]


class ImportedOut(Schema):
    """How many styles a file had."""

    imported: int


class WildcardOut(Schema):
    """`__name__` in a prompt draws one of `count` values."""

    name: str
    count: int


class WildcardList(Schema):
    """All of them, by name."""

    items: list[WildcardOut]


def _out(style: SavedStyle) -> StyleOut:
    own = style.owner_id is not None
    return StyleOut(
        id=style.pk if own else None,
        name=style.name,
        prompt=style.prompt,
        negative_prompt=style.negative_prompt,
        source="own" if own else "shared",
    )


@router.get("/styles", response=StyleList, operation_id="styles_list", summary="Styles that I may use")
def styles_list(request: HttpRequest) -> StyleList:
    """Everybody's, and my own."""
    with as_field("styles"):
        filed = [
            StyleOut(
                id=None, name=one.name, prompt=one.prompt, negative_prompt=one.negative_prompt, source="file"
            )
            for one in prompt_files.styles()
        ]
    return StyleList(items=[*filed, *map(_out, selectors.saved_styles(_user(request)))])


@router.post("/styles", response={201: StyleOut}, operation_id="styles_create", summary="Keep a style")
def styles_create(request: HttpRequest, data: StyleIn) -> Status[StyleOut]:
    """For myself alone. 409 `style_exists` where I have one of that name."""
    return Status(201, _out(styles.style_create(user=_user(request), style=data)))


@router.post(
    "/styles/import", response=ImportedOut, operation_id="styles_import", summary="Take in a styles.csv"
)
def styles_import(request: HttpRequest, file: File[UploadedFile]) -> ImportedOut:
    """A file of A1111's, as my own styles, over those of the same names."""
    if (file.size or 0) > prompt_files.MAX_FILE_BYTES:
        raise PortalError(
            "file_too_large",
            f"The file has more than {prompt_files.MAX_FILE_BYTES // 2**20} MiB.",
            fields={"file": "too large"},
            status=413,
        )
    return ImportedOut(imported=styles.styles_import(user=_user(request), content=file.read()))


@router.put(
    "/styles/{uuid:style_id}", response=StyleOut, operation_id="styles_update", summary="Change a style"
)
def styles_update(request: HttpRequest, style_id: uuid.UUID, data: StyleIn) -> StyleOut:
    """One of my own."""
    return _out(styles.style_update(user=_user(request), style_id=style_id, style=data))


@router.delete(
    "/styles/{uuid:style_id}", response={204: None}, operation_id="styles_delete", summary="Delete a style"
)
def styles_delete(request: HttpRequest, style_id: uuid.UUID) -> Status[None]:
    """One of my own."""
    styles.style_delete(user=_user(request), style_id=style_id)
    return Status(204, None)


@router.get("/wildcards", response=WildcardList, operation_id="wildcards_list", summary="Wildcards")
def wildcards_list(request: HttpRequest) -> WildcardList:
    """Names for `__name__`, and how many values each has."""
    del request
    found = prompt_files.wildcards()
    return WildcardList(items=[WildcardOut(name=name, count=found.count(name)) for name in found])


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
