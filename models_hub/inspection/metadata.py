"""What a safetensors file says about itself in words, under kohya's ``ss_*`` and Stability's ``modelspec.*``.

See https://github.com/kohya-ss/sd-scripts and https://github.com/Stability-AI/ModelSpec. All of it is a
stranger's text: it is cut before it is decoded, and decides nothing that shapes can decide.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from models_hub.inspection.findings import Family

Metadata = Mapping[str, str]

MAX_TEXT: Final = 2000
MAX_LICENSE: Final = 255
MAX_WORDS: Final = 8
MAX_WORD_LENGTH: Final = 100
MAX_TAGS_BYTES: Final = 2**20
"""Longer tables of tags are left out, not refused: they come from huge data sets without a trigger word."""
COMMON: Final = 0.9
"""A trigger word is in every caption: tags this often seen, measured by the commonest, are taken for them."""
MAX_COMMON: Final = 4
"""When more tags are that common, they are the whole caption of a small data set and tell nothing apart."""

FAMILY_BEGINNINGS: Final = (
    ("stable-diffusion-v1", Family.SD15), ("stable-diffusion-v2", Family.SD2),
    ("stable-diffusion-xl", Family.SDXL),
    ("stable-diffusion-3", Family.SD3), ("flux", Family.FLUX),
    ("sd_v1", Family.SD15), ("sd_v2", Family.SD2), ("sdxl", Family.SDXL), ("sd3", Family.SD3),
)  # fmt: skip


def family_said(metadata: Metadata) -> Family:
    """The family that the file was made for by its own words."""
    for key in ("modelspec.architecture", "ss_base_model_version"):
        said = metadata.get(key, "")[:MAX_WORD_LENGTH].lower()
        for beginning, family in FAMILY_BEGINNINGS:
            if said.startswith(beginning):
                return family
    return Family.UNKNOWN


def native_size_said(metadata: Metadata) -> int | None:
    """Pixels, from ``modelspec.resolution`` ("512x512"), where it is a possible one."""
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", metadata.get("modelspec.resolution", "")[:16], re.ASCII)
    sides = {int(side) for side in found.groups()} if found else set()
    return next((side for side in sides if 64 <= side <= 2048), None) if len(sides) == 1 else None


def description_said(metadata: Metadata) -> str:
    """The author's description, else the title."""
    for key in ("modelspec.description", "modelspec.title"):
        text = clean(metadata.get(key, ""), MAX_TEXT)
        if text:
            return text
    return ""


def license_said(metadata: Metadata) -> str:
    """As the author wrote it."""
    return clean(metadata.get("modelspec.license", ""), MAX_LICENSE)


def trigger_words_said(metadata: Metadata) -> tuple[str, ...]:
    """Words that wake a LoRA up: those that its author names, else the tags that all its captions shared."""
    phrase = metadata.get("modelspec.trigger_phrase", "")[: MAX_WORDS * MAX_WORD_LENGTH]
    return _words(phrase.split(",")) or _words(_common_tags(metadata.get("ss_tag_frequency", "")))


def clean(text: str, length: int) -> str:
    """One line of printable characters: no control characters, no halves of surrogate pairs, no direction
    overrides.
    """
    # Twice the length, so that a text in which little is left is still found, at a bounded price.
    kept = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * length])
    return " ".join(kept.split())[:length].rstrip()


def _words(found: Iterable[str]) -> tuple[str, ...]:
    words = (clean(word, MAX_WORD_LENGTH) for word in found)
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_WORDS]


def _common_tags(raw: str) -> list[str]:
    """kohya's table: ``{"<folder of the data set>": {"<tag>": count}}``."""
    counts: Counter[str] = Counter()
    for tags in _json_object(raw).values():
        if isinstance(tags, dict):
            counts.update({tag: count for tag, count in tags.items() if type(count) is int and count > 0})
    most = max(counts.values(), default=0)
    common = [tag for tag, count in counts.most_common(MAX_COMMON + 1) if count >= COMMON * most]
    return common if len(common) <= MAX_COMMON else []


def _json_object(raw: str) -> dict[str, Any]:
    if len(raw) > MAX_TAGS_BYTES:
        return {}
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
