"""What the name of a tensor in a network file says: which component, which of its layers, which role there.

There are three notations, and files mix them:

* kohya's sd-scripts and LyCORIS: ``lora_unet_<layer with underscores>.lora_down.weight``;
* peft and diffusers: ``unet.<layer>.lora_A.weight``, ``base_model.model.<layer>.lora_A.default.weight``;
* older diffusers: ``unet.<layer>.processor.to_q_lora.down.weight``, ``text_encoder.<layer>.lora_linear_layer.
  up.weight``.

All layers are written with underscores here, which only ``targets`` can undo.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

DENOISER: Final = "denoiser"

_KOHYA: Final = re.compile(r"(?:lora|lycoris|oft)_(?:(unet|transformer|te[123]?)_)?(.+)")
_KOHYA_COMPONENTS: Final[Mapping[str | None, str]] = {
    None: DENOISER,
    "unet": DENOISER,
    "transformer": DENOISER,
    "te": "text_encoder",
    "te1": "text_encoder",
    "te2": "text_encoder_2",
    "te3": "text_encoder_3",
}
_DOTTED: Final[tuple[tuple[str, str], ...]] = (
    ("unet.", DENOISER),
    ("transformer.", DENOISER),
    ("model.diffusion_model.", DENOISER),
    ("diffusion_model.", DENOISER),
    ("text_encoder.", "text_encoder"),
    ("text_encoder_2.", "text_encoder_2"),
    ("text_encoder_3.", "text_encoder_3"),
    ("text_encoders.clip_l.transformer.", "text_encoder"),
    ("text_encoders.clip_g.transformer.", "text_encoder_2"),
    ("text_encoders.t5xxl.transformer.", "text_encoder_3"),
)
_ROLES: Final = re.compile(
    r"""
    (?: \.lora_ | [._]lora\. | \.lora_linear_layer\. ) (?P<factor> down | up | mid | A | B )
        (?: \.[^.]+ )?? \.(?P<kind> weight | bias )
    | \.lora_magnitude_vector (?: \.[^.]+ )*  (?P<magnitude>)
    | \.(?P<side> [ab][12] | bm )\.weight
    | \.(?P<plain> alpha | dora_scale
        | hada_w[12]_[ab] | hada_t[12]
        | lokr_w[12] (?: _[ab] )? | lokr_t[12]
        | oft_blocks | oft_diag | rescale
        | on_input | weight | diff_b | diff | w_norm | b_norm )
    """,
    re.VERBOSE,
)
_FACTORS: Final[Mapping[str, str]] = {"A": "down", "B": "up"}


class Key(NamedTuple):
    """A tensor's place."""

    component: str
    """``denoiser``, ``text_encoder``, ``text_encoder_2`` or ``text_encoder_3``."""
    layer: str
    role: str
    """``lora_down``, ``lora_up``, ``alpha``, ``hada_w1_a`` and so on, in kohya's and LyCORIS' terms."""


def key_read(name: str) -> Key | None:
    """The place that ``name`` speaks of; None for a name that is in no known notation."""
    ends = [match for match in _ROLES.finditer(name) if match.end() == len(name)]
    if not ends or not ends[0].start():
        return None
    component, layer = _component(name[: ends[0].start()])
    return Key(component, layer.replace(".processor", "").replace(".", "_"), _role(ends[0]))


def _role(match: re.Match[str]) -> str:
    if match["factor"]:
        factor = _FACTORS.get(match["factor"], match["factor"])
        return f"lora_{factor}" if match["kind"] == "weight" else f"lora_{factor}_bias"
    if match["magnitude"] is not None:
        return "magnitude"
    return match["side"] or match["plain"]


def _component(layer: str) -> tuple[str, str]:
    kohya = _KOHYA.fullmatch(layer)
    if kohya:
        return _KOHYA_COMPONENTS[kohya[1]], kohya[2]
    layer = layer.removeprefix("base_model.model.")
    for prefix, component in _DOTTED:
        if layer.startswith(prefix):
            # peft saves one adapter per component, whose names diffusers puts the component before.
            return component, layer.removeprefix(prefix).removeprefix("base_model.model.")
    return DENOISER, layer
