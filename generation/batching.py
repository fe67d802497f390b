"""Which waiting jobs would share the denoiser's calls with those that run: a hint for the choice of the next
one.
"""

import json
from typing import Any, Final

from generation.models import Job

_WEIGHTLESS: Final = ("vae", "upscale", "face_restoration", "hires.upscaler")
"""Models that the denoiser does not know of."""


def batch_key(job: Job) -> str:
    """Equal where the engine may put two jobs into one call: same checkpoint, size and kind of guidance, and
    the same changes to the network. Empty for jobs without a denoiser.
    """
    if job.model is None:
        return ""
    params = job.params
    guided = params["cfg_scale"] > 1.0
    key = f"{job.model.sha256}:{params['width']}x{params['height']}:{guided}"
    changes = _changes(params)
    return f"{key}:{json.dumps(changes, sort_keys=True)}" if changes else key


def _changes(params: dict[str, Any]) -> list[Any]:
    """What is not as in a plain picture."""
    models = sorted(
        [use["kind"], use["sha256"]]
        for name, use in params.get("models", {}).items()
        if name not in _WEIGHTLESS and not name.startswith(("adetailer.", "embedding."))
    )
    switches = [name for name in ("pag_scale", "tiling") if params.get(name)]
    return [one for one in (models, switches, params.get("freeu")) if one]
