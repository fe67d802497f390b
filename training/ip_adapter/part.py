"""The IP-Adapter as a part of the family: stages, manifest entry, figures, card."""

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

from training.base.latents import scaling_factor
from training.base.part import SCENES, base_folder, scene_latents
from training.base.unet import Captions
from training.family import Card, Entry, Facts, Figure, Part, Run
from training.fitting.workers import load_state
from training.ip_adapter.data import reference_embeddings
from training.ip_adapter.measure import measure_adapter
from training.ip_adapter.model import export_adapter, exported_state
from training.ip_adapter.train import BATCH, AdapterSettings, Job, build_job, train_adapter

NAME = "ip-adapter"
PATH = "ip-adapter/ip-adapter.safetensors"
SEED, SCENE_SEED = 31, 11


def _job(run: Run) -> Job:
    """The run on top of the shipped checkpoint and contrastive model."""
    torch.set_num_threads(1)
    state, base = run.folder(NAME), base_folder(run)
    encoder = CLIPVisionModelWithProjection.from_pretrained(str(run.demo / "clip"), dtype=torch.float32)
    embeddings = reference_embeddings(state / "references.npy", encoder.eval(), SCENES, SCENE_SEED)
    unet = UNet2DConditionModel.from_pretrained(str(base / "unet"), torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(str(base / "text_encoder"), dtype=torch.float32)
    captions = Captions(CLIPTokenizer.from_pretrained(str(base / "tokenizer")), text)
    latents = scene_latents(run)
    minutes = run.minutes("ip-adapter.train", 14)
    settings = AdapterSettings(state, minutes, seed=SEED, scene_seed=SCENE_SEED)
    return build_job(settings, unet, captions, latents * scaling_factor(latents), embeddings)


def _train(run: Run) -> None:
    train_adapter(_job(run))


def _export(run: Run) -> None:
    export_adapter(run.demo / PATH, exported_state(_job(run).trained))


def _facts(run: Run) -> Facts:
    stored = load_state(run.folder(NAME) / "adapter.pt")
    return {
        "optimiser": "Muon for matrices, AdamW for the rest",
        "steps": int(stored["step"]),
        "samples": BATCH * int(stored["step"]),
        "minutes": round(float(stored["spent"]) / 60),
        "seeds": f"training {SEED}, scenes {SCENE_SEED}",
    }


def _measure(run: Run) -> list[Figure]:
    return measure_adapter(run.demo, base_folder(run).name, PATH)


CARD = Card(
    title="Demo IP-Adapter",
    summary="""
Gives the demo checkpoint a picture beside the prompt: with an empty prompt it draws the subject and the
background of the reference, and where the prompt names a background, the prompt decides that.
The file has the layout of the original IP-Adapter for Stable Diffusion 1.x (four tokens from one linear
projection); it belongs to the demo checkpoint `base` and the image encoder `clip`.
""",
    usage="""
The image encoder is the folder `clip` beside this one; it is not stored twice. diffusers finds it by
`pipeline.load_ip_adapter(folder, subfolder="ip-adapter", weight_name="ip-adapter.safetensors",
image_encoder_folder="./clip", local_files_only=True)`, where `folder` holds both folders (a name with a slash
is looked up from `folder`, not from the subfolder). Or load it first with
`CLIPVisionModelWithProjection.from_pretrained`, `register_modules(image_encoder=...)`, and pass
`image_encoder_folder=None`. Scale 1 follows the picture, about 0.6 mixes it with the prompt.
""",
    extra="""
Likeness is the cosine of the image embeddings of the demo CLIP, the encoder the adapter itself looks through.
Subject and background are therefore also counted by the checkpoint's template judge, which is not trained.
References are drawn pictures of pairs of subject and colour that neither the checkpoint, nor the
encoder, nor the adapter has seen in training.
""",
    data="""
Noto Color Emoji (Debian fonts-noto-color-emoji 2.042) composed on plain backgrounds: cached latents of the
checkpoint's training scenes, and embeddings of two references for each of them (the same pair elsewhere in
the picture, and the same subject on another colour, which a caption overrules). UNet, text encoder and image
encoder were frozen. The projection began as a least-squares fit to the text encoder's states.
Code: the folder `training` of this repository, `python -m training ip-adapter`.
""",
    limits="""
It knows the subjects and colours of the demo checkpoint only; any other reference becomes the nearest one.
One embedding stands for the whole picture: place and size are followed loosely, details are not. When the
prompt changes the background, the subject gets rough and is often no longer recognised by the template judge.
""",
    pipeline_tag="image-to-image",
)

ENTRY = Entry(
    name="Demo IP-Adapter",
    kind="ip_adapter",
    family="sd15",
    format="safetensors",
    path=PATH,
    description="Lets the demo checkpoint follow a reference picture: its subject and its background colour",
)

PARTS = (Part(NAME, ENTRY, {"train": _train, "export": _export}, _facts, _measure, CARD),)
