# mypy: disable-error-code="no-untyped-call,no-any-return"
# torch and transformers publish only part of their types.
"""The CLIPModel folder: weights in half precision, tokenizer, image processor."""

from pathlib import Path

from transformers import CLIPModel

from training.clip.model import build_processor

TOKENIZER = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json")


def copy_tokenizer(source: Path, target: Path) -> None:
    """The tokenizer's files as they are."""
    target.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER:
        (target / name).write_bytes((source / name).read_bytes())


def export_clip(folder: Path, model: CLIPModel, tokenizer: Path) -> None:
    """Write what `CLIPModel`, its halves and `CLIPProcessor` load with `from_pretrained`."""
    model.half().save_pretrained(str(folder), safe_serialization=True)
    build_processor().save_pretrained(str(folder))
    copy_tokenizer(tokenizer, folder)
