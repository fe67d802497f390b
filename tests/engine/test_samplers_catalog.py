"""How the names of samplers and schedules are understood."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.engine.catalog import SAMPLERS, SCHEDULES, resolve_sampler, sampler_info, schedule_info
from generation.engine.errors import EngineError

A1111 = {
    "DPM++ 2M": "karras", "DPM++ SDE": "karras", "DPM++ 2M SDE": "exponential",
    "DPM++ 2M SDE Heun": "exponential", "DPM++ 2S a": "karras", "DPM++ 3M SDE": "exponential",
    "Euler a": "uniform", "Euler": "uniform", "LMS": "uniform", "Heun": "uniform", "DPM2": "karras",
    "DPM2 a": "karras", "DPM fast": "automatic", "DPM adaptive": "automatic", "Restart": "karras",
    "HeunPP2": "uniform", "IPNDM": "uniform", "IPNDM_V": "uniform", "DEIS": "uniform", "DDIM": "automatic",
    "DDIM CFG++": "automatic", "PLMS": "automatic", "UniPC": "automatic", "LCM": "automatic",
    "DDPM": "automatic",
}  # fmt: skip
ALIASES = {
    "k_dpmpp_2m": "DPM++ 2M", "k_dpmpp_sde": "DPM++ SDE", "k_dpmpp_2m_sde": "DPM++ 2M SDE",
    "k_dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun", "k_dpmpp_2s_a": "DPM++ 2S a",
    "k_dpmpp_3m_sde": "DPM++ 3M SDE", "k_euler_a": "Euler a", "k_euler_ancestral": "Euler a",
    "k_euler": "Euler", "k_lms": "LMS", "k_heun": "Heun",
    "k_dpm_2": "DPM2", "k_dpm_2_a": "DPM2 a", "k_dpm_fast": "DPM fast", "k_dpm_ad": "DPM adaptive",
    "restart": "Restart", "ddim": "DDIM", "ddim_cfgpp": "DDIM CFG++", "plms": "PLMS", "unipc": "UniPC",
    "euler": "Euler", "euler_ancestral": "Euler a", "dpm": "DPM++ 2M", "lms": "LMS",
}  # fmt: skip


def test_the_table_is_a1111s() -> None:
    assert {info.name: info.default_schedule for info in SAMPLERS} == A1111


@pytest.mark.parametrize("name", A1111)
def test_automatic_is_the_samplers_default(name: str) -> None:
    assert resolve_sampler(name, "Automatic") == resolve_sampler(name, "") == (name, A1111[name])


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases_resolve(alias: str, name: str) -> None:
    assert resolve_sampler(alias)[0] == resolve_sampler(alias.upper())[0] == name


@pytest.mark.parametrize("info", SCHEDULES, ids=lambda info: info.name)
def test_schedules_resolve_by_name_label_and_alias(info: object) -> None:
    assert isinstance(info, type(SCHEDULES[0]))
    for text in (info.name, info.label, info.label.upper(), *info.aliases):
        assert schedule_info(text) is info


@pytest.mark.parametrize(
    ("name", "schedule", "expected"),
    [
        ("DPM++ 2M Karras", "Automatic", ("DPM++ 2M", "karras")),
        ("DPM++ 2M Karras", "Exponential", ("DPM++ 2M", "karras")),
        ("dpm++ 2m sde exponential", "", ("DPM++ 2M SDE", "exponential")),
        ("Euler a SGMUniform", "Karras", ("Euler a", "sgm_uniform")),
        ("Euler SGM Uniform", "", ("Euler", "sgm_uniform")),
        ("Heun Align Your Steps 32", "", ("Heun", "align_your_steps_32")),
        ("LMS DDIM", "", ("LMS", "ddim")),
        ("k_dpm_2_a_ka", "", ("DPM2 a", "karras")),
        ("DPM++ 2M Automatic", "Beta", ("DPM++ 2M", "karras")),
        ("euler", "normal", ("Euler", "normal")),
        ("DDIM", "Karras", ("DDIM", "automatic")),
        ("PLMS Karras", "", ("PLMS", "automatic")),
    ],
)
def test_a_schedule_may_be_the_names_suffix(name: str, schedule: str, expected: tuple[str, str]) -> None:
    assert resolve_sampler(name, schedule) == expected


def test_resolving_twice_changes_nothing() -> None:
    for info in SAMPLERS:
        for schedule in SCHEDULES:
            once = resolve_sampler(info.name, schedule.name)
            assert resolve_sampler(*once) == once


def test_an_unknown_sampler_says_so_with_a_suggestion() -> None:
    with pytest.raises(EngineError) as caught:
        resolve_sampler("Eular a", "Automatic")
    assert (caught.value.code, caught.value.field, caught.value.permanent) == (
        "unknown_sampler",
        "sampler",
        True,
    )
    assert "Euler a" in caught.value.hint


def test_an_unknown_schedule_says_so_with_the_choices() -> None:
    with pytest.raises(EngineError) as caught:
        resolve_sampler("Euler", "???")
    assert (caught.value.code, caught.value.field) == ("unknown_schedule", "schedule")
    assert "SGM Uniform" in caught.value.hint


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_resolves_or_is_refused(name: str, schedule: str) -> None:
    try:
        resolved = resolve_sampler(name, schedule)
    except EngineError as error:
        refused = error
    else:
        assert (sampler_info(resolved[0]).name, schedule_info(resolved[1]).name) == resolved
        return
    assert refused.code in {"unknown_sampler", "unknown_schedule"}
    assert len(refused.message) < 120


def test_the_table_needs_no_torch() -> None:
    code = (
        "import sys, generation.engine.catalog; assert not {'torch', 'numpy', 'django'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
