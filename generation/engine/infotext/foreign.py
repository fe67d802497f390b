"""The JSON of InvokeAI, Fooocus, SwarmUI and NovelAI."""

import re
import shlex
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from generation.engine.infotext.bounded import json_decode
from generation.engine.infotext.recipe import (
    Recipe,
    RecipeLora,
    Sampling,
    items,
    mapping,
    real,
    sampling,
    text_of,
    whole,
)

MAX_DREAM_CHARACTERS: Final = 20_000

_INVOKE_SAMPLERS: Final = {
    "kdpm_2": "DPM2",
    "kdpm_2_a": "DPM2 a",
    "dpmpp_2s": "DPM++ 2S a",
    "pndm": "PLMS",
    "unipc": "UniPC",
}
"""Where InvokeAI's name is nobody else's."""
_DREAM: Final = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "cfg_scale", "A": "sampler"}
"""Switches of InvokeAI's first command line."""


def recipe_from_invoke(text: str) -> Recipe | None:
    """From ``invokeai_metadata`` (version 3 and later). Raises ``EngineError("bad_metadata")``."""
    values = mapping(json_decode(text))
    if "positive_prompt" not in values and "seed" not in values:
        return None
    model = mapping(values.get("model"))
    return Recipe(
        source="invokeai",
        prompt=text_of(values.get("positive_prompt")),
        negative_prompt=text_of(values.get("negative_prompt")),
        **_numbers(values),
        **_invoke_sampling(text_of(values.get("scheduler"))),
        model=text_of(model.get("name") or model.get("model_name")),
        model_hash=text_of(model.get("hash")).rpartition(":")[2].lower(),
        vae=_invoke_name(values.get("vae")),
        clip_skip=whole(values.get("clip_skip")),
        strength=real(values.get("strength")),
        loras=tuple(_invoke_lora(mapping(one)) for one in items(values.get("loras"))),
    )


def recipe_from_invoke_2(text: str) -> Recipe | None:
    """From ``sd-metadata`` (version 2). Raises ``EngineError("bad_metadata")``."""
    values = mapping(json_decode(text))
    image = mapping(values.get("image"))
    if not image:
        return None
    prompt = image.get("prompt")
    parts = [text_of(mapping(one).get("prompt")) for one in items(prompt)] or [text_of(prompt)]
    positive, negative = _bracketed(" ".join(parts))
    return Recipe(
        source="invokeai",
        prompt=positive,
        negative_prompt=negative,
        **_numbers(image),
        **_invoke_sampling(text_of(image.get("sampler"))),
        model=text_of(values.get("model_weights")),
        model_hash=text_of(values.get("model_hash")).lower(),
        strength=real(image.get("strength")),
    )


def recipe_from_dream(text: str) -> Recipe | None:
    """From ``Dream`` (version 1): ``"a fox" -s50 -S7 -W512 -H512 -C7.5 -Ak_lms``."""
    try:
        prompt, *switches = shlex.split(text[:MAX_DREAM_CHARACTERS])
    except ValueError:
        return None
    values = {
        _DREAM[switch[1]]: switch[2:]
        for switch in switches
        if len(switch) > 2 and switch[0] == "-" and switch[1] in _DREAM
    }
    positive, negative = _bracketed(prompt)
    return Recipe(
        source="invokeai",
        prompt=positive,
        negative_prompt=negative,
        **_numbers(values),
        **_invoke_sampling(values.get("sampler", "")),
    )


def recipe_from_parameters_json(text: str) -> Recipe | None:
    """From a ``parameters`` text that is JSON: SwarmUI's or Fooocus's. Raises
    ``EngineError("bad_metadata")``.
    """
    values = mapping(json_decode(text))
    swarm = mapping(values.get("sui_image_params"))
    if swarm:
        return _swarm(swarm)
    return _fooocus(values) if "base_model" in values else None


