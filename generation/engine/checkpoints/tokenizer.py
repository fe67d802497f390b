"""CLIP's and T5's tokenizers, from a checkpoint's folder or as packaged here; never from the network."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import TokenizerSource
from generation.engine.errors import EngineError

if TYPE_CHECKING:
    from transformers import CLIPTokenizer
    from transformers import PreTrainedTokenizerFast as FastTokenizer

_BOS, _EOS = "<|startoftext|>", "<|endoftext|>"
_CLIP_VOCABULARY: Final = 49408
_CLIP_MERGES: Final = _CLIP_VOCABULARY - 2 * 256 - 2
"""Symbols that are neither bytes nor markers; the packaged list is longer than CLIP uses."""
_T5_VOCABULARIES: Final = (32100, 32128)
"""Tokens that T5 knows, and rows of the matrix that every published one keeps them in."""
_T5_MARKERS: Final = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
T5_LENGTH: Final = 512


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Turns text into token ids; markers and padding are added by whoever cuts the ids into chunks."""

    backend: "CLIPTokenizer"
    bos: int
    eos: int
    pad: int
    comma: int | None
    """The token of a comma that ends a word: where a long prompt is preferably cut."""

    def ids(self, text: str) -> list[int]:
        """Token ids without markers, of any length."""
        encoded = self.backend(text, add_special_tokens=False, truncation=False, verbose=False)
        return list(encoded["input_ids"])


def tokenizer_load(source: TokenizerSource, *, vocabulary_size: int, model: Path) -> Tokenizer:
    """The tokenizer at ``source``, if it fits the text encoder's ``vocabulary_size``.

    Raises ``EngineError`` with code ``model_corrupt`` (unreadable files) or ``tokenizer_missing`` (the
    checkpoint ``model`` was trained with another vocabulary than CLIP's and did not bring it).
    """
    backend = clip_backend(source, vocabulary_size=vocabulary_size, model=model)
    vocabulary = backend.get_vocab()
    return Tokenizer(
        backend=backend,
        bos=vocabulary[str(backend.bos_token)],
        eos=vocabulary[str(backend.eos_token)],
        pad=vocabulary[str(backend.pad_token)],
        comma=vocabulary.get(",</w>"),
    )


def clip_backend(source: TokenizerSource, *, vocabulary_size: int, model: Path) -> "CLIPTokenizer":
    """``tokenizer_load`` as the object that diffusers' pipelines take."""
    folder = source.folder
    if folder is None and vocabulary_size != _CLIP_VOCABULARY:
        raise EngineError(
            "tokenizer_missing",
            f"{model.name} was trained with {vocabulary_size} tokens, not CLIP's {_CLIP_VOCABULARY}.",
            hint=f"Put its vocab.json and merges.txt into {model.stem}.config/tokenizer/ beside the file.",
        )
    backend = _packaged() if folder is None else _from_folder(folder)
    _require_known(backend.get_vocab(), vocabulary_size, folder or model)
    if source.pad is not None:
        backend.pad_token = str(backend.convert_ids_to_tokens(source.pad))
    return backend


def t5_backend(source: TokenizerSource, *, vocabulary_size: int, model: Path) -> "FastTokenizer":
    """T5's tokenizer, which ends every text with ``</s>``, as the object that diffusers' pipelines take.

    Raises ``EngineError`` with code ``model_corrupt`` (unreadable files) or ``tokenizer_missing`` (the
    checkpoint ``model`` was trained with another vocabulary than T5's and did not bring it).
    """
    from tokenizers import Tokenizer as Backend
    from transformers import PreTrainedTokenizerFast

    file = None if source.folder is None else source.folder / "tokenizer.json"
    if (file is None or not file.is_file()) and vocabulary_size not in _T5_VOCABULARIES:
        raise EngineError(
            "tokenizer_missing",
            f"The T5 of {model.name} was trained with {vocabulary_size} tokens, not with T5's own.",
            hint=f"Put its tokenizer.json into {_t5_folder(source, model)}.",
        )
    try:
        # A spiece.model alone is what tokenizer.json was made of: the packaged one is the same.
        content = file.read_text("utf-8") if file is not None and file.is_file() else _packaged_t5()
        backend = Backend.from_str(content)
    except Exception as error:  # the tokenizers library raises bare Exception for a bad file
        raise corrupt(file or model, f"it is no tokenizer ({error})") from error
    _require_known(backend.get_vocab(), vocabulary_size, file or model)
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=T5_LENGTH, **_T5_MARKERS)


def _t5_folder(source: TokenizerSource, model: Path) -> str:
    return source.folder.name if source.folder is not None else f"{model.stem}.config/ beside the file"


def _require_known(vocabulary: Mapping[str, int], vocabulary_size: int, where: Path) -> None:
    if max(vocabulary.values(), default=0) >= vocabulary_size:
        raise corrupt(where, f"its tokenizer knows more tokens than the text encoder's {vocabulary_size}")


def _from_folder(folder: Path) -> "CLIPTokenizer":
    from transformers import CLIPTokenizer

    if not any((folder / name).is_file() for name in ("vocab.json", "tokenizer.json")):
        raise corrupt(folder, "it holds no vocab.json or tokenizer.json")
    try:
        loaded: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception for a bad file
        raise corrupt(folder, f"its tokenizer files cannot be read ({error})") from error
    return loaded


def _packaged() -> "CLIPTokenizer":
    from transformers import CLIPTokenizer

    packed = files("generation.engine.checkpoints").joinpath("data/bpe_simple_vocab_16e6.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").split("\n")[1 : 1 + _CLIP_MERGES]
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in lines)]
    alphabet = _byte_symbols()
    symbols = [*alphabet, *(f"{symbol}</w>" for symbol in alphabet), *(a + b for a, b in merges), _BOS, _EOS]
    vocabulary = {symbol: index for index, symbol in enumerate(symbols)}
    # The annotation of ``merges`` is wrong: the backend takes pairs and refuses the strings it names.
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)  # type: ignore[arg-type]


def _packaged_t5() -> str:
    packed = files("generation.engine.checkpoints").joinpath("data/t5_tokenizer.json.gz").read_bytes()
    return gzip.decompress(packed).decode("utf-8")


def _byte_symbols() -> list[str]:
    """A printable character per byte, in CLIP's order: printable bytes first, then the others from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = 256 - len(printable)
    return [chr(code) for code in (*printable, *range(256, 256 + others))]
