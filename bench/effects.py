"""What every feature does, measured on the demo family through a running portal.

    python -m bench.effects --user admin --password ... [--url http://127.0.0.1:5000] [--cases 6]

Asks the portal for pictures with and without each feature, by the same requests that any client sends, and
writes a table (``docs/effects.md``) and a contact sheet (``docs/images/demo-effects-sheet.png``).
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from bench.portal_client import PortalClient
from training.base.judge import border_colour
from training.controlnet.evaluate import Case, agreement, canny_control, held_out_cases
from training.data.art import SIZE, to_array
from training.lora.effects import colourfulness, line_share

ROOT: Final = Path(__file__).resolve().parents[1]
SEED: Final = 4100
STEPS: Final = 20
Pictures = list[Image.Image]


@dataclass(frozen=True)
class Effect:
    """One line of the table, and two columns of the sheet."""

    feature: str
    measured: str
    values: Sequence[tuple[str, float]]
    """What was set, and the figure with it; the first is without the feature."""
    without: Image.Image
    with_it: Image.Image


class Studio:
    """Asks for the pictures of all cases; remembers the plain ones."""

    def __init__(self, client: PortalClient, cases: Sequence[Case]) -> None:
        self.client = client
        self.cases = cases
        self.plain = self.paint()

    def paint(self, **changes: Any) -> Pictures:
        """One picture per case; a change may be a function of the case."""
        made: Pictures = []
        for number, case in enumerate(self.cases):
            own = {name: value(case) if callable(value) else value for name, value in changes.items()}
            request = {"prompt": case.prompt, "seed": SEED + number, "steps": STEPS, "cfg_scale": 5.0, **own}
            made += self.client.pictures(**request)
        return made


def drawn(case: Case) -> Image.Image:
    """The case's own drawing."""
    return Image.fromarray(case.picture)


def distance(some: Pictures, others: Pictures) -> float:
    """Mean absolute difference of the pixels, in % of the full range."""
    pairs = zip(some, others, strict=True)
    return float(np.mean([np.abs(_numbers(a) - _numbers(b)).mean() for a, b in pairs]) / 2.55)


def psnr(some: Pictures, originals: Pictures) -> float:
    """Peak signal to noise in dB, over all pictures."""
    pairs = zip(some, originals, strict=True)
    error = np.mean([np.square(_numbers(a) - _numbers(b)).mean() for a, b in pairs])
    return float(10 * np.log10(255**2 / error))


def sharpness(pictures: Pictures) -> float:
    """Mean absolute Laplacian: how much detail there is from pixel to pixel."""
    grey = [np.asarray(one.convert("L"), dtype=np.float32) for one in pictures]
    return float(np.mean([np.abs(cv2.Laplacian(one, cv2.CV_32F)).mean() for one in grey]))


def contrast(pictures: Pictures) -> float:
    """Standard deviation of the levels, in % of the full range."""
    return float(np.mean([_numbers(one).std() for one in pictures]) / 2.55)


def _numbers(picture: Image.Image) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return np.asarray(picture, dtype=np.float32)


