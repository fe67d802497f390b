"""From a recipe to the fields of a request, by the names of the WebSocket API: what a form is filled with.

Only what the picture says is there. Values are not checked against limits; models are named as the picture
names them.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from generation.engine.infotext.passes import (
    CONTROL_MODES,
    FILLS,
    IP_ADAPTER_MODULE,
    MERGES,
    RESIZE_MODES,
)
from generation.engine.infotext.recipe import Recipe, real, whole
from generation.engine.infotext.units import unit_read

MAX_UNITS: Final = 16
_HASH: Final = re.compile(r" \[[0-9a-fA-F]{4,64}\]$")
_SUFFIXES: Final = ("", " 2nd", " 3rd", *(f" {place}th" for place in range(4, MAX_UNITS)))
_SAME: Final = ("Use same sampler", "Use same scheduler", "Automatic")

Values = Mapping[str, str]


def recipe_fields(recipe: Recipe) -> dict[str, Any]:
    """The request that would make the picture again, as far as the picture says."""
    extra = recipe.extra
    hires = _hires(extra, recipe.strength)
    fields = {
        "prompt": recipe.prompt,
        "negative_prompt": recipe.negative_prompt,
        "model": recipe.model,
        "steps": recipe.steps,
        "sampler": recipe.sampler,
        "scheduler": recipe.scheduler,
        "cfg_scale": recipe.cfg_scale,
        "seed": recipe.seed,
        "width": recipe.width,
        "height": recipe.height,
        "clip_skip": recipe.clip_skip,
        "strength": None if hires else recipe.strength,
        "vae": recipe.vae,
        "loras": [{"name": lora.name, "weight": lora.weight} for lora in recipe.loras],
        "hires": hires,
        **_mask(extra),
        **_techniques(extra),
        **_finish(extra),
        **_units(extra),
    }
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _plain(name: str) -> str:
    """A model's name without the hash behind it."""
    return _HASH.sub("", name)


def _hires(extra: Values, strength: float | None) -> dict[str, Any]:
    if "Hires upscaler" not in extra and "Hires upscale" not in extra:
        return {}
    sampler, schedule = extra.get("Hires sampler", ""), extra.get("Hires schedule type", "")
    return _said(
        {
            "scale": real(extra.get("Hires upscale")),
            "steps": whole(extra.get("Hires steps")),
            "upscaler": extra.get("Hires upscaler"),
            "strength": strength,
            "sampler": "" if sampler in _SAME else sampler,
            "scheduler": "" if schedule in _SAME else schedule,
            "prompt": extra.get("Hires prompt"),
            "negative_prompt": extra.get("Hires negative prompt"),
            "cfg_scale": real(extra.get("Hires CFG Scale")),
        }
    )


def _mask(extra: Values) -> dict[str, Any]:
    fills = {said: fill for fill, said in FILLS.items()}
    margins = {side: whole(extra.get(f"Outpaint {side}")) for side in ("left", "top", "right", "bottom")}
    return _said(
        {
            "resize_mode": _meant(RESIZE_MODES, extra.get("Resize mode")),
            "mask_blur": whole(extra.get("Mask blur")),
            "mask_invert": True if extra.get("Mask mode") == "Inpaint not masked" else None,
            "inpaint_fill": fills.get(extra.get("Masked content", "")),
            "inpaint_only_masked": True if extra.get("Inpaint area") == "Only masked" else None,
            "inpaint_padding": whole(extra.get("Masked area padding")),
            "outpaint": _said(margins) or None,
        }
    )


