"""A causal language model that adds to a prompt: one that continues prompts (as MagicPrompt's GPT-2), or one
that follows instructions in a chat.

Sampling: temperature, top-k, nucleus (Holtzman et al. 2019, arXiv:1904.09751) and repetition penalty (Keskar
et al. 2019, arXiv:1909.05858). Every draw comes from a generator of the call's own seed.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch

from generation.engine.checkpoints.header import PICKLE_SUFFIXES, corrupt, header_read, refuse_pickle
from generation.engine.enhancer.compose import enhance_check, kept_words
from generation.engine.enhancer.phrases import phrases_of
from generation.engine.errors import EngineError
from generation.engine.resident import modules_nbytes

MAX_NEW_TOKENS: Final = 80
MAX_SECONDS: Final = 15.0
"""After so long the answer is what has been said: a safeguard, not part of the result's definition."""
MAX_CONTEXT: Final = 2048
TEMPERATURE: Final = 0.8
TOP_K: Final = 50
TOP_P: Final = 0.95
PENALTY: Final = 1.15
INSTRUCTION: Final = (
    "You add to prompts for a text-to-image model. Answer with one line: a comma-separated list of at most "
    "twelve short phrases about details, medium, style, light, composition and quality that suit the prompt. "
    "Do not repeat the prompt, do not explain anything."
)


@dataclass(slots=True)
class LanguageModel:
    """A model with its tokenizer, ready to be asked."""

    model: Any
    tokenizer: Any
    name: str

    @property
    def nbytes(self) -> int:
        return modules_nbytes([self.model])

    def to(self, device: torch.device) -> Self:
        self.model.to(device)
        return self

    @property
    def follows_instructions(self) -> bool:
        """Whether it was trained for a chat."""
        return bool(getattr(self.tokenizer, "chat_template", None))


def language_model_load(path: Path) -> LanguageModel:
    """Read a folder as transformers saves it, in fp32 and on the processor, without the network and without
    running anything that lies in it.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsafe`` or ``model_corrupt``.
    """
    _check_files(path)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            path, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **local
        )
        model, found = loaded
        tokenizer = AutoTokenizer.from_pretrained(path, **local)
        known = model.get_input_embeddings().num_embeddings
    except Exception as error:  # transformers raises whatever a file of somebody else's leads it to
        raise corrupt(path, f"transformers cannot read it ({type(error).__name__})") from error
    if found["missing_keys"]:
        raise corrupt(path, f"it lacks {sorted(found['missing_keys'])[0]}")
    if len(tokenizer) > known:
        raise corrupt(path, f"its tokenizer has {len(tokenizer)} words, its model {known}")
    return LanguageModel(model.eval(), tokenizer, path.name)


def _check_files(path: Path) -> None:
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        for file in sorted(path.glob("*")):
            if file.suffix.lower() in PICKLE_SUFFIXES:
                refuse_pickle(file)
        raise EngineError(
            "model_missing",
            f"There is no language model in {path.name}.",
            hint="It has to be a folder with config.json, a tokenizer and .safetensors files.",
        )
    for file in weights:
        header_read(file)
    for name in ("config.json", "tokenizer_config.json"):
        file = path / name
        if file.is_file() and "auto_map" in _json(file):
            raise EngineError(
                "model_unsafe",
                f"{name} of {path.name} asks for code that comes with it, which is never run.",
                hint="Get the model without code of its own.",
            )


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise corrupt(file, "it is not JSON") from error


def prompt_continue(language_model: LanguageModel, prompt: str, *, seed: int) -> tuple[str, ...]:
    """Phrases to put behind the prompt; none when the model has nothing of use to say.

    The same model, prompt and seed give the same phrases, whatever else the process draws. Raises
    ``EngineError`` as ``enhance`` does, and ``enhancer_failed`` for a model whose numbers are broken.
    """
    enhance_check(prompt, seed)
    kept = kept_words(prompt)
    ids = _question(language_model, kept)
    answer = list(_draws(language_model, ids, seed=seed))
    text = language_model.tokenizer.decode(answer, skip_special_tokens=True)
    return phrases_of(text, prompt=kept)


def _question(language_model: LanguageModel, kept: str) -> list[int]:
    tokenizer = language_model.tokenizer
    if language_model.follows_instructions:
        chat = [{"role": "user", "content": f"{INSTRUCTION}\n\nPrompt: {kept}"}]
        # Templates may think aloud; those that can be told not to, are.
        asked = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=False, enable_thinking=False
        )
        ids = tokenizer(asked, add_special_tokens=False)["input_ids"]
    else:
        # The comma begins a phrase: a model that continues words could change the person's last one.
        ids = tokenizer(f"{kept},")["input_ids"]
    config = language_model.model.config
    limit = min(getattr(config, "max_position_embeddings", None) or MAX_CONTEXT, MAX_CONTEXT)
    return list(ids)[-max(1, limit - MAX_NEW_TOKENS) :]


@torch.inference_mode()
def _draws(language_model: LanguageModel, ids: list[int], *, seed: int) -> Iterator[int]:
    model, ends = language_model.model, _ends(language_model)
    generator = torch.Generator().manual_seed(seed)
    said: list[int] = []
    until = time.monotonic() + MAX_SECONDS
    given, cache = torch.tensor([ids], device=model.device), None
    while len(said) < MAX_NEW_TOKENS and time.monotonic() < until:
        output = model(input_ids=given, past_key_values=cache, use_cache=True)
        token = _drawn(output.logits[0, -1].float().cpu(), said, generator)
        if token in ends:
            return
        said.append(token)
        yield token
        given, cache = torch.tensor([[token]], device=model.device), output.past_key_values


def _ends(language_model: LanguageModel) -> set[int]:
    """Tokens that end an answer: a line break does too, where one line is all there is."""
    tokenizer, configured = language_model.tokenizer, language_model.model.generation_config.eos_token_id
    ends = {*(configured if isinstance(configured, list) else [configured]), tokenizer.eos_token_id}
    if not language_model.follows_instructions:
        ends |= set(tokenizer("\n", add_special_tokens=False)["input_ids"][-1:])
    return ends - {None}


def _drawn(logits: torch.Tensor, said: list[int], generator: torch.Generator) -> int:
    if not bool(torch.isfinite(logits).any()) or bool(torch.isnan(logits).any()):
        raise EngineError(
            "enhancer_failed",
            "The language model gave no numbers that a word could be drawn by.",
            hint="Its file may be damaged: download it again.",
        )
    if said:
        seen = torch.tensor(sorted(set(said)))
        known = logits[seen]
        logits[seen] = torch.where(known > 0, known / PENALTY, known * PENALTY)
    best, tokens = torch.topk(logits / TEMPERATURE, min(TOP_K, logits.numel()))
    chances = torch.softmax(best, dim=-1)
    # Those that the ones before them leave room for: the first always stays.
    chances[torch.cumsum(chances, dim=-1) - chances > TOP_P] = 0.0
    return int(tokens[torch.multinomial(chances, 1, generator=generator)])
