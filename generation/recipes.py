"""A picture that somebody drops on the form: its recipe, as far as this server can follow it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ninja import Schema
from ninja.files import UploadedFile
from pydantic import ValidationError

from generation.engine.errors import EngineError
from generation.engine.infotext import Recipe, recipe_fields, recipe_from_texts, texts_read
from generation.engine.infotext.bounded import MAX_FILE_BYTES, json_decode
from generation.engine.spec import LATENT_UPSCALERS, PIXEL_UPSCALERS
from generation.orders import portal_error
from generation.schemas import GenerateIn
from models_hub.models import ModelFile
from models_hub.selectors import model_named, models_permitted
from sdweb.accounts.models import User
from sdweb.errors import PortalError

Kind = ModelFile.Kind

MIN_HASH: Final = 8
"""Characters of a model's hash that are enough to know it by."""
NOT_THIS_PICTURES: Final = frozenset({"image", "mask", "images", "task", "batch_size"})
"""What a recipe refers to and does not contain, the task that needs it, and how many came with this one."""
NO_MODELS: Final = frozenset({*LATENT_UPSCALERS, *PIXEL_UPSCALERS, "lanczos", "esrgan", "realesrgan", "dat"})
NAMED: Final[tuple[tuple[str, str, str], ...]] = (
    ("vae", "", Kind.VAE),
    ("loras", "name", Kind.LORA),
    ("controlnet", "model", Kind.CONTROLNET),
    ("ip_adapter", "model", Kind.IP_ADAPTER),
    ("hires", "upscaler", Kind.UPSCALER),
    ("upscale", "method", Kind.UPSCALER),
    ("face_restoration", "model", Kind.FACE_RESTORER),
)
"""Fields of a request, their own field with a model's name, and its kind."""


class MissingOut(Schema):
    """Something of the recipe that cannot be used here."""

    field: str
    value: str
    reason: str


class RecipeOut(Schema):
    """`params` can be sent to `POST /jobs` as they are; `missing` says what they lack."""

    source: str
    """The program that made the picture."""
    params: dict[str, Any]
    missing: list[MissingOut]
    extra: dict[str, str]
    """What else the picture says, in its program's words."""


@dataclass(frozen=True, slots=True)
class _Read:
    recipe: Recipe
    fields: dict[str, Any]


def recipe_of_upload(*, user: User, upload: UploadedFile) -> RecipeOut:
    """Raises ``PortalError`` ``picture_too_large``, ``bad_metadata`` or ``no_recipe``; nothing is stored."""
    if (upload.size or 0) > MAX_FILE_BYTES:
        raise PortalError(
            "picture_too_large",
            f"The file has more than {MAX_FILE_BYTES // 2**20} MiB.",
            hint="Send a smaller one; the recipe is in the original PNG.",
            fields={"file": "too large"},
            status=413,
        )
    read = _read(upload.read(MAX_FILE_BYTES))
    missing = list(_models_find(user, read))
    params = {name: value for name, value in read.fields.items() if value not in (None, [], {})}
    missing += _invalid_drop(params)
    return RecipeOut(source=read.recipe.source, params=params, missing=missing, extra=dict(read.recipe.extra))


def _read(content: bytes) -> _Read:
    try:
        texts = texts_read(content)
        recipe = recipe_from_texts(texts)
        own = (
            json_decode(texts["recipe"]) if recipe and recipe.source == "sdweb" and "recipe" in texts else {}
        )
    except EngineError as error:
        raise portal_error(error) from None
    if recipe is None:
        raise PortalError(
            "no_recipe",
            "There is no recipe in this file.",
            hint="It may have been taken out by a program or a website; use the original file.",
            fields={"file": "carries no recipe"},
            status=422,
        )
    # Ours says every field of the request by its own name; what ``recipe_fields`` tells of it is less exact.
    fields = {**recipe_fields(recipe), **_without_pictures(own)}
    return _Read(recipe, {name: fields[name] for name in GenerateIn.model_fields if name in fields})


def _without_pictures(own: Mapping[str, Any]) -> dict[str, Any]:
    """A document of ours without what cannot be had from one picture."""
    return {
        name: [_without_pictures(one) if isinstance(one, dict) else one for one in value]
        if isinstance(value, list)
        else value
        for name, value in own.items()
        if name not in NOT_THIS_PICTURES and value is not None
    }


def _models_find(user: User, read: _Read) -> Iterator[MissingOut]:
    """Names become those of this server's models; what is not here is taken out and told."""
    fields = read.fields
    checkpoint = _checkpoint(user, read.recipe, str(fields.get("model") or ""))
    if fields.get("model") and checkpoint is None:
        yield _absent("model", str(fields["model"]))
    fields["model"] = checkpoint.name if checkpoint else None
    family = checkpoint.family if checkpoint else None
    refiner = fields.get("refiner")
    if isinstance(refiner, dict) and not _is_here(user, Kind.CHECKPOINT, refiner.get("model"), family):
        yield _absent("refiner", str(refiner.get("model")))
        fields["refiner"] = None
    for field, inner, kind in NAMED:
        values = fields.get(field)
        kept = []
        for value in values if isinstance(values, list) else [values]:
            name = value.get(inner) if isinstance(value, dict) else value
            if name in (None, "") or name in NO_MODELS or _is_here(user, kind, name, family):
                kept.append(value)
            else:
                yield _absent(field, str(name))
        fields[field] = kept if isinstance(values, list) else next(iter(kept), None)


def _checkpoint(user: User, recipe: Recipe, name: str) -> ModelFile | None:
    """By its hash, which does not depend on what anybody calls it, else by its name."""
    if len(recipe.model_hash) >= MIN_HASH:
        mine = models_permitted(user=user, kind=Kind.CHECKPOINT)
        same = mine.filter(sha256__startswith=recipe.model_hash.lower()).first()
        if same is not None:
            return same
    return _found(user, Kind.CHECKPOINT, name, None) if name else None


def _is_here(user: User, kind: str, name: object, family: str | None) -> bool:
    return _found(user, kind, str(name), family) is not None


def _found(user: User, kind: str, name: str, family: str | None) -> ModelFile | None:
    try:
        return model_named(user=user, kind=kind, name_or_id=name, family=family, refiners=True)
    except PortalError:
        return None


def _absent(field: str, name: str) -> MissingOut:
    return MissingOut(
        field=field, value=name[:200], reason="This server has no such model, or none that fits."
    )


def _invalid_drop(params: dict[str, Any]) -> list[MissingOut]:
    """Take out what this server's limits do not allow: other programs have others."""
    dropped = []
    for name in list(params):
        # One at a time: what is wrong with one field must not take the others with it.
        try:
            GenerateIn.model_validate({"prompt": "", name: params[name]})
        except (ValidationError, PortalError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.message
            dropped.append(MissingOut(field=name, value=str(params.pop(name))[:200], reason=reason))
    return dropped
