"""The base checkpoint as a part of the family: stages, manifest entry, figures, card."""

import textwrap
from dataclasses import replace
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTextModel, CLIPTokenizer

from generation.engine.enhancer import enhance
from training.base.decoder import DecoderConfig, train_decoder
from training.base.evaluate import (
    GUIDANCE,
    Drawer,
    contact_sheet,
    judge_accuracy,
    load,
    psnr,
    random_prompts,
    score,
    time_one,
)
from training.base.export import export_pipeline
from training.base.latents import build_cache, scaling_factor
from training.base.text import TextConfig, build_text_encoder, train_text
from training.base.tokenizer import build_tokenizer
from training.base.unet import Captions, UnetConfig, build_unet, train_unet
from training.base.vae import VaeConfig, build_vae, train_vae
from training.base.words import WordsConfig, train_words
from training.clip.judge import CLIP, generated_figure
from training.data.captions import vocabulary
from training.data.subjects import COLOURS, DISTRACTORS, SUBJECTS
from training.family import Card, Entry, Facts, Figure, Part, Run
from training.fitting.workers import load_state

NAME = "base"
SCENE_SEED, PREVIEW_SEED, SCORE_SEED = 11, 12, 5000
SCENES = 6144  # encoded once; more add little, as the scenes are made from few subjects


def _vae(run: Run) -> None:
    train_vae(VaeConfig(run.folder(NAME), run.emoji(), run.minutes("base.vae", 20), run.workers))


def _text(run: Run) -> None:
    state = run.folder(NAME)
    tokenizer = build_tokenizer(state / "tokenizer", vocabulary())
    train_text(TextConfig(state, run.minutes("base.text", 2)), tokenizer)


def trained_vae(run: Run, *, sharpened: bool = False) -> AutoencoderKL:
    """The autoencoder as it stands in the state folder; `sharpened` takes the later decoder."""
    state = run.folder(NAME)
    vae = build_vae()
    vae.load_state_dict(load_state(state / "vae.pt")["model"])
    stored = load_state(state / "decoder.pt") if sharpened else {}
    if stored:
        vae.decoder.load_state_dict(stored["average"])
    return vae.eval()


def _words(run: Run) -> None:
    tokenizer, teacher = _encoder(run, "tokenizer", "text.pt")
    config = WordsConfig(run.folder(NAME), run.emoji(), run.minutes("base.words", 6))
    train_words(config, teacher, tokenizer)


def _encoder(run: Run, tokenizer: str, weights: str) -> tuple[CLIPTokenizer, CLIPTextModel]:
    state = run.folder(NAME)
    tokens = CLIPTokenizer.from_pretrained(str(state / tokenizer))
    encoder = build_text_encoder(tokens)
    encoder.load_state_dict(load_state(state / weights)["model"])
    return tokens, encoder


def trained_captions(run: Run) -> tuple[CLIPTokenizer, Captions]:
    """Tokeniser and frozen text encoder."""
    tokenizer, encoder = _encoder(run, "words-tokenizer", "words.pt")
    return tokenizer, Captions(tokenizer, encoder)


def scene_latents(run: Run) -> torch.Tensor:
    """Unscaled latents of the training scenes 0 to `SCENES` of `SCENE_SEED`, [SCENES, 4, 16, 16]."""
    return build_cache(run.folder(NAME), trained_vae(run), SCENES, SCENE_SEED).float()


def _unet(run: Run) -> None:
    latents = scene_latents(run)
    minutes = run.minutes("base.unet", 90)
    config = UnetConfig(run.folder(NAME), minutes, run.workers, scene_seed=SCENE_SEED)
    train_unet(config, latents * scaling_factor(latents), trained_captions(run)[1])


def _decoder(run: Run) -> None:
    latents, vae = scene_latents(run), trained_vae(run)
    scale = scaling_factor(latents)
    vae.register_to_config(scaling_factor=scale)
    minutes = run.minutes("base.decoder", 45)
    config = DecoderConfig(run.folder(NAME), run.emoji(), minutes, scene_seed=SCENE_SEED)
    train_decoder(config, vae, latents * scale, trained_captions(run)[1])


def _export(run: Run) -> None:
    vae = trained_vae(run, sharpened=True)
    vae.register_to_config(scaling_factor=scaling_factor(scene_latents(run)))
    tokenizer, captions = trained_captions(run)
    unet = build_unet()
    unet.load_state_dict(load_state(run.folder(NAME) / "unet.pt")["average"])
    export_pipeline(run.demo / NAME, vae, captions.encoder, tokenizer, unet, PREVIEW_SEED)


STAGES = {
    "vae": _vae,
    "text": _text,
    "words": _words,
    "unet": _unet,
    "decoder": _decoder,
    "export": _export,
}


def _facts(run: Run) -> Facts:
    states = {name: load_state(run.folder(NAME) / f"{name}.pt") for name in STAGES}
    trained = {name: state for name, state in states.items() if state}
    steps = ", ".join(f"{name} {int(state['step'])}" for name, state in trained.items())
    minutes = sum(float(state["spent"]) for state in trained.values()) / 60
    return {
        "optimiser": "Muon for matrices, AdamW for the rest",
        "steps": steps,
        "UNet samples": int(states["unet"].get("samples", 0)),
        "minutes": round(minutes),
        "seeds": f"autoencoder 1, text encoder 2, further words 6, UNet 3, decoder 5, scenes {SCENE_SEED}",
    }


