"""The contact sheet: control image, output without it, output with it."""

from pathlib import Path

from diffusers.pipelines.controlnet.pipeline_controlnet import StableDiffusionControlNetPipeline
from PIL import Image, ImageDraw, ImageFont

from training.controlnet.control_images import as_rgb
from training.controlnet.evaluate import (
    Case,
    Control,
    as_bytes,
    canny_control,
    composed,
    draw,
    scribble_control,
)
from training.data.subjects import COLOURS

SHEET_BYTES = 250_000
CELL, GAP, LABEL = 112, 6, 88  # pixels
SEED = 300

# emoji, longer side, place (0 to 1, across and down), mirrored, prompt, number of the drawn ground
_ROWS = (
    ("🐱", 104, (0.5, 0.5), False, "a cat on a green background", 3),
    ("🚗", 72, (0.0, 1.0), True, "a car on a yellow background", 2),
    ("🏠", 64, (1.0, 0.3), False, "a house on a pink background", 7),
    ("🐱", 104, (0.5, 0.5), False, "a green frog on a yellow background", 2),
    ("🐘", 108, (0.5, 0.5), True, "a koala on a cyan background", 5),
    ("🍐", 108, (0.2, 0.5), True, "a red apple on a white background", 9),
    ("🐳", 104, (0.5, 0.6), False, "", 4),
    ("🏰", 100, (0.5, 0.5), False, "будинок на синьому тлі", 4),
)


def sheet_cases() -> list[Case]:
    """The columns of the sheet."""
    return [
        Case(composed(emoji, COLOURS[ground].rgb, extent, at, mirror=mirror), prompt, ground)
        for emoji, extent, at, mirror, prompt, ground in _ROWS
    ]


def _rows(
    pipeline: StableDiffusionControlNetPipeline, cases: list[Case], control: Control
) -> list[list[Image.Image]]:
    prompts = [one.prompt for one in cases]
    without, steered = (draw(pipeline, prompts, control.shown, scale, SEED) for scale in (0.0, 1.0))
    return [
        [Image.fromarray(as_rgb(lines)) for lines in control.shown],
        [Image.fromarray(as_bytes(picture)) for picture in without],
        [Image.fromarray(as_bytes(picture)) for picture in steered],
    ]


def _wrap(prompt: str) -> str:
    if not prompt:
        return "(empty prompt)"
    half = prompt.rfind(" ", 0, 21) if len(prompt) > 20 else len(prompt)
    return prompt[:half] + "\n" + prompt[half:].strip()


def contact_sheet(pipelines: dict[str, StableDiffusionControlNetPipeline], path: Path) -> None:
    """Three rows for each of `pipelines` ("canny", "scribble"), one column for each case."""
    cases, rows, labels = sheet_cases(), list[list[Image.Image]](), list[str]()
    for name, pipeline in pipelines.items():
        control = scribble_control(cases, SEED) if name == "scribble" else canny_control(cases)
        rows += _rows(pipeline, cases, control)
        labels += [name, "without", f"with\n{name}"]
    font = ImageFont.truetype("DejaVuSans.ttf", 10)
    sheet = Image.new("RGB", (LABEL + len(cases) * (CELL + GAP), 32 + len(rows) * (CELL + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, case in enumerate(cases):
        left = LABEL + column * (CELL + GAP)
        pen.multiline_text((left, 4), _wrap(case.prompt), font=font, fill="black", spacing=1)
        for row, pictures in enumerate(rows):
            shrunk = pictures[column].resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(shrunk, (left, 32 + row * (CELL + GAP)))
    for row, label in enumerate(labels):
        pen.multiline_text((4, 32 + row * (CELL + GAP) + CELL // 2 - 8), label, font=font, fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 192, 128, 96, 64):  # fewer shades until it is small enough
        sheet.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= SHEET_BYTES:
            break
