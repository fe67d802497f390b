"""The shipped contrastive model, loaded by the usual classes, and the rules of its training data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    CLIPModel,
    CLIPProcessor,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from training.__main__ import DEMO
from training.base.evaluate import Asked, random_prompts
from training.clip.data import Language, Painter, Seen, Shown, Thing, Words, agreement
from training.clip.judge import Judge, colours_right, images, mismatched, phrase, subjects_right
from training.clip.measure import drawn
from training.clip.model import build_clip, contrastive_loss, glimpse_embeddings, image_embeddings
from training.data.art import Floats
from training.data.subjects import SUBJECTS, held_out

FOLDER = DEMO / "clip"
COUNT, SEED = 40, 77


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge.load(FOLDER)


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    return random_prompts(COUNT, SEED, unseen=True)


@pytest.fixture(scope="module")
def pictures(asked: list[Asked]) -> Floats:
    return drawn(asked, SEED)


@pytest.fixture(scope="module")
def things() -> list[Thing]:
    """The checkpoint's subjects alone."""
    return [
        Thing(subject.emoji, number, {"en": subject.en, "uk": subject.uk}, {"en": (), "uk": ()})
        for number, subject in enumerate(SUBJECTS)
    ]


def test_the_folder_is_half_precision_and_small() -> None:
    assert CLIPModel.from_pretrained(str(FOLDER), dtype="auto").dtype == torch.float16
    assert sum(file.stat().st_size for file in FOLDER.rglob("*")) <= 5_500_000


def test_the_halves_load_alone_and_agree_with_the_whole(judge: Judge, pictures: Floats) -> None:
    processor = CLIPProcessor.from_pretrained(str(FOLDER))
    text = [phrase(0, 3, "en"), phrase(5, 4, "uk")]
    given = processor(text=text, images=images(pictures[:2]), padding=True, return_tensors="pt")
    eye = CLIPVisionModelWithProjection.from_pretrained(str(FOLDER), dtype=torch.float32).eval()
    reader = CLIPTextModelWithProjection.from_pretrained(str(FOLDER), dtype=torch.float32).eval()
    with torch.no_grad():
        whole = judge.model(**given)
        seen = eye(pixel_values=given.pixel_values).image_embeds
        read = reader(input_ids=given.input_ids, attention_mask=given.attention_mask).text_embeds
    normalise = torch.nn.functional.normalize
    torch.testing.assert_close(normalise(seen, dim=-1), whole.image_embeds, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(normalise(read, dim=-1), whole.text_embeds, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(judge.pictures(pictures[:2]), whole.image_embeds, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("language", ["en", "uk"])
def test_it_names_subject_and_background_of_pairs_never_seen_together(
    judge: Judge, asked: list[Asked], pictures: Floats, language: str
) -> None:
    seen = judge.pictures(pictures)
    assert subjects_right(judge, seen, asked, language, SEED).mean() >= 0.6  # chance is 0.05
    assert colours_right(judge, seen, asked, language).mean() >= 0.6  # chance is 0.08


def test_it_does_not_see_a_subject_that_is_not_there(
    judge: Judge, asked: list[Asked], pictures: Floats
) -> None:
    wrong = mismatched(asked, SEED)
    assert all(one.subject != other.subject for one, other in zip(wrong, asked, strict=True))
    assert subjects_right(judge, judge.pictures(pictures), wrong, "en", SEED).mean() <= 0.25


def test_a_paraphrase_is_nearer_than_another_scene(judge: Judge) -> None:
    english = judge.texts([phrase(21, 4, "en"), phrase(50, 7, "en"), phrase(80, 0, "en")])
    ukrainian = judge.texts([phrase(21, 4, "uk"), phrase(50, 7, "uk"), phrase(80, 0, "uk")])
    assert (english @ ukrainian.T).argmax(1).tolist() == [0, 1, 2]


def test_a_text_fits_every_picture_that_it_is_true_of() -> None:
    shown = [
        Shown(1, 4, small=False),
        Shown(1, 5, small=True),
        Shown(2, 4, small=False),
        Shown(3, None, small=True),
    ]
    texts = [
        Words("a cat", frozenset({1})),
        Words("a cat on blue", frozenset({1}), colour=4),
        Words("a blue background", None, colour=4),
        Words("a small cat", frozenset({1}), small=True),
        Words("a pet", frozenset({1}), unsure=frozenset({2})),
    ]
    assert agreement(shown, texts).T.tolist() == [
        [1, 1, 0, 0],
        [1, 0, 0, 0],
        [1, 0, 1, -1],
        [0, 1, 0, 0],
        [1, 1, -1, 0],
    ]


def test_two_captions_of_one_scene_are_no_mismatch() -> None:
    corner = torch.eye(3)[:2]  # two scenes; the third text is another true one of the first scene
    texts = torch.cat([corner, corner[:1]])
    told = np.array([[1, 0, 1], [0, 1, 0]], np.int8)
    scale = torch.tensor(100.0)
    blamed = contrastive_loss(corner, texts, scale, np.array([[1, 0, 0], [0, 1, 1]], np.int8)).item()
    assert contrastive_loss(corner, texts, scale, told).item() == pytest.approx(np.log(2) / 4, abs=1e-3)
    assert blamed > 10


def test_captions_are_true_and_held_out_pairs_are_never_drawn(things: list[Thing]) -> None:
    rng = np.random.default_rng(0)
    painter = Painter(things, Seen(np.zeros((0, 3, 128, 128), np.uint8), []))
    language = Language(things)
    for _ in range(60):
        _, shown = painter.batch(rng, 1, 0)
        assert not any(one.colour is not None and held_out(one.thing, one.colour) for one in shown)
        texts = [language.write(rng, one, tongue) for one in shown for tongue in ("en", "uk")]
        table = agreement(shown, texts)
        assert (table[0, :2] == 1).all()
        assert (table[1, 2:] == 1).all()


def test_a_glimpse_of_everything_is_the_whole_picture(pictures: Floats) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(str(FOLDER))
    model = build_clip(tokenizer).eval()
    shown = torch.from_numpy(pictures[:2])
    with torch.no_grad():
        torch.testing.assert_close(
            glimpse_embeddings(model, shown, 1.0), image_embeddings(model, shown), atol=1e-5, rtol=1e-4
        )


def test_the_card_lies_beside_the_weights() -> None:
    card = Path(FOLDER / "README.md").read_text(encoding="utf-8")
    assert "Subject first among 20 distractors" in card
