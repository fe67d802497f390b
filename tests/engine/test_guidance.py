"""FreeU, PAG, rescaling, tiling, variations and the hires fix; what diffusers has too equals it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from generation.engine.spec import FreeU, HiresFix, Variation
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.test_batching import pixels, submit_together
from tests.engine.test_starting_pictures import NEGATIVE, PROMPT, SEED, assert_equal
from tests.engine.tiny import SCHEDULER_CONFIG

FEATURES: Mapping[str, Mapping[str, Any]] = {
    "freeu": {"freeu": FreeU(b1=1.3, b2=1.4, s1=0.9, s2=0.2)},
    "pag": {"pag_scale": 3.0},
    "pag unguided": {"pag_scale": 3.0, "guidance_scale": 1.0},
    "rescale": {"cfg_rescale": 0.7},
    "freeu, pag": {"freeu": FreeU(), "pag_scale": 2.0},
}


def expected_latents(model: Path, features: Mapping[str, Any], family: str = "") -> torch.Tensor:
    pag = features.get("pag_scale", 0.0)
    kind: Any = getattr(diffusers, f"StableDiffusion{family}{'PAG' if pag else ''}Pipeline")
    options = {"pag_applied_layers": ["mid"]} if pag else {}
    made = kind.from_pretrained(model, dtype=torch.float32, local_files_only=True, **options)
    made.set_progress_bar_config(disable=True)
    scheduler: Any = diffusers.DDIMScheduler
    made.scheduler = scheduler.from_config(SCHEDULER_CONFIG)
    if freeu := features.get("freeu"):
        made.enable_freeu(s1=freeu.s1, s2=freeu.s2, b1=freeu.b1, b2=freeu.b2)
    latents: torch.Tensor = made(
        PROMPT,
        negative_prompt=NEGATIVE,
        guidance_scale=features.get("guidance_scale", 5.0),
        **({"pag_scale": pag} if pag else {"guidance_rescale": features.get("cfg_rescale", 0.0)}),
        num_inference_steps=6,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(SEED),
        output_type="latent",
    ).images
    return latents


@pytest.mark.parametrize("name", FEATURES)
def test_equal_to_the_pipeline(
    name: str, tiny: Path, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    values = {"guidance_scale": 5.0, **FEATURES[name]}
    plain = make_request(seed=SEED)
    before = engine.submit(plain).result(TIMEOUT)
    request = make_request(PROMPT, negative_prompt=NEGATIVE, steps=6, seed=SEED, sampler="DDIM", **values)
    engine.submit(request).result(TIMEOUT)
    assert_equal(decoded[-1], expected_latents(tiny, FEATURES[name]))
    # No trace is left.
    assert pixels(engine.submit(plain).result(TIMEOUT)) == pixels(before)


@pytest.mark.parametrize("name", ["freeu", "pag", "rescale", "freeu, pag"])
def test_sdxl_equals_the_pipeline(
    name: str, tiny_xl: Path, engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    values = {"guidance_scale": 5.0, **FEATURES[name]}
    request = make_request(
        PROMPT, model=tiny_xl, negative_prompt=NEGATIVE, steps=6, seed=SEED, sampler="DDIM", **values
    )
    engine.submit(request).result(TIMEOUT)
    assert_equal(decoded[-1], expected_latents(tiny_xl, FEATURES[name], "XL"))


def test_rows_of_different_scales_share_a_call_and_change_no_bit(
    make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine(min_bucket=4)
    requests = [make_request(pag_scale=scale, seed=seed) for seed, scale in enumerate((1.0, 2.5, 4.0))]
    together = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    assert engine.stats().ticks == requests[0].steps
    alone = [engine.submit(request).result(TIMEOUT) for request in requests]
    assert [pixels(result) for result in together] == [pixels(result) for result in alone]


def test_the_borders_of_a_tiling_picture_fit_together(
    engine: StepEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    before = engine.submit(make_request()).result(TIMEOUT)
    engine.submit(make_request(tiling=True, sampler="DDIM")).result(TIMEOUT)
    tiled = decoded[-1]
    engine.submit(make_request(tiling=False, sampler="DDIM")).result(TIMEOUT)
    assert not torch.allclose(tiled, decoded[-1])
    assert pixels(engine.submit(make_request()).result(TIMEOUT)) == pixels(before)


def test_a_variation_goes_from_one_seed_to_the_other(engine: StepEngine, make_request: MakeRequest) -> None:
    def picture(seed: int, strength: float) -> np.ndarray[Any, Any]:
        request = make_request(seed=seed, variation=Variation(seed=99, strength=strength))
        return np.asarray(engine.submit(request).result(TIMEOUT).images[0], dtype=np.float32)

    own, other = picture(5, 0.0), picture(99, 0.0)
    assert np.array_equal(picture(5, 1.0), other)
    distances = [float(np.abs(picture(5, strength) - own).mean()) for strength in (0.05, 0.3, 1.0)]
    assert 0 < distances[0] < distances[1] < distances[2]


def test_variations_of_a_batch_share_the_seed(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    engine = make_engine(min_bucket=2)
    varied = make_request(seed=5, batch_size=2, variation=Variation(seed=99, strength=0.3))
    result = engine.submit(varied).result(TIMEOUT)
    assert result.seeds == (5, 5)
    assert result.images[0].tobytes() != result.images[1].tobytes()
    second = make_request(seed=5, variation=Variation(seed=100, strength=0.3))
    assert engine.submit(second).result(TIMEOUT).images[0].tobytes() == result.images[1].tobytes()


@pytest.mark.parametrize("upscaler", ["Latent", "Latent (bicubic)", "Latent (nearest)", "Lanczos"])
def test_the_hires_fix_makes_a_larger_picture(
    upscaler: str, engine: StepEngine, make_request: MakeRequest
) -> None:
    hires = HiresFix(scale=1.5, strength=0.5, upscaler=upscaler, steps=4)
    result = engine.submit(make_request(hires=hires, batch_size=2)).result(TIMEOUT)
    assert [image.size for image in result.images] == [(96, 96)] * 2
    assert result.images[0].tobytes() != result.images[1].tobytes()
    assert engine.stats().ticks == 4 + 2


def test_progress_counts_both_passes(engine: StepEngine, make_request: MakeRequest) -> None:
    seen: list[tuple[int, int]] = []
    request = make_request(hires=HiresFix(scale=1.5, strength=0.5))
    engine.submit(request, on_progress=lambda p: seen.append((p.step, p.total))).result(TIMEOUT)
    steps = [step for step, _ in seen]
    assert steps == sorted(steps)
    assert seen[-1] == (6, 6)
    assert {total for _, total in seen} == {6}


def test_no_line_shows_where_a_tiling_picture_meets_itself() -> None:
    """What the convolutions of a network see beyond a border is the opposite border."""
    from generation.engine.techniques.tiling import Tiling

    network = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.Conv2d(1, 1, 5, padding=2))
    picture = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = network(picture)
        with Tiling().decoding(network):
            whole, rolled = network(picture), network(picture.roll((3, 2), dims=(2, 3)))
        torch.testing.assert_close(whole.roll((3, 2), dims=(2, 3)), rolled)
        assert torch.equal(network(picture), plain)
        assert not torch.allclose(whole, plain)
