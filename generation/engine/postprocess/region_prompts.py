"""ADetailer's prompts: one text for all regions, or one per region, with the request's own in it."""

import re
from typing import Final

SEPARATOR: Final = re.compile(r"\s*\[SEP\]\s*")
PLACEHOLDER: Final = "[PROMPT]"
SKIP: Final = "[SKIP]"


def prompts_split(text: str) -> list[str]:
    """The prompts of ``text``, which ``[SEP]`` separates; always at least one."""
    return SEPARATOR.split(text.strip())


def region_prompt(text: str, number: int, own: str) -> str | None:
    """The prompt of region ``number``, counted from 0, or None for a region that shall stay as it is.

    ``own`` is the request's prompt: it stands for an empty one and for ``[PROMPT]``. Regions beyond the last
    prompt share that one; ``[SKIP]`` alone leaves its region out.
    """
    prompts = prompts_split(text)
    prompt = prompts[min(number, len(prompts) - 1)]
    if prompt == SKIP:
        return None
    return prompt.replace(PLACEHOLDER, own) if prompt else own
