"""The small decoder that a checkpoint may bring for its previews, in TAESD's layout.

It lies in ``preview_decoder/`` inside a checkpoint's folder, or inside ``<stem>.config/`` beside a checkpoint
in one file: ``config.json`` and one ``.safetensors`` file, as diffusers' ``AutoencoderTiny`` saves them
(``madebyollin/taesd`` is published like that). Nothing is ever downloaded. Previews are expendable: a decoder
that is damaged or does not fit is left out with a warning, and the checkpoint works without it.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import torch

from generation.engine.checkpoints.header import header_read
from generation.engine.checkpoints.info import json_read
from generation.engine.errors import EngineError

logger = logging.getLogger(__name__)

FOLDER: Final = "preview_decoder"
_PREFIX: Final = "decoder."


def preview_decoder_load(checkpoint: Path, vae_config: Mapping[str, Any], dtype: torch.dtype) -> Any | None:
    """The decoder that lies with ``checkpoint``, on the CPU as ``dtype``, or None when there is none of use.

    It maps scaled latents ``[n, c, h, w]`` to pictures in [-1, 1] of at most the VAE's size.
    """
    root = checkpoint if checkpoint.is_dir() else checkpoint.with_suffix(".config")
    folder = root / FOLDER
    if not folder.is_dir():
        return None
    try:
        config = json_read(folder / "config.json")
        _require_fit(config, vae_config)
        return _filled(_empty(config), folder, dtype)
    except (EngineError, RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
        logger.warning("The preview decoder of %s is left out: %s", checkpoint.name, error)
        return None


def _require_fit(config: Mapping[str, Any], vae_config: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for a decoder of other latents, or of pictures larger than the VAE's."""
    channels = (config.get("latent_channels", 4), config.get("out_channels", 3))
    if channels != (vae_config.get("latent_channels", 4), 3):
        raise ValueError(f"it decodes {channels[0]} latent channels to {channels[1]}")
    enlarged = int(config.get("upsampling_scaling_factor", 2)) ** (len(config["num_decoder_blocks"]) - 1)
    if enlarged > 1 << (len(vae_config["block_out_channels"]) - 1):
        raise ValueError(f"it enlarges {enlarged} times")


def _empty(config: Mapping[str, Any]) -> torch.nn.Module:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    with torch.device("meta"):
        return cast("torch.nn.Module", AutoencoderTiny.from_config(dict(config)).decoder)


def _filled(decoder: torch.nn.Module, folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    from safetensors import safe_open

    file = min(folder.glob("*.safetensors"), key=lambda file: (file.name.count("."), file.name))
    header_read(file)
    with safe_open(file, framework="pt", device="cpu") as stream:
        # Copies, never views of the mapped file; the encoder, which nothing here uses, stays there.
        state = {
            name.removeprefix(_PREFIX): stream.get_tensor(name).to(dtype=dtype, copy=True)
            for name in stream.keys()  # noqa: SIM118 - not a mapping
            if name.startswith(_PREFIX)
        }
    decoder.load_state_dict(state, assign=True)
    return decoder.eval().requires_grad_(False)  # noqa: FBT003
