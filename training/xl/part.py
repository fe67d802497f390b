"""The second base, of SDXL layout, as a part of the family: stages, manifest entry, figures, card."""

from pathlib import Path

from transformers import CLIPTokenizer

from training.base.evaluate import (
    GUIDANCE,
    contact_sheet,
    random_prompts,
    score,
    time_one,
)
from training.base.latents import scaling_factor
from training.base.part import SCENE_SEED, base_folder, scene_latents, trained_vae
from training.base.unet import BATCH
from training.base.words import WordsConfig
from training.data.subjects import COLOURS, DISTRACTORS, SUBJECTS
from training.family import Card, Entry, Facts, Figure, Part, Run
from training.fitting.workers import load_state
from training.xl.evaluate import draw_told, load_xl, sharpness, shift, split_score, with_phrases
from training.xl.export import export_pipeline
from training.xl.micro import micro_latents
from training.xl.text import Encoders, TextConfig, train_text, trained_encoders
from training.xl.unet import Material, Reader, UnetConfig, build_unet, train_unet
from training.xl.words import School, train_words, widened

NAME = "xl"
WORDS = "words-tokenizer"
MICRO_SEED, SCORE_SEED = 14, 6000
CROP, SMALL = (32, 32), (16, 16)
MICRO_COUNT = 40


def _tokens(run: Run, name: str = "tokenizer") -> Path:
    """One of the base's vocabularies: the words of the captions, or these and further ones."""
    return run.folder("base") / name


def _tokenizer(run: Run, name: str = "tokenizer") -> CLIPTokenizer:
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(str(_tokens(run, name)))
    return tokenizer


def _school(run: Run) -> School:
    first, further = _tokenizer(run), _tokenizer(run, WORDS)
    teachers = trained_encoders(run.folder(NAME), first)
    return School(teachers, first, widened(teachers, first, further), further)


def _text(run: Run) -> None:
    train_text(TextConfig(run.folder(NAME), run.minutes("xl.text", 3)), _tokenizer(run))


def _words(run: Run) -> None:
    minutes = run.minutes("xl.words", 6)
    config = WordsConfig(run.folder(NAME), run.emoji(), minutes, seed=26, decay=0.0)
    train_words(config, _school(run))


def _unet(run: Run) -> None:
    state, tokenizer, whole = run.folder(NAME), _tokenizer(run), scene_latents(run)
    scale = scaling_factor(whole)
    micro = micro_latents(state, trained_vae(run), MICRO_SEED)
    reader = Reader(tokenizer, trained_encoders(state, tokenizer))
    config = UnetConfig(state, run.minutes("xl.unet", 64), scene_seed=SCENE_SEED, micro_seed=MICRO_SEED)
    train_unet(config, Material(whole * scale, micro * scale, reader))


def _export(run: Run) -> None:
    encoders, unet = Encoders(_tokenizer(run, WORDS)), build_unet()
    encoders.load_state_dict(load_state(run.folder(NAME) / "words.pt")["model"])
    unet.load_state_dict(load_state(run.folder(NAME) / "unet.pt")["average"])
    export_pipeline(run.demo / NAME, base_folder(run), _tokens(run, WORDS), encoders, unet)


STAGES = {"text": _text, "words": _words, "unet": _unet, "export": _export}


def _facts(run: Run) -> Facts:
    states = {name: load_state(run.folder(NAME) / f"{name}.pt") for name in ("text", "words", "unet")}
    return {
        "optimiser": "Muon for the UNet's matrices, AdamW for the rest",
        "steps": ", ".join(f"{name} {int(state['step'])}" for name, state in states.items()),
        "UNet samples": BATCH * int(states["unet"]["step"]),
        "minutes": round(sum(float(state["spent"]) for state in states.values()) / 60),
        "seeds": f"text encoders 21, further words 26, UNet 23, scenes {SCENE_SEED} and {MICRO_SEED}",
    }


def _prompt_figures(run: Run) -> list[Figure]:
    pipeline, figures = load_xl(run.demo / NAME), []
    names = len(SUBJECTS) + len(DISTRACTORS)
    for label, unseen in (("random prompts", False), ("held-out pairs", True)):
        part = score(pipeline, random_prompts(100, SCORE_SEED + unseen, unseen=unseen), SCORE_SEED)
        ground, subject = 100 * part["background"], 100 * part["subject_top1"]
        figures += [
            Figure(
                f"Background colour right, 100 {label}", ground, "%", None, "", "at least 90 %", ground >= 90
            ),
            Figure(
                f"Subject first among {names} templates, 100 {label}",
                subject,
                "%",
                None,
                "",
                "at least 85 %",
                subject >= 85,
            ),
        ]
    return figures


