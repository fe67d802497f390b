"""What goes wrong for one request stays with that request, and the device thread outlives everything."""

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.engine import step_engine
from generation.engine.denoiser import Prediction
from generation.engine.errors import EngineError, GenerationCancelled
from generation.engine.rows import Row
from generation.engine.spec import GenerationResult, Progress
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, Denoiser, MakeEngine, MakeRequest
from tests.engine.test_batching import pixels, submit_together


def failure(future: Future[GenerationResult]) -> EngineError:
    with pytest.raises(EngineError) as caught:
        future.result(TIMEOUT)
    return caught.value


def works(engine: StepEngine, make_request: MakeRequest) -> GenerationResult:
    return engine.submit(make_request()).result(TIMEOUT)


def test_an_unknown_sampler_fails_before_a_model_is_loaded(
    engine: StepEngine, make_request: MakeRequest
) -> None:
    error = failure(engine.submit(make_request(sampler="Eulre")))
    assert (error.code, error.field) == ("unknown_sampler", "sampler")
    assert engine.stats().loads == 0


def test_a_missing_model_fails_all_who_want_it_and_nobody_else(
    engine: StepEngine, make_request: MakeRequest, tmp_path: Path
) -> None:
    missing = [engine.submit(make_request(model=tmp_path / "gone.safetensors")) for _ in range(2)]
    assert works(engine, make_request).images
    assert {failure(future).code for future in missing} == {"model_missing"}


