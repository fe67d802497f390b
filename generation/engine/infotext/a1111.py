"""A1111's ``parameters`` text taken apart, by the rules of its ``parse_generation_parameters``."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from generation.engine.errors import EngineError
from generation.engine.infotext.bounded import MAX_PARAMETERS_CHARACTERS, bad_metadata
from generation.engine.infotext.recipe import RECIPE_KEYS, Recipe, Source, real, sampling, whole
from generation.engine.prompts import parse_attention
from generation.engine.spec import MAX_PROMPT_LENGTH

NEGATIVE: Final = "Negative prompt:"
MIN_PAIRS: Final = 3
"""Fewer ``key: value`` pairs in the last line, and it belongs to the prompt."""

# Keys are bounded, or a long line without a colon would take quadratic time.
_PAIR: Final = re.compile(r'(\w[\w \-/]{1,100}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE: Final = re.compile(r"(\d{1,9})x(\d{1,9})")
_VERSION: Final = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:-(\d{1,6}))?")

_DEFAULTS: Final[dict[str, str]] = {
    "Clip skip": "1",
    "Hires resize-1": "0",
    "Hires resize-2": "0",
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": "32",
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": "0",
    "Schedule min sigma": "0",
    "Schedule rho": "0",
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": "False",
}
"""What a text means by not saying it."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """A ``parameters`` text in its three pieces."""

    prompt: str
    negative_prompt: str
    pairs: dict[str, str]
    """In order, values without their quotes."""


def parameters_split(text: str) -> Parameters:
    """Raises ``EngineError("bad_metadata")`` for a text of absurd length; everything else can be read."""
    if len(text) > MAX_PARAMETERS_CHARACTERS:
        raise bad_metadata(f"its text has more than {MAX_PARAMETERS_CHARACTERS} characters")
    *lines, last = text.strip().split("\n")
    pairs = _PAIR.findall(last)
    if len(pairs) < MIN_PAIRS:
        lines, pairs = [*lines, last], []
    halves: tuple[list[str], list[str]] = ([], [])
    negative = False
    for line in map(str.strip, lines):
        if line.startswith(NEGATIVE):
            negative = True
            line = line.removeprefix(NEGATIVE).strip()  # noqa: PLW2901 - what is left of the same line
        # Empty lines before the first word are dropped, as upstream does by the way it joins.
        if line or halves[negative]:
            halves[negative].append(line)
    return Parameters(
        "\n".join(halves[0]), "\n".join(halves[1]), {key: _unquoted(value) for key, value in pairs}
    )


def parameters_dict(text: str) -> dict[str, str]:
    """The text as A1111's own reader returns it: ``Size`` in two, old forms made new, defaults filled in.

    All values are text. Raises ``EngineError("bad_metadata")``.
    """
    parameters = parameters_split(text)
    values = {"Prompt": parameters.prompt, "Negative prompt": parameters.negative_prompt}
    for key, value in _modern(parameters.pairs).items():
        size = _SIZE.fullmatch(value)
        values |= {f"{key}-1": size[1], f"{key}-2": size[2]} if size else {key: value}
    if "Hypernet" in values:
        values["Prompt"] += f"<hypernet:{values['Hypernet']}:{values.get('Hypernet strength', '1.0')}>"
    _split_first_pass(values)
    if "Emphasis" not in values and _is_weighted(parameters):
        values["Emphasis"] = "Original"
    values |= dict(_compatibility(values))
    return {**_DEFAULTS, **values}


def recipe_from_parameters(text: str) -> Recipe | None:
    """None when the text ends in no parameters. Raises ``EngineError("bad_metadata")``."""
    parameters = parameters_split(text)
    if not parameters.pairs:
        return None
    pairs, values = _modern(parameters.pairs), parameters_dict(text)
    used = whole(pairs.get("Clip skip"))
    return Recipe(
        source=_source(parameters.pairs),
        prompt=values["Prompt"],
        negative_prompt=values["Negative prompt"],
        steps=whole(values.get("Steps")),
        **sampling(pairs.get("Sampler"), pairs.get("Schedule type")),
        cfg_scale=real(values.get("CFG scale")),
        seed=whole(values.get("Seed")),
        width=whole(values.get("Size-1")),
        height=whole(values.get("Size-2")),
        model=values.get("Model", ""),
        model_hash=values.get("Model hash", "").lower(),
        vae=values.get("VAE", ""),
        # A1111 counts layers used from the end, so that 1 is all of them.
        clip_skip=None if used is None else max(0, used - 1),
        strength=real(values.get("Denoising strength")),
        extra={key: value for key, value in pairs.items() if key not in RECIPE_KEYS},
    )


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def _modern(pairs: dict[str, str]) -> dict[str, str]:
    """Civitai's Flux lines, whose values are placeholders, as Forge reads them."""
    line = " ".join(f"{key}: {value}" for key, value in pairs.items())
    if "Civitai" not in line or "FLUX" not in line:
        return pairs
    modern = dict(pairs)
    if modern.get("Clip skip", "") in map(str, range(9)):
        del modern["Clip skip"]
    if modern.get("Sampler") == "Undefined":
        modern |= {"Sampler": "Euler", "Schedule type": "Simple"}
    if "CFG scale" in modern:
        modern |= {"CFG scale": "1", "Distilled CFG Scale": modern["CFG scale"]}
    return modern


def _split_first_pass(values: dict[str, str]) -> None:
    """``First pass size`` of before hires fix: it becomes the size, and the size the hires size."""
    first = [whole(values.get(f"First pass size-{axis}")) for axis in (1, 2)]
    if first[0] is None or first[1] is None:
        return
    sides = [whole(values.get(f"Size-{axis}")) or 512 for axis in (1, 2)]
    if not all(first):
        scale = math.sqrt(512 * 512 / (sides[0] * sides[1]))
        first = [math.ceil(scale * side / 64) * 64 for side in sides]
    for axis in (1, 2):
        values[f"Size-{axis}"] = str(first[axis - 1])
        values[f"Hires resize-{axis}"] = str(sides[axis - 1])


def _is_weighted(parameters: Parameters) -> bool:
    try:
        return any(
            one.weight != 1.0 and not one.is_break
            for prompt in (parameters.prompt, parameters.negative_prompt)
            for one in parse_attention(prompt[:MAX_PROMPT_LENGTH])
        )
    except EngineError:
        return True


def _compatibility(values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Options that make a newer A1111 behave as the version that wrote the text."""
    version = _VERSION.match(values.get("Version", ""))
    if version is None:
        return
    written = tuple(int(part or 0) for part in version.groups())
    if written < (1, 6, 0, 0):
        if "[" in values["Prompt"]:
            yield "Old prompt editing timelines", "True"
        if values.get("Sampler") in ("DDIM", "PLMS"):
            yield "Pad conds v0", "True"
    if written < (1, 7, 0, 225):
        yield "Downcast alphas_cumprod", "True"
    if written < (1, 8, 0, 0) and "Refiner" in values:
        yield "Refiner switch by sampling steps", "True"


def _source(pairs: dict[str, str]) -> Source:
    if pairs.get("Version", "").startswith("f"):
        return "forge"
    is_sdnext = "Backend" in pairs or "SD.Next" in pairs.get("App", "") or "Pipeline" in pairs
    return "sdnext" if is_sdnext else "a1111"