def recipe_from_novelai(texts: Mapping[str, str]) -> Recipe | None:
    """From ``Software``, ``Description`` and ``Comment``. Raises ``EngineError("bad_metadata")``."""
    if texts.get("Software") != "NovelAI" or "Comment" not in texts:
        return None
    values = mapping(json_decode(texts["Comment"]))
    numbers = _numbers({**values, "cfg_scale": values.get("scale")})
    return Recipe(
        source="novelai",
        prompt=texts.get("Description", "").strip() or text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("uc")),
        **numbers,
        **sampling(values.get("sampler"), values.get("noise_schedule")),
        model=texts.get("Source", ""),
        strength=real(values.get("strength")),
    )


def _swarm(values: Mapping[str, Any]) -> Recipe:
    names, weights = items(values.get("loras")), items(values.get("loraweights"))
    strengths = [real(weight) for weight in weights] + [None] * len(names)
    return Recipe(
        source="swarmui",
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("negativeprompt")),
        **_numbers({**values, "cfg_scale": values.get("cfgscale")}),
        **sampling(values.get("sampler"), values.get("scheduler")),
        model=text_of(values.get("model")),
        vae=text_of(values.get("vae")),
        strength=real(values.get("initimagecreativity")),
        loras=tuple(
            RecipeLora(text_of(name), 1.0 if strength is None else strength)
            for name, strength in zip(names, strengths, strict=False)
        ),
    )


def _fooocus(values: Mapping[str, Any]) -> Recipe:
    size = re.findall(r"\d{1,6}", text_of(values.get("resolution")))
    width, height = size if len(size) == 2 else (None, None)
    numbers = _numbers(
        {**values, "cfg_scale": values.get("guidance_scale"), "width": width, "height": height}
    )
    return Recipe(
        source="fooocus",
        prompt=text_of(values.get("prompt")),
        negative_prompt=text_of(values.get("negative_prompt")),
        **numbers,
        **sampling(values.get("sampler"), values.get("scheduler")),
        model=text_of(values.get("base_model")),
        model_hash=text_of(values.get("base_model_hash")).lower(),
        vae=text_of(values.get("vae")),
        # Fooocus counts as A1111 does.
        clip_skip=None if (skip := whole(values.get("clip_skip"))) is None else max(0, skip - 1),
        loras=tuple(_fooocus_lora(items(one)) for one in items(values.get("loras"))),
    )


def _fooocus_lora(values: list[Any]) -> RecipeLora:
    name, weight, *_ = [*values, None, None]
    strength = real(weight)
    return RecipeLora(text_of(name), 1.0 if strength is None else strength)


class _Numbers(TypedDict):
    steps: int | None
    seed: int | None
    width: int | None
    height: int | None
    cfg_scale: float | None


def _numbers(values: Mapping[str, Any]) -> _Numbers:
    """The fields of a recipe that most programs name alike."""
    return {
        "steps": whole(values.get("steps")),
        "seed": whole(values.get("seed")),
        "width": whole(values.get("width")),
        "height": whole(values.get("height")),
        "cfg_scale": real(values.get("cfg_scale")),
    }


def _invoke_sampling(name: str) -> Sampling:
    plain = name.removesuffix("_k")
    return sampling(_INVOKE_SAMPLERS.get(plain, plain), "Karras" if plain != name else "")


def _invoke_name(value: object) -> str:
    values = mapping(value)
    return text_of(values.get("name") or values.get("model_name"))


def _invoke_lora(values: Mapping[str, Any]) -> RecipeLora:
    weight = real(values.get("weight"))
    name = _invoke_name(values.get("model") or values.get("lora"))
    return RecipeLora(name, 1.0 if weight is None else weight)


def _bracketed(prompt: str) -> tuple[str, str]:
    """Before version 3 the negative prompt stood inside the prompt, in square brackets."""
    negative = re.findall(r"\[([^\[\]]*)\]", prompt)
    return re.sub(r"\[[^\[\]]*\]", "", prompt).strip(), " ".join(negative)
