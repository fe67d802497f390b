# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and transformers publish only part of their types.
"""The contrastive model: CLIP's layout, small enough for a processor core."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextModel, CLIPTokenizer
from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from training.data.art import SIZE
from training.fitting.muon import Muon, Pair

WIDTH = 128  # of the common space
LONGEST = 48  # tokens; names outside the vocabulary are spelt in pieces


def build_clip(tokenizer: CLIPTokenizer, start: CLIPTextModel | None = None) -> CLIPModel:
    """Four vision layers on 16 px patches, three text layers.

    `start` is the checkpoint's text encoder: its layers come first, and the new one begins as
    the identity, so that captions are understood from the first step.
    """
    model = CLIPModel(
        CLIPConfig(
            text_config={
                "vocab_size": len(tokenizer),
                "hidden_size": 128,
                "intermediate_size": 512,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "max_position_embeddings": 77,
                "bos_token_id": tokenizer.bos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
                "pad_token_id": tokenizer.pad_token_id,
                "projection_dim": WIDTH,
            },
            vision_config={
                "hidden_size": 160,
                "intermediate_size": 640,
                "num_hidden_layers": 4,
                "num_attention_heads": 4,
                "image_size": SIZE,
                "patch_size": 16,
                "hidden_act": "gelu",
                "projection_dim": WIDTH,
            },
            projection_dim=WIDTH,
        )
    )
    model.set_attn_implementation("eager")  # on a processor twice as fast as the fused one
    if start is not None:
        known = {name.removeprefix("text_model."): weight for name, weight in start.state_dict().items()}
        _begin_from(model.text_model, known)
    return model


def _begin_from(text: Any, known: dict[str, torch.Tensor]) -> None:
    """Take over the weights of a shorter text tower; the further layer then passes its input on."""
    missing = text.load_state_dict(known, strict=False)
    if missing.unexpected_keys:
        raise ValueError(f"the text encoder has other layers: {missing.unexpected_keys}")
    last = text.encoder.layers[-1]
    nn.init.zeros_(last.self_attn.out_proj.weight)
    nn.init.zeros_(last.mlp.fc2.weight)


def build_processor() -> CLIPImageProcessor:
    """Pictures of 128 px with CLIP's usual mean and deviation, which IP-Adapter loaders assume."""
    return CLIPImageProcessor(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=list(OPENAI_CLIP_MEAN),
        image_std=list(OPENAI_CLIP_STD),
    )


def normalised(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures in [-1, 1] as the image processor gives them, [batch, 3, 128, 128]."""
    mean = torch.tensor(OPENAI_CLIP_MEAN).view(1, 3, 1, 1)
    deviation = torch.tensor(OPENAI_CLIP_STD).view(1, 3, 1, 1)
    return ((pictures + 1) / 2 - mean) / deviation


def image_embeddings(model: CLIPModel, pictures: torch.Tensor) -> torch.Tensor:
    """Unit vectors [batch, 128] of pictures in [-1, 1]."""
    seen: Any = model.vision_model(pixel_values=normalised(pictures))
    return functional.normalize(model.visual_projection(seen.pooler_output).float(), dim=-1)


def glimpse_embeddings(model: CLIPModel, pictures: torch.Tensor, share: float) -> torch.Tensor:
    """As `image_embeddings`, from a random share of the patches: cheaper, and it generalises."""
    tower: Any = model.vision_model
    patches = tower.embeddings(normalised(pictures))
    count = patches.shape[1] - 1
    kept = 1 + torch.rand(len(pictures), count).argsort(1)[:, : round(share * count)]
    chosen = patches.gather(1, kept[..., None].expand(-1, -1, patches.shape[2]))
    states = tower.pre_layrnorm(torch.cat([patches[:, :1], chosen], 1))
    first = tower.post_layernorm(tower.encoder(inputs_embeds=states).last_hidden_state[:, 0])
    return functional.normalize(model.visual_projection(first).float(), dim=-1)


def text_embeddings(model: CLIPModel, ids: torch.Tensor) -> torch.Tensor:
    """Unit vectors [batch, 128] of token ids."""
    read: Any = model.text_model(input_ids=ids)
    return functional.normalize(model.text_projection(read.pooler_output).float(), dim=-1)


def tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Token ids, padded to the longest of the texts (the encoder is causal, so that is exact)."""
    ids: torch.Tensor = tokenizer(
        texts, padding="longest", max_length=LONGEST, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def contrastive_loss(
    pictures: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, table: npt.NDArray[np.int8]
) -> torch.Tensor:
    """Symmetric InfoNCE; the target is shared evenly by all that fit, and -1 in `table` is left out."""
    fits = torch.from_numpy(table)
    logits = (scale * pictures @ texts.T).masked_fill(fits < 0, -1e4)
    wanted = (fits > 0).float()
    rows = wanted / wanted.sum(1, keepdim=True)
    columns = wanted / wanted.sum(0, keepdim=True)
    loss = -(rows * logits.log_softmax(1)).sum(1).mean() - (columns * logits.log_softmax(0)).sum(0).mean()
    return loss / 2


class ClipPair(Pair):
    """Muon for the matrices inside the layers, AdamW for embeddings, projections and the rest."""

    def __init__(self, model: nn.Module, rate: float) -> None:
        inner: list[nn.Parameter] = []
        outer: list[nn.Parameter] = []
        for name, weight in model.named_parameters():
            (inner if weight.ndim == 2 and ".layers." in name else outer).append(weight)
        self.parts = (
            Muon(inner, rate),
            torch.optim.AdamW(outer, rate, betas=(0.9, 0.98), weight_decay=0.01),
        )
