"""Upscalers: RRDBNet (as ESRGAN, BSRGAN and Real-ESRGAN name its layers), SRVGGNetCompact and DAT."""

import math
import re
from typing import Final

from models_hub.inspection.findings import Family, Kind, broken_tensor
from models_hub.inspection.layouts.layout import Layout
from models_hub.safetensors_header import SafetensorsHeader

PREFIX: Final = r"(?:module\.|netG\.)?"
"""Left by the training frameworks; loaders take it off."""
SIGNS: Final = (
    re.compile(PREFIX + r"body\.0\.rdb1\.conv1\.weight"),
    re.compile(PREFIX + r"RRDB_trunk\.0\.RDB1\.conv1\.weight"),
    re.compile(PREFIX + r"model\.1\.sub\.0\.RDB1\.(?:conv1\.0|conv1x1)\.weight"),
    re.compile(PREFIX + r"layers\.0\.blocks\.0\.attn\.attns\.0\.pos\.pos_proj\.weight"),
)
"""One tensor that only this network has: Real-ESRGAN's, BSRGAN's, ESRGAN's, DAT's."""
FIRST: Final = re.compile(PREFIX + r"(?:conv_first|model\.0|body\.0)\.weight")
COMPACT: Final = re.compile(PREFIX + r"body\.(\d+)\.weight")
COLOURS: Final = 3


def _matches(header: SafetensorsHeader) -> bool:
    return any(sign.fullmatch(name) for name in header.tensors for sign in SIGNS) or _is_compact(header)


def _is_compact(header: SafetensorsHeader) -> bool:
    """Nothing but a row of convolutions with a PReLU between each two."""
    row = _row(header)
    return (
        len(row) > 2
        and all(COMPACT.fullmatch(name) or name.endswith(".bias") for name in header.tensors)
        and [len(header.shape(name)) for name in row] == [4, *(1, 4) * (len(row) // 2)]
    )


def _row(header: SafetensorsHeader) -> list[str]:
    found = ((COMPACT.fullmatch(name), name) for name in header.tensors)
    # Nine digits at most: a longer number is no place in a row, and Python refuses to read very long ones.
    places = [(int(match[1]), name) for match, name in found if match and len(match[1]) < 10]
    return [name for _, name in sorted(places)]


def _family(header: SafetensorsHeader) -> Family:
    """Upscalers belong to no family; what they take and give has to be a picture."""
    first = next((name for name in header.tensors if FIRST.fullmatch(name)), "")
    shape = header.shape(first)
    # Real-ESRGAN at x2 and x1 folds 2x2 and 4x4 pixels into one.
    if len(shape) != 4 or shape[1] not in {COLOURS, 4 * COLOURS, 16 * COLOURS}:
        raise broken_tensor(first, "does not take pictures in three colours")
    if _is_compact(header):
        last = _row(header)[-1]
        scale = math.isqrt(header.shape(last)[0] // COLOURS)
        if header.shape(last)[0] != COLOURS * scale**2 or not 1 <= scale <= 8:
            raise broken_tensor(last, "does not give larger pictures in three colours")
    return Family.UNKNOWN


LAYOUT: Final = Layout(Kind.UPSCALER, _matches, _family)