def _enhanced_figure(pipeline: Drawer) -> Figure:
    """Whether the words of the prompt enhancer change nothing that was asked for."""
    asked = [
        replace(one, prompt=enhance(one.prompt, seed=index).prompt)
        for index, one in enumerate(random_prompts(50, SCORE_SEED + 2, unseen=False))
    ]
    part = score(pipeline, asked, SCORE_SEED)
    worst = 100 * min(part["background"], part["subject_top1"])
    return Figure(
        "Background and subject right, the worse of the two, 50 prompts from the enhancer",
        worst,
        "%",
        None,
        "",
        "at least 90 %",
        worst >= 90,
    )


def _measure(run: Run) -> list[Figure]:
    folder = run.demo / NAME
    pipeline, figures = load(folder), []
    for label, unseen in (("random prompts", False), ("held-out pairs", True)):
        asked = random_prompts(100, SCORE_SEED + unseen, unseen=unseen)
        part = score(pipeline, asked, SCORE_SEED, GUIDANCE)
        ground, subject = 100 * part["background"], 100 * part["subject_top1"]
        figures += [
            Figure(
                f"Background colour right, 100 {label}", ground, "%", None, "", "at least 90 %", ground >= 90
            ),
            Figure(
                f"Subject first among {len(SUBJECTS) + len(DISTRACTORS)} templates, 100 {label}",
                subject,
                "%",
            ),
        ]
    if (run.demo / CLIP).exists():  # the judge is trained after the checkpoint
        figures.append(generated_figure(run.demo, pipeline))
    figures.append(_enhanced_figure(pipeline))
    seconds = time_one(folder)
    whole = seconds["load"] + seconds["draw"]
    contact_sheet(pipeline, run.docs / "demo-contact-sheet.png")
    return [
        *figures,
        Figure("Load and 20 Euler steps at 128 x 128", whole, "s", None, "", "at most 4 s", whole <= 4),
        Figure("Autoencoder PSNR, 64 fresh compositions", psnr(pipeline.vae, PREVIEW_SEED), "dB"),
        Figure(
            "Template judge right on drawn scenes seen through the autoencoder",
            100 * judge_accuracy(pipeline.vae, PREVIEW_SEED),
            "%",
        ),
    ]


def _wrapped(title: str, words: list[str]) -> str:
    return textwrap.fill(f"**{title}:** {', '.join(words)}.", 95)


CARD = Card(
    title="Demo emoji",
    pipeline_tag="text-to-image",
    summary=f"""
A tiny text-to-image model of Stable Diffusion 1.x layout (CLIPTokenizer, CLIPTextModel,
UNet2DConditionModel, AutoencoderKL). It draws one of {len(SUBJECTS)} emoji on one of {len(COLOURS)}
background colours at 128 x 128, from English or Ukrainian prompts, in about a second on one or two
CPU cores. It exists so that everything in the portal can be tried without a download and
without a graphics card; it knows nothing but what is listed here.

    a red apple on a blue background
    червоне яблуко на синьому тлі

{_wrapped("Subjects", [subject.en[0] for subject in SUBJECTS])}

{_wrapped("Background colours", [colour.en[0] for colour in COLOURS])} "small" draws the
subject smaller; a subject alone leaves the background open.
""",
    usage=f"""
`StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)` on a CPU; Euler,
20 steps, guidance about {GUIDANCE:g}. The model predicts velocity; its scheduler settings
(`v_prediction`, `trailing`, no clipping) matter. `preview.json` maps scaled latents to RGB.
""",
    extra=f"""
The template judge takes the nearest of drawn templates of all {len(SUBJECTS)} subjects and
{len(DISTRACTORS)} distractors, in the training sizes and places, at 32 x 32 pixels; the background is
the palette colour nearest to the median of the border. The contrastive model (`clip`) was trained on
drawn pictures of these subjects and a thousand other emoji; it chooses between 21 captions that differ only
in the subject. "Held-out pairs" are combinations of
subject and colour that training never showed.
""",
    data="""
Noto Color Emoji (Debian fonts-noto-color-emoji 2.042) composed on plain backgrounds, captions from
templates; one subject and colour pair in twelve was held out. Code: the folder `training` of this
repository, `python -m training base`.
""",
    limits="""
Subjects outside the list come out as something from the list or as a blur. Fine detail is
soft. Only the size 128 x 128 was trained. It draws no people and no text.
""",
)

ENTRY = Entry(
    name="Demo emoji",
    kind="checkpoint",
    family="sd15",
    format="diffusers",
    path=NAME,
    description=(
        "A tiny model of Stable Diffusion 1.x layout that draws emoji on coloured "
        "backgrounds from English and Ukrainian prompts"
    ),
)

PARTS = (Part(NAME, ENTRY, STAGES, _facts, _measure, CARD),)


def base_folder(run: Run) -> Path:
    """The exported base checkpoint, which the other parts build on."""
    return run.demo / NAME
