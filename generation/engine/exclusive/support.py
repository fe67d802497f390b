"""What SD3 and Flux can do of a request. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from generation.engine.catalog import resolve_sampler
from generation.engine.checkpoints.families import FAMILY_NAMES, Family
from generation.engine.checkpoints.info import CheckpointInfo
from generation.engine.errors import EngineError
from generation.engine.prompts import ParsedPrompt, parse_negative, parse_prompt, plain_text
from generation.engine.spec import GenerationRequest

SIZE_MULTIPLE: Final = 16
"""Pixels of a picture's sides: latent cells of 8 pixels, of which the transformers take 2 x 2 at once."""
SAMPLERS: Final[Mapping[Family, frozenset[str]]] = {
    "sd3": frozenset({"Euler", "Heun"}),
    "flux": frozenset({"Euler"}),
}
"""Those that diffusers has for straight flows, by their canonical names."""
SCHEDULES: Final[Mapping[str, str | None]] = {
    "automatic": None,
    "uniform": None,
    "simple": None,
    "karras": "use_karras_sigmas",
    "exponential": "use_exponential_sigmas",
    "beta": "use_beta_sigmas",
}
"""Schedules by their canonical names, and the switch of the Euler scheduler; None is the model's own."""


@dataclass(frozen=True, slots=True)
class PlainPrompts:
    """Both texts without weights: T5 was not trained on any."""

    positive: str
    negative: str


def require_supported(request: GenerationRequest, info: CheckpointInfo) -> None:
    """Raise ``EngineError`` for what this checkpoint cannot do; ``info`` is what ``detect`` says of it.

    ``unsupported_feature`` (or ``invalid_request`` for sizes and prompts), ``field`` names what to change.
    """
    _require_no_techniques(request, info.family)
    _require_size(request)
    schedule_flag(request, info.family)
    plain_prompts(request, info.family)
    init = request.init
    if info.inpainting and (init is None or (init.mask is None and init.outpaint is None)):
        raise _unsupported(info.family, "image", "this model only repaints parts of a picture", "Add a mask.")
    if init is not None and init.mask is not None and init.mask.fill.startswith("latent"):
        raise _unsupported(
            info.family, "mask.fill", "it begins with a picture, not with latents", "Choose original or fill."
        )


def schedule_flag(request: GenerationRequest, family: Family) -> tuple[str, str | None]:
    """The sampler's canonical name, and the switch of the Euler scheduler for the schedule, if it needs one.

    Raises ``EngineError`` with ``field`` ``sampler`` or ``schedule``.
    """
    sampler, schedule = resolve_sampler(request.sampler, request.schedule)
    if sampler not in SAMPLERS[family]:
        known = " or ".join(sorted(SAMPLERS[family]))
        raise _unsupported(
            family, "sampler", f"the sampler {sampler} was not made for it", f"Choose {known}."
        )
    known_schedules = {name for name, flag in SCHEDULES.items() if flag is None or sampler == "Euler"}
    if schedule not in known_schedules:
        known = ", ".join(sorted(known_schedules))
        raise _unsupported(family, "schedule", f"the schedule {schedule} does not fit", f"Known: {known}.")
    return sampler, SCHEDULES[schedule]


def plain_prompts(request: GenerationRequest, family: Family) -> PlainPrompts:
    """The request's prompts as plain text; raises ``EngineError`` for parts, schedules and extra networks."""
    positive = parse_prompt(request.prompt)
    if positive.networks:
        raise _unsupported(family, positive.field, "extra networks cannot be used with it", "Take them out.")
    return PlainPrompts(
        _plain(positive, request.steps, family),
        _plain(parse_negative(request.negative_prompt), request.steps, family),
    )


def _plain(prompt: ParsedPrompt, steps: int, family: Family) -> str:
    parts = prompt.schedule(steps)
    if len(parts) > 1 or len(parts[0].spans) > 1:
        what = "AND" if len(parts) > 1 else "[from:to:when] and [a|b]"
        raise _unsupported(
            family, prompt.field, f"its prompts hold for all steps, without {what}", "Write one plain text."
        )
    return plain_text(parts[0].spans[0].segments)


def _require_no_techniques(request: GenerationRequest, family: Family) -> None:
    used: tuple[tuple[str, str, object], ...] = (
        ("controlnet", "ControlNet", request.controls),
        ("ip_adapter", "IP-Adapter", request.ip_adapters),
        ("embeddings", "textual inversion", request.embeddings),
        ("hires", "hires fix", request.hires),
        ("refiner", "a refiner", request.refiner),
        ("variation", "variation seeds", request.variation),
        ("freeu", "FreeU", request.freeu),
        ("pag_scale", "perturbed-attention guidance", request.pag_scale),
        ("cfg_rescale", "guidance rescaling", request.cfg_rescale),
        ("clip_skip", "clip skip", request.clip_skip),
        ("tiling", "tiling", request.tiling),
    )
    for field, name, value in used:
        if value:
            raise _unsupported(family, field, f"{name} cannot be used with it", "Switch it off.")


def _require_size(request: GenerationRequest) -> None:
    for field in ("width", "height"):
        side = getattr(request, field)
        below = side - side % SIZE_MULTIPLE
        if side != below:
            raise EngineError(
                "invalid_request",
                f"{field} must be a multiple of {SIZE_MULTIPLE} for this model, not {side}.",
                hint=f"The nearest are {below} and {below + SIZE_MULTIPLE}.",
                field=field,
            )


def _unsupported(family: Family, field: str, why: str, hint: str) -> EngineError:
    return EngineError("unsupported_feature", f"{FAMILY_NAMES[family]}: {why}.", hint=hint, field=field)