def test_a_model_that_failed_once_may_be_loaded_later(
    engine: StepEngine, make_request: MakeRequest, tiny_file: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "model.safetensors"
    broken.write_bytes(tiny_file.read_bytes()[:1000])
    assert failure(engine.submit(make_request(model=broken))).code == "model_corrupt"
    broken.with_suffix(".config").symlink_to(tiny_file.with_suffix(".config"))
    broken.write_bytes(tiny_file.read_bytes())
    assert engine.submit(make_request(model=broken)).result(TIMEOUT).images


def test_too_much_clip_skip_names_the_field(engine: StepEngine, make_request: MakeRequest) -> None:
    error = failure(engine.submit(make_request(clip_skip=3)))
    assert (error.code, error.field) == ("invalid_request", "clip_skip")


def test_a_row_whose_sampler_fails_leaves_the_others_bitwise_alone(
    make_engine: MakeEngine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(min_bucket=4)
    advance = Row.advance

    def poisoned(row: Row, prediction: Prediction, *, want_x0: bool) -> None:
        if row.generator.initial_seed() == 13 and row.step == 2:
            raise ZeroDivisionError("a bad sampler")
        advance(row, prediction, want_x0=want_x0)

    monkeypatch.setattr(Row, "advance", poisoned)
    futures = submit_together(engine, [make_request(seed=seed) for seed in (1, 13, 2)])
    error = failure(futures[1])
    assert (error.code, error.permanent) == ("engine_failed", False)
    assert "ZeroDivisionError" in error.message
    for seed, future in ((1, futures[0]), (2, futures[2])):
        alone = engine.submit(make_request(seed=seed)).result(TIMEOUT)
        assert pixels(future.result(TIMEOUT)) == pixels(alone)


def test_a_failed_tick_fails_only_its_group(
    denoiser: Denoiser, engine: StepEngine, make_request: MakeRequest
) -> None:
    def fault(sample: torch.Tensor) -> None:
        if sample.shape[-1] == 12:
            raise RuntimeError("a bad kernel")

    denoiser.before = fault
    futures = submit_together(engine, [make_request(), make_request(width=96), make_request(width=96)])
    assert {failure(future).code for future in futures[1:]} == {"engine_failed"}
    assert futures[0].result(TIMEOUT).images
    assert works(engine, make_request).images


def test_out_of_memory_is_retried_once_then_explained(
    denoiser: Denoiser, engine: StepEngine, make_request: MakeRequest
) -> None:
    def full(_: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    denoiser.before = full
    error = failure(engine.submit(make_request()))
    assert error.code == "out_of_memory"
    assert "smaller" in error.hint
    assert len(denoiser.batches) == 2
    denoiser.before = lambda _: None
    assert works(engine, make_request).images


def test_out_of_memory_drops_idle_models_and_goes_on(
    denoiser: Denoiser, engine: StepEngine, make_request: MakeRequest, tiny_other: Path
) -> None:
    engine.submit(make_request(model=tiny_other)).result(TIMEOUT)
    faults = iter([torch.OutOfMemoryError("CUDA out of memory")])

    def full_once(_: torch.Tensor) -> None:
        for fault in faults:
            raise fault

    denoiser.before = full_once
    assert works(engine, make_request).images
    assert len(engine.resident()) == 1


def test_out_of_memory_in_company_makes_the_company_smaller(
    denoiser: Denoiser, engine: StepEngine, make_request: MakeRequest
) -> None:
    def full(sample: torch.Tensor) -> None:
        if len(sample) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    denoiser.before = full
    futures = submit_together(engine, [make_request(seed=seed) for seed in range(6)])
    for seed, future in enumerate(futures):
        together = future.result(TIMEOUT)
        assert max(together.buckets) <= 2
        alone = engine.submit(make_request(seed=seed)).result(TIMEOUT)
        assert max(abs(a - b) for a, b in zip(pixels(together)[0], pixels(alone)[0], strict=True)) <= 1


def test_padding_that_does_not_fit_is_left_out(
    denoiser: Denoiser, make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    def full(sample: torch.Tensor) -> None:
        if len(sample) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    denoiser.before = full
    assert make_engine(min_bucket=4).submit(make_request()).result(TIMEOUT).buckets == (1,)


def test_numbers_that_are_no_picture_are_refused(
    engine: StepEngine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Row.advance

    def overflowing(row: Row, prediction: Prediction, *, want_x0: bool) -> None:
        advance(row, Prediction(prediction.guided * float("inf"), None), want_x0=want_x0)

    monkeypatch.setattr(Row, "advance", overflowing)
    error = failure(engine.submit(make_request()))
    assert error.code == "not_finite"
    assert "precision" in error.hint


@pytest.mark.parametrize("callback", ["on_progress", "is_cancelled", "wants_preview"])
def test_a_callback_that_raises_ends_its_own_request(
    callback: str, engine: StepEngine, make_request: MakeRequest
) -> None:
    def broken(*_: object) -> bool:
        raise OSError("the caller is gone")

    callbacks: dict[str, Any] = {"on_progress": lambda _: None, callback: broken}
    futures = [engine.submit(make_request(), **callbacks), engine.submit(make_request())]
    assert failure(futures[0]).code == "engine_failed"
    assert futures[1].result(TIMEOUT).images


def test_closing_ends_running_requests_as_repeatable(engine: StepEngine, make_request: MakeRequest) -> None:
    running = threading.Event()

    def started(progress: Progress) -> None:
        if progress.step:
            running.set()

    future = engine.submit(make_request(steps=150, batch_size=8), on_progress=started)
    assert running.wait(TIMEOUT)
    engine.close()
    late = engine.submit(make_request())
    for closed in (future, late):
        error = failure(closed)
        assert (error.code, error.permanent) == ("engine_closed", False)
    engine.close()
    assert "engine-device" not in {thread.name for thread in threading.enumerate()}


def test_a_request_can_be_cancelled_while_its_model_loads(
    make_engine: MakeEngine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generation.engine import checkpoints

    load, release = checkpoints.load, threading.Event()

    def slow(path: Path, dtype: torch.dtype) -> object:
        release.wait(TIMEOUT)
        return load(path, dtype)

    monkeypatch.setattr(checkpoints, "load", slow)
    engine = make_engine()
    stop = threading.Event()
    future = engine.submit(make_request(), is_cancelled=stop.is_set)
    stop.set()
    with pytest.raises(GenerationCancelled):
        future.result(TIMEOUT)
    release.set()
    assert works(engine, make_request).images


def test_a_device_that_does_not_start_fails_the_request_and_is_tried_again(
    engine: StepEngine, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> torch.dtype:
        raise RuntimeError("no driver")

    with monkeypatch.context() as patched:
        patched.setattr(step_engine, "dtype_resolve", broken)
        assert failure(engine.submit(make_request())).code == "engine_failed"
    assert works(engine, make_request).images


@pytest.mark.parametrize("values", [{"max_rows": 0}, {"max_rows": 17}, {"min_bucket": 0}, {"min_bucket": 99}])
def test_an_impossible_configuration_is_refused(values: dict[str, int], make_engine: MakeEngine) -> None:
    with pytest.raises(EngineError) as caught:
        make_engine(**values)
    assert caught.value.code == "invalid_config"
