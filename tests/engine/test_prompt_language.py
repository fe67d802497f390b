"""The prompt language through the whole engine: what weights, schedules and ``AND`` do to a picture."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from generation.engine.catalog import SAMPLERS
from generation.engine.checkpoints import load
from generation.engine.checkpoints.components import Checkpoint
from generation.engine.conditioning import Conditioner, Reader
from generation.engine.errors import EngineError
from generation.engine.samplers import build_sampler
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest
from tests.engine.test_batching import submit_together

STEPS, SEED, GUIDANCE = 4, 7, 5.0


@pytest.fixture(params=["sd15", "sdxl"])
def model(request: pytest.FixtureRequest, tiny: Path, tiny_xl: Path) -> Path:
    return tiny if request.param == "sd15" else tiny_xl


@pytest.fixture
def checkpoint(model: Path) -> Checkpoint:
    return load(model, torch.float32)


@pytest.fixture
def paint(model: Path, engine: StepEngine, make_request: MakeRequest, decoded: list[Tensor]) -> Any:
    """Paint with the engine and return the latents."""

    def run(prompt: str, **values: Any) -> Tensor:
        given = {"model": model, "steps": STEPS, "seed": SEED, "guidance_scale": GUIDANCE, **values}
        engine.submit(make_request(prompt, **{"negative_prompt": "a cat", **given})).result(TIMEOUT)
        return decoded[-1]

    return run


class ByHand:
    """A plain loop that is told for every denoiser call what to ask and how much each answer counts."""

    def __init__(self, checkpoint: Checkpoint, make_request: MakeRequest) -> None:
        self._checkpoint, self._make_request = checkpoint, make_request

    def told(self, text: str) -> tuple[Tensor, dict[str, Tensor]]:
        request = self._make_request(text, guidance_scale=1.0)
        [condition] = Conditioner().encode(Reader("tiny", self._checkpoint), request).texts
        return condition.text, dict(condition.added)

    def paint(self, calls: list[dict[str, float]], *, sampler: str = "Euler", guided: bool = True) -> Tensor:
        """``calls``: the parts and their weights at each call; the negative prompt is "a cat"."""
        way = build_sampler(
            sampler,
            "Automatic",
            steps=STEPS,
            scheduler_config=self._checkpoint.scheduler_config,
            seed=SEED,
            width=64,
            height=64,
        )
        generator = torch.Generator().manual_seed(SEED)
        x = torch.randn(1, 4, 8, 8, generator=generator) * way.init_noise_sigma
        for call, parts in enumerate(calls):
            t = way.timesteps[call]
            scaled = way.scale_model_input(x, t)
            noises = {text: self._noise(scaled, t, text) for text in [*parts, "a cat"]}
            base = noises["a cat"]
            if guided:
                pulls = [w * (noises[text] - base) for text, w in parts.items()]
                output = base + GUIDANCE * torch.stack(pulls).sum(0)
            else:
                seen = [w * noises[text] for text, w in parts.items()]
                output = torch.stack(seen).sum(0) / sum(parts.values())
            x = way.step(output, t, x, generator=generator).prev_sample
        assert way.finished
        return x

    def _noise(self, scaled: Tensor, t: Tensor, text: str) -> Tensor:
        states, added = self.told(text)
        noise: Tensor = self._checkpoint.unet(
            scaled, t[None], encoder_hidden_states=states, added_cond_kwargs=added or None
        ).sample
        return noise


@pytest.fixture
def by_hand(checkpoint: Checkpoint, make_request: MakeRequest) -> ByHand:
    return ByHand(checkpoint, make_request)


def assert_equal(ours: Tensor, expected: Tensor) -> None:
    """Within 1e-4 of the latents' own scale, which random weights make larger than a trained model would."""
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(ours / scale, expected / scale, atol=1e-4, rtol=0)


def test_weights_multiply_and_the_mean_is_kept(checkpoint: Checkpoint, by_hand: ByHand) -> None:
    with torch.inference_mode():
        plain, added = by_hand.told("a red fox")
        weighted, weighted_added = by_hand.told("a (red:1.5) fox")
    factors = torch.ones(77)
    factors[2] = 1.5  # behind the marker and "a"
    start = 0
    for encoder, _ in checkpoint.text_towers:
        z = plain[..., start : start + encoder.config.hidden_size]
        expected = z * factors[None, :, None]
        expected = expected * (z.mean() / expected.mean())
        found = weighted[..., start : start + encoder.config.hidden_size]
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
        start += encoder.config.hidden_size
    assert not torch.allclose(weighted, plain, atol=1e-3)
    assert all(torch.equal(weighted_added[name], added[name]) for name in added)


def test_what_weighs_1_is_plain_text(by_hand: ByHand) -> None:
    with torch.inference_mode():
        plain, *others = (by_hand.told(text)[0] for text in ("a red fox", "a (red:1.0) fox", "a red fox# x"))
    assert all(torch.equal(plain, other) for other in others)


