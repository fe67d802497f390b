"""What the model families are made of, and what their published checkpoints say of themselves.

Needs no torch. A single file carries no configuration: what its tensors' shapes do not show is looked up
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Component = Literal["unet", "vae", "text_encoder", "text_encoder_2"]
Family = Literal["sd15", "sd2", "sdxl", "sd3", "flux", "unknown"]
"""``sd15`` stands for every model of that shape: one CLIP text encoder and a 4-channel U-Net. ``sdxl`` is a
U-Net of 4 channels that takes the text of two encoders, a pooled text and sizes.
"""
FAMILY_NAMES: Final[Mapping[Family, str]] = {
    "sd15": "Stable Diffusion 1.x",
    "sd2": "Stable Diffusion 2.x in one file",
    "sdxl": "Stable Diffusion XL",
    "sd3": "Stable Diffusion 3",
    "flux": "Flux",
    "unknown": "of an unknown kind",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFacts:
    """One family that this engine runs."""

    components: tuple[Component, ...]
    """The parts that hold weights."""
    sample_size: int
    """Latent side that the published model was trained at."""
    latent_scale: float
    """The VAE's ``scaling_factor``."""
    fp16_overflows: bool = False
    """Its VAE leaves the range of fp16, unless its configuration denies ``force_upcast``."""
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    """Entries of the published ``scheduler_config.json`` beyond those of SD1.x."""
    preview: Mapping[str, Any] | None = None
    """What ``preview.json`` would say of the published VAE; None for SD1.x, which the previews know."""


FAMILIES: Final[Mapping[Family, FamilyFacts]] = {
    "sd15": FamilyFacts(
        components=("unet", "vae", "text_encoder"),
        sample_size=64,
        latent_scale=0.18215,
    ),
    "sdxl": FamilyFacts(
        components=("unet", "vae", "text_encoder", "text_encoder_2"),
        sample_size=128,
        latent_scale=0.13025,
        fp16_overflows=True,
        scheduler={"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"},
        # As fitted by InvokeAI (``invokeai/app/util/step_callback.py``).
        preview={
            "latent_rgb_factors": [
                [0.3816, 0.4930, 0.5320],
                [-0.3753, 0.1631, 0.1739],
                [0.1770, 0.3588, -0.2048],
                [-0.4350, -0.2644, -0.4289],
            ]
        },
    ),
}
"""The families that can be run; the others are recognised and refused by name."""
