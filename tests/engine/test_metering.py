"""Whom the device's time is charged to."""

import threading
from concurrent.futures import Future

import pytest
import torch

from generation.engine.devices import device_facts
from generation.engine.errors import GenerationCancelled
from generation.engine.metering import Meter, meter_for
from generation.engine.spec import DeviceUse, GenerationResult, Progress
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.test_batching import submit_together


class Clock:
    """A stopwatch that is set by hand, of a device that lags behind by ``lag`` seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lag = 0.0

    def fail_after(self, seconds: float) -> None:
        self.now += seconds
        raise ValueError("broken")

    def mark(self) -> float:
        return self.now

    def between(self, begun: float, ended: float, *, wait: bool) -> float | None:
        return ended - begun if wait or ended <= self.now - self.lag else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_piece_is_shared_by_its_rows(clock: Clock) -> None:
    meter, one, two = Meter(clock), DeviceUse(), DeviceUse()
    with meter.measured([one, two, two, two], tick=True):
        clock.now += 8.0
    assert (one.seconds, two.seconds, meter.seconds) == (2.0, 6.0, 8.0)
    assert meter.tick_ms == 8000.0


def test_only_ticks_make_the_mean_of_ticks(clock: Clock) -> None:
    meter, use = Meter(clock), DeviceUse()
    for seconds, tick in ((1.0, True), (100.0, False), (3.0, True)):
        with meter.measured([use], tick=tick):
            clock.now += seconds
    assert meter.tick_ms == 2000.0
    assert use.seconds == meter.seconds == 104.0


def test_work_that_fails_is_charged(clock: Clock) -> None:
    meter, use = Meter(clock), DeviceUse()
    with pytest.raises(ValueError, match="broken"), meter.measured([use]):
        clock.fail_after(2.0)
    assert use.seconds == 2.0


def test_a_device_that_lags_behind_is_charged_when_it_is_through(clock: Clock) -> None:
    meter, first, second = Meter(clock), DeviceUse(), DeviceUse()
    clock.lag = 5.0
    with meter.measured([first]):
        clock.now += 1.0
    with meter.measured([second]):
        clock.now += 5.0
    assert (first.seconds, second.seconds) == (1.0, 0.0)
    meter.settle(wait=True)
    assert (first.seconds, second.seconds, meter.seconds) == (1.0, 5.0, 6.0)


def test_all_charges_together_are_the_device_at_work(
    make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine()
    requests = [make_request(seed=seed, steps=3 + seed, batch_size=1 + seed % 2) for seed in range(4)]
    results = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    charged = [result.timings.device for result in results]
    stats = engine.stats()
    assert all(seconds > 0 for seconds in charged)
    assert sum(charged) == pytest.approx(stats.device_seconds)
    assert stats.tick_ms > 0
    assert stats.ticks * stats.tick_ms / 1000 <= stats.device_seconds * 1.0001


def test_company_makes_a_picture_cheaper_than_its_own_time(
    engine: StepEngine, make_request: MakeRequest
) -> None:
    requests = [make_request(seed=seed, steps=12) for seed in range(4)]
    results = [future.result(TIMEOUT) for future in submit_together(engine, requests)]
    # Each took part in all ticks and is charged a quarter of them.
    assert all(result.timings.device < result.timings.denoised + result.timings.decoded for result in results)


def test_a_cancelled_request_says_what_it_took(engine: StepEngine, make_request: MakeRequest) -> None:
    use, stop = DeviceUse(), threading.Event()

    def after_two_steps(progress: Progress) -> None:
        if progress.step >= 2:
            stop.set()

    future: Future[GenerationResult] = engine.submit(
        make_request(steps=100), on_progress=after_two_steps, is_cancelled=stop.is_set, use=use
    )
    with pytest.raises(GenerationCancelled):
        future.result(TIMEOUT)
    assert use.seconds > 0


def test_the_snapshot_can_be_asked_for_at_any_time(
    make_engine: MakeEngine, make_request: MakeRequest
) -> None:
    engine = make_engine()
    assert engine.stats().device_seconds == 0.0
    done, backwards = threading.Event(), []

    def ask() -> None:
        before = (0, 0, 0, 0.0)
        while not done.is_set():
            stats = engine.stats()
            now = (stats.ticks, stats.rows_denoised, stats.checkpoint_loads, stats.device_seconds)
            if any(later < earlier for later, earlier in zip(now, before, strict=True)):
                backwards.append((before, now))
            before = now

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    engine.submit(make_request(steps=30, batch_size=2)).result(TIMEOUT)
    done.set()
    for thread in asking:
        thread.join(TIMEOUT)
    assert not backwards
    stats = engine.stats()
    assert (stats.ticks, stats.rows_denoised, stats.checkpoint_loads) == (30, 60, 1)
    assert stats.checkpoints == stats.resident


def test_what_the_processor_is() -> None:
    facts = device_facts(torch.device("cpu"))
    assert facts.device == "cpu"
    assert 0 < facts.memory_used < facts.memory_total


@pytest.mark.gpu
def test_a_gpu_is_measured_by_its_own_clock() -> None:
    device = torch.device("cuda")
    meter, use = meter_for(device), DeviceUse()
    matrix = torch.rand(4096, 4096, device=device)
    for _ in range(5):
        with meter.measured([use], tick=True):
            matrix = (matrix @ matrix).clamp(0, 1)
    meter.settle(wait=True)
    assert use.seconds == pytest.approx(meter.seconds)
    assert use.seconds > 0
    facts = device_facts(device)
    assert facts.device == "cuda:0"
    assert 0 < facts.memory_used < facts.memory_total
