"""What a LoRA file says about itself, in the keys of kohya's sd-scripts and of Stability AI's ModelSpec.

Keys and spellings as in ``train_network.py`` and ``library/sai_model_spec.py`` of sd-scripts; all values
are text.
"""

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime

import torch
from safetensors.torch import save

from training.data.art import SIZE, scene_of
from training.data.subjects import COLOURS, SUBJECTS
from training.lora.network import ALPHA, RANKS
from training.lora.styles import Style
from training.lora.train import BATCH, SCENE_SEED, SCENES, TRIGGERED, LoraConfig


def tag_frequency(style: Style) -> str:
    """How often the captions of one pass over the scenes say what, as sd-scripts counts tags."""
    tags = Counter({style.trigger: round(TRIGGERED * SCENES)})
    for index in range(SCENES):
        scene = scene_of(SCENE_SEED, index)
        tags[SUBJECTS[scene.subject].en[0]] += 1
        tags[f"{COLOURS[scene.colour].en[0]} background"] += 1
    return json.dumps({f"1_{style.name}": dict(tags.most_common())})


def tensor_hash(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 of the tensors' bytes as the file holds them, without the header."""
    whole = save(tensors)
    return hashlib.sha256(whole[8 + int.from_bytes(whole[:8], "little") :]).hexdigest()


def kohya_metadata(
    config: LoraConfig, title: str, description: str, steps: int, tensors: dict[str, torch.Tensor]
) -> dict[str, str]:
    """The metadata of a trained file."""
    style, digest = config.style, tensor_hash(tensors)
    convolutions = {"conv_dim": str(RANKS[0]), "conv_alpha": str(ALPHA)}
    said = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": RANKS[0],
        "ss_network_alpha": ALPHA,
        "ss_network_args": json.dumps(convolutions),
        "ss_training_comment": f"Ranks {RANKS} at 16 x 16, 8 x 8 and 4 x 4 latent cells",
        "ss_base_model_version": "sd_v1",
        "ss_sd_model_name": "Demo emoji",
        "ss_v2": False,
        "ss_output_name": style.name,
        "ss_tag_frequency": tag_frequency(style),
        "ss_num_train_images": SCENES,
        "ss_batch_size_per_device": BATCH,
        "ss_resolution": (SIZE, SIZE),
        "ss_steps": steps,
        "ss_epoch": steps * BATCH // SCENES,
        "ss_optimizer": "torch.optim.adamw.AdamW",
        "ss_unet_lr": config.rate,
        "ss_lr_scheduler": "cosine",
        "ss_seed": config.seed,
        "ss_cache_latents": True,
        "ss_mixed_precision": "bf16",
        "sshs_model_hash": digest,
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": title,
        "modelspec.description": description,
        "modelspec.date": datetime.now(tz=UTC).date().isoformat(),
        "modelspec.hash_sha256": f"0x{digest}",
        "modelspec.license": "OFL-1.1",
        "modelspec.resolution": f"{SIZE}x{SIZE}",
        "modelspec.prediction_type": "v",
        "modelspec.trigger_phrase": style.trigger,
        "modelspec.usage_hint": f"Weight 0.75 to 1; the words {style.trigger!r} are welcome, not needed.",
    }
    return {name: str(value) for name, value in said.items()}
