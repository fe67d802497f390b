"""Changing one's own styles. Everybody's are those of ``styles.csv`` beside the models, and those that an
administrator enters in the admin.
"""

import uuid
from typing import Annotated, Final

from django.db import IntegrityError, transaction
from pydantic import Field, ValidationError

from generation.engine.errors import EngineError
from generation.engine.prompts import Style, styles_read
from generation.models import SavedStyle
from generation.orders.errors import portal_error
from generation.schemas.fields import StrictInput, Text, invalid_input
from sdweb.accounts.models import User
from sdweb.errors import PortalError, not_found

MAX_OWN: Final = 500
"""Styles that one person may keep."""


class StyleIn(StrictInput):
    """A style of mine. `{prompt}` in it is where the prompt goes; without it the style follows the prompt."""

    name: Annotated[str, Field(min_length=1, max_length=SavedStyle.NAME_LENGTH)]
    prompt: Text = ""
    negative_prompt: Text = ""


def style_create(*, user: User, style: StyleIn) -> SavedStyle:
    """Raises ``PortalError`` ``style_exists``, ``too_many_styles`` or ``invalid_input``."""
    name = _checked(style)
    _require_room(user, 1)
    return _saved(
        SavedStyle(owner=user, name=name, prompt=style.prompt, negative_prompt=style.negative_prompt)
    )


def style_update(*, user: User, style_id: uuid.UUID, style: StyleIn) -> SavedStyle:
    """Raises ``PortalError`` ``not_found`` for what is not this person's own, and as ``style_create``."""
    name = _checked(style)
    with transaction.atomic():
        row = SavedStyle.objects.select_for_update().filter(pk=style_id, owner=user).first()
        if row is None:
            raise not_found("This style")
        row.name, row.prompt, row.negative_prompt = name, style.prompt, style.negative_prompt
        return _saved(row)


def style_delete(*, user: User, style_id: uuid.UUID) -> None:
    """Raises ``PortalError("not_found")`` for what is not this person's own."""
    if not SavedStyle.objects.filter(pk=style_id, owner=user).delete()[0]:
        raise not_found("This style")


def styles_import(*, user: User, content: bytes) -> int:
    """Take in a ``styles.csv`` of A1111 as this person's own, over those of the same name; returns how many.

    Raises ``PortalError`` for a file that is none; then nothing is stored.
    """
    try:
        found = styles_read(content.decode("utf-8-sig", "replace"))
    except EngineError as error:
        raise portal_error(error) from None
    styles = {one.name.strip(): _style_in(one) for one in found}
    if not styles:
        raise PortalError(
            "no_styles",
            "There are no styles in this file.",
            hint="It has to be a CSV file with the columns name, prompt and negative_prompt.",
            fields={"file": "has no styles"},
            status=422,
        )
    with transaction.atomic():
        mine = SavedStyle.objects.filter(owner=user)
        _require_room(user, len(styles) - mine.filter(name__in=styles).count())
        mine.filter(name__in=styles).delete()
        for style in styles.values():
            style_create(user=user, style=style)
    return len(styles)


def _style_in(style: Style) -> StyleIn:
    try:
        return StyleIn(name=style.name.strip(), prompt=style.prompt, negative_prompt=style.negative_prompt)
    except ValidationError as error:
        raise invalid_input(error) from None


def _checked(style: StyleIn) -> str:
    name = style.name.strip()
    problem = ""
    if not name or not name.isprintable():
        problem = "name: it has to be made of printable characters"
    elif "\x00" in style.prompt + style.negative_prompt:
        problem = "prompt: it contains a NUL character"
    if problem:
        raise PortalError(
            "invalid_input",
            problem,
            fields={problem.partition(":")[0]: problem.partition(": ")[2]},
            status=422,
        )
    return name


def _require_room(user: User, more: int) -> None:
    if SavedStyle.objects.filter(owner=user).count() + more > MAX_OWN:
        raise PortalError(
            "too_many_styles",
            f"A person can keep {MAX_OWN} styles.",
            hint="Delete some that you do not use.",
            status=409,
        )


def _saved(row: SavedStyle) -> SavedStyle:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise PortalError(
            "style_exists",
            f"You have a style called {row.name!r} already.",
            hint="Change that one, or choose another name.",
            fields={"name": "taken"},
            status=409,
        ) from None
    return row
