"""Continuous batching: who is computed together, and that nobody's picture notices."""

import threading
from concurrent.futures import Future
from typing import Any

import pytest
import torch

from generation.engine.errors import GenerationCancelled
from generation.engine.spec import GenerationRequest, GenerationResult, Progress
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest

MIXED: list[dict[str, Any]] = [
    {"prompt": "a red fox", "sampler": "Euler", "steps": 4, "seed": 1},
    {"prompt": "a blue cat", "sampler": "Euler a", "steps": 7, "seed": 2, "guidance_scale": 3.0},
    {"prompt": "the apple", "sampler": "DPM++ 2M Karras", "steps": 5, "seed": 3},
    {"prompt": "photo of a cat", "sampler": "DDIM", "steps": 6, "seed": 4, "negative_prompt": "blue"},
    {"prompt": "on the background", "sampler": "Heun", "steps": 3, "seed": 5},
    {"prompt": "red apple", "sampler": "LMS", "steps": 5, "seed": 6, "clip_skip": 1},
    {"prompt": "fox", "sampler": "UniPC", "steps": 4, "seed": 7, "guidance_scale": 12.0},
    {"prompt": "cat", "sampler": "DPM++ SDE", "steps": 4, "seed": 8},
]


def pixels(result: GenerationResult) -> list[bytes]:
    return [image.tobytes() for image in result.images]


def submit_together(engine: StepEngine, requests: list[GenerationRequest]) -> list[Future[GenerationResult]]:
    """Submit so that all requests are there before the first tick."""
    gate = threading.Event()

    def hold(_: Progress) -> None:
        gate.wait(TIMEOUT)

    first = engine.submit(requests[0], on_progress=hold)
    others = [engine.submit(request) for request in requests[1:]]
    gate.set()
    return [first, *others]


def test_it_works(engine: StepEngine, make_request: MakeRequest) -> None:
    reports: list[Progress] = []
    result = engine.submit(make_request(seed=5, batch_size=2), on_progress=reports.append).result(TIMEOUT)
    assert [image.size for image in result.images] == [(64, 64)] * 2
    assert result.seeds == (5, 6)
    assert result.steps == 4
    assert (result.buckets, result.device, result.dtype) == ((2,), "cpu", "float32")
    assert [report.step for report in reports] == sorted(report.step for report in reports)
    assert (reports[0].status, reports[-1].status) == ("loading", "decoding")
    assert (reports[-1].step, reports[-1].total) == (4, 4)
    assert result.timings.loaded > 0
    assert result.timings.denoised > 0


def test_a_seed_means_one_picture(engine: StepEngine, make_request: MakeRequest) -> None:
    one, again, other = (engine.submit(make_request(seed=seed)).result(TIMEOUT) for seed in (1, 1, 2))
    assert pixels(one) == pixels(again) != pixels(other)


