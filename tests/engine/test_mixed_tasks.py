"""Different tasks of different people in one batch: the same pictures as alone, whoever leaves on the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.engine.errors import GenerationCancelled
from generation.engine.spec import GenerationRequest, InitImage, Margins, Mask, Variation
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.test_batching import pixels, submit_together
from tests.engine.test_starting_pictures import drawing, half_mask


def eight_tasks(make: MakeRequest) -> list[GenerationRequest]:
    """All of one model and size, so that they share a key; twelve steps of the denoiser each."""
    mask = Mask(image=half_mask(), blur=2)
    return [
        make("a red fox", seed=1, steps=12),
        make("a cat", seed=2, steps=12, sampler="Euler a", guidance_scale=3.0),
        make("a cat", seed=3, steps=24, init=InitImage(image=drawing(), strength=0.5)),
        make("a fox", seed=4, steps=24, init=InitImage(image=drawing(), strength=0.5, mask=mask)),
        make(
            "a fox",
            seed=5,
            steps=16,
            init=InitImage(
                image=drawing(),
                strength=0.75,
                mask=Mask(image=half_mask(), only_masked=True, padding=4, fill="latent_noise"),
            ),
        ),
        make(
            "a blue apple",
            seed=6,
            steps=12,
            init=InitImage(image=drawing((48, 64)), strength=1.0, outpaint=Margins(left=16)),
        ),
        make("a red apple", seed=7, steps=12, variation=Variation(seed=70, strength=0.2)),
        make("a red apple", seed=8, steps=12, cfg_rescale=0.5, sampler="DPM++ 2M"),
    ]


def test_eight_tasks_share_every_tick_and_change_no_bit(
    make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine(min_bucket=8, max_rows=8)
    requests = eight_tasks(make_request)
    mixed = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    assert engine.stats().rows_denoised == 8 * 12
    # Pictures are encoded in turn, so they begin one after the other; still, most ticks are shared.
    assert engine.stats().ticks <= 12 + 8
    alone = [engine.submit(request).result(TIMEOUT) for request in requests]
    assert [pixels(result) for result in mixed] == [pixels(result) for result in alone]
    assert len({pixels(result)[0] for result in alone}) == 8


@pytest.mark.parametrize("leaving", [0, 3])
def test_a_cancelled_task_leaves_the_others_untouched(
    leaving: int, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine(min_bucket=8, max_rows=8)
    requests = eight_tasks(make_request)[:6]
    steps: list[int] = []

    def cancel() -> Callable[[], bool]:
        return lambda: max(steps, default=0) >= 3

    futures = [
        engine.submit(
            request,
            on_progress=(lambda progress: steps.append(progress.step)) if number == leaving else None,
            is_cancelled=cancel() if number == leaving else None,
        )
        for number, request in enumerate(requests)
    ]
    with pytest.raises(GenerationCancelled):
        futures[leaving].result(TIMEOUT)
    others = [number for number in range(6) if number != leaving]
    mixed = [pixels(futures[number].result(TIMEOUT)) for number in others]
    assert mixed == [pixels(engine.submit(requests[number]).result(TIMEOUT)) for number in others]


def test_failing_in_the_middle_of_a_script_lets_go_of_its_models(
    make_engine: MakeEngine, make_request: MakeRequest, tiny_xl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generation.engine.scripts import painting

    def broken(vae: Any, latents: torch.Tensor) -> Any:
        raise ZeroDivisionError("a bad decoder")

    engine = make_engine(cache_bytes=1)
    with monkeypatch.context() as patched:
        patched.setattr(painting, "picture_decode", broken)
        with pytest.raises(Exception, match="ZeroDivisionError"):
            engine.submit(make_request()).result(TIMEOUT)
    assert engine.submit(make_request()).result(TIMEOUT).images
    # Nothing holds the model any more, and the cache is too small to keep it beside another.
    assert engine.submit(make_request(model=tiny_xl)).result(TIMEOUT).images
    assert [Path(label).name for label in engine.resident()] == [tiny_xl.name]
