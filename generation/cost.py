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


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the prediction depends on."""

    family: str
    """A value of ``ModelFile.Family``; an unknown one counts as SD1.5."""
    width: int
    height: int
    steps: int
    batch_size: int
    guidance_scale: float
    sampler: str
    """Canonical name."""
    prompt_parts: int = 1
    """Parts between ``AND``, each of which is one more evaluation."""


def predicted_tflop(work: Work) -> float:
    """The work of a whole job, in 10^12 floating-point operations; always positive."""
    family = _FAMILIES.get(work.family.lower(), _SD15)
    area = work.width * work.height / family.side**2
    call = family.linear_tflop * area + family.attention_tflop * area**2
    calls = work.steps * (2 if work.sampler in _TWO_CALLS else 1)
    guidance = family.guided_calls - 1 if work.guidance_scale > 1.0 else 0
    calls *= work.prompt_parts + guidance
    return work.batch_size * (calls * call + family.decode_tflop * area)
