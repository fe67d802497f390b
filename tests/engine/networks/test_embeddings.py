"""Textual inversions: every format of file, and that text encoders read them as in diffusers' pipelines."""

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from generation.engine.checkpoints.components import Checkpoint
from generation.engine.errors import EngineError
from generation.engine.networks import EmbeddingVectors, embedding_load, token_ids, vectors_in_place
from generation.engine.prompts import Segment, embedding_tokens, prompt_chunks, with_embeddings
from tests.engine.networks.files import Tensors, saved
from tests.engine.networks.test_families import Hostile
from tests.engine.tiny import TEXT_WIDTH, TEXT_WIDTH_2

CLASSES: Any = diffusers  # which is not typed


def vectors(count: int, width: int = TEXT_WIDTH, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "content",
    [
        {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors(3)}, "name": "x", "step": 5},
        {"<my-token>": vectors(3)},
        {"emb_params": vectors(3)},
        {"string_to_param": {"*": torch.nn.Parameter(vectors(3))}},
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".bin"])
def test_pickles_are_read(content: dict[str, Any], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"mine{suffix}"
    torch.save(content, path)
    loaded = embedding_load(path)
    assert (loaded.name, loaded.count, len(loaded.vectors)) == ("mine", 3, 1)
    assert torch.equal(loaded.vectors[0], vectors(3))


@pytest.mark.parametrize(
    ("tensors", "widths"),
    [
        ({"emb_params": vectors(2).half()}, [TEXT_WIDTH]),
        ({"<one>": vectors(1)[0]}, [TEXT_WIDTH]),
        ({"clip_g": vectors(2, TEXT_WIDTH_2), "clip_l": vectors(2)}, [TEXT_WIDTH, TEXT_WIDTH_2]),
    ],
)
def test_safetensors_are_read(tensors: Tensors, widths: list[int], tmp_path: Path) -> None:
    loaded = embedding_load(saved(tensors, tmp_path / "mine.safetensors"))
    assert [each.shape[1] for each in loaded.vectors] == widths
    assert all(each.dtype == torch.float32 for each in loaded.vectors)
    loaded.require_widths(widths, "mine")
    assert loaded.to(torch.device("cpu")).nbytes == sum(each.numel() * 4 for each in loaded.vectors)


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        ({"emb_params": torch.full((2, 8), float("nan"))}, "model_corrupt"),
        ({"emb_params": torch.ones(2, 8, 8)}, "model_corrupt"),
        ({"emb_params": torch.ones(0, 8)}, "model_corrupt"),
        ({"clip_l": torch.ones(2, 8), "clip_g": torch.ones(3, 8)}, "model_corrupt"),
        ({"emb_params": torch.ones(76, 8)}, "model_unsupported"),
        ({"a": torch.ones(2, 8), "b": torch.ones(2, 8)}, "model_unsupported"),
        ({"ids": torch.ones(2, 8, dtype=torch.int64)}, "model_unsupported"),
    ],
)
def test_bad_files_are_refused(tensors: Tensors, code: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        embedding_load(saved(tensors, tmp_path / "bad.safetensors"))
    assert (caught.value.code, caught.value.field) == (code, "embeddings")
    assert "bad.safetensors" in caught.value.message


def test_hostile_and_truncated_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pt"
    torch.save({"string_to_param": {"*": vectors(1)}, "extra": Hostile()}, path)
    with pytest.raises(EngineError) as caught:
        embedding_load(path)
    assert caught.value.code == "model_unsafe"
    assert not (tmp_path / "hostile-was-here").exists()
    torch.save({"string_to_param": {"*": vectors(1)}}, path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(EngineError) as caught:
        embedding_load(path)
    assert caught.value.code == "model_corrupt"


def test_the_other_family_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        EmbeddingVectors("file", (vectors(2), vectors(2, TEXT_WIDTH_2))).require_widths([TEXT_WIDTH], "mine")
    assert (caught.value.code, caught.value.field) == ("model_unsupported", "prompt")
    assert "mine" in caught.value.message


def read(checkpoint: Checkpoint, tower: int, text: str, known: EmbeddingVectors) -> torch.Tensor:
    """A text as the conditioner has it read, with ``known`` under the name ``mine``."""
    encoder, tokenizer = checkpoint.text_towers[tower]
    tokenize = with_embeddings(tokenizer.ids, {"mine": embedding_tokens("key", known.count)})
    (chunk,) = prompt_chunks([Segment(text)], tokenize, comma=None)
    tokens, _ = chunk.padded(bos=tokenizer.bos, eos=tokenizer.eos, pad=tokenizer.pad)
    ids = torch.tensor([token_ids(tokens)])
    with torch.inference_mode(), vectors_in_place(encoder, tower, tokens, {"key": known}):
        made: torch.Tensor = encoder(ids).last_hidden_state
    return made


def test_texts_are_read_as_in_diffusers(sd15: Checkpoint, tiny: Path, tmp_path: Path) -> None:
    path = saved({"mine": vectors(3)}, tmp_path / "mine.safetensors")
    pipe = CLASSES.StableDiffusionPipeline.from_pretrained(tiny, local_files_only=True)
    pipe.load_textual_inversion(path, token="mine")
    expected, _ = pipe.encode_prompt("a red mine fox", "cpu", 1, do_classifier_free_guidance=False)
    made = read(sd15, 0, "a red mine fox", embedding_load(path))
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)
    assert (made - read(sd15, 0, "a red fox fox fox fox", embedding_load(path))).abs().max() > 0.1


def test_nothing_stays(sdxl: Checkpoint) -> None:
    known = EmbeddingVectors("file", (vectors(2), vectors(2, TEXT_WIDTH_2)))
    for tower in (0, 1):
        plain = read(sdxl, tower, "a red fox", known)
        table = sdxl.text_towers[tower][0].get_input_embeddings()
        before = table.weight.clone()
        assert (read(sdxl, tower, "a red mine", known) - plain).abs().max() > 0.1
        assert torch.equal(read(sdxl, tower, "a red fox", known), plain)
        assert torch.equal(table.weight, before)
        assert not table._forward_hooks
