"""What is learned from finished jobs, and what it is used for."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation import forecasting, services
from generation.models import Job, Pace, QueueState, Share, Worker
from generation.pace import LARGEST_CORRECTION, LARGEST_STEP, MEMORY, Kind, Measured, Paces, kind_of, learned
from generation.services import Claim
from generation.services.paces import load_learn, pace_learn
from models_hub.models import ModelFile
from sdweb.accounts.models import User, UserLimits
from tests.generation.conftest import Submit
from tests.generation.scheduling.queues import UNHURRIED
from tests.generation.test_state_machine import pictures

positive = st.floats(1e-6, 1e6)
SMALL, LARGE = Kind("sd15", "paint 576"), Kind("sdxl", "paint 1280")


def paces(*rows: tuple[str, Kind, float]) -> Paces:
    return Paces([Measured(device, kind, seconds, 100) for device, kind, seconds in rows])


# --- The mean ----------------------------------------------------------------------------------------------


@UNHURRIED
@given(positive, st.integers(0, 1000), positive)
def test_a_sample_moves_the_mean_towards_it_and_not_too_far(
    before: float, samples: int, sample: float
) -> None:
    after = learned(before, samples, sample)
    assert min(before, sample) * (1 - 1e-9) <= after <= max(before, sample) * (1 + 1e-9)
    assert abs(math.log(after / before)) <= LARGEST_STEP / min(samples + 1, MEMORY) + 1e-9


@UNHURRIED
@given(positive, positive)
def test_it_follows_what_stays(before: float, truth: float) -> None:
    mean = before
    for samples in range(1, 600):
        mean = learned(mean, samples, truth)
    assert mean == pytest.approx(truth, rel=0.01)


def test_one_odd_sample_is_forgotten() -> None:
    mean = 1.0
    for samples in range(1, 200):
        mean = learned(mean, samples, 1000.0 if samples == 100 else 1.0)
    assert mean == pytest.approx(1.0, abs=0.01)


# --- What it is used for -----------------------------------------------------------------------------------


@UNHURRIED
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([SMALL, LARGE]), positive), max_size=6))
def test_corrections_stay_within_their_bounds(rows: list[tuple[str, Kind, float]]) -> None:
    for kind in (SMALL, LARGE, Kind("flux", "paint more")):
        assert 1 / LARGEST_CORRECTION <= paces(*rows).correction(kind) <= LARGEST_CORRECTION


def test_a_family_that_takes_longer_than_predicted_is_dearer() -> None:
    """Whatever the device: what counts is how families compare on one."""
    known = paces(("slow", SMALL, 1.0), ("slow", LARGE, 4.0), ("fast", SMALL, 0.01), ("fast", LARGE, 0.04))
    assert known.correction(LARGE) / known.correction(SMALL) == pytest.approx(4)
    assert paces(("slow", SMALL, 1.0), ("fast", LARGE, 0.01)).correction(LARGE) == pytest.approx(1)


def test_seconds_come_from_what_is_nearest() -> None:
    known = paces(("fast", SMALL, 0.1), ("fast", Kind("sd15", "paint 832"), 0.2), ("slow", SMALL, 1.0))
    assert known.seconds(10, SMALL, device="fast") == pytest.approx(1)
    assert known.seconds(10, Kind("sd15", "paint 384"), device="fast") == pytest.approx(10 * 0.02**0.5)
    assert known.seconds(10, SMALL) == pytest.approx(10 * 0.1**0.5)
    assert Paces().seconds(10, SMALL) is None


def test_kinds() -> None:
    assert kind_of(family="sd15", width=512, height=512) == SMALL
    assert kind_of(family="sdxl", width=1344, height=768) == LARGE
    assert kind_of(family="sdxl", width=4096, height=4096).work == "paint more"
    assert kind_of(family="", width=512, height=512) == Kind("", "processing")


# --- In the table ------------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestLearning:
    def test_finished_jobs_teach(self, alice: User, submit: Submit, model: ModelFile) -> None:
        Worker.objects.create(name="gpu0@here", process="p0", device_name="Some GPU", slots=1)
        cost = submit(alice, width=512, height=512).cost_tflop
        submit(alice, width=512, height=512)
        for seconds, loaded in ((2.0, 7.0), (2.0, 0.1)):
            claim = services.job_claim(
                worker="p0", place="gpu0@here", resident={model.sha256} if loaded < 1 else ()
            )
            assert claim is not None
            services.job_finish(claim, images=pictures(), timings={"device": seconds, "loaded": loaded})
        pace = Pace.objects.get(work="paint 576")
        assert (pace.device, pace.family, pace.samples) == ("Some GPU", "sd15", 2)
        assert pace.seconds == pytest.approx(2.0 / cost)
        load = Pace.objects.get(work=Pace.LOAD)
        assert (load.seconds, load.samples) == (7.0, 1)

    def test_a_stale_mean_is_not_written(self) -> None:
        pace_learn(device="", kind=SMALL, seconds=1.0, cost_tflop=1.0)
        pace_learn(device="", kind=SMALL, seconds=0.0, cost_tflop=1.0)
        load_learn(device="", family="sd15", seconds=0.0)
        (pace,) = Pace.objects.all()
        assert (pace.seconds, pace.samples) == (1.0, 1)

    def test_shares_are_charged_what_work_really_takes(
        self, alice: User, submit: Submit, claim: Callable[..., Claim]
    ) -> None:
        for family, seconds in (("sd15", 3.0), ("sdxl", 1.0)):
            Pace.objects.create(device="", family=family, work="paint 576", seconds=seconds, samples=100)
        job = submit(alice, width=512, height=512)
        claim()
        assert Share.objects.get(user=alice).tag == pytest.approx(job.cost_tflop * 3**0.5)


# --- Waiting times -----------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestForecast:
    @pytest.fixture
    def pace(self, alice: User, submit: Submit, model: ModelFile) -> Callable[..., Job]:
        """Submit a job that is known to take ten seconds of a GPU."""

        def build(user: User) -> Job:
            job = submit(user, width=512, height=512)
            row = {"seconds": 10.0 / job.cost_tflop, "samples": 50}
            Pace.objects.update_or_create(device="", family="sd15", work="paint 576", defaults=row)
            return job

        return build

    def test_several_workers_count(self, alice: User, pace: Callable[..., Job]) -> None:
        for name in ("a", "b"):
            Worker.objects.create(name=name, process=name, slots=1)
        jobs = [pace(alice) for _ in range(5)]
        places = forecasting.queue_forecast().places
        assert [places[job.pk].position for job in jobs] == [1, 2, 3, 4, 5]
        assert [places[job.pk].eta_seconds for job in jobs] == [0, 0, 10, 10, 20]

    def test_what_runs_is_ahead(self, alice: User, pace: Callable[..., Job]) -> None:
        Worker.objects.create(name="a", process="a", slots=1)
        running, waiting = pace(alice), pace(alice)
        claim = services.job_claim(worker="a", place="a")
        assert claim is not None
        services.job_heartbeat(claim, step=1, total=4)
        forecast = forecasting.queue_forecast()
        assert forecast.remaining == {running.pk: 7.5}
        assert forecast.places[waiting.pk].eta_seconds == 7.5

    def test_nobody_knows_while_the_queue_is_paused(self, alice: User, pace: Callable[..., Job]) -> None:
        job = pace(alice)
        QueueState.objects.create(paused=True)
        assert forecasting.queue_forecast().places[job.pk].eta_seconds is None

    def test_those_further_back_are_not_looked_at_before_others_first(
        self, alice: User, bob: User, pace: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forecasting, "FORECAST_LIMIT", 3)
        mine = [pace(alice) for _ in range(5)]
        others = pace(bob)
        assert set(forecasting.queue_forecast().places) == {mine[0].pk, mine[1].pk, others.pk}

    def test_a_job_that_is_not_submitted_yet(self, alice: User, bob: User, pace: Callable[..., Job]) -> None:
        """Bob would be served between Alice's jobs, Alice after her own."""
        Worker.objects.create(name="a", process="a", slots=1)
        jobs = [pace(alice) for _ in range(4)]
        cost = jobs[0].cost_tflop
        what: dict[str, Any] = {"cost_tflop": cost, "family": "sd15", "width": 512, "height": 512}
        assert forecasting.predicted_seconds(**what) == pytest.approx(10)
        mine = forecasting.start_estimate(user=alice, **what)
        assert mine is not None
        assert (mine.position, mine.eta_seconds) == (5, 40)
        others = forecasting.start_estimate(user=bob, **what)
        assert others is not None
        assert (others.position, others.eta_seconds) == (2, 10)

    def test_whoever_has_all_running_that_they_may_lets_others_past(
        self, alice: User, bob: User, pace: Callable[..., Job], claim: Callable[..., Claim]
    ) -> None:
        UserLimits.objects.create(user=alice, jobs_running=1)
        mine, others = [pace(alice) for _ in range(3)], pace(bob)
        claim()
        places = forecasting.queue_forecast().places
        assert [places[job.pk].position for job in (others, *mine[1:])] == [1, 2, 3]
        assert [places[job.pk].eta_seconds for job in (others, *mine[1:])] == [0, 10, 30]  # two share a GPU

    def test_nothing_is_known_at_first(self, alice: User, model: ModelFile) -> None:
        assert forecasting.predicted_seconds(cost_tflop=1, family="sd15", width=8, height=8) is None
        place = forecasting.start_estimate(user=alice, cost_tflop=1)
        assert place is not None
        assert (place.position, place.eta_seconds) == (1, None)