def _micro_figures(run: Run) -> list[Figure]:
    pipeline = load_xl(run.demo / NAME)
    asked = random_prompts(MICRO_COUNT, SCORE_SEED + 2, unseen=False)
    plain = draw_told(pipeline, asked, SCORE_SEED)
    down, right = shift(draw_told(pipeline, asked, SCORE_SEED, crops_coords_top_left=CROP), plain)
    moved = -(down + right) / 2
    blurred = sharpness(draw_told(pipeline, asked, SCORE_SEED, original_size=SMALL))
    sharp = sharpness(plain)
    ground, subject = split_score(pipeline, asked, SCORE_SEED)
    return [
        Figure(
            f"Subject moved up and left by crop {CROP}, median of {MICRO_COUNT} pictures",
            moved,
            "px",
            0.0,
            "with crop (0, 0)",
            "at least 12 px",
            moved >= 12,
        ),
        Figure(
            f"Mean second difference with original size {SMALL}, {MICRO_COUNT} pictures",
            blurred,
            "",
            sharp,
            "with (128, 128)",
        ),
        Figure(f"Background right when only prompt_2 names it, {MICRO_COUNT} prompts", 100 * ground, "%"),
        Figure(f"Subject right when only prompt names it, {MICRO_COUNT} prompts", 100 * subject, "%"),
    ]


def _words_figures(run: Run) -> list[Figure]:
    pipeline, asked = load_xl(run.demo / NAME), random_prompts(50, SCORE_SEED + 3, unseen=False)
    plain = score(pipeline, asked, SCORE_SEED)
    longer = score(pipeline, with_phrases(asked, SCORE_SEED), SCORE_SEED)
    return [
        Figure(
            f"{label} with four phrases of the prompt enhancer, 50 prompts",
            100 * longer[key],
            "%",
            100 * plain[key],
            "without",
        )
        for label, key in (("Background right", "background"), ("Subject right", "subject_top1"))
    ]


def _measure(run: Run) -> list[Figure]:
    figures = [*_prompt_figures(run), *_micro_figures(run), *_words_figures(run)]
    tries = [time_one(run.demo / NAME, load_xl) for _ in range(3)]
    whole = min(seconds["load"] + seconds["draw"] for seconds in tries)
    contact_sheet(load_xl(run.demo / NAME), run.docs / "demo-xl-sheet.png")
    return [
        *figures,
        Figure(
            "Load and 20 Euler steps at 128 x 128, best of three",
            whole,
            "s",
            None,
            "",
            "at most 4 s",
            whole <= 4,
        ),
    ]


CARD = Card(
    title="Demo emoji XL",
    pipeline_tag="text-to-image",
    summary=f"""
A tiny text-to-image model of Stable Diffusion XL layout: two text encoders, a pooled text
condition, and the six numbers of original size, crop and target size. It draws the {len(SUBJECTS)}
subjects on the {len(COLOURS)} background colours of the base "Demo emoji" at 128 x 128, from English
or Ukrainian prompts. It exists so that changing the model family can be tried without a
download and without a graphics card.

    a red apple on a blue background
    червоне яблуко на синьому тлі
""",
    usage=f"""
`StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)` on a CPU; Euler,
20 steps, guidance about {GUIDANCE:g}. The model predicts velocity; its scheduler settings
(`v_prediction`, `trailing`) matter. `preview.json` maps scaled latents to RGB.

`prompt` alone goes to both encoders. With `prompt="a cat"` and `prompt_2="blue background"`
the first names the subject and the second the background. `crops_coords_top_left` in pixels
moves the subject up and left.
""",
    extra="""
As in SDXL, the UNet reads the last but one hidden states of both encoders (96 and 128 wide)
and the pooled projection of the second. Without a negative prompt both are zeros
(`force_zeros_for_empty_prompt`); a given negative prompt, also an empty one, is read. Training
had both. Autoencoder, tokenisers, scheduler and preview factors are those of "Demo emoji". The judge of
the scores is the base's: the nearest of drawn templates of all subjects and distractors.
""",
    data="""
Noto Color Emoji (Debian fonts-noto-color-emoji 2.042) composed on plain backgrounds, captions from
templates; one subject and colour pair in twelve was held out. One picture in ten was cropped or
enlarged from 12 to 32 pixels (in the first three quarters of the shipped run from 24 to 64), and
the UNet was told so. The text encoders were trained first, to name subject, colour and size; then
they learned that other words change nothing, and were frozen. Code: the folder `training` of this
repository, `python -m training xl`, after the base.
""",
    limits="""
Subjects outside the list come out as something from the list or as a blur. Fine detail is
soft. Only the size 128 x 128 was trained. `original_size` and `target_size` have hardly any
effect: a small original should give a blurred picture, but the blur is barely measurable. There
is no refiner for it.
""",
)

ENTRY = Entry(
    name="Demo emoji XL",
    kind="checkpoint",
    family="sdxl",
    format="diffusers",
    path=NAME,
    description=(
        "A tiny model of Stable Diffusion XL layout, with two text encoders, that draws emoji on "
        "coloured backgrounds from English and Ukrainian prompts"
    ),
)

PARTS = (Part(NAME, ENTRY, STAGES, _facts, _measure, CARD),)
