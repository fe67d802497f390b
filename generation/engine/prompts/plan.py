"""Everything that one request has to encode, and which of it counts at which step."""

from collections.abc import Sequence
from dataclasses import dataclass

from generation.engine.prompts.attention import Emphasis, Segment
from generation.engine.prompts.chunks import Chunk, Tokenize, prompt_chunks
from generation.engine.prompts.limits import MAX_CHUNKS, prompt_error
from generation.engine.prompts.parsing import ParsedPrompt


@dataclass(frozen=True, slots=True)
class PlanStep:
    """What one sampler step is conditioned on: places in ``Plan.texts``."""

    positive: tuple[tuple[int, float], ...]
    """Text and weight per part between ``AND``: the prediction is
    ``negative + guidance * sum(weight * (part - negative))``.
    """
    negative: int | None
    """None when the request is not guided."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Different texts, each encoded once, all filled up with empty chunks to the same length."""

    texts: tuple[tuple[Chunk, ...], ...]
    segments: tuple[tuple[Segment, ...], ...]
    """The same texts before tokens, for encoders with another tokenizer."""
    steps: tuple[PlanStep, ...]
    """One per sampler step."""

    @property
    def chunks(self) -> int:
        """Chunks per text."""
        return len(self.texts[0])

    @property
    def is_constant(self) -> bool:
        """Whether every step is conditioned on the same."""
        return all(step == self.steps[0] for step in self.steps)


def plan(  # noqa: PLR0913 - two prompts, a tokenizer and what they are planned for
    positive: ParsedPrompt,
    negative: ParsedPrompt | None,
    tokenize: Tokenize,
    *,
    comma: int | None,
    steps: int,
    hires_base: int | None = None,
    emphasis: Emphasis = Emphasis.ORIGINAL,
) -> Plan:
    """The plan for ``steps`` (at least 1) sampler steps; ``negative`` is None when the request is not guided.

    ``hires_base`` as for ``ParsedPrompt.schedule``. Raises ``EngineError("invalid_request")`` with the
    field of the prompt that asks for too much.
    """
    place: dict[tuple[Segment, ...], int] = {}
    parts = positive.schedule(steps, hires_base=hires_base, emphasis=emphasis)
    unwanted = negative.schedule(steps, hires_base=hires_base, emphasis=emphasis)[0] if negative else None
    table = tuple(
        PlanStep(
            tuple((place.setdefault(part.at(index), len(place)), part.weight) for part in parts),
            None if unwanted is None else place.setdefault(unwanted.at(index), len(place)),
        )
        for index in range(steps)
    )
    texts = [prompt_chunks(one, tokenize, comma=comma, field=positive.field) for one in place]
    return Plan(_filled(texts, positive.field), tuple(place), table)


def _filled(texts: Sequence[tuple[Chunk, ...]], field: str) -> tuple[tuple[Chunk, ...], ...]:
    length = max(map(len, texts))
    # Padding is encoded once, but every text is kept at full length while its picture is made.
    total = length * len(texts)
    if total > MAX_CHUNKS:
        raise prompt_error(
            field,
            f"Over all steps {field} comes to {total} chunks of 75 tokens; {MAX_CHUNKS} are allowed.",
            hint="Shorten the text, or schedule less of it.",
        )
    return tuple(chunks + (Chunk(),) * (length - len(chunks)) for chunks in texts)
