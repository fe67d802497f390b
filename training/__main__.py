# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and diffusers publish only part of their types.
"""`python -m training base` trains, exports and scores the demo checkpoint.

The stages can also be run one by one, in the order of `STAGES`; each goes on from what
the state folder holds.
"""

import argparse
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTokenizer

from .captions import vocabulary
from .card import write_card
from .decoder import DecoderConfig, train_decoder
from .evaluate import GUIDANCE, contact_sheet, judge_accuracy, load, psnr, random_prompts, score, time_one
from .export import export_pipeline, write_manifest
from .latents import build_cache, scaling_factor
from .subjects import DISTRACTORS
from .text import TextConfig, build_text_encoder, train_text
from .tokenizer import build_tokenizer
from .unet import Captions, UnetConfig, build_unet, train_unet
from .vae import VaeConfig, build_vae, train_vae
from .workers import LOG, load_state

SCENE_SEED, PREVIEW_SEED, SCORE_SEED = 11, 12, 5000


@dataclass(frozen=True)
class Run:
    """Where a run reads and writes, and how long its stages may take."""

    state: Path
    output: Path
    sheet: Path
    emoji_data: Path
    scenes: int
    vae_minutes: float
    text_minutes: float
    unet_minutes: float
    decoder_minutes: float
    workers: int


def _vae(run: Run) -> None:
    train_vae(VaeConfig(run.state, run.emoji_data, run.vae_minutes, run.workers))


def _text(run: Run) -> None:
    tokenizer = build_tokenizer(run.state / "tokenizer", vocabulary())
    train_text(TextConfig(run.state, run.text_minutes), tokenizer)


def _trained_vae(run: Run, *, sharpened: bool = False) -> AutoencoderKL:
    vae = build_vae()
    vae.load_state_dict(load_state(run.state / "vae.pt")["model"])
    stored = load_state(run.state / "decoder.pt") if sharpened else {}
    if stored:
        vae.decoder.load_state_dict(stored["average"])
    return vae.eval()


def _captions(run: Run) -> tuple[CLIPTokenizer, Captions]:
    tokenizer = CLIPTokenizer.from_pretrained(str(run.state / "tokenizer"))
    encoder = build_text_encoder(tokenizer)
    encoder.load_state_dict(load_state(run.state / "text.pt")["model"])
    return tokenizer, Captions(tokenizer, encoder)


def _latents(run: Run) -> torch.Tensor:
    return build_cache(run.state, _trained_vae(run), run.scenes, SCENE_SEED).float()


def _unet(run: Run) -> None:
    latents = _latents(run)
    config = UnetConfig(run.state, run.unet_minutes, run.workers, scene_seed=SCENE_SEED)
    train_unet(config, latents * scaling_factor(latents), _captions(run)[1])


def _decoder(run: Run) -> None:
    latents, vae = _latents(run), _trained_vae(run)
    scale = scaling_factor(latents)
    vae.register_to_config(scaling_factor=scale)
    config = DecoderConfig(run.state, run.emoji_data, run.decoder_minutes, scene_seed=SCENE_SEED)
    train_decoder(config, vae, latents * scale, _captions(run)[1])


def _export(run: Run) -> None:
    vae = _trained_vae(run, sharpened=True)
    vae.register_to_config(scaling_factor=scaling_factor(_latents(run)))
    tokenizer, captions = _captions(run)
    unet = build_unet()
    unet.load_state_dict(load_state(run.state / "unet.pt")["average"])
    export_pipeline(run.output, vae, captions.encoder, tokenizer, unet, PREVIEW_SEED)
    write_manifest(run.output.parent / "manifest.json", run.output)


def _tables(run: Run) -> dict[str, dict[str, Any]]:
    """Scores on random and on held-out prompts, at two guidance scales."""
    pipeline, found = load(run.output), {}
    for guidance in (GUIDANCE, 7.5):
        for label, unseen in (("Random", False), ("Held-out pairs", True)):
            asked = random_prompts(100, SCORE_SEED + unseen, unseen=unseen)
            part = score(pipeline, asked, SCORE_SEED, guidance)
            LOG.info(
                "%s, guidance %g: background %.2f subject %.2f",
                label,
                guidance,
                part["background"],
                part["subject_top1"],
            )
            found[f"{label}, guidance {guidance:g}"] = part
    return found


def _evaluate(run: Run) -> None:
    vae = load(run.output).vae
    states = {name: load_state(run.state / f"{name}.pt") for name in STAGES}
    scores = {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "guidance": GUIDANCE,
        "seconds": time_one(run.output),
        "psnr": psnr(vae, PREVIEW_SEED),
        "judge_accuracy": judge_accuracy(vae, PREVIEW_SEED),
        "distractors": len(DISTRACTORS),
        "tables": _tables(run),
        "samples": int(states["unet"].get("samples", 0)),
        "steps": {name: int(state["step"]) for name, state in states.items() if state},
    }
    path = run.state / "scores.json"
    path.write_text(json.dumps(scores, ensure_ascii=False, indent=1), encoding="utf-8")
    contact_sheet(load(run.output), run.sheet)
    write_card(run.output, scores)
    write_manifest(run.output.parent / "manifest.json", run.output)


STAGES: dict[str, Callable[[Run], None]] = {
    "vae": _vae,
    "text": _text,
    "unet": _unet,
    "decoder": _decoder,
    "export": _export,
    "evaluate": _evaluate,
}


def parse(arguments: list[str] | None = None) -> tuple[str, Run]:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stage", choices=["base", *STAGES])
    parser.add_argument("--state-dir", type=Path, default=Path("data/training"))
    parser.add_argument("--output", type=Path, default=Path("models_hub/demo/base"))
    parser.add_argument("--sheet", type=Path, default=Path("docs/images/demo-contact-sheet.png"))
    parser.add_argument(
        "--emoji-data", type=Path, required=True, help="en/data.json of the npm package emojibase-data"
    )
    parser.add_argument("--scenes", type=int, default=12288)
    parser.add_argument("--vae-minutes", type=float, default=20.0)
    parser.add_argument("--text-minutes", type=float, default=2.0)
    parser.add_argument("--unet-minutes", type=float, default=90.0)
    parser.add_argument("--decoder-minutes", type=float, default=45.0)
    parser.add_argument("--workers", type=int, default=2, help="one-thread training processes")
    parser.add_argument("--fresh", action="store_true", help="forget the state folder first")
    given = parser.parse_args(arguments)
    if given.fresh:
        shutil.rmtree(given.state_dir, ignore_errors=True)
    return given.stage, Run(
        given.state_dir,
        given.output,
        given.sheet,
        given.emoji_data,
        given.scenes,
        given.vae_minutes,
        given.text_minutes,
        given.unet_minutes,
        given.decoder_minutes,
        given.workers,
    )


def main(arguments: list[str] | None = None) -> None:
    """Run one stage, or all of them."""
    stage, run = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    run.state.mkdir(parents=True, exist_ok=True)
    for name in STAGES if stage == "base" else (stage,):
        STAGES[name](run)


if __name__ == "__main__":
    main()
