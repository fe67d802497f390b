"""The enhancer that needs no model: adds what is missing, keeps what was said, repeats itself exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.engine.enhancer import enhance, language_of
from generation.engine.enhancer.vocabulary import LIGHT, MEDIUM, ORDER, SUBJECT_DETAILS, SUITED, THEMES
from generation.engine.errors import EngineError
from generation.engine.spec import MAX_PROMPT_LENGTH, MAX_SEED

PHRASES = {
    (language, name): {
        getattr(phrase, language)
        for pools in [*THEMES.values(), *({"detail": pool} for pool in SUBJECT_DETAILS.values())]
        for phrase in pools.get(name, ())
    }
    for language in ("en", "uk")
    for name in ORDER
}


@pytest.mark.parametrize("prompt", ["a cat", "an old castle on a hill", "робот", "портрет козака"])
def test_a_short_prompt_gains_one_phrase_of_every_kind(prompt: str) -> None:
    found = enhance(prompt, seed=3)
    assert found.prompt == ", ".join([prompt, *found.added])
    kinds = [next(name for name in ORDER if one in PHRASES[found.language, name]) for one in found.added]
    assert kinds == list(ORDER)


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("a cat", "en"),
        ("кіт", "uk"),
        ("кіт на синьому тлі, 4k", "uk"),
        ("4 + 4", "en"),
        ("<lora:кіт:1> dog", "en"),
    ],
)
def test_it_answers_in_the_language_of_the_prompt(prompt: str, language: str) -> None:
    found = enhance(prompt, seed=1)
    assert found.language == language
    assert all(one in {p for name in ORDER for p in PHRASES[language, name]} for one in found.added)


@pytest.mark.parametrize(
    ("prompt", "theme"),
    [
        ("a king, oil painting", "painting"),
        ("фотографія лисиці", "photo"),
        ("anime girl", "anime"),
        ("isometric house", "render"),
        ("іконка ракети", "illustration"),
    ],
)
def test_a_named_medium_is_kept_and_not_given_a_second(prompt: str, theme: str) -> None:
    for seed in range(8):
        found = enhance(prompt, seed=seed)
        assert found.theme == theme
        assert not PHRASES[found.language, MEDIUM] & set(found.added)


def test_light_that_was_asked_for_is_left_alone() -> None:
    for prompt in ("a castle at sunset", "місто вночі", "a cat, neon glow"):
        for seed in range(8):
            found = enhance(prompt, seed=seed)
            assert not PHRASES[found.language, LIGHT] & set(found.added)


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [("two foxes", "animal"), ("кішка", "animal"), ("карпатські гори", "landscape"), ("a vase", "object")],
)
def test_the_theme_suits_the_subject(prompt: str, subject: str) -> None:
    themes = {enhance(prompt, seed=seed).theme for seed in range(40)}
    assert themes == set(SUITED[subject])


def test_a_long_prompt_is_only_polished() -> None:
    prompt = " ".join(f"word{index}" for index in range(50))
    assert len(enhance(prompt, seed=1).added) == 1


def test_the_same_seed_repeats_and_another_varies() -> None:
    assert enhance("a cat", seed=5) == enhance("a cat", seed=5)
    assert len({enhance("a cat", seed=seed).prompt for seed in range(20)}) > 10
    assert enhance("a cat", seed=0).prompt == (
        "a cat, detailed fur and eyes, oil painting on canvas, romantic realism, warm evening light, "
        "atmospheric perspective, masterful, richly detailed"
    )


def test_every_phrase_has_both_languages() -> None:
    for (language, _name), phrases in PHRASES.items():
        assert all(language_of(phrase) == language for phrase in phrases)


@given(st.text(max_size=300).filter(lambda text: text.strip(" ,;.\n\t")), st.integers(0, MAX_SEED))
def test_no_word_of_the_person_is_lost(prompt: str, seed: int) -> None:
    found = enhance(prompt, seed=seed)
    assert found.prompt.startswith(prompt.strip().rstrip(",;. \n\t"))
    assert len(found.prompt) <= MAX_PROMPT_LENGTH


@pytest.mark.parametrize("length", [MAX_PROMPT_LENGTH, MAX_PROMPT_LENGTH - 30])
def test_a_full_prompt_stays_within_the_limit(length: int) -> None:
    found = enhance("x" * length, seed=1)
    assert len(found.prompt) <= MAX_PROMPT_LENGTH
    assert found.prompt.startswith("x" * length)


@pytest.mark.parametrize(
    ("prompt", "seed", "code", "field"),
    [
        ("", 1, "empty_prompt", "prompt"),
        (" ,. \n", 1, "empty_prompt", "prompt"),
        ("x" * (MAX_PROMPT_LENGTH + 1), 1, "prompt_too_long", "prompt"),
        ("a cat", -1, "bad_seed", "seed"),
        ("a cat", MAX_SEED + 1, "bad_seed", "seed"),
    ],
    ids=["empty", "punctuation", "too long", "negative seed", "large seed"],
)
def test_bad_input_is_named(prompt: str, seed: int, code: str, field: str) -> None:
    with pytest.raises(EngineError) as caught:
        enhance(prompt, seed=seed)
    assert (caught.value.code, caught.value.field) == (code, field)
