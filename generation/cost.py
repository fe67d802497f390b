"""How much work a job is, predicted before it runs, for fair shares and waiting times.

The figures are floating-point operations counted with torch's FlopCounterMode on the real architectures (one
multiply-accumulate is two operations), batch 1, without guidance. Convolutions and linear layers grow with
the number of pixels, self-attention with its square.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class _Family:
    side: int
    """The picture's side that the figures are for, in pixels."""
    linear_tflop: float
    """Part of one denoiser call that grows with the number of pixels."""
    attention_tflop: float
    """Part that grows with its square."""
    decode_tflop: float
    """The VAE decoder, which grows with the number of pixels."""
    guided_calls: int = 2
    """Denoiser evaluations per step with guidance and one part of prompt."""


_SD15: Final = _Family(512, linear_tflop=0.677, attention_tflop=0.126, decode_tflop=2.515)
_FAMILIES: Final = {
    "sd15": _SD15,
    "sdxl": _Family(1024, linear_tflop=5.981, attention_tflop=0.78, decode_tflop=10.47),
    "sd3": _Family(1024, linear_tflop=7.1, attention_tflop=1.8, decode_tflop=10.47),
    # Guidance is distilled into Flux: one evaluation a step.
    "flux": _Family(1024, linear_tflop=59.5, attention_tflop=14.9, decode_tflop=10.47, guided_calls=1),
}

_TWO_CALLS: Final = frozenset(
    {"Heun", "HeunPP2", "DPM2", "DPM2 a", "DPM++ SDE", "DPM++ 2S a", "DPM++ 2M SDE Heun"}
)
"""Samplers that call the denoiser twice a step."""


CONTROL_SHARE: Final = 0.353
"""A ControlNet's evaluation, in evaluations of its UNet."""
ENCODE_SHARE: Final = 0.444
"""The VAE's encoder, in passes of its decoder."""
UPSCALE_TFLOP: Final = 36.0
"""RRDBNet of ESRGAN (23 blocks of 64 channels, 4 times), per megapixel that goes in."""
FACE_TFLOP: Final = 0.4
"""GFPGAN, per face."""
MAP_TFLOP: Final = 0.5
"""A preprocessor's network, about."""
SMALLEST_TFLOP: Final = 0.001
"""Reading and writing a picture is some work too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Denoising from some latents to others, for one picture."""

    width: int
    """Pixels, whole latent cells; likewise ``height``."""
    height: int
    steps: float
    """Sampler steps that are made."""
    sampler: str
    """Canonical name."""
    guidance_scale: float
    extra: float = 0.0
    """More evaluations with every step: each control unit counts ``CONTROL_SHARE`` of the two, PAG one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the prediction depends on."""

    family: str = ""
    """A value of ``ModelFile.Family``; an unknown one counts as SD1.5."""
    passes: tuple[Pass, ...] = ()
    encodes: int = 0
    """Pictures that go through the VAE's encoder."""
    batch_size: int = 1
    prompt_parts: int = 1
    """Parts between ``AND``, each of which is one more evaluation."""
    upscaled_pixels: float = 0.0
    """Pixels that go into an upscaler's network."""
    faces: int = 0
    maps: int = 0
    """Control maps that are made."""


def predicted_tflop(work: Work) -> float:
    """The work of a whole job, in 10^12 floating-point operations; always positive."""
    family = _FAMILIES.get(work.family.lower(), _SD15)
    painted = sum(_pass_tflop(family, one, work.prompt_parts) for one in work.passes)
    if work.encodes and work.passes:
        painted += work.encodes * ENCODE_SHARE * family.decode_tflop * _area(family, work.passes[0])
    after = UPSCALE_TFLOP * work.upscaled_pixels / 1e6 + FACE_TFLOP * work.faces
    return work.batch_size * (painted + after) + MAP_TFLOP * work.maps or SMALLEST_TFLOP


def _pass_tflop(family: _Family, one: Pass, parts: int) -> float:
    area = _area(family, one)
    call = family.linear_tflop * area + family.attention_tflop * area**2
    guidance = family.guided_calls - 1 if one.guidance_scale > 1.0 else 0
    calls = one.steps * (2 if one.sampler in _TWO_CALLS else 1) * (parts + guidance + one.extra)
    return calls * call + family.decode_tflop * area


def _area(family: _Family, one: Pass) -> float:
    return one.width * one.height / family.side**2
