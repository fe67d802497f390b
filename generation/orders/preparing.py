"""A request becomes an order: everything that can be refused is refused here."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from generation.cost import predicted_tflop
from generation.engine import spec
from generation.engine.catalog import resolve_sampler
from generation.orders.controls import adapter_resolve, unit_kind, unit_parameters, unit_resolve
from generation.orders.errors import as_field
from generation.orders.finishing import finishing_resolve, hires_upscaler_resolve
from generation.orders.prompts import networks_resolve, prompts_draw
from generation.orders.shelf import Kind, Shelf
from generation.orders.sizes import size_for
from generation.orders.work import work_of
from generation.schemas import PAINT_TASKS, PROCESS_TASKS, RANDOM_SEED, GenerateIn, Params, invalid_field
from generation.uploads import Prepared, pictures_prepare
from models_hub.models import ModelFile
from models_hub.selectors import model_for_generation, model_named
from sdweb.accounts.models import User

FREEU_SKIPS: Final = spec.FreeU()
"""Where a request gives FreeU's backbone factor alone, the skips' factors are the usual ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that can be carried out."""

    params: Params
    model: ModelFile | None
    """The checkpoint; None for tasks that need none."""
    cost_tflop: float
    pictures: tuple[Prepared, ...] = field(default=())
    """What the parameters name, to be kept together with the job."""


class FindPictures(Protocol):
    """``pictures_prepare``, or what answers the same question more cheaply."""

    def __call__(self, *, user: User, values: Mapping[str, str]) -> dict[str, Prepared]: ...


def order_prepare(*, user: User, request: GenerateIn, find: FindPictures = pictures_prepare) -> Order:
    """``find`` looks the request's pictures up.

    Raises ``PortalError`` that names the field: ``unknown_model``, ``wrong_family``, ``unknown_sampler``,
    ``unknown_schedule``, ``unknown_preprocessor``, ``unknown_style``, ``bad_picture``, ``not_found`` for
    other people's pictures, and ``invalid_request`` or ``unsupported_feature`` for a prompt that cannot be
    read.
    """
    if request.task in PROCESS_TASKS:
        return _processing(user, request, find)
    return _painting(user, request, find)


def _painting(user: User, request: GenerateIn, find: FindPictures) -> Order:
    model = model_for_generation(user=user, name_or_id=request.model)
    shelf = Shelf(user, model.family)
    sampling = _sampling(request.sampler, request.scheduler)
    seed = _seed(request.seed)
    drawn = prompts_draw(request, seed, user)
    parts = networks_resolve(shelf, drawn, request)
    fields: dict[str, Any] = {
        **request.model_dump(exclude={"styles", "freeu_beta"}),
        **finishing_resolve(shelf, request),
        **_steering(shelf, request),
        **sampling,
        "seed": seed,
        "prompt": drawn.prompt,
        "negative_prompt": drawn.negative_prompt,
        "template": drawn.template,
        "model": model.name,
        "model_id": str(model.pk),
        "models": shelf.uses,
    }
    pictures = _pictures_take(user, fields, find)
    start = pictures.get("image") if request.task in PAINT_TASKS else None
    fields["width"], fields["height"] = size_for(
        request, model.native_size, (start.width, start.height) if start else None
    )
    params = Params(**fields)
    return Order(
        params=params,
        model=model,
        cost_tflop=predicted_tflop(work_of(params, family=model.family, prompt_parts=parts)),
        pictures=tuple(pictures.values()),
    )


def _steering(shelf: Shelf, request: GenerateIn) -> dict[str, Any]:
    """The fields that name models or have a shorthand, resolved."""
    fields: dict[str, Any] = {
        "controlnet": [
            unit_resolve(shelf, unit, f"controlnet.{i}") for i, unit in enumerate(request.controlnet)
        ],
        "ip_adapter": [
            adapter_resolve(shelf, one, f"ip_adapter.{i}") for i, one in enumerate(request.ip_adapter)
        ],
        "loras": [
            {**slot.model_dump(), "name": shelf.uses[f"loras.{i}"].name}
            for i, slot in enumerate(request.loras)
        ],
    }
    if request.vae:
        fields["vae"] = shelf.named("vae", Kind.VAE, request.vae, at="vae").name
    if request.refiner is not None:
        fields["refiner"] = {**request.refiner.model_dump(), "model": _refiner(shelf, request.refiner.model)}
    if request.hires is not None:
        fields["hires"] = _hires(shelf, request)
    if request.variation is not None:
        seed = _seed(request.variation.seed)
        fields["variation"] = {**request.variation.model_dump(), "seed": seed}
    if request.freeu_beta and request.freeu is None:
        beta = request.freeu_beta
        fields["freeu"] = {"b1": beta, "b2": beta, "s1": FREEU_SKIPS.s1, "s2": FREEU_SKIPS.s2}
    return fields


def _refiner(shelf: Shelf, name: str) -> str:
    with as_field("refiner.model"):
        found = model_named(
            user=shelf.user, kind=Kind.CHECKPOINT, name_or_id=name, family=shelf.family, refiners=True
        )
    return shelf.note("refiner", found).name


def _hires(shelf: Shelf, request: GenerateIn) -> dict[str, Any] | None:
    hires = request.hires
    if hires is None:
        return None
    fields = {**hires.model_dump(), "upscaler": hires_upscaler_resolve(shelf, hires.upscaler)}
    if hires.sampler or hires.scheduler:
        fields |= _sampling(hires.sampler or request.sampler, hires.scheduler, field="hires.sampler")
    return fields


def _sampling(sampler: str, scheduler: str, *, field: str | None = None) -> dict[str, str]:
    with as_field(field):
        name, schedule = resolve_sampler(sampler, scheduler)
    return {"sampler": name, "scheduler": schedule}


def _seed(asked: int) -> int:
    return secrets.randbelow(spec.MAX_SEED + 1) if asked == RANDOM_SEED else asked


def _processing(user: User, request: GenerateIn, find: FindPictures) -> Order:
    """Upscaling, face restoration and control maps: no checkpoint, no prompt of its own."""
    shelf = Shelf(user)
    if request.task == "preprocess":
        fields: dict[str, Any] = {"controlnet": [_preview_unit(request)]}
    else:
        fields = finishing_resolve(shelf, request)
    fields["image"] = request.image
    pictures = _pictures_take(user, fields, find)
    picture = pictures["image"]
    params = Params(
        **{
            **_NO_PAINTING,
            **_words_of(picture),
            **fields,
            "task": request.task,
            "width": picture.width,
            "height": picture.height,
            "models": shelf.uses,
        }
    )
    return Order(
        params=params,
        model=None,
        cost_tflop=predicted_tflop(work_of(params, family="", prompt_parts=1)),
        pictures=tuple(pictures.values()),
    )


_NO_PAINTING: Final[dict[str, Any]] = {
    "model": "", "model_id": "", "steps": 0, "cfg_scale": 0.0, "sampler": "", "scheduler": "", "seed": 0,
    "batch_size": 1, "clip_skip": 0,
}  # fmt: skip


def _words_of(picture: Prepared) -> dict[str, str]:
    """A picture of the gallery keeps its prompts, so that what is made of it can be found."""
    source = picture.source
    if source is None:
        return {"prompt": "", "negative_prompt": ""}
    return {"prompt": source.prompt, "negative_prompt": source.negative_prompt}


def _preview_unit(request: GenerateIn) -> dict[str, Any]:
    if len(request.controlnet) != 1:
        raise invalid_field("controlnet", "a map is made by one control unit")
    (unit,) = request.controlnet
    if not unit.type and not unit.preprocessor:
        raise invalid_field("controlnet.0.type", "name a control type or a preprocessor", hint="Try canny.")
    control_type, preprocessor = unit_kind(unit, "controlnet.0")
    return {
        **unit.model_dump(exclude={*(unit.model_extra or ()), "image", "model"}),
        "type": control_type or unit.type,
        "preprocessor": preprocessor.name,
        **unit_parameters(unit, preprocessor, "controlnet.0"),
    }


def _pictures_take(user: User, fields: dict[str, Any], find: FindPictures) -> dict[str, Prepared]:
    """Replace the pictures in ``fields`` by references, and return them by the names of their fields."""
    places: dict[str, tuple[Any, Any]] = {
        name: (fields, name) for name in ("image", "mask") if fields.get(name)
    }
    for index, unit in enumerate(fields.get("controlnet", ())):
        if unit.get("image"):
            places[f"controlnet.{index}.image"] = (unit, "image")
    for index, adapter in enumerate(fields.get("ip_adapter", ())):
        for number in range(len(adapter["images"])):
            places[f"ip_adapter.{index}.images.{number}"] = (adapter["images"], number)
    found = find(user=user, values={name: box[key] for name, (box, key) in places.items()})
    for name, (box, key) in places.items():
        box[key] = found[name].reference
    return found
