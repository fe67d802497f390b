# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""Stage 6: the diffusers folder, its preview factors, and the manifest with checksums."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from transformers import CLIPTextModel, CLIPTokenizer

from training.data.art import draw_scene, scene_of, to_array
from training.fitting.workers import LOG

from .latents import encode, scale_of
from .unet import BETA_END, BETA_START, STEPS


def build_scheduler() -> EulerDiscreteScheduler:
    """Euler by default; the extra keys serve the other schedulers built from this config."""
    return EulerDiscreteScheduler(
        num_train_timesteps=STEPS,
        beta_start=BETA_START,
        beta_end=BETA_END,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )


def _complete_scheduler_config(path: Path) -> None:
    """Without these keys DDIM clips small latents and PNDM starts with Runge-Kutta steps."""
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    config.update(clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True)
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _drop_local_keys(path: Path) -> None:
    """The tokeniser also stores how it was loaded, which says nothing about the model."""
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in config.items() if key not in {"is_local", "local_files_only"}}
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _still_posterior(vae: AutoencoderKL) -> None:
    """Make sampling from the posterior exact: img2img then starts from the true latents."""
    last: Any = vae.quant_conv
    with torch.no_grad():
        last.weight[4:] = 0
        last.bias[4:] = -20


def preview_factors(vae: AutoencoderKL, seed: int) -> dict[str, Any]:
    """Least-squares map from scaled latents to RGB in [-1, 1]."""
    pictures = to_array([draw_scene(scene_of(seed, index)) for index in range(256)])
    latents = encode(vae, pictures) * scale_of(vae)
    thumbs = torch.nn.functional.avg_pool2d(torch.from_numpy(pictures), 8)
    flat = latents.permute(0, 2, 3, 1).reshape(-1, 4).numpy().astype(np.float64)
    wanted = thumbs.permute(0, 2, 3, 1).reshape(-1, 3).numpy().astype(np.float64)
    padded = np.hstack([flat, np.ones((len(flat), 1))])
    found, *_ = np.linalg.lstsq(padded, wanted, rcond=None)
    rest = wanted - padded @ found
    LOG.info("preview factors explain %.1f%% of the colours", 100 * (1 - rest.var() / wanted.var()))
    return {"latent_rgb_factors": found[:4].round(4).tolist(), "bias": found[4].round(4).tolist()}


def export_pipeline(
    folder: Path,
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
    seed: int,
) -> None:
    """Write the half-precision diffusers folder and `preview.json`."""
    factors = preview_factors(vae, seed)
    _still_posterior(vae)
    absent: dict[str, Any] = dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder"))
    scheduler: Any = build_scheduler()
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        requires_safety_checker=False,
        **absent,
    )
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    _drop_local_keys(folder / "tokenizer" / "tokenizer_config.json")
    for kept in ("vocab.json", "merges.txt"):  # for loaders that know only the classic files
        source = Path(tokenizer.name_or_path) / kept
        if source.exists():
            (folder / "tokenizer" / kept).write_bytes(source.read_bytes())
    _complete_scheduler_config(folder / "scheduler" / "scheduler_config.json")
    (folder / "preview.json").write_text(json.dumps(factors, indent=1) + "\n", encoding="utf-8")
