"""Which waiting jobs would share the denoiser's calls with those that run: a hint for the choice of the next
one.
"""

import json
from typing import Any, Final

from generation.models import Job
from generation.orders.prompts import prompt_loras, prompt_parts

_WITHOUT_DENOISER: Final = ("vae", "upscale", "face_restoration", "hires.upscaler")
"""Uses of models that the denoiser does not know of."""
_SHARED: Final = ("adetailer.", "embedding.", "loras.", "prompt.")
"""Uses that are passes of their own, part of the texts, or counted with their strengths."""


def batch_key(job: Job) -> str:
    """Equal where the engine may put two jobs into one call: same checkpoint, size, kind of guidance and
    number of texts, and the same changes to the network. Empty for jobs without a denoiser.
    """
    if job.model is None:
        return ""
    params = job.params
    guided = params["cfg_scale"] > 1.0
    key = f"{job.model.sha256}:{params['width']}x{params['height']}:{guided}"
    changes = _changes(params)
    return f"{key}:{json.dumps(changes, sort_keys=True)}" if changes else key


def _changes(params: dict[str, Any]) -> dict[str, Any]:
    """What is not as in a plain picture."""
    changes = {
        "models": sorted(
            [name.partition(".")[0], use["sha256"]]
            for name, use in params.get("models", {}).items()
            if name not in _WITHOUT_DENOISER and not name.startswith(_SHARED)
        ),
        "loras": _loras(params),
        "parts": prompt_parts(params["prompt"]) - 1,
        "freeu": params.get("freeu"),
        "pag": bool(params.get("pag_scale")),
        "tiling": params.get("tiling"),
    }
    return {name: value for name, value in changes.items() if value}


def _loras(params: dict[str, Any]) -> list[list[Any]]:
    """Networks are merged with their strengths, so those have to be the same too."""
    slots = [[slot["name"], slot["weight"], slot["te_weight"]] for slot in params.get("loras", ())]
    written = [[use.name, use.denoiser, use.text_encoder] for use in prompt_loras(params["prompt"])]
    return slots + written