def test_half_precision_paints_nearly_the_same(
    make_engine: MakeEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    full = make_engine().submit(make_request()).result(TIMEOUT)
    half = make_engine(precision="bf16").submit(make_request()).result(TIMEOUT)
    assert (full.dtype, half.dtype) == ("float32", "bfloat16")
    assert decoded[0].dtype == decoded[1].dtype == torch.float32
    error = (decoded[0] - decoded[1]).norm() / decoded[0].norm()
    assert 0 < error < 0.2


def test_mixed_company_changes_no_bit_in_the_same_bucket(
    make_engine: MakeEngine, make_request: MakeRequest, decoded: list[torch.Tensor], denoiser: Denoiser
) -> None:
    engine = make_engine(min_bucket=8)
    requests = [make_request(**values) for values in MIXED]
    together = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    mixed = {latents.numpy().tobytes() for latents in decoded}
    decoded.clear()
    alone = [engine.submit(request).result(TIMEOUT) for request in requests]
    assert [pixels(result) for result in together] == [pixels(result) for result in alone]
    assert mixed == {latents.numpy().tobytes() for latents in decoded}
    assert set(denoiser.batches) == {16}  # eight rows, twice for guidance
    assert {result.buckets for result in together + alone} == {(8,)}


def test_another_bucket_changes_no_more_than_the_last_bits(
    make_engine: MakeEngine, make_request: MakeRequest, decoded: list[torch.Tensor]
) -> None:
    request = make_request(steps=6, sampler="DDIM")
    for bucket in (1, 8):
        make_engine(min_bucket=bucket).submit(request).result(TIMEOUT)
    torch.testing.assert_close(decoded[0], decoded[1], atol=1e-4, rtol=0)


def test_eight_together_take_fewer_ticks_than_one_after_another(
    make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    requests = [make_request(**values) for values in MIXED]
    shared, solo = make_engine(), make_engine()
    calls = [future.result(TIMEOUT).steps for future in submit_together(shared, requests)]
    for request in requests:
        solo.submit(request).result(TIMEOUT)
    assert shared.stats().ticks == max(calls)
    assert solo.stats().ticks == sum(calls)
    assert shared.stats().rows_denoised == solo.stats().rows_denoised == sum(calls)


def test_a_request_joins_and_leaves_in_the_middle(
    make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine = make_engine()
    long, short = make_request(steps=8, seed=1), make_request("a blue cat", steps=2, seed=2)
    joined: list[Future[GenerationResult]] = []

    def join(progress: Progress) -> None:
        if progress.step == 3 and not joined:
            joined.append(engine.submit(short))

    stayed = engine.submit(long, on_progress=join).result(TIMEOUT)
    guest = joined[0].result(TIMEOUT)
    assert denoiser.batches == [2, 2, 2, 4, 4, 2, 2, 2]
    assert stayed.buckets == (1, 2)
    alone = [engine.submit(request).result(TIMEOUT) for request in (long, short)]
    for ours, theirs in zip([stayed, guest], alone, strict=True):
        difference = max(abs(a - b) for a, b in zip(pixels(ours)[0], pixels(theirs)[0], strict=True))
        assert difference <= 1


def test_cancelling_one_leaves_the_others_untouched(
    make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine = make_engine(min_bucket=4)
    stop = threading.Event()
    kept = [engine.submit(make_request(seed=seed, steps=8)) for seed in (1, 2)]
    doomed = engine.submit(
        make_request(seed=3, steps=8),
        on_progress=lambda progress: stop.set() if progress.step == 2 else None,
        is_cancelled=stop.is_set,
    )
    with pytest.raises(GenerationCancelled):
        doomed.result(TIMEOUT)
    for seed, future in zip((1, 2), kept, strict=True):
        alone = engine.submit(make_request(seed=seed, steps=8)).result(TIMEOUT)
        assert pixels(future.result(TIMEOUT)) == pixels(alone)


def test_a_cancelled_request_is_not_denoised_again(engine: StepEngine, make_request: MakeRequest) -> None:
    stop = threading.Event()
    future = engine.submit(
        make_request(steps=50),
        on_progress=lambda progress: stop.set() if progress.step == 2 else None,
        is_cancelled=stop.is_set,
    )
    with pytest.raises(GenerationCancelled):
        future.result(TIMEOUT)
    assert engine.stats().ticks == 2


def test_unguided_rows_are_computed_apart_and_only_once(
    make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine = make_engine()
    requests = [make_request(guidance_scale=scale, steps=3) for scale in (7.0, 1.0)]
    for future in submit_together(engine, requests):
        future.result(TIMEOUT)
    assert denoiser.batches == [2, 1, 2, 1, 2, 1]


def test_different_sizes_take_turns(
    make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine = make_engine()
    shapes: list[int] = []
    denoiser.before = lambda sample: shapes.append(sample.shape[-1])
    requests = [make_request(width=width, steps=steps) for width, steps in ((64, 6), (96, 2), (128, 2))]
    results = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    assert [result.images[0].size for result in results] == [(64, 64), (96, 64), (128, 64)]
    assert shapes == [8, 12, 16, 8, 12, 16, 8, 8, 8, 8]


def test_a_big_batch_does_not_push_a_single_picture_aside(
    make_engine: MakeEngine, make_request: MakeRequest, denoiser: Denoiser
) -> None:
    engine = make_engine(max_rows=4)
    order: list[str] = []
    futures = submit_together(engine, [make_request(batch_size=8, steps=6), make_request(steps=6, seed=99)])
    for name, future in zip(("batch", "single"), futures, strict=True):
        future.add_done_callback(lambda _, name=name: order.append(name))  # type: ignore[misc]
    results = [future.result(TIMEOUT) for future in futures]
    assert order == ["single", "batch"]
    assert max(denoiser.batches) == 8  # four rows, twice for guidance
    assert len(results[0].images) == 8
    # The single picture had a place in every tick until it was done.
    assert denoiser.batches[:6] == [8] * 6


def test_more_rows_than_fit_are_all_served(make_engine: MakeEngine, make_request: MakeRequest) -> None:
    engine = make_engine(max_rows=2)
    futures = submit_together(engine, [make_request(seed=seed) for seed in range(5)])
    results = [future.result(TIMEOUT) for future in futures]
    assert len({pixels(result)[0] for result in results}) == 5
    assert engine.stats().ticks == 10


def test_two_models_run_side_by_side(
    make_engine: MakeEngine, make_request: MakeRequest, tiny_other: Any
) -> None:
    engine = make_engine()
    one, other = make_request(steps=5), make_request(steps=5, model=tiny_other)
    results = [future.result(TIMEOUT) for future in submit_together(engine, [one, other])]
    assert pixels(results[0]) != pixels(results[1])
    assert engine.stats().loads == 2
    assert len(engine.resident()) == 2