def half(_: Case) -> Image.Image:
    """A mask of the right half."""
    mask = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(mask).rectangle((SIZE // 2, 0, SIZE, SIZE), fill=255)
    return mask


# --- The features -------------------------------------------------------------------------------------------


def img2img(studio: Studio) -> Effect:
    drawings = [drawn(case) for case in studio.cases]
    made = {strength: studio.paint(image=drawn, strength=strength) for strength in (0.2, 0.5, 0.9)}
    values = [(f"strength {strength}", distance(some, drawings)) for strength, some in made.items()]
    return Effect("img2img", "distance from the start, %", values, drawings[0], made[0.5][0])


def inpainting(studio: Studio) -> Effect:
    drawings = [drawn(case) for case in studio.cases]
    made = studio.paint(image=drawn, mask=half, strength=1.0, mask_blur=0)
    halves = [(0, 0, SIZE // 2, SIZE), (SIZE // 2, 0, SIZE, SIZE)]
    kept, new = ([[one.crop(box) for one in some] for some in (drawings, made)] for box in halves)
    values = [("kept half", distance(*kept)), ("painted half", distance(*new))]
    return Effect("inpainting", "distance from the picture, %", values, drawings[0], made[0])


def outpainting(studio: Studio) -> Effect:
    margins = {"left": 32, "right": 32, "top": 0, "bottom": 0}
    drawings = [drawn(case) for case in studio.cases]
    made = studio.paint(image=drawn, outpaint=margins, strength=1.0, mask_blur=0)
    inner = [one.crop((32, 0, 32 + SIZE, SIZE)) for one in made]
    sides = [np.concatenate([_numbers(one)[:, :24], _numbers(one)[:, -24:]], axis=1) for one in made]
    grounds = [(border_colour(picture) + 1) * 127.5 for picture in to_array(drawings)]
    new = float(
        np.mean([np.abs(side - ground).mean() for side, ground in zip(sides, grounds, strict=True)]) / 2.55
    )
    values = [("inside: from the picture", distance(inner, drawings)), ("margins: from its ground", new)]
    return Effect("outpainting", "distance, %", values, drawings[0], made[0])


def hires(studio: Studio) -> Effect:
    values, made = [], studio.plain
    side = 2 * SIZE
    larger = [one.resize((side, side), Image.Resampling.LANCZOS) for one in studio.plain]
    values.append(("Lanczos alone", sharpness(larger)))
    for upscaler in ("Latent", "Lanczos", "Demo upscaler x2"):
        made = studio.paint(hires={"scale": 2.0, "strength": 0.4, "upscaler": upscaler})
        values.append((upscaler, sharpness(made)))
    return Effect("hires fix x2", "detail (mean Laplacian)", values, larger[0], made[0])


def variation(studio: Studio) -> Effect:
    made = {share: studio.paint(variation={"seed": 7, "strength": share}) for share in (0.1, 0.3, 1.0)}
    values = [(f"strength {share}", distance(some, studio.plain)) for share, some in made.items()]
    return Effect("variation seed", "distance from the seed's own, %", values, studio.plain[0], made[0.3][0])


def control(studio: Studio) -> Effect:
    wanted = canny_control(studio.cases).lines

    def lines(pictures: Pictures) -> float:
        found = [np.asarray(cv2.Canny(np.asarray(one), 100, 200), np.uint8) for one in pictures]
        return float(np.mean([agreement(one, line, 1.0) for one, line in zip(found, wanted, strict=True)]))

    values, made = [("without", lines(studio.plain))], studio.plain
    for weight in (0.5, 1.0):
        made = studio.paint(
            controlnet=lambda case, weight=weight: {"type": "canny", "image": drawn(case), "weight": weight}
        )
        values.append((f"weight {weight}", lines(made)))
    return Effect("ControlNet canny", "F1 of edges within 1 px", values, studio.plain[0], made[0])


def lora(studio: Studio) -> Effect:
    values, made = [("without", colourfulness(to_array(studio.plain)))], studio.plain
    for weight in (0.5, 1.0):
        made = studio.paint(loras=[{"name": "Demo line art", "weight": weight}])
        values.append((f"weight {weight}", colourfulness(to_array(made))))
    tagged = studio.paint(prompt=lambda case: f"{case.prompt} <lora:Demo line art:1>")
    values.append(("in the prompt, 1", colourfulness(to_array(tagged))))
    values.append(("thin dark lines of the ink, 1", line_share(to_array(made))))
    return Effect("LoRA line art", "colourfulness, %", values, studio.plain[0], made[0])


def ip_adapter(studio: Studio) -> Effect:
    grounds = [border_colour(picture) for picture in to_array([drawn(case) for case in studio.cases])]

    def away(pictures: Pictures) -> float:
        own = [border_colour(picture) for picture in to_array(pictures)]
        return float(50 * np.mean([np.abs(a - b).mean() for a, b in zip(own, grounds, strict=True)]))

    values, made = [], studio.plain
    for scale in (0.0, 0.5, 1.0):
        made = studio.paint(
            prompt="", ip_adapter=lambda case, scale=scale: {"images": [drawn(case)], "scale": scale}
        )
        values.append((f"scale {scale}", away(made)))
    return Effect(
        "IP-Adapter", "ground's distance from the reference, %", values, drawn(studio.cases[0]), made[0]
    )


def guidance(studio: Studio) -> Iterator[Effect]:
    settings: dict[str, dict[str, Any]] = {
        "FreeU": {"freeu": {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2}},
        "PAG 3": {"pag_scale": 3.0},
        "CFG rescale 0.7": {"cfg_rescale": 0.7},
        "clip skip 1": {"clip_skip": 1},
        "tiling": {"tiling": True},
    }
    for name, changes in settings.items():
        made = studio.paint(**changes)
        values = [("contrast without", contrast(studio.plain)), ("with", contrast(made))]
        values.append(("distance", distance(made, studio.plain)))
        yield Effect(name, "contrast and distance, %", values, studio.plain[0], made[0])


def upscaling(studio: Studio) -> Effect:
    originals = [drawn(case) for case in studio.cases]
    values, made = [], originals
    for method in ("lanczos", "Demo upscaler x2"):
        made = studio.paint(
            task="upscale",
            image=lambda case: drawn(case).resize((SIZE // 2, SIZE // 2), Image.Resampling.BICUBIC),
            upscale={"scale": 2.0, "method": method},
        )
        values.append((method, psnr(made, originals)))
    return Effect("upscaling x2", "PSNR, dB", values, originals[0], made[0])


def detailing(studio: Studio) -> Effect:
    prompt = "a smiling face on a blue background"
    plain = studio.paint(prompt=prompt)
    made = studio.paint(prompt=prompt, adetailer={"confidence": 0.3, "strength": 0.6})
    moved = [np.abs(_numbers(a) - _numbers(b)).max(axis=2) > 0 for a, b in zip(plain, made, strict=True)]
    border = np.ones((SIZE, SIZE), bool)
    border[4:-4, 4:-4] = False
    values = [
        ("pixels painted anew", 100 * float(np.mean(moved))),
        ("of the border", 100 * float(np.mean([one[border].mean() for one in moved]))),
    ]
    return Effect("ADetailer", "share, %", values, plain[0], made[0])


FEATURES: Final[Sequence[Callable[[Studio], Effect | Iterator[Effect]]]] = (
    img2img, inpainting, outpainting, hires, variation, control, lora, ip_adapter, guidance, upscaling,
    detailing,
)  # fmt: skip


# --- The page -----------------------------------------------------------------------------------------------


def main() -> None:
    options = _options()
    client = PortalClient(options.url, options.user, options.password)
    studio = Studio(client, held_out_cases(options.cases, 11))
    effects: list[Effect] = []
    for feature in FEATURES:
        made = feature(studio)
        effects += [made] if isinstance(made, Effect) else list(made)
        sys.stderr.write(f"{effects[-1].feature}: {effects[-1].values}\n")
    client.close()
    _sheet(effects).save(ROOT / "docs/images/demo-effects-sheet.png", optimize=True)
    (ROOT / "docs/effects.md").write_text(_page(effects, options), encoding="utf-8")


def _page(effects: Sequence[Effect], options: argparse.Namespace) -> str:
    lines = [
        "# What the features do",
        "",
        f"Measured on {date.today().isoformat()} with `python -m bench.effects` on the demo family, through",
        f"a running portal over HTTP: {options.cases} held-out cases each, {STEPS} steps, Euler, guidance 5,",
        "on a CPU.",
        "",
        "| feature | what is measured | figures |",
        "| --- | --- | --- |",
    ]
    for effect in effects:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in effect.values)
        lines.append(f"| {effect.feature} | {effect.measured} | {figures} |")
    lines += ["", "Left without (or what it starts from), right with it:", ""]
    return "\n".join([*lines, "![Pictures with and without each feature](images/demo-effects-sheet.png)", ""])


def _sheet(effects: Sequence[Effect]) -> Image.Image:
    columns, cell, text = 3, SIZE, 18
    rows = -(-len(effects) // columns)
    sheet = Image.new("RGB", (columns * (2 * cell + 24), rows * (cell + text + 12)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, effect in enumerate(effects):
        left = number % columns * (2 * cell + 24) + 8
        top = number // columns * (cell + text + 12)
        pen.text((left, top + 3), effect.feature, fill="black")
        for place, picture in enumerate((effect.without, effect.with_it)):
            small = picture.copy()
            small.thumbnail((cell, cell))
            sheet.paste(small, (left + place * (cell + 4), top + text))
    return sheet


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.effects", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:5000")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", required=True)
    parser.add_argument("--cases", type=int, default=6)
    return parser.parse_args()


if __name__ == "__main__":
    main()
