"""From prompts to what the denoiser attends to.

A request's prompts are planned first (``prompts.plan``): which texts there are, in chunks of 75 tokens, and
which of them count at which step. Each chunk is encoded by CLIP on its own between its two markers, its
tokens' vectors are multiplied by their weights, and the chunks of a long text are laid end to end, as
AUTOMATIC1111 does.

SDXL reads every chunk with two encoders and lays what they say side by side. Besides, it wants the meaning of
the whole prompt in one vector, for which the second encoder's of the first chunk stands, and the picture's
size.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch

from generation.engine.errors import EngineError
from generation.engine.lru import ByteLru
from generation.engine.networks import TextAdditions, token_ids
from generation.engine.prompts import Chunk, PlanStep, plan, read_prompts
from generation.engine.spec import GenerationRequest

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint

CACHE_BYTES: Final = 64 * 2**20
LIKED_SCORE: Final = 6.0
"""The score of what is wanted, and of what is not, as in diffusers' ``StableDiffusionXLImg2ImgPipeline``."""
DISLIKED_SCORE: Final = 2.5


@dataclass(frozen=True, slots=True)
class Condition:
    """What one text, at one size of picture, tells the denoiser: in the model's dtype, on the device."""

    text: torch.Tensor
    """``[1, 77 * chunks, width]``."""
    added: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """SDXL's ``text_embeds`` ``[1, width]`` and ``time_ids`` ``[1, 6]`` (fp32)."""


@dataclass(frozen=True, slots=True)
class Conditioning:
    """A request's texts, encoded, and which of them count when."""

    texts: tuple[Condition, ...]
    """All of the same number of chunks."""
    steps: tuple[PlanStep, ...]
    """One per sampler step: places in ``texts``. All with as many positive ones as the first."""
    chunks: int

    @property
    def guided(self) -> bool:
        return self.steps[0].negative is not None

    @property
    def parts(self) -> int:
        """Texts between ``AND``, each of which the denoiser is asked about at every step."""
        return len(self.steps[0].positive)

    def at(self, step: int) -> PlanStep:
        """What counts at a sampler step; the last one's also for samplers that take more than was planned."""
        return self.steps[min(step, len(self.steps) - 1)]


class _Encoded(NamedTuple):
    """One chunk as one encoder reads it."""

    hidden: torch.Tensor
    """``[1, 77, width]``."""
    pooled: torch.Tensor | None
    """``[1, width]``, from SDXL's second encoder only."""

    @property
    def nbytes(self) -> int:
        return sum(part.numel() * part.element_size() for part in self if part is not None)


@dataclass(frozen=True, slots=True)
class Reader:
    """What texts are encoded with."""

    key: str
    """Names the checkpoint."""
    checkpoint: "Checkpoint"
    additions: TextAdditions = field(default_factory=TextAdditions)


class Conditioner:
    """Encodes requests; remembers chunks, which is exact, since each is encoded alone in a batch of one."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._cache: ByteLru[tuple[Hashable, ...], _Encoded] = ByteLru(limit)

    @property
    def nbytes(self) -> int:
        """Memory of the remembered chunks."""
        return self._cache.nbytes

    def encode(
        self,
        reader: Reader,
        request: GenerationRequest,
        *,
        steps: int | None = None,
        hires_base: int | None = None,
    ) -> Conditioning:
        """``steps`` are those that are made, where it is not all of the request's; ``hires_base`` as for
        ``prompts.plan``. Raises ``EngineError`` with ``field`` ``clip_skip`` or a prompt's.
        """
        checkpoint = reader.checkpoint
        _require_layers(checkpoint, request.clip_skip)
        steps = request.steps if steps is None else steps
        positive, negative = read_prompts(
            request.prompt, request.negative_prompt, steps=steps, guidance_scale=request.guidance_scale
        )
        # One plan per tokenizer: SDXL's second one reads "!" as its padding, and so may count differently.
        plans = [
            plan(
                positive,
                negative,
                reader.additions.tokenizer(tokenizer.ids),
                comma=tokenizer.comma,
                steps=steps,
                hires_base=hires_base,
            )
            for _, tokenizer in checkpoint.text_towers
        ]
        length = max(each.chunks for each in plans)
        texts = tuple(
            self._text(reader, request, [_filled(chunks, length) for chunks in towers])
            for towers in zip(*(each.texts for each in plans), strict=True)
        )
        made = Conditioning(texts, plans[0].steps, length)
        if checkpoint.time_ids_kind == "aesthetic":
            return _judged(made)
        unsaid = negative is not None and not negative.text.strip()
        return _silenced(made) if unsaid and checkpoint.zeros_for_empty_negative else made

    def _text(
        self, reader: Reader, request: GenerationRequest, towers: Sequence[Sequence[Chunk]]
    ) -> Condition:
        """One text, given as the chunks of each encoder's tokenizer."""
        encoded = [
            [self._encoded(reader, tower, request.clip_skip, chunk) for chunk in chunks]
            for tower, chunks in enumerate(towers)
        ]
        return _joined(encoded, request)

    def _encoded(self, reader: Reader, tower: int, clip_skip: int, chunk: Chunk) -> _Encoded:
        place = (reader.key, reader.additions.key, tower, clip_skip, chunk)
        found = self._cache.get(place)
        if found is None:
            encoder, tokenizer = reader.checkpoint.text_towers[tower]
            tokens, weights = chunk.padded(bos=tokenizer.bos, eos=tokenizer.eos, pad=tokenizer.pad)
            ids = torch.tensor([token_ids(tokens)], device=encoder.device)
            read = _read_xl if reader.checkpoint.is_xl else _read
            with reader.additions.applied(encoder, tower, tokens):
                found = read(encoder, clip_skip, ids)
            if any(weight != 1.0 for weight in weights):
                found = found._replace(hidden=_weighted(found.hidden, weights))
            self._cache.put(place, found, found.nbytes)
            self._cache.shrink()
        return found


