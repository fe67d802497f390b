# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 4: the diffusers folder. Autoencoder, tokeniser, scheduler and preview factors are the base's."""

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from transformers import CLIPTokenizer

from training.xl.text import Encoders

_SHARED = ("vae", "scheduler")


def export_pipeline(
    folder: Path, base: Path, tokens: Path, encoders: Encoders, unet: UNet2DConditionModel
) -> None:
    """Write the half-precision folder; what the base has too is copied from its folder byte by byte.

    Both tokenisers are the one in `tokens`, as the encoders read the same words.
    """
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(str(tokens))
    scheduler: Any = EulerDiscreteScheduler.from_pretrained(str(base / "scheduler"))
    pipeline = StableDiffusionXLPipeline(
        vae=AutoencoderKL.from_pretrained(str(base / "vae")),
        text_encoder=encoders.first,
        text_encoder_2=encoders.second,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=scheduler,
        force_zeros_for_empty_prompt=True,
    )
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    for name in _SHARED:
        shutil.rmtree(folder / name)
        shutil.copytree(base / name, folder / name)
    for name in ("tokenizer", "tokenizer_2"):
        shutil.rmtree(folder / name)
        shutil.copytree(tokens, folder / name)
    shutil.copyfile(base / "preview.json", folder / "preview.json")
