"""Language models that add to prompts: tiny real ones, made and trained here, one of them for a chat."""

import json
from pathlib import Path
from typing import Final

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generation.engine import language_models
from generation.engine.enhancer import phrases_of, with_phrases
from generation.engine.errors import EngineError
from generation.engine.language_models import language_model_load, prompt_continue
from generation.engine.spec import MAX_PROMPT_LENGTH
from tests.engine.tiny_language import LINES, gpt2_write, qwen2_write


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gpt2_write(tmp_path_factory.mktemp("continuing") / "magic")


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return qwen2_write(tmp_path_factory.mktemp("chatting") / "chat")


WORDS: Final = {phrase for line in LINES for phrase in line.split(", ")[1:]}


def test_it_continues_what_it_has_learnt(gpt2: Path) -> None:
    model = language_model_load(gpt2)
    assert (model.name, model.follows_instructions) == ("magic", False)
    assert model.nbytes == sum(4 * one.numel() for one in set(model.model.parameters()))
    found = [prompt_continue(model, "a cat", seed=seed) for seed in range(6)]
    assert all(found)
    assert any(set(phrases) <= WORDS for phrases in found)
    assert len(set(found)) > 1
    assert prompt_continue(model, " a cat, ;", seed=0) == found[0]


def test_it_answers_in_a_chat(qwen2: Path) -> None:
    model = language_model_load(qwen2)
    assert model.follows_instructions
    found = [prompt_continue(model, "a dog", seed=seed) for seed in range(6)]
    assert any(found)
    assert prompt_continue(model, "a dog", seed=3) == found[3]


def test_it_draws_from_its_own_seed_and_leaves_the_others_alone(gpt2: Path) -> None:
    model = language_model_load(gpt2)
    torch.manual_seed(1)
    first = prompt_continue(model, "a cat", seed=4)
    after = torch.rand(4)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(4), after)
    torch.manual_seed(2)
    assert prompt_continue(model, "a cat", seed=4) == first


def test_a_long_prompt_is_cut_for_the_model_and_not_for_the_person(gpt2: Path) -> None:
    model = language_model_load(gpt2)
    prompt = "a cat and a dog on a hill " * 60
    phrases = prompt_continue(model, prompt, seed=1)
    assert with_phrases(prompt, phrases).startswith(prompt)
    full = "x" * MAX_PROMPT_LENGTH
    assert prompt_continue(model, full, seed=1) == ()


def test_time_is_bounded(gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_models, "MAX_SECONDS", 0.0)
    assert prompt_continue(language_model_load(gpt2), "a cat", seed=1) == ()


@pytest.mark.parametrize("bad", ["", " , ", "x" * (MAX_PROMPT_LENGTH + 1)])
def test_bad_prompts_are_refused(gpt2: Path, bad: str) -> None:
    with pytest.raises(EngineError) as caught:
        prompt_continue(language_model_load(gpt2), bad, seed=1)
    assert caught.value.field == "prompt"


def test_broken_numbers_are_an_error(gpt2: Path) -> None:
    model = language_model_load(gpt2)
    with torch.no_grad():
        model.model.transformer.wte.weight.fill_(float("nan"))
    with pytest.raises(EngineError) as caught:
        prompt_continue(model, "a cat", seed=1)
    assert caught.value.code == "enhancer_failed"


def copied(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("model.safetensors", b"\0" * 40, "model_corrupt"),
        ("model.safetensors", None, "model_missing"),
        ("config.json", b"{", "model_corrupt"),
        ("config.json", b'{"model_type": "no such thing"}', "model_corrupt"),
        (
            "config.json",
            b'{"model_type": "gpt2", "auto_map": {"AutoModelForCausalLM": "x.Y"}}',
            "model_unsafe",
        ),
        ("tokenizer_config.json", b'{"auto_map": {"AutoTokenizer": ["x.Y", null]}}', "model_unsafe"),
        ("tokenizer.json", b"{}", "model_corrupt"),
    ],
)
def test_broken_and_hostile_folders_are_refused(
    gpt2: Path, tmp_path: Path, name: str, content: bytes | None, code: str
) -> None:
    folder = copied(gpt2, tmp_path / "x")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(EngineError) as caught:
        language_model_load(folder)
    assert caught.value.code == code


def test_a_pickle_is_refused(gpt2: Path, tmp_path: Path) -> None:
    folder = copied(gpt2, tmp_path / "x")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineError) as caught:
        language_model_load(folder)
    assert caught.value.code == "model_unsafe"


def test_weights_that_do_not_fit_are_refused(gpt2: Path, tmp_path: Path) -> None:
    folder = copied(gpt2, tmp_path / "deeper")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "n_layer": 3}))
    with pytest.raises(EngineError, match="it lacks"):
        language_model_load(folder)


# --- What is made of an answer
# ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "phrases"),
    [
        (" oil painting, soft light", ("oil painting", "soft light")),
        ("Sure, I can help!\noil painting, soft light", ("oil painting", "soft light")),
        ("Here are some phrases: oil painting; soft light.", ("oil painting", "soft light")),
        ("1. oil painting\n2. soft light\n- a moon", ("oil painting", "soft light", "a moon")),
        ('"oil painting, soft light"', ("oil painting", "soft light")),
        ("<think>what does a cat eat, hm</think>oil painting", ("oil painting",)),
        ("<think>it never ends, oil painting", ()),
        ("oil painting, Oil Painting, a CAT, cat", ("oil painting",)),
        ("(soft light:1.4), [moon], <lora:evil:2>, {a|b}, __names__", ("soft light", "moon", "a b", "names")),
        ("oil AND water BREAK fog", ("oil water fog",)),
        ("one two three four five six seven eight nine ten eleven twelve thirteen", ()),
        ("\u202eevil, \x00nul", ("evil", "nul")),
        ("...,!!,;,4", ()),
        ("", ()),
    ],
)
def test_answers_are_cleaned(answer: str, phrases: tuple[str, ...]) -> None:
    assert phrases_of(answer, prompt="a cat") == phrases


@given(st.text(max_size=200), st.text(min_size=1, max_size=60))
def test_any_answer_leaves_the_persons_words_first(answer: str, prompt: str) -> None:
    phrases = phrases_of(answer, prompt=prompt)
    assert with_phrases(prompt, phrases).startswith(prompt)
    assert len(phrases) <= 24
    for phrase in phrases:
        assert phrase.isprintable()
        assert not set(phrase) & set("()[]{}<>|\\#*_:,;")