def _techniques(extra: Values) -> dict[str, Any]:
    variation = whole(extra.get("Variation seed"))
    refiner = _plain(extra.get("Refiner", ""))
    freeu = {name: real(extra.get(f"freeu_{name}")) for name in ("b1", "b2", "s1", "s2")}
    return _said(
        {
            "tiling": True if extra.get("Tiling") == "True" else None,
            "variation": None
            if variation is None
            else _said({"seed": variation, "strength": real(extra.get("Variation seed strength"))}),
            "refiner": _said({"model": refiner, "switch_at": real(extra.get("Refiner switch at"))})
            if refiner
            else None,
            "freeu": _said(freeu) if extra.get("freeu_enabled") == "True" else None,
            "pag_scale": real(extra.get("PerturbedAttentionGuidance_scale")),
            "cfg_rescale": real(extra.get("CFG rescale")),
        }
    )


def _finish(extra: Values) -> dict[str, Any]:
    face, upscaler = extra.get("Face restoration", ""), extra.get("Postprocess upscaler", "")
    return {
        "face_restoration": _said(
            {
                "model": face,
                "visibility": real(extra.get("Face restoration visibility")),
                "fidelity": real(extra.get("Face restoration fidelity")),
            }
        )
        if face
        else None,
        "upscale": _said({"scale": real(extra.get("Postprocess upscale by")), "method": upscaler})
        if upscaler
        else None,
        "adetailer": [
            _detailing(extra, suffix) for suffix in _SUFFIXES if f"ADetailer model{suffix}" in extra
        ],
    }


def _detailing(extra: Values, suffix: str) -> dict[str, Any]:
    def said(key: str) -> str:
        return extra.get(f"ADetailer {key}{suffix}", "")

    return _said(
        {
            "detector": said("model"),
            "prompt": said("prompt"),
            "negative_prompt": said("negative prompt"),
            "confidence": real(said("confidence")),
            "top_k": whole(said("mask only top k") or said("mask only top k largest")),
            "min_ratio": real(said("mask min ratio")),
            "max_ratio": real(said("mask max ratio")),
            "offset_x": whole(said("x offset")),
            "offset_y": whole(said("y offset")),
            "dilate": whole(said("dilate erode")),
            "merge": _meant(MERGES, said("mask merge invert") or None),
            "blur": whole(said("mask blur")),
            "strength": real(said("denoising strength")),
            "padding": whole(said("inpaint padding")),
            "width": whole(said("inpaint width")),
            "height": whole(said("inpaint height")),
            "steps": whole(said("steps")),
            "cfg_scale": real(said("CFG scale")),
        }
    )


def _units(extra: Values) -> dict[str, Any]:
    controls: list[dict[str, Any]] = []
    adapters: list[dict[str, Any]] = []
    for place in range(MAX_UNITS):
        unit = unit_read(extra.get(f"ControlNet {place}", ""))
        if str(unit.get("module", "")).startswith(IP_ADAPTER_MODULE.partition("-auto")[0]):
            adapters.append(
                _said(
                    {
                        "model": _plain(str(unit.get("model", ""))),
                        "scale": real(unit.get("weight")),
                        "start": real(unit.get("guidance_start")),
                        "end": real(unit.get("guidance_end")),
                    }
                )
            )
        elif unit:
            controls.append(_control(unit))
    return {"controlnet": controls, "ip_adapter": adapters}


def _control(unit: Mapping[str, Any]) -> dict[str, Any]:
    return _said(
        {
            "preprocessor": str(unit.get("module", "")),
            "model": _plain(str(unit.get("model", ""))),
            "weight": real(unit.get("weight")),
            "resize_mode": _meant(RESIZE_MODES, unit.get("resize_mode")),
            "preprocessor_resolution": whole(unit.get("processor_res")),
            "start_percent": real(unit.get("guidance_start")),
            "stop_percent": real(unit.get("guidance_end")),
            "control_mode": _meant(CONTROL_MODES, unit.get("control_mode")),
        }
    )


def _meant(words: Mapping[Any, str], said: object) -> Any:
    """Our word for one of A1111's, whose spelling differs between its parts."""
    wanted = str(said).casefold()
    return next((ours for ours, theirs in words.items() if said and theirs.casefold() == wanted), None)
