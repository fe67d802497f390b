"""Captions in English and Ukrainian for a scene, with varied wording."""

import numpy as np

from .subjects import COLOURS, SUBJECTS, Colour

# {x}: the subject with its article, {b}: the bare name, {c}: the colour
_EN_COLOUR = (
    "{x} on a {c} background",
    "{x} on a {c} background",
    "{b} on a {c} background",
    "{b}, {c} background",
    "{x} against a {c} background",
    "{x} with a {c} background",
    "{c} background, {b}",
    "{x} on {c}",
    "an emoji of {x} on a {c} background",
    "an icon of {x}, {c} background",
    "a picture of {x} on a {c} background",
    "{b} emoji, {c} background",
    "flat icon of {x} on a {c} background, simple",
)
_EN_PLAIN = ("{x}", "{b}", "an emoji of {x}", "an icon of {x}", "{b} emoji", "a picture of {x}")
# {c}: locative ("синьому"), {n}: neuter ("синє"), {m}: masculine ("синій")
_UK_COLOUR = (
    "{b} на {c} тлі",
    "{b} на {c} тлі",
    "{b} на {c} фоні",
    "{b}, {n} тло",
    "{b}, {m} фон",
    "{n} тло, {b}",
    "{m} фон, {b}",
    "емодзі: {b} на {c} тлі",
    "іконка, {b} на {c} фоні",
    "картинка: {b}, {c_en} background",
)
_UK_PLAIN = ("{b}", "емодзі: {b}", "іконка: {b}", "картинка: {b}")
_EN_SMALL, _EN_LARGE = ("small", "tiny", "little"), ("big", "large")
_UK_SMALL = {"m": "маленький", "f": "маленька", "n": "маленьке", "p": "маленькі"}
_UK_LARGE = {"m": "великий", "f": "велика", "n": "велике", "p": "великі"}
_STYLE = (
    ", high quality",
    ", flat style",
    ", detailed",
    ", emoji",
    ", icon",
    ", cute",
    ", best quality",
    ", centered",
    ", 4k",
    ", simple",
    ", colorful",
    ", masterpiece",
)
_EMPTY = (
    "blurry",
    "low quality",
    "bad quality",
    "text",
    "watermark",
    "ugly",
    "noise",
    "deformed",
    "worst quality",
    "masterpiece",
    "best quality",
    "high quality",
    "icon",
    "emoji",
    "flat style",
    "background",
    "a picture",
    "розмито",
    "погана якість",
    "текст",
    "тло",
    "шум",
    "картинка",
    "емодзі",
    "detailed",
    "4k",
    "cropped",
    "jpeg artifacts",
)
_PLURAL = {"grapes", "cherries"}


def article(name: str) -> str:
    """The name with "a" or "an", or bare for plurals."""
    if name in _PLURAL:
        return name
    return f"{'an' if name[0] in 'aeio' or name == 'umbrella' else 'a'} {name}"


def neuter(colour: str) -> str:
    """Neuter nominative of a locative colour: червоному -> червоне, синьому -> синє."""
    return colour[:-4] + "є" if colour.endswith("ьому") else colour[:-3] + "е"


def masculine(colour: str) -> str:
    """Masculine nominative of a locative colour: червоному -> червоний, синьому -> синій."""
    return colour[:-4] + "ій" if colour.endswith("ьому") else colour[:-3] + "ий"


def _pick(rng: np.random.Generator, items: tuple[str, ...]) -> str:
    """One item; the first, main one half of the time."""
    if len(items) == 1 or rng.random() < 0.5:
        return items[0]
    return items[int(rng.integers(1, len(items)))]


def _any(rng: np.random.Generator, items: tuple[str, ...]) -> str:
    return items[int(rng.integers(len(items)))]


def english(rng: np.random.Generator, subject: int, colour: Colour | None, size: int) -> str:
    """An English caption; `size` is -1 (small), 0 (unsaid) or 1 (large)."""
    bare = _pick(rng, SUBJECTS[subject].en)
    if size:
        bare = f"{_any(rng, _EN_SMALL if size < 0 else _EN_LARGE)} {bare}"
    full = bare if bare in _PLURAL or bare.split(" ")[-1] in _PLURAL else article(bare)
    if colour is None:
        return _any(rng, _EN_PLAIN).format(x=full, b=bare)
    return _any(rng, _EN_COLOUR).format(x=full, b=bare, c=_pick(rng, colour.en))


def ukrainian(rng: np.random.Generator, subject: int, colour: Colour | None, size: int) -> str:
    """A Ukrainian caption; a size word needs the main name, whose gender is known."""
    entry = SUBJECTS[subject]
    bare = _pick(rng, entry.uk)
    if size:
        bare = f"{(_UK_SMALL if size < 0 else _UK_LARGE)[entry.gender]} {entry.uk[0]}"
    if colour is None:
        return _any(rng, _UK_PLAIN).format(b=bare)
    locative = _pick(rng, colour.uk)
    return _any(rng, _UK_COLOUR).format(
        b=bare, c=locative, n=neuter(locative), m=masculine(locative), c_en=colour.en[0]
    )


def caption(rng: np.random.Generator, subject: int, colour: int | None, *, small: bool) -> str:
    """A caption with random language, wording, capitals and style words."""
    size = -1 if small else int(rng.random() < 0.05)
    words = english if rng.random() < 0.6 else ukrainian
    text = words(rng, subject, None if colour is None else COLOURS[colour], size)
    if rng.random() < 0.12:
        text += _any(rng, _STYLE)
    return text


def empty_caption(rng: np.random.Generator) -> str:
    """A caption that names nothing: empty, or quality words as in a negative prompt."""
    if rng.random() < 0.4:
        return ""
    return ", ".join(_any(rng, _EMPTY) for _ in range(int(rng.integers(1, 5))))


def vocabulary() -> list[str]:
    """Caption texts that together hold every word the templates can produce."""
    rng = np.random.default_rng(0)
    texts = [name for entry in SUBJECTS for name in (*entry.en, *entry.uk)]
    for colour in COLOURS:
        texts += [*colour.en, *colour.uk]
        texts += [form(name) for name in colour.uk for form in (neuter, masculine)]
    texts += [*_EMPTY, *_STYLE, *_EN_SMALL, *_EN_LARGE, *_UK_SMALL.values(), *_UK_LARGE.values()]
    texts += [
        caption(rng, subject, index % len(COLOURS), small=index % 5 == 0)
        for index in range(40)
        for subject in range(len(SUBJECTS))
    ]
    return texts
