"""What every layout has, and what several of them look at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from models_hub.inspection.findings import Family, Kind, Variant
from models_hub.safetensors_header import SafetensorsHeader

SD2_TEXT_WIDTH: Final = 1024
TEXT_WIDTHS: Final = {768: Family.SD15, SD2_TEXT_WIDTH: Family.SD2, 2048: Family.SDXL}
"""How wide the text is where a UNet looks at it; any other width belongs to a network of somebody's own."""


def base_alone(_header: SafetensorsHeader) -> Variant:
    """Kinds that have no variants."""
    return Variant.BASE


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which tensors are named."""

    kind: Kind
    matches: Callable[[SafetensorsHeader], bool]
    """By names alone, which no other layout has."""
    family: Callable[[SafetensorsHeader], Family]
    """Checks the shapes too; ``UNKNOWN`` when they do not tell. May raise ``PortalError``."""
    variant: Callable[[SafetensorsHeader], Variant] = base_alone


def any_name(header: SafetensorsHeader, parts: Iterable[str]) -> bool:
    """Whether one of these is a part of one of the names."""
    return any(part in name for part in parts for name in header.tensors)


def any_beginning(header: SafetensorsHeader, beginnings: tuple[str, ...]) -> bool:
    """Whether one of the names begins with one of these."""
    return any(name.startswith(beginnings) for name in header.tensors)


def text_family(widths: Iterable[int]) -> Family:
    """The family whose UNet sees text of this width."""
    seen = set(widths)
    return TEXT_WIDTHS.get(seen.pop(), Family.UNKNOWN) if len(seen) == 1 else Family.UNKNOWN


def family_untold(_header: SafetensorsHeader) -> Family:
    """Names and shapes are the same in every family."""
    return Family.UNKNOWN
