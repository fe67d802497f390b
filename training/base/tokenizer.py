"""A byte-pair vocabulary in CLIP's format, small enough to hold every caption word whole."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer

END = "</w>"
START_TOKEN, END_TOKEN = "<|startoftext|>", "<|endoftext|>"


def byte_symbols() -> dict[int, str]:
    """GPT-2's and CLIP's printable stand-in for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in plain}
    spare = (byte for byte in range(256) if byte not in table)
    table.update({byte: chr(256 + index) for index, byte in enumerate(spare)})
    return table


def split_words(text: str) -> list[str]:
    """CLIP's pre-tokenisation: runs of letters, single digits, runs of punctuation."""
    return re.findall(r"[^\W\d_]+|\d|[^\s\w]+", text.lower())


def learn_merges(
    texts: list[str], limit: int, known: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent pair first, until every word is one symbol.

    `known` merges come first, so that the words they make stay the tokens they are.
    """
    table = byte_symbols()
    counts = Counter(word for text in texts for word in split_words(text))
    words = {word: [table[byte] for byte in word.encode()] for word in counts}
    for symbols in words.values():
        symbols[-1] += END
    merges = list(known)
    for pair in merges:
        words = {word: _merge(symbols, pair) for word, symbols in words.items()}
    while len(merges) < limit:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in words.items():
            for pair in pairwise(symbols):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {word: _merge(symbols, best) for word, symbols in words.items()}
    return merges


def _merge(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for symbol in symbols:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


def read_merges(folder: Path) -> list[tuple[str, str]]:
    """The merges of a tokenizer that `build_tokenizer` wrote."""
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    pairs = (line.split(" ") for line in lines if line)
    return [(first, second) for first, second in pairs]


def build_tokenizer(
    folder: Path, texts: list[str], limit: int = 2400, known: Sequence[tuple[str, str]] = ()
) -> CLIPTokenizer:
    """Learn the vocabulary (after the `known` merges), write `vocab.json` and `merges.txt`, and load them."""
    folder.mkdir(parents=True, exist_ok=True)
    merges = learn_merges(texts, limit, known)
    # All single bytes come first, plain and word-final, so that no text is unknown.
    symbols = sorted(byte_symbols().values())
    tokens = [*symbols, *(symbol + END for symbol in symbols), *("".join(pair) for pair in merges)]
    tokens = [*dict.fromkeys(tokens), START_TOKEN, END_TOKEN]
    vocab = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokenizer: CLIPTokenizer = CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        model_max_length=77,
        unk_token=END_TOKEN,
        bos_token=START_TOKEN,
        eos_token=END_TOKEN,
        pad_token=END_TOKEN,
    )
    tokenizer.save_pretrained(str(folder))
    return tokenizer
