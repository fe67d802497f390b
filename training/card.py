"""The model card and the licence beside the exported weights."""

import textwrap
from pathlib import Path
from typing import Any

from .subjects import COLOURS, SUBJECTS

_CARD = """---
license: ofl-1.1
language: [en, uk]
pipeline_tag: text-to-image
---
# Demo emoji

A tiny text-to-image model of Stable Diffusion 1.x layout (CLIPTokenizer, CLIPTextModel,
UNet2DConditionModel, AutoencoderKL). It draws one of {subjects} emoji on one of {colours}
background colours at 128 x 128, from English or Ukrainian prompts, in about a second on one or two
CPU cores. It exists so that everything in the portal can be tried without a download and
without a graphics card; it knows nothing but what is listed here.

    a red apple on a blue background
    червоне яблуко на синьому тлі

{names}

{palette} "small" draws the
subject smaller; a subject alone leaves the background open.

**Use:** `StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)` on a CPU; Euler,
20 steps, guidance about {guidance:g}. The model predicts velocity; its scheduler settings
(`v_prediction`, `trailing`, no clipping) matter. `preview.json` maps scaled latents to RGB.

## Scores

Measured {date} on one CPU thread, 20 Euler steps. The subject is the nearest of drawn templates
of all {subjects} subjects and {distractors} distractors, in the training sizes and places, at 32 x 32 pixels
(right in {judge:.0%} of drawn scenes seen through the autoencoder); the background is the palette
colour nearest to the median of the border. "Held-out pairs" are combinations of subject and
colour that training never showed.

| Prompts | Background right | Subject first | Subject in first five |
| --- | --- | --- | --- |
{rows}

Loading takes {load} s and one picture {draw} s. Autoencoder: {psnr:.1f} dB PSNR on training
compositions.

## Training

- Data: Noto Color Emoji (Debian fonts-noto-color-emoji 2.042) composed on plain backgrounds,
  captions from templates; one subject and colour pair in twelve was held out.
- Steps: {steps}; UNet samples: {samples}.
- Optimiser: Muon for matrices, AdamW for the rest. Seeds: autoencoder 1, text 2, UNet 3,
  decoder 5, scenes 11.
- Hardware: two shared cores of an AMD EPYC processor, no graphics card, about two hours.
- Code: the folder `training` of this repository, `python -m training base`.

## Licence

The art is Noto Color Emoji, Copyright 2013-2017 Google Inc., under the SIL Open Font License 1.1
(see `LICENSE`); the weights are given under the same licence.

## Limits

Subjects outside the list come out as something from the list or as a blur. Fine detail is
soft. Only the size 128 x 128 was trained. It draws no people and no text.
"""


def _wrapped(title: str, words: list[str]) -> str:
    return textwrap.fill(f"**{title}:** {', '.join(words)}.", 95)


def _row(label: str, part: dict[str, Any]) -> str:
    return (
        f"| {label} ({part['prompts']} prompts) | "
        f"{part['background']:.0%} | {part['subject_top1']:.0%} | {part['subject_top5']:.0%} |"
    )


def write_card(folder: Path, scores: dict[str, Any]) -> None:
    """Write `README.md` and `LICENSE` of the exported folder."""
    rows = "\n".join(_row(label, part) for label, part in scores["tables"].items())
    steps = ", ".join(f"{name} {count}" for name, count in scores["steps"].items())
    text = _CARD.format(
        subjects=len(SUBJECTS),
        colours=len(COLOURS),
        guidance=scores["guidance"],
        names=_wrapped("Subjects", [subject.en[0] for subject in SUBJECTS]),
        palette=_wrapped("Background colours", [colour.en[0] for colour in COLOURS]),
        date=scores["date"],
        judge=scores["judge_accuracy"],
        distractors=scores["distractors"],
        rows=rows,
        load=scores["seconds"]["load"],
        draw=scores["seconds"]["draw"],
        psnr=scores["psnr"],
        steps=steps,
        samples=scores["samples"],
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    licence = Path(__file__).with_name("OFL-1.1.txt")
    (folder / "LICENSE").write_text(licence.read_text(encoding="utf-8"), encoding="utf-8")
