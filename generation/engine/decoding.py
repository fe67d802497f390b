"""From finished latents to pictures, one at a time."""

from typing import Any

import torch
from PIL import Image

from generation.engine.errors import EngineError


def picture_decode(vae: Any, latents: torch.Tensor) -> Image.Image:
    """Decode ``[1, c, h, w]`` with an ``AutoencoderKL``. Never more at once: a batch would change the low
    bits and hold others up.

    Raises ``EngineError("not_finite")`` when the model or the number format overflowed on the way.
    """
    scaled = latents / vae.config["scaling_factor"] + (vae.config.get("shift_factor") or 0.0)
    pixels: torch.Tensor = vae.decode(scaled.to(vae.dtype), return_dict=False)[0][0].float()
    if not torch.isfinite(pixels).all():
        raise EngineError(
            "not_finite",
            "The model produced numbers that are not a picture.",
            hint="Half precision overflows with some models: set the precision to bf16 or fp32. "
            "A lower guidance or another sampler helps too.",
        )
    levels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy(), mode="RGB")