def test_break_begins_a_new_chunk(by_hand: ByHand) -> None:
    with torch.inference_mode():
        both, first, second = (by_hand.told(text)[0] for text in ("fox BREAK blue cat", "fox", "blue cat"))
    assert torch.equal(both, torch.cat([first, second], dim=1))


@pytest.mark.parametrize(
    ("prompt", "sampler", "words"),
    [
        ("[fox:blue cat:0.5]", "Euler", ["fox", "fox", "blue cat", "blue cat"]),
        ("[fox|blue cat]", "Euler a", ["fox", "blue cat"] * 2),
        ("[fox|blue cat]", "Heun", ["fox"] * 2 + ["blue cat"] * 2 + ["fox"] * 2 + ["blue cat"]),
    ],
)
def test_a_schedule_equals_prompts_switched_by_hand(
    prompt: str, sampler: str, words: list[str], paint: Any, by_hand: ByHand
) -> None:
    with torch.inference_mode():
        expected = by_hand.paint([{word: 1.0} for word in words], sampler=sampler)
    assert_equal(paint(prompt, sampler=sampler), expected)


@pytest.mark.parametrize("guided", [True, False])
def test_and_equals_the_composition_by_hand(guided: bool, paint: Any, by_hand: ByHand) -> None:
    with torch.inference_mode():
        expected = by_hand.paint([{"fox": 1.0, " blue cat": 0.5}] * STEPS, guided=guided)
    ours = paint("fox AND blue cat:0.5", guidance_scale=GUIDANCE if guided else 1.0)
    assert_equal(ours, expected)


MIXED: list[dict[str, Any]] = [
    {"prompt": "a red fox"},
    {"prompt": "a (red:1.4) fox", "sampler": "Heun"},
    {"prompt": "[red:blue:0.5] fox", "negative_prompt": "[cat|apple]"},
    {"prompt": "fox AND cat:0.5"},
    {"prompt": "[fox|cat] AND (apple:1.2):-0.3", "sampler": "DDIM CFG++"},
]


def test_mixed_company_changes_no_bit(
    model: Path,
    make_engine: MakeEngine,
    make_request: MakeRequest,
    decoded: list[Tensor],
    denoiser: Denoiser,
) -> None:
    engine = make_engine(min_bucket=4, max_rows=4)
    requests = [make_request(model=model, steps=3, seed=i, **each) for i, each in enumerate(MIXED)]
    for future in submit_together(engine, requests):
        future.result(TIMEOUT)
    mixed = {latents.numpy().tobytes() for latents in decoded}
    decoded.clear()
    for request in requests:
        engine.submit(request).result(TIMEOUT)
    assert mixed == {latents.numpy().tobytes() for latents in decoded}
    assert len(mixed) == len(MIXED)
    # Four rows of two places, or two of three: composed rows never make a tick larger.
    assert set(denoiser.batches) == {8, 6}


def test_a_steps_calls_share_their_step() -> None:
    for info in SAMPLERS:
        sampler = build_sampler(
            info.name, "Automatic", steps=10, scheduler_config={}, seed=0, width=64, height=64
        )
        x, seen = torch.zeros(1, 4, 8, 8), []
        while not sampler.finished:
            seen.append(sampler.step_index)
            x = sampler.step(
                torch.zeros_like(sampler.scale_model_input(x, sampler.timesteps[len(seen) - 1])),
                sampler.timesteps[len(seen) - 1],
                x,
                generator=torch.Generator(),
            ).prev_sample
        assert seen == sorted(seen)
        if info.name == "DPM fast":
            assert seen == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9]
        elif info.name != "DPM adaptive":
            assert set(seen) == set(range(10)), info.name


@pytest.mark.parametrize(
    ("values", "field", "named"),
    [
        ({"prompt": "a <lora:ghibli:0.8>"}, "prompt", "ghibli"),
        ({"prompt": "a <hypernet:old:1>"}, "prompt", "old"),
        ({"negative_prompt": "(fox:1001)"}, "negative_prompt", "weight"),
        ({"prompt": "a AND b:-1", "guidance_scale": 1.0}, "prompt", "AND"),
    ],
)
def test_what_cannot_be_done_is_named_before_a_model_is_loaded(
    values: dict[str, Any], field: str, named: str, engine: StepEngine, make_request: MakeRequest
) -> None:
    with pytest.raises(EngineError, match=named) as caught:
        engine.submit(make_request(**values)).result(TIMEOUT)
    assert caught.value.field == field
    assert engine.stats().loads == 0


def test_a_negative_of_comments_only_is_empty(tiny_xl: Path, make_request: MakeRequest) -> None:
    checkpoint = load(tiny_xl, torch.float32)
    with torch.inference_mode():
        made = Conditioner().encode(Reader("xl", checkpoint), make_request("", negative_prompt="# nothing"))
    assert made.steps[0].negative == 1
    assert not made.texts[1].text.any()
    assert made.texts[0].text.any()
