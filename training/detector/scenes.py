"""Composed scenes with the boxes of the faces in them, drawn for the detector."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from training.data.art import extra_emoji, sprite
from training.data.split import held_out_emoji, unseen_emoji
from training.data.subjects import COLOURS
from training.upscaler.pictures import background

SIDE = 128  # as the base checkpoint draws
SELECTOR = "\ufe0f"  # asks for the coloured form of a sign; it changes no picture here

# A head seen from the front that fills the emoji: smileys, animals, people, masks.
FACES = (
    "😀😃😄😁😆😅🤣😂🙂🙃🫠😉😊😇🥰😍🤩😘😗☺😚😙🥲😋😛😜🤪😝🤑🤗🤭🫢🫣🤫🤔🫡🤐🤨😐😑😶😏😒🙄😬🤥😌😔😪🤤😴😷🤒🤕🤢"
    "🤮🤧🥵🥶🥴😵🤯🤠🥳🥸😎🤓🧐😕🫤😟🙁☹😮😯😲😳🥺🥹😦😧😨😰😥😢😭😱😖😣😞😓😩😫🥱😤😡😠🤬😈👿💀🤡👹👽🤖"
    "😺😸😹😻😼😽🙀😿😾🙈🙉🙊🐵🐶🐺🦊🦝🐱🦁🐯🐮🐷🐭🐹🐰🐻🐨🐼🐸🎃🌚🌝🌞👶🧒👦👧🧑👱👨🧔👩👴👵"
)
# Whole figures, heads from the side, faces in part of an emoji: neither learnt as face nor as none.
UNCLEAR = (
    "🫥☠💩👺👻👾👤👥🗣🫂👪💏💑👭👫👬👰🤰🫃🫄🤱👼🎅🤶🦸🦹🧙🧚🧛🧜🧝🧞🧟🧌💆💇🚶🧍🧎🏃💃🕺🕴👯🧖🧗🤺🏇⛷🏂🏌🏄🚣🏊⛹🏋🚴🚵"
    "🤸🤼🤽🤾🤹🧘🛀🛌🧓🙍🙎🙅🙆💁🙋🧏🙇🤦🤷👮🕵💂🥷👷🫅🤴👸👳👲🧕🤵🐒🦍🦧🐴🦄🐗🐽🐲🐔🐓🐣🐤🐥🐦🐧🦉🐙🌛🌜☃⛄🧸🪆"
    "🐕🐩🦮🐈🐅🐆🦥🐄🐂🐃🎎🎭🪅🗿🗽🖼🎠🎑🃏🏧🤳💬🤿🔅👯📸🪪🛂🚸🚹🚺🚻🚼🚮🛃🏻🏼🏽🏾🏿🦰🦱🦲🦳"
)
# What a detector in a hurry takes for a face: round things, more so with some drawing on them.
ROUND = (
    "🌕🌖🌔🌓🌑🌒🌘🌍🌎🌏🌐🏀⚽⚾🥎🏐🏈🏉🎾🥏🎳🎱🎯🔮🪩🧿🍊🍋🍎🍏🍑🍅🥥🥝🍪🍩🥯🧀🍔🍕🥚🧇🥧🍥🥮🥇🥈🥉🪙⏰🕐🕓🕖"
    "🧭💿📀🥁🌻🌼🌸💮🏵☀⭐🌟🔔🎈🪐🦔🐡🐠🦋🐞🦀💎👑🏆🎁🧶🔥🌀🌳🍓🚫🛞⚙🎡⚓👁💥"
)


@dataclass(frozen=True)
class Stock:
    """What scenes are composed of."""

    faces: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """A picture and the boxes of its faces: left, top, right, bottom in pixels."""

    picture: Image.Image
    boxes: tuple[tuple[int, int, int, int], ...]


def is_face(emoji: str) -> bool:
    """Whether the detector should find this emoji."""
    return emoji.removesuffix(SELECTOR) in FACES


def stock_of(emoji: Sequence[str]) -> Stock:
    """Faces and other things among some emoji; unclear ones are in neither."""
    plain = [one.removesuffix(SELECTOR) for one in emoji]
    return Stock(
        tuple(one for one in plain if one in FACES),
        tuple(full for full, one in zip(emoji, plain, strict=True) if one not in FACES + UNCLEAR),
    )


def training_stock(emoji_data: Path) -> Stock:
    """Every emoji that is not held out."""
    return stock_of([one for one in extra_emoji(emoji_data) if not held_out_emoji(one)])


def hard_stock(emoji_data: Path) -> Stock:
    """The same, with round things six times as often."""
    plain = training_stock(emoji_data)
    return Stock(
        plain.faces,
        plain.others + 5 * tuple(one for one in plain.others if one.removesuffix(SELECTOR) in ROUND),
    )


def held_out_stock() -> Stock:
    """Emoji that training never shows."""
    return stock_of(unseen_emoji())


def _place(rng: np.random.Generator, mark: Image.Image, *, central: bool) -> tuple[int, int, int, int]:
    """Where a mark goes: near the middle, or anywhere, up to a tenth of it over the edge."""
    corner = []
    for length in (mark.width, mark.height):
        room = SIDE - length
        over = length // 10
        middle = room // 2 + int(rng.integers(-10, 11))
        corner.append(middle if central else int(rng.integers(-over, max(1, room + over))))
    left, top = corner
    return left, top, left + mark.width, top + mark.height


def _covered(box: tuple[int, int, int, int], by: tuple[int, int, int, int]) -> float:
    """Share of a box that another one covers."""
    width = min(box[2], by[2]) - max(box[0], by[0])
    height = min(box[3], by[3]) - max(box[1], by[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(0, width) * max(0, height) / area


def _emoji(rng: np.random.Generator, stock: Stock) -> str:
    pool = stock.faces if rng.random() < 0.55 else stock.others
    return pool[int(rng.integers(len(pool)))]


def compose(rng: np.random.Generator, stock: Stock) -> Scene:
    """Nothing to five emoji on a ground; one in three scenes is a single one, as the base draws them.

    A later emoji may cover at most a third of an earlier one, so that every face can be seen.
    """
    image = background(rng, SIDE)
    single = bool(rng.random() < 0.35)
    placed: list[tuple[tuple[int, int, int, int], bool]] = []
    for _ in range(1 if single else int(rng.integers(0, 6))):
        name = _emoji(rng, stock)
        extent = int(rng.integers(60, 122)) if single else int(rng.choice((18, 26, 36, 48, 64, 84)))
        mark = sprite(name, extent)
        for _attempt in range(8):
            box = _place(rng, mark, central=single)
            if all(_covered(earlier, box) < 0.34 for earlier, _ in placed):
                image.paste(mark, box[:2], mark)
                placed.append((box, is_face(name)))
                break
    boxes = tuple(
        (max(0, left), max(0, top), min(SIDE, right), min(SIDE, bottom))
        for (left, top, right, bottom), face in placed
        if face
    )
    return Scene(image, boxes)


def alone(emoji: str, number: int) -> Image.Image:
    """One emoji in the middle, as the base draws them, on the palette colour of that number."""
    image, mark = Image.new("RGB", (SIDE, SIDE), COLOURS[number % len(COLOURS)].rgb), sprite(emoji, 100)
    image.paste(mark, ((SIDE - mark.width) // 2, (SIDE - mark.height) // 2), mark)
    return image


def worn(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """A picture that went through blur, a smaller size or JPEG."""
    kind = int(rng.integers(3))
    if kind == 0:
        return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 1.6))))
    if kind == 1:
        side = int(rng.integers(SIDE // 3, SIDE))
        return picture.resize((side, side)).resize((SIDE, SIDE))
    packed = BytesIO()
    picture.save(packed, "JPEG", quality=int(rng.integers(25, 90)))
    return Image.open(packed).convert("RGB")


def label(scene: Scene) -> str:
    """The lines of a YOLO label file: class, centre and size as shares of the picture."""
    lines = []
    for left, top, right, bottom in scene.boxes:
        numbers = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        lines.append(" ".join(["0", *(f"{number / SIDE:.5f}" for number in numbers)]))
    return "".join(f"{line}\n" for line in lines)
