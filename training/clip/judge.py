# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and transformers publish only part of their types.
"""The shipped contrastive model as a judge: which text fits a picture best."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from PIL import Image
from torch.nn import functional
from transformers import CLIPModel, CLIPProcessor

from training.base.evaluate import Asked, draw, random_prompts
from training.data.art import Floats
from training.data.captions import article, neuter
from training.data.subjects import COLOURS, SUBJECTS
from training.family import Figure

CLIP = "clip"  # the folder inside the demo folder
DISTRACTING = 20  # wrong subjects beside the right one
GENERATED, GENERATED_SEED = 100, 7000


def images(pictures: Floats) -> list[Image.Image]:
    """Pictures in [-1, 1] as images."""
    shown = ((pictures.transpose(0, 2, 3, 1) + 1) * 127.5).round().astype(np.uint8)
    return [Image.fromarray(one) for one in shown]


@dataclass(frozen=True)
class Judge:
    """The model and its processor, in float32."""

    model: CLIPModel
    processor: Any

    @classmethod
    def load(cls, folder: Path) -> "Judge":
        """The exported folder through the usual classes."""
        model = CLIPModel.from_pretrained(str(folder), dtype=torch.float32).eval()
        return cls(model, CLIPProcessor.from_pretrained(str(folder)))

    def pictures(self, pictures: Floats) -> torch.Tensor:
        """Unit vectors [batch, 128] of pictures in [-1, 1]."""
        found = []
        for start in range(0, len(pictures), 64):
            part = images(pictures[start : start + 64])
            values = self.processor(images=part, return_tensors="pt").pixel_values
            with torch.no_grad():
                seen: Any = self.model.vision_model(pixel_values=values)
                found.append(self.model.visual_projection(seen.pooler_output))
        return functional.normalize(torch.cat(found), dim=-1)

    def texts(self, texts: list[str]) -> torch.Tensor:
        """Unit vectors [batch, 128] of texts."""
        found = []
        for start in range(0, len(texts), 256):
            part = texts[start : start + 256]
            read = self.processor(text=part, padding=True, truncation=True, return_tensors="pt")
            with torch.no_grad():
                known: Any = self.model.text_model(
                    input_ids=read.input_ids, attention_mask=read.attention_mask
                )
                found.append(self.model.text_projection(known.pooler_output))
        return functional.normalize(torch.cat(found), dim=-1)


def phrase(subject: int, colour: int, language: str) -> str:
    """The plain caption: "a cat on a red background" or "кіт на червоному тлі"."""
    if language == "en":
        return f"{article(SUBJECTS[subject].en[0])} on a {COLOURS[colour].en[0]} background"
    return f"{SUBJECTS[subject].uk[0]} на {COLOURS[colour].uk[0]} тлі"


def ground_phrase(colour: int, language: str) -> str:
    """A background alone: "a red background" or "червоне тло"."""
    if language == "en":
        return f"a {COLOURS[colour].en[0]} background"
    return f"{neuter(COLOURS[colour].uk[0])} тло"


def _phrases(judge: Judge, language: str) -> torch.Tensor:
    """Embeddings of the plain captions of all pairs, [subjects, colours, 128]."""
    pairs = [(subject, colour) for subject in range(len(SUBJECTS)) for colour in range(len(COLOURS))]
    read = judge.texts([phrase(subject, colour, language) for subject, colour in pairs])
    return read.view(len(SUBJECTS), len(COLOURS), -1)


def subjects_right(
    judge: Judge, seen: torch.Tensor, asked: list[Asked], language: str, seed: int
) -> npt.NDArray[np.bool_]:
    """Whether the asked subject beats `DISTRACTING` random others, on the asked background.

    `seen` are the embeddings of the pictures. All candidates name the same background, so
    only the subject can decide; which others stand beside it is drawn anew for each picture.
    """
    rng, read = np.random.default_rng(seed), _phrases(judge, language)
    right = []
    for vector, one in zip(seen, asked, strict=True):
        others = [number for number in range(len(SUBJECTS)) if number != one.subject]
        candidates = [one.subject, *(int(pick) for pick in rng.choice(others, DISTRACTING, replace=False))]
        right.append(int((read[candidates, one.colour] @ vector).argmax()) == 0)
    return np.array(right)


def colours_right(
    judge: Judge, seen: torch.Tensor, asked: list[Asked], language: str
) -> npt.NDArray[np.bool_]:
    """Whether the asked background beats the other colours, with the asked subject named."""
    read = _phrases(judge, language)
    found = [int((read[one.subject] @ vector).argmax()) for vector, one in zip(seen, asked, strict=True)]
    return np.array([colour == one.colour for colour, one in zip(found, asked, strict=True)])


def mismatched(asked: list[Asked], seed: int) -> list[Asked]:
    """The same pictures with another subject asked for, to see that the judge is not blind."""
    rng = np.random.default_rng(seed)
    shift = [(one.subject + int(rng.integers(1, len(SUBJECTS)))) % len(SUBJECTS) for one in asked]
    return [
        Asked(phrase(subject, one.colour, "en"), subject, one.colour)
        for subject, one in zip(shift, asked, strict=True)
    ]


def generated_figure(demo: Path, pipeline: StableDiffusionPipeline) -> Figure:
    """How often generated pictures of held-out pairs are recognised by the contrastive model."""
    asked = random_prompts(GENERATED, GENERATED_SEED, unseen=True)
    judge = Judge.load(demo / CLIP)
    seen = judge.pictures(draw(pipeline, [one.prompt for one in asked], GENERATED_SEED))
    share = 100 * float(subjects_right(judge, seen, asked, "en", GENERATED_SEED).mean())
    other = mismatched(asked, GENERATED_SEED)
    blind = 100 * float(subjects_right(judge, seen, other, "en", GENERATED_SEED).mean())
    return Figure(
        f"Subject by the contrastive model among {DISTRACTING} distractors, {GENERATED} held-out pairs",
        share,
        "%",
        blind,
        "when another subject is asked for than was drawn",
        "at least 70 %",
        share >= 70,
    )
