"""What the model families are made of, and what their published checkpoints say of themselves.

Needs no torch. A single file carries no configuration: what its tensors' shapes do not show is looked up
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Component = Literal["unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3"]
Kind = Literal["unet", "mmdit", "flux", "autoencoder", "clip", "clip_projecting", "t5"]
"""What a component is built as: ``mmdit`` is SD3's transformer, ``clip_projecting`` has a last projection."""
Family = Literal["sd15", "sd2", "sdxl", "sd3", "flux", "unknown"]
"""``sd15`` stands for every model of that shape: one CLIP text encoder and a U-Net. ``sdxl`` is a U-Net that
takes the text of two encoders, a pooled text and sizes; its refiner has the second encoder only. ``sd2`` is
Stable Diffusion 2.x in one file; its folders are not told from ``sd15``, which they are built like.
"""
FAMILY_NAMES: Final[Mapping[Family, str]] = {
    "sd15": "Stable Diffusion 1.x",
    "sd2": "Stable Diffusion 2.x",
    "sdxl": "Stable Diffusion XL",
    "sd3": "Stable Diffusion 3",
    "flux": "Flux",
    "unknown": "of an unknown kind",
}
FLOW_FAMILIES: Final[frozenset[Family]] = frozenset({"sd3", "flux"})
"""Transformers trained on straight flows, which ``flow_load`` loads and ``exclusive`` runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFacts:
    """One family that this engine runs."""

    components: Mapping[Component, Kind]
    """The parts that hold weights."""
    optional: frozenset[Component] = frozenset()
    """Those that a checkpoint may lack."""
    sample_size: int
    """Latent side that the published model was trained at."""
    latent_scale: float
    """The VAE's ``scaling_factor``."""
    latent_shift: float | None = None
    """The VAE's ``shift_factor``."""
    fp16_overflows: bool = False
    """Its VAE leaves the range of fp16, unless its configuration denies ``force_upcast``."""
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    """Entries of the published ``scheduler_config.json``; for U-Nets those beyond SD1.x'."""
    preview: Mapping[str, Any] | None = None
    """What ``preview.json`` would say of the published VAE; None for SD1.x, which the previews know."""


# All colours as fitted by InvokeAI (``invokeai/app/util/step_callback.py``).
_XL_COLOURS: Final = [
    [0.3816, 0.4930, 0.5320],
    [-0.3753, 0.1631, 0.1739],
    [0.1770, 0.3588, -0.2048],
    [-0.4350, -0.2644, -0.4289],
]
_SD3_COLOURS: Final = [
    [-0.05240681, 0.03251581, 0.0749016],
    [-0.0580572, 0.00759826, 0.05729818],
    [0.16144888, 0.01270368, -0.03768577],
    [0.14418615, 0.08460266, 0.15941818],
    [0.04894035, 0.0056485, -0.06686988],
    [0.05187166, 0.19222395, 0.06261094],
    [0.1539433, 0.04818359, 0.07103094],
    [-0.08601796, 0.09013458, 0.10893912],
    [-0.12398469, -0.06766567, 0.0033688],
    [-0.0439737, 0.07825329, 0.02258823],
    [0.03101129, 0.06382551, 0.07753657],
    [-0.01315361, 0.08554491, -0.08772475],
    [0.06464487, 0.05914605, 0.13262741],
    [-0.07863674, -0.02261737, -0.12761454],
    [-0.09923835, -0.08010759, -0.06264447],
    [-0.03392309, -0.0804029, -0.06078822],
]
_FLUX_COLOURS: Final = [
    [-0.0412, 0.0149, 0.0521],
    [0.0056, 0.0291, 0.0768],
    [0.0342, -0.0681, -0.0427],
    [-0.0258, 0.0092, 0.0463],
    [0.0863, 0.0784, 0.0547],
    [-0.0017, 0.0402, 0.0158],
    [0.0501, 0.1058, 0.1152],
    [-0.0209, -0.0218, -0.0329],
    [-0.0314, 0.0083, 0.0896],
    [0.0851, 0.0665, -0.0472],
    [-0.0534, 0.0238, -0.0024],
    [0.0452, -0.0026, 0.0048],
    [0.0892, 0.0831, 0.0881],
    [-0.1117, -0.0304, -0.0789],
    [0.0027, -0.0479, -0.0043],
    [-0.1146, -0.0827, -0.0598],
]

FAMILIES: Final[Mapping[Family, FamilyFacts]] = {
    "sd15": FamilyFacts(
        components={"unet": "unet", "vae": "autoencoder", "text_encoder": "clip"},
        sample_size=64,
        latent_scale=0.18215,
    ),
    "sd2": FamilyFacts(
        components={"unet": "unet", "vae": "autoencoder", "text_encoder": "clip"},
        sample_size=96,
        latent_scale=0.18215,
    ),
    "sdxl": FamilyFacts(
        components={
            "unet": "unet",
            "vae": "autoencoder",
            "text_encoder": "clip",
            "text_encoder_2": "clip_projecting",
        },
        sample_size=128,
        latent_scale=0.13025,
        fp16_overflows=True,
        scheduler={"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"},
        preview={"latent_rgb_factors": _XL_COLOURS},
    ),
    "sd3": FamilyFacts(
        components={
            "transformer": "mmdit",
            "vae": "autoencoder",
            "text_encoder": "clip_projecting",
            "text_encoder_2": "clip_projecting",
            "text_encoder_3": "t5",
        },
        # It was trained to do without T5 too, at less obedience to long prompts.
        optional=frozenset({"text_encoder_3"}),
        sample_size=128,
        latent_scale=1.5305,
        latent_shift=0.0609,
        scheduler={"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
        preview={"latent_rgb_factors": _SD3_COLOURS},
    ),
    "flux": FamilyFacts(
        components={
            "transformer": "flux",
            "vae": "autoencoder",
            "text_encoder": "clip",
            "text_encoder_2": "t5",
        },
        sample_size=128,
        latent_scale=0.3611,
        latent_shift=0.1159,
        # Of dev; schnell, which has no guidance embedding, is neither shifted nor shifted by size.
        scheduler={
            "_class_name": "FlowMatchEulerDiscreteScheduler",
            "shift": 3.0,
            "use_dynamic_shifting": True,
            "base_shift": 0.5,
            "max_shift": 1.15,
            "base_image_seq_len": 256,
            "max_image_seq_len": 4096,
        },
        preview={"latent_rgb_factors": _FLUX_COLOURS},
    ),
}
"""The families that can be run; the others are recognised and refused by name."""
REFINER_COMPONENTS: Final[Mapping[Component, Kind]] = {
    name: kind for name, kind in FAMILIES["sdxl"].components.items() if name != "text_encoder"
}
"""What SDXL's refiner is made of."""
