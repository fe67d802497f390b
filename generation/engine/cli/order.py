"""From the switches to a request."""

import argparse
import secrets

from generation.engine.errors import EngineError
from generation.engine.spec import (
    MAX_SEED,
    GenerationRequest,
    InitImage,
    Mask,
    ModelRef,
    PreprocessRequest,
    ProcessRequest,
    Request,
)


def request_from(options: argparse.Namespace) -> Request:
    """The request that was asked for. Raises ``EngineError``."""
    if options.map is not None:
        return PreprocessRequest(
            image=options.map, preprocessor=options.preprocessor, resolution=options.resolution
        )
    if options.edit is not None:
        return ProcessRequest(images=(options.edit,), steps=tuple(options.then))
    if options.prompt is None:
        raise EngineError(
            "invalid_request",
            "There is no prompt.",
            hint="Write one, or use --edit or --map.",
            field="prompt",
        )
    return _generation(options)


def _generation(options: argparse.Namespace) -> GenerationRequest:
    from generation.engine.checkpoints import detect

    side = detect(options.model).native_size
    return GenerationRequest(
        checkpoint=ModelRef(path=options.model, name=options.model.stem),
        prompt=options.prompt,
        negative_prompt=options.negative,
        width=options.width or side,
        height=options.height or side,
        steps=options.steps,
        guidance_scale=options.guidance,
        sampler=options.sampler,
        schedule=options.schedule,
        seed=secrets.randbelow(MAX_SEED) if options.seed == -1 else options.seed,
        batch_size=options.batch,
        clip_skip=options.clip_skip,
        init=_init(options),
        variation=options.variation,
        tiling=options.tiling,
        hires=options.hires,
        controls=tuple(options.control),
        ip_adapters=tuple(options.ip_adapter),
        loras=tuple(options.lora),
        embeddings=tuple(options.embedding),
        vae=options.vae,
        freeu=options.freeu,
        pag_scale=options.pag,
        cfg_rescale=options.cfg_rescale,
        refiner=options.refiner,
        postprocess=tuple(options.then),
    )


def _init(options: argparse.Namespace) -> InitImage | None:
    if options.image is None:
        return None
    mask = None
    if options.mask is not None:
        mask = Mask(
            image=options.mask,
            blur=options.mask_blur,
            invert=options.mask_invert,
            fill=options.fill,
            only_masked=options.only_masked,
            padding=options.padding,
        )
    return InitImage(
        image=options.image,
        strength=options.strength,
        resize_mode=options.resize_mode,
        mask=mask,
        outpaint=options.outpaint,
    )
