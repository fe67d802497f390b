"""Prompts become chunks of 75 tokens, and chunks what the denoiser attends to."""

from pathlib import Path

import pytest
import torch

from generation.engine.checkpoints import load
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.conditioning import Conditioner, Conditioning, Reader
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest
from tests.engine.test_batching import submit_together
from tests.engine.tiny import TEXT_WIDTH


@pytest.fixture(scope="module")
def checkpoint(tiny: Path) -> Checkpoint:
    return load(tiny, torch.float32)


def positive(encoded: Conditioning) -> torch.Tensor:
    [(text, _)] = encoded.steps[0].positive
    return encoded.texts[text].text


def negative(encoded: Conditioning) -> torch.Tensor:
    text = encoded.steps[0].negative
    assert text is not None
    return encoded.texts[text].text


def test_long_prompts_are_chunks_end_to_end(checkpoint: Checkpoint, make_request: MakeRequest) -> None:
    long = " ".join(["red fox"] * 50)
    with torch.inference_mode():
        request = make_request(long, negative_prompt="a cat")
        encoded = Conditioner().encode(Reader("tiny", checkpoint), request)
    assert encoded.chunks == 2
    assert positive(encoded).shape == negative(encoded).shape == (1, 154, TEXT_WIDTH)
    tokenizer = checkpoint.tokenizer
    tokens = tokenizer.ids(long)
    for half, chunk in zip(positive(encoded).chunk(2, dim=1), (tokens[:75], tokens[75:]), strict=True):
        ids = [tokenizer.bos, *chunk, *[tokenizer.eos] * (76 - len(chunk))]
        with torch.inference_mode():
            expected = checkpoint.text_encoder(torch.tensor([ids])).last_hidden_state
        assert torch.equal(half, expected)


def test_the_shorter_prompt_is_filled_with_empty_chunks(
    checkpoint: Checkpoint, make_request: MakeRequest
) -> None:
    conditioner = Conditioner()
    with torch.inference_mode():
        long = conditioner.encode(Reader("tiny", checkpoint), make_request("fox " * 80))
        empty = conditioner.encode(Reader("tiny", checkpoint), make_request(""))
    assert torch.equal(negative(long)[:, 77:], positive(empty))


def test_unguided_requests_need_no_negative(checkpoint: Checkpoint, make_request: MakeRequest) -> None:
    request = make_request(negative_prompt="fox " * 200, guidance_scale=1.0)
    encoded = Conditioner().encode(Reader("tiny", checkpoint), request)
    assert (encoded.guided, encoded.chunks, len(encoded.texts)) == (False, 1, 1)


def test_what_was_encoded_once_is_remembered(
    checkpoint: Checkpoint, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    hook = checkpoint.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    conditioner = Conditioner()
    first = conditioner.encode(Reader("tiny", checkpoint), make_request())
    again = conditioner.encode(Reader("tiny", checkpoint), make_request(seed=3))
    assert len(calls) == 2  # the prompt and the empty negative
    assert torch.equal(positive(first), positive(again))
    conditioner.encode(Reader("tiny", checkpoint), make_request(clip_skip=1))
    conditioner.encode(Reader("other model", checkpoint), make_request())
    assert len(calls) == 6
    hook.remove()


def test_the_memory_for_encoded_prompts_is_bounded(checkpoint: Checkpoint, make_request: MakeRequest) -> None:
    room_for_two = 2 * 77 * TEXT_WIDTH * 4
    conditioner = Conditioner(room_for_two)
    for seed in range(5):
        conditioner.encode(Reader("tiny", checkpoint), make_request(f"fox {seed}", guidance_scale=1.0))
    assert conditioner.nbytes <= room_for_two


def test_long_and_short_prompts_are_computed_apart(
    make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine: StepEngine = make_engine()
    futures = submit_together(engine, [make_request(steps=2), make_request("fox " * 100, steps=2)])
    for future in futures:
        assert future.result(TIMEOUT).buckets == (1,)
    assert denoiser.batches == [2, 2, 2, 2]