def _require_layers(checkpoint: "Checkpoint", clip_skip: int) -> None:
    layers = min(encoder.config.num_hidden_layers for encoder, _ in checkpoint.text_towers)
    # One layer must be left, and SDXL never uses the last one.
    most = layers - (2 if checkpoint.is_xl else 1)
    if clip_skip > most:
        raise EngineError(
            "invalid_request",
            f"This model's text encoder has {layers} layers; {clip_skip} cannot be left out, {most} can.",
            field="clip_skip",
        )


def _joined(towers: Sequence[Sequence[_Encoded]], request: GenerationRequest) -> Condition:
    """The chunks of each encoder end to end, the encoders side by side."""
    text = torch.cat([torch.cat([each.hidden for each in chunks], dim=1) for chunks in towers], dim=-1)
    pooled = towers[-1][0].pooled
    if pooled is None:
        return Condition(text)
    # SDXL's sizes: of the picture before cropping, where it was cropped, and after. Ours is whole.
    size = (request.height, request.width)
    sizes = torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32, device=text.device)
    return Condition(text, {"text_embeds": pooled, "time_ids": sizes})


def _filled(chunks: tuple[Chunk, ...], length: int) -> tuple[Chunk, ...]:
    return chunks + (Chunk(),) * (length - len(chunks))


def _weighted(hidden: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """A1111's "Original" emphasis, in fp32: the mean of all is near 0, and half precision loses it."""
    given = hidden.float()
    scaled = given * torch.tensor(weights, device=given.device)[None, :, None]
    return (scaled * (given.mean() / scaled.mean())).to(hidden.dtype)


def _judged(made: Conditioning) -> Conditioning:
    """SDXL's refiner knows an aesthetic score in place of the last two sizes: a high one for what is wanted,
    a low one for what is not.
    """
    liked = [_with_score(text, LIKED_SCORE) for text in made.texts]
    disliked = [_with_score(text, DISLIKED_SCORE) for text in made.texts]
    steps = tuple(
        step if step.negative is None else replace(step, negative=len(liked) + step.negative)
        for step in made.steps
    )
    return Conditioning((*liked, *disliked), steps, made.chunks)


def _with_score(text: Condition, score: float) -> Condition:
    sizes = text.added["time_ids"]
    judged = torch.cat([sizes[:, :4], sizes.new_tensor([[score]])], dim=1)
    return Condition(text.text, {**text.added, "time_ids": judged})


def _silenced(made: Conditioning) -> Conditioning:
    """With no text at all, at the same size, in place of the negative prompt."""
    said = made.texts[0]
    added = {**said.added, "text_embeds": torch.zeros_like(said.added["text_embeds"])}
    silence = Condition(torch.zeros_like(said.text), added)
    steps = tuple(replace(step, negative=len(made.texts)) for step in made.steps)
    return Conditioning((*made.texts, silence), steps, made.chunks)


def _read(encoder: Any, clip_skip: int, ids: torch.Tensor) -> _Encoded:
    if not clip_skip:
        return _Encoded(encoder(ids).last_hidden_state, None)
    hidden = encoder(ids, output_hidden_states=True).hidden_states[-(clip_skip + 1)]
    # The skipped layers end before the final norm, which the U-Net was trained behind.
    return _Encoded(encoder.final_layer_norm(hidden), None)


def _read_xl(encoder: Any, clip_skip: int, ids: torch.Tensor) -> _Encoded:
    """SDXL was trained on the last layer but one, before the final norm; ``clip_skip`` counts from there."""
    output = encoder(ids, output_hidden_states=True)
    return _Encoded(output.hidden_states[-(clip_skip + 2)], getattr(output, "text_embeds", None))
