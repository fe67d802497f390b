"""What a request says, as A1111's ``key: value`` pairs, in the order of its ``create_infotext``.

What A1111 itself lacks has the keys of the extensions and forks that have it: ControlNet's and ADetailer's
own, Forge's for FreeU and perturbed-attention guidance, SD.Next's for rescaled guidance.
"""

from collections.abc import Iterator
from typing import Final

from generation.engine.catalog import resolve_sampler, schedule_info
from generation.engine.infotext.passes import detailing_pairs, hires_pairs, init_pairs, unit_pairs
from generation.engine.infotext.words import Pairs, hashed, name_of, number
from generation.engine.spec import (
    Detailing,
    FaceRestoration,
    GenerationRequest,
    LoraUnit,
    PostprocessStep,
    Upscale,
)

HASH_CHARACTERS: Final = 10
"""How much of a checkpoint's or a VAE's SHA-256 the text shows."""
LORA_HASH_CHARACTERS: Final = 12
"""Likewise of a LoRA's and an embedding's."""


def request_pairs(
    request: GenerationRequest, *, seed: int, model_hash: str, model_name: str
) -> Iterator[tuple[str, str]]:
    """Every pair but the version; values that are empty are to be left out."""
    yield from _sampling_pairs(request, seed=seed)
    yield "Model hash", model_hash[:HASH_CHARACTERS]
    yield "Model", model_name
    yield from _picture_pairs(request)
    if request.init is not None:
        yield from init_pairs(request.init)
    if request.hires is not None:
        yield from hires_pairs(request.hires)
    yield from unit_pairs(request.controls, request.ip_adapters)
    yield from _technique_pairs(request)
    yield from _step_pairs(request.postprocess)
    yield "Lora hashes", _lora_hashes(request.loras)
    yield "TI hashes", _hashes((one.name, one.model.digest) for one in request.embeddings)


def _sampling_pairs(request: GenerationRequest, *, seed: int) -> Pairs:
    sampler, schedule = resolve_sampler(request.sampler, request.schedule)
    yield "Steps", str(request.steps)
    yield "Sampler", sampler
    yield "Schedule type", schedule_info(schedule).label
    yield "CFG scale", number(request.guidance_scale)
    yield "Seed", str(seed)
    faces = [step for step in request.postprocess if isinstance(step, FaceRestoration)]
    yield "Face restoration", name_of(faces[0].model) if faces else ""
    yield "Size", f"{request.width}x{request.height}"


def _picture_pairs(request: GenerationRequest) -> Pairs:
    if request.vae is not None:
        yield "VAE hash", request.vae.digest[:HASH_CHARACTERS]
        yield "VAE", name_of(request.vae)
    if request.variation is not None:
        yield "Variation seed", str(request.variation.seed)
        yield "Variation seed strength", number(request.variation.strength)
    # One key for both: hires fix is for pictures from noise.
    if request.init is not None:
        yield "Denoising strength", number(request.init.strength)
    elif request.hires is not None:
        yield "Denoising strength", number(request.hires.strength)
    # A1111 counts layers used from the end, so that 1 means "all of them" and is not worth saying.
    yield "Clip skip", str(request.clip_skip + 1) if request.clip_skip else ""
    yield "RNG", "CPU"
    yield "Tiling", "True" if request.tiling else ""


def _technique_pairs(request: GenerationRequest) -> Pairs:
    if request.refiner is not None:
        refiner = request.refiner
        yield "Refiner", hashed(name_of(refiner.checkpoint), refiner.checkpoint.digest, HASH_CHARACTERS)
        yield "Refiner switch at", number(refiner.switch_at)
    if request.freeu is not None:
        yield "freeu_enabled", "True"
        for name in ("b1", "b2", "s1", "s2"):
            yield f"freeu_{name}", number(getattr(request.freeu, name))
    if request.pag_scale:
        yield "PerturbedAttentionGuidance_enabled", "True"
        yield "PerturbedAttentionGuidance_scale", number(request.pag_scale)
    yield "CFG rescale", number(request.cfg_rescale) if request.cfg_rescale else ""


def _step_pairs(steps: tuple[PostprocessStep, ...]) -> Pairs:
    """What is done to finished pictures; the name of the first face restorer stands elsewhere."""
    passes = 0
    for step in steps:
        if isinstance(step, Detailing):
            passes += 1
            yield from detailing_pairs(step, passes)
        elif isinstance(step, FaceRestoration):
            yield "Face restoration visibility", number(step.visibility)
            yield "Face restoration fidelity", number(step.fidelity)
        elif isinstance(step, Upscale):
            yield "Postprocess upscale by", number(step.scale)
            yield "Postprocess upscaler", name_of(step.model) if step.model else "Lanczos"


def _lora_hashes(loras: tuple[LoraUnit, ...]) -> str:
    return _hashes((name_of(one.model), one.model.digest) for one in loras)


def _hashes(digests: Iterator[tuple[str, str]]) -> str:
    """Names without the marks that would part them, and shortened hashes; models without one are left out."""
    return ", ".join(
        f"{name.replace(':', '').replace(',', '')}: {digest[:LORA_HASH_CHARACTERS]}"
        for name, digest in dict(digests).items()
        if digest
    )
