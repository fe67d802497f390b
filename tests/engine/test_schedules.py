"""The noise levels that schedules visit."""

import dataclasses
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from diffusers import EulerDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.engine.catalog import AUTOMATIC, SCHEDULES
from generation.engine.samplers.levels import NoiseLevels, complete_config
from generation.engine.samplers.schedules import SCHEDULE_FUNCTIONS, schedule_sigmas

TRAINED: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
LEVELS = NoiseLevels.from_config(complete_config({}))
ZERO_SNR = NoiseLevels.from_config(
    complete_config({"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"})
)
NAMES = sorted(SCHEDULE_FUNCTIONS)
SPANNING = ["uniform", "normal", "karras", "exponential", "polyexponential", "kl_optimal", "beta"]
FROM_THE_TOP = [*SPANNING, "sgm_uniform", "simple", "turbo"]
PUBLISHED = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029]


def test_every_schedule_of_the_catalogue_is_there() -> None:
    assert set(NAMES) == {info.name for info in SCHEDULES} - {AUTOMATIC}


def test_levels_are_stable_diffusions() -> None:
    assert len(LEVELS.sigmas) == 1000
    assert LEVELS.sigma_min == pytest.approx(0.0291675, rel=1e-5)
    assert LEVELS.sigma_max == pytest.approx(14.614647, rel=1e-5)


@pytest.mark.parametrize("levels", [LEVELS, ZERO_SNR], ids=["usual", "zero_snr"])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(steps=st.integers(1, 150))
def test_sigmas_fall_strictly_to_zero(name: str, levels: NoiseLevels, steps: int) -> None:
    sigmas = schedule_sigmas(name, levels, steps)
    assert len(sigmas) == steps + 1
    assert all(math.isfinite(sigma) for sigma in sigmas)
    assert all(now > then for now, then in pairwise(sigmas))
    assert sigmas[-1] == 0
    assert sigmas[0] <= levels.sigma_max * 1.0001


@pytest.mark.parametrize("name", SPANNING)
@settings(max_examples=20, deadline=None)
@given(steps=st.integers(2, 150))
def test_spanning_schedules_end_at_the_lowest_level(name: str, steps: int) -> None:
    assert schedule_sigmas(name, LEVELS, steps)[-2] == pytest.approx(LEVELS.sigma_min, rel=1e-9)


@pytest.mark.parametrize("name", FROM_THE_TOP)
@settings(max_examples=20, deadline=None)
@given(steps=st.integers(1, 150))
def test_most_schedules_start_at_the_highest_level(name: str, steps: int) -> None:
    assert schedule_sigmas(name, LEVELS, steps)[0] == pytest.approx(LEVELS.sigma_max, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("karras", "use_karras_sigmas"),
        ("exponential", "use_exponential_sigmas"),
        ("polyexponential", "use_exponential_sigmas"),
        ("beta", "use_beta_sigmas"),
    ],
)
@pytest.mark.parametrize("steps", [2, 7, 30])
def test_schedules_equal_diffusers(name: str, flag: str, steps: int) -> None:
    scheduler: Any = EulerDiscreteScheduler(**TRAINED, **{flag: True})
    scheduler.set_timesteps(steps)
    np.testing.assert_allclose(schedule_sigmas(name, LEVELS, steps), scheduler.sigmas, rtol=1e-5)


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("steps", [2, 7, 30, 150])
def test_uniform_is_spaced_as_the_checkpoint_says(spacing: str, steps: int) -> None:
    config = {"timestep_spacing": spacing, "steps_offset": 1}
    scheduler: Any = EulerDiscreteScheduler(**TRAINED, **config)
    scheduler.set_timesteps(steps)
    levels = NoiseLevels.from_config(complete_config(config))
    np.testing.assert_allclose(schedule_sigmas("uniform", levels, steps), scheduler.sigmas, rtol=1e-3)


@pytest.mark.parametrize("name", ["align_your_steps", "align_your_steps_11"])
def test_align_your_steps_is_the_published_table(name: str) -> None:
    assert schedule_sigmas(name, LEVELS, 11) == pytest.approx([*PUBLISHED, 0.0])
    twice = schedule_sigmas(name, LEVELS, 21)
    assert twice[:21:2] == pytest.approx(PUBLISHED)
    assert twice[1] == pytest.approx(math.sqrt(PUBLISHED[0] * PUBLISHED[1]))


def test_ddim_visits_ddims_timesteps() -> None:
    expected = [LEVELS.sigmas[t] for t in (801, 601, 401, 201, 1)]
    assert schedule_sigmas("ddim", LEVELS, 5) == pytest.approx([*expected, 0.0])


def test_whole_timesteps_of_the_others() -> None:
    assert schedule_sigmas("simple", LEVELS, 4)[:-1] == pytest.approx(LEVELS.sigmas[[999, 749, 499, 249]])
    assert schedule_sigmas("turbo", LEVELS, 4)[:-1] == pytest.approx(LEVELS.sigmas[[999, 749, 499, 249]])
    assert schedule_sigmas("normal", LEVELS, 4)[:-1] == pytest.approx(LEVELS.sigmas[[999, 666, 333, 0]])
    assert schedule_sigmas("sgm_uniform", LEVELS, 3)[:-1] == pytest.approx(LEVELS.sigmas[[999, 666, 333]])


def test_kl_optimal_is_even_in_arcs() -> None:
    arcs = np.diff([math.atan(sigma) for sigma in schedule_sigmas("kl_optimal", LEVELS, 9)[:-1]])
    np.testing.assert_allclose(arcs, arcs[0])


@given(time=st.floats(0, 999))
def test_times_and_levels_are_inverse(time: float) -> None:
    assert LEVELS.time_at(LEVELS.sigma_at(time)) == pytest.approx(time, abs=1e-6)


def test_a_config_may_leave_everything_out() -> None:
    bare = NoiseLevels.from_config(complete_config({}))
    full = {**TRAINED, "num_train_timesteps": 1000, "prediction_type": "epsilon", "steps_offset": 1}
    for field in dataclasses.fields(NoiseLevels):
        stated = NoiseLevels.from_config(complete_config(full))
        np.testing.assert_array_equal(getattr(bare, field.name), getattr(stated, field.name))


def test_defaults_of_the_class_it_was_saved_from_do_not_count() -> None:
    config = {"timestep_spacing": "leading", "_use_default_values": ["timestep_spacing"]}
    assert "timestep_spacing" not in complete_config(config)
