"""From what somebody typed to what will be done: real model, real names, real seed, predicted work. Stores
nothing.
"""

import secrets
from dataclasses import dataclass

from generation.cost import Work, predicted_tflop
from generation.engine import spec
from generation.engine.catalog import resolve_sampler
from generation.engine.errors import EngineError
from generation.engine.prompts import read_prompts
from generation.schemas import RANDOM_SEED, GenerateIn, Params
from models_hub.models import ModelFile
from models_hub.selectors import model_for_generation
from sdweb.accounts.models import User
from sdweb.errors import PortalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that can be carried out."""

    params: Params
    model: ModelFile
    cost_tflop: float


def order_prepare(*, user: User, request: GenerateIn) -> Order:
    """Raises ``PortalError``: ``unknown_model``, ``unknown_sampler`` or ``unknown_schedule``, and
    ``invalid_request`` or ``unsupported_feature`` for a prompt that cannot be read.
    """
    model = model_for_generation(user=user, name_or_id=request.model)
    params = _params(request, model)
    work = Work(
        family=model.family,
        width=params.width,
        height=params.height,
        steps=params.steps,
        batch_size=params.batch_size,
        guidance_scale=params.cfg_scale,
        sampler=params.sampler,
        prompt_parts=_prompt_parts(params),
    )
    return Order(params=params, model=model, cost_tflop=predicted_tflop(work))


def _params(request: GenerateIn, model: ModelFile) -> Params:
    try:
        sampler, schedule = resolve_sampler(request.sampler, request.scheduler)
    except EngineError as error:
        raise portal_error(error) from None
    seed = secrets.randbelow(spec.MAX_SEED + 1) if request.seed == RANDOM_SEED else request.seed
    known = request.model_dump(exclude={"task", "model", "sampler", "scheduler", "seed"})
    return Params(
        **known, model=model.name, model_id=str(model.pk), sampler=sampler, scheduler=schedule, seed=seed
    )


def _prompt_parts(params: Params) -> int:
    """Parts between ``AND``, of prompts that can be read: an unreadable one must not wait in the queue."""
    try:
        positive, _ = read_prompts(
            params.prompt, params.negative_prompt, steps=params.steps, guidance_scale=params.cfg_scale
        )
    except EngineError as error:
        raise portal_error(error) from None
    return len(positive.parts)


_WIRE_NAMES = {"schedule": "scheduler", "guidance_scale": "cfg_scale", "checkpoint": "model"}
"""The engine's fields that the wire calls by another name."""


def portal_error(error: EngineError, *, status: int = 422) -> PortalError:
    """The engine's error in the portal's shape."""
    field = _WIRE_NAMES.get(error.field, error.field) if error.field else None
    return PortalError(
        error.code,
        error.message,
        hint=error.hint,
        fields={field: error.message} if field else {},
        status=status,
    )
