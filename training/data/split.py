"""Which emoji the upscalers and the detector never see in training: one in ten, by code point."""

from functools import cache

from .art import sprite

_BLOCKS = ((0x1F300, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F900, 0x1F9FF), (0x1FA70, 0x1FAFF))
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def held_out_emoji(emoji: str) -> bool:
    """True when the last digit of the (first) code point is 7."""
    return ord(emoji[0]) % 10 == 7


@cache
def unseen_emoji() -> tuple[str, ...]:
    """All held-out emoji of the pictograph blocks that the font draws, in code point order."""
    points = [point for first, last in _BLOCKS for point in range(first, last + 1)]
    return tuple(
        chr(point)
        for point in points
        if held_out_emoji(chr(point)) and point not in _SKIN_TONES and _drawable(chr(point))
    )


def _drawable(emoji: str) -> bool:
    try:
        sprite(emoji, 32)
    except ValueError:
        return False
    return True
