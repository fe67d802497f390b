"""The contrastive model as a part of the family: stages, manifest entry, figures, card."""

from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTokenizer

from training.base.part import base_folder, scene_latents
from training.base.text import build_text_encoder
from training.clip.data import read_things
from training.clip.export import export_clip
from training.clip.measure import measure_clip
from training.clip.model import WIDTH, build_clip
from training.clip.train import ClipSettings, decoded_scenes, train_clip
from training.family import Card, Entry, Facts, Figure, Part, Run
from training.fitting.workers import load_state

NAME = "clip"
SEED, SCENE_SEED = 21, 11


def _tokenizer(run: Run) -> Path:
    """The checkpoint's first tokenizer: its later, larger one would cost a tenth of this model."""
    return run.folder("base") / "tokenizer"


def _train(run: Run) -> None:
    state = run.folder(NAME)
    tokenizer = CLIPTokenizer.from_pretrained(str(_tokenizer(run)))
    start = build_text_encoder(tokenizer)
    start.load_state_dict(load_state(run.folder("base") / "text.pt")["model"])
    vae = AutoencoderKL.from_pretrained(str(base_folder(run) / "vae"), torch_dtype=torch.float32)
    seen = decoded_scenes(state, vae.eval(), scene_latents(run), SCENE_SEED)
    minutes = run.minutes("clip.train", 16)
    settings = ClipSettings(state, run.emoji(), minutes, seed=SEED, scene_seed=SCENE_SEED)
    train_clip(settings, tokenizer, start, seen)


def _export(run: Run) -> None:
    tokenizer = _tokenizer(run)
    model = build_clip(CLIPTokenizer.from_pretrained(str(tokenizer)))
    model.load_state_dict(load_state(run.folder(NAME) / "clip.pt")["model"])
    export_clip(run.demo / NAME, model, tokenizer)


def _facts(run: Run) -> Facts:
    stored = load_state(run.folder(NAME) / "clip.pt")
    return {
        "optimiser": "Muon for the matrices inside the layers, AdamW for the rest",
        "steps": int(stored["step"]),
        "pictures": int(stored["samples"]),
        "texts": 2 * int(stored["samples"]),
        "emoji": len(read_things(run.emoji())),
        "minutes": round(float(stored["spent"]) / 60),
        "seeds": f"training {SEED}, scenes {SCENE_SEED}",
    }


def _measure(run: Run) -> list[Figure]:
    return measure_clip(run.demo / NAME, run.emoji_data)


CARD = Card(
    title="Demo CLIP",
    summary=f"""
A tiny contrastive model of CLIP's layout: it says how well an English or Ukrainian text fits a picture of an
emoji on a coloured background. It judges the demo checkpoint, it is the image encoder of the demo IP-Adapter,
and it can serve search by meaning in the gallery. Pictures and texts meet in {WIDTH} dimensions.
""",
    usage="""
`CLIPModel`, `CLIPVisionModelWithProjection`, `CLIPTextModelWithProjection` and `CLIPProcessor` load the
folder with `from_pretrained`; say `dtype=torch.float32` on a CPU. Pictures are 128 x 128 with CLIP's usual
mean and deviation, in patches of 16.
""",
    extra="""
"Subject first among 20 distractors" chooses between 21 captions that name the same background, so that only
the subject decides; the distractors are drawn anew for each picture from the checkpoint's other subjects.
For the comparison the same pictures are asked about a subject that they do not show; chance is 5 %.
"Other emoji" are those of the data set that the checkpoint does not draw. Held-out pairs of subject
and colour were never shown in training.
""",
    data="""
Noto Color Emoji (Debian fonts-noto-color-emoji 2.042), drawn on the fly: the checkpoint's subjects on all
backgrounds but the held-out ones, a quarter of them as its decoder shows them, and a thousand other emoji
with their English and Ukrainian names and tags from the npm package emojibase-data 17.0.0 (MIT). Blur, noise
and other light are added. A caption counts as right for every picture that it is true of. For the first 60 %
of the time pictures are seen through half of their patches. The text tower began as the checkpoint's own.
Code: the folder `training` of this repository, `python -m training clip`.
""",
    limits="""
It knows emoji on plain backgrounds and nothing else of the world. Words outside the names and tags
are spelt in pieces and mean little to it. Of the emoji that the checkpoint does not draw it names only about
a third rightly: it saw each of them a few times. Similar faces and people are easily confused.
""",
    pipeline_tag="zero-shot-image-classification",
)

ENTRY = Entry(
    name="Demo CLIP",
    kind="clip",
    family="unknown",
    format="transformers",
    path=NAME,
    description=(
        "A tiny contrastive model of CLIP's layout: compares pictures of emoji with English and Ukrainian "
        "texts, and is the image encoder of the demo IP-Adapter"
    ),
)

PARTS = (Part(NAME, ENTRY, {"train": _train, "export": _export}, _facts, _measure, CARD),)
