"""diffusers' pipelines around a loaded checkpoint, and what they are called with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from generation.engine.exclusive.support import plain_prompts, schedule_flag
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.checkpoints.flow import FlowCheckpoint

TRUE_GUIDANCE: Final = 2.0
"""Strength of a negative prompt for Flux dev, whose own guidance knows of none."""
_LONG_TEXT: Final = 512
"""T5's tokens for Flux dev."""
_SHORT_TEXT: Final = 256
"""T5's tokens for SD3 and for Flux schnell."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pipeline and the arguments of every picture; only the generator differs."""

    pipeline: Any
    arguments: Mapping[str, Any]
    packed: bool
    """Its latents are ``[1, h / 2 * w / 2, 4 * c]`` (Flux) instead of ``[1, c, h, w]``."""


def prepare(
    checkpoint: "FlowCheckpoint", vae: Any, request: GenerationRequest, painting: "Painting"
) -> Prepared:
    """Build the pipeline for what the request starts from, and encode its prompts with it."""
    flux = checkpoint.info.family == "flux"
    pipeline = _pipeline(checkpoint, vae, request, painting)
    arguments = _flux_guidance(pipeline, checkpoint, request) if flux else _sd3_guidance(pipeline, request)
    arguments |= {"width": request.width, "height": request.height, "num_inference_steps": request.steps}
    if painting.image is not None and request.init is not None:
        arguments |= {"image": painting.image, "strength": request.init.strength}
    if painting.mask is not None:
        arguments |= {"mask_image": painting.mask}
    return Prepared(pipeline, arguments, packed=flux)


@dataclass(frozen=True, slots=True)
class Painting:
    """What a picture starts from, at its size."""

    image: "Image | None" = None
    mask: "Image | None" = None
    """White is repainted."""


def _pipeline(checkpoint: "FlowCheckpoint", vae: Any, request: GenerationRequest, painting: Painting) -> Any:
    components: dict[str, Any] = {
        "scheduler": _scheduler(checkpoint, request),
        "vae": vae,
        "transformer": checkpoint.transformer,
        "text_encoder": checkpoint.text_encoder,
        "tokenizer": checkpoint.tokenizer,
        "text_encoder_2": checkpoint.text_encoder_2,
        "tokenizer_2": checkpoint.tokenizer_2,
    }
    if checkpoint.info.family == "sd3":
        components |= {"text_encoder_3": checkpoint.text_encoder_3, "tokenizer_3": checkpoint.tokenizer_3}
    pipeline = _class(checkpoint, painting)(**components)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _class(checkpoint: "FlowCheckpoint", painting: Painting) -> Any:
    import diffusers

    task = "" if painting.image is None else "Img2Img" if painting.mask is None else "Inpaint"
    if checkpoint.info.family == "sd3":
        return getattr(diffusers, f"StableDiffusion3{task}Pipeline")
    return getattr(diffusers, f"Flux{'Fill' if checkpoint.info.inpainting else task}Pipeline")


def _scheduler(checkpoint: "FlowCheckpoint", request: GenerationRequest) -> Any:
    import diffusers

    classes: Any = diffusers  # which is not typed
    sampler, flag = schedule_flag(request, checkpoint.info.family)
    config = {key: value for key, value in checkpoint.scheduler_config.items() if not key.startswith("_")}
    if sampler == "Heun":
        return classes.FlowMatchHeunDiscreteScheduler(
            num_train_timesteps=config.get("num_train_timesteps", 1000), shift=config.get("shift", 1.0)
        )
    return classes.FlowMatchEulerDiscreteScheduler.from_config(config | ({flag: True} if flag else {}))


def _sd3_guidance(pipeline: Any, request: GenerationRequest) -> dict[str, Any]:
    prompts = plain_prompts(request, "sd3")
    guided = request.guidance_scale > 1.0
    with torch.inference_mode():
        text, negative, pooled, negative_pooled = pipeline.encode_prompt(
            prompt=prompts.positive,
            prompt_2=None,
            prompt_3=None,
            negative_prompt=prompts.negative,
            do_classifier_free_guidance=guided,
            max_sequence_length=_SHORT_TEXT,
        )
    return {
        "prompt_embeds": text,
        "pooled_prompt_embeds": pooled,
        "negative_prompt_embeds": negative,
        "negative_pooled_prompt_embeds": negative_pooled,
        "guidance_scale": request.guidance_scale,
    }


def _flux_guidance(pipeline: Any, checkpoint: "FlowCheckpoint", request: GenerationRequest) -> dict[str, Any]:
    prompts = plain_prompts(request, "flux")
    distilled = checkpoint.guided_by_distillation
    length = _LONG_TEXT if distilled else _SHORT_TEXT
    with torch.inference_mode():
        text, pooled, _ = pipeline.encode_prompt(prompts.positive, max_sequence_length=length)
        arguments = {
            "prompt_embeds": text,
            "pooled_prompt_embeds": pooled,
            "guidance_scale": request.guidance_scale,
        }
        true_guidance = TRUE_GUIDANCE if distilled else request.guidance_scale
        # The filling pipeline has no second prediction.
        if not prompts.negative.strip() or true_guidance <= 1.0 or checkpoint.info.inpainting:
            return arguments
        negative, negative_pooled, _ = pipeline.encode_prompt(prompts.negative, max_sequence_length=length)
    return arguments | {
        "true_cfg_scale": true_guidance,
        "negative_prompt_embeds": negative,
        "negative_pooled_prompt_embeds": negative_pooled,
    }
