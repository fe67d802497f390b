"""Tiny language models for tests, with tokenizers made for them: they know three lines by heart."""

from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

END: Final = "<|endoftext|>"
LINES: Final = (
    "a cat, oil painting, soft light, thick brush strokes",
    "a cat, watercolour, paper texture, morning light",
    "a dog, studio photo, shallow depth of field, golden hour",
)
CHAT: Final = (
    "{% for message in messages %}user: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}answer:{% endif %}"
)


def tokenizer_make(folder: Path, *, chat: bool) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    if chat:
        fast.chat_template = CHAT
    fast.save_pretrained(folder)
    return fast


def trained(model: Any, tokenizer: Any, texts: tuple[str, ...]) -> None:
    """Learn the texts by heart."""
    batch = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(150):
        ids = torch.tensor([batch[step % len(batch)]])
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def gpt2_write(folder: Path) -> Path:
    """A model that continues prompts, as MagicPrompt is one."""
    tokenizer = tokenizer_make(folder, chat=False)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=48, n_layer=2, n_head=2, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    trained(model, tokenizer, LINES)
    model.save_pretrained(folder)
    return folder


def qwen2_write(folder: Path) -> Path:
    """A model that answers in a chat."""
    tokenizer = tokenizer_make(folder, chat=True)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=1024, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    model = Qwen2ForCausalLM(config)
    trained(model, tokenizer, tuple(f"answer:{line.partition(',')[2]}" for line in LINES))
    model.save_pretrained(folder)
    return folder
