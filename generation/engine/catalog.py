"""Every sampler and schedule people can name, and how a name is understood. Needs no torch.

Names, aliases and default schedules are those of AUTOMATIC1111's web UI and of Forge, so that recipes and API
clients written for them keep working. What each sampler is made of is in ``generation.engine.samplers``.
"""

import difflib
import re
from dataclasses import dataclass
from typing import Final

from generation.engine.errors import EngineError

AUTOMATIC: Final = "automatic"
"""The schedule that fits the sampler. As a resolved name: the sampler brings timesteps of its own."""


@dataclass(frozen=True, slots=True)
class SamplerInfo:
    """One sampler as people know it."""

    name: str
    aliases: tuple[str, ...] = ()
    default_schedule: str = "uniform"
    """What "Automatic" means here; ``automatic`` for samplers that bring timesteps of their own."""
    stochastic: bool = False
    """Adds noise while sampling, so the same start may end in another picture."""

    @property
    def takes_schedule(self) -> bool:
        """False for samplers that ignore the requested schedule, as they do in AUTOMATIC1111."""
        return self.default_schedule != AUTOMATIC


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """One spacing of the noise levels: ``name`` is canonical, ``label`` is what people read."""

    name: str
    label: str
    aliases: tuple[str, ...] = ()


SAMPLERS: Final[tuple[SamplerInfo, ...]] = (
    SamplerInfo("DPM++ 2M", ("k_dpmpp_2m", "dpmpp_2m", "dpm"), "karras"),
    SamplerInfo("DPM++ SDE", ("k_dpmpp_sde", "dpmpp_sde"), "karras", stochastic=True),
    SamplerInfo("DPM++ 2M SDE", ("k_dpmpp_2m_sde", "dpmpp_2m_sde"), "exponential", stochastic=True),
    SamplerInfo(
        "DPM++ 2M SDE Heun", ("k_dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun"), "exponential", stochastic=True
    ),
    SamplerInfo("DPM++ 2S a", ("k_dpmpp_2s_a", "dpmpp_2s_ancestral"), "karras", stochastic=True),
    SamplerInfo("DPM++ 3M SDE", ("k_dpmpp_3m_sde", "dpmpp_3m_sde"), "exponential", stochastic=True),
    SamplerInfo("Euler a", ("k_euler_a", "k_euler_ancestral", "euler_ancestral"), stochastic=True),
    SamplerInfo("Euler", ("k_euler",)),
    SamplerInfo("LMS", ("k_lms",)),
    SamplerInfo("Heun", ("k_heun",)),
    SamplerInfo("DPM2", ("k_dpm_2", "dpm_2"), "karras"),
    SamplerInfo("DPM2 a", ("k_dpm_2_a", "dpm_2_ancestral"), "karras", stochastic=True),
    SamplerInfo("DPM fast", ("k_dpm_fast",), AUTOMATIC, stochastic=True),
    SamplerInfo("DPM adaptive", ("k_dpm_ad", "k_dpm_adaptive"), AUTOMATIC, stochastic=True),
    SamplerInfo("Restart", (), "karras", stochastic=True),
    SamplerInfo("HeunPP2"),
    SamplerInfo("IPNDM"),
    SamplerInfo("IPNDM_V"),
    SamplerInfo("DEIS"),
    SamplerInfo("DDIM", ("k_ddim",), AUTOMATIC),
    SamplerInfo("DDIM CFG++", ("ddim_cfgpp",), AUTOMATIC),
    SamplerInfo("PLMS", ("pndm",), AUTOMATIC),
    SamplerInfo("UniPC", ("uni_pc",), AUTOMATIC),
    SamplerInfo("LCM", (), AUTOMATIC, stochastic=True),
    SamplerInfo("DDPM", (), AUTOMATIC, stochastic=True),
)

SCHEDULES: Final[tuple[ScheduleInfo, ...]] = (
    ScheduleInfo(AUTOMATIC, "Automatic"),
    ScheduleInfo("uniform", "Uniform"),
    ScheduleInfo("karras", "Karras", ("ka",)),
    ScheduleInfo("exponential", "Exponential"),
    ScheduleInfo("polyexponential", "Polyexponential"),
    ScheduleInfo("sgm_uniform", "SGM Uniform", ("SGMUniform",)),
    ScheduleInfo("kl_optimal", "KL Optimal"),
    ScheduleInfo("align_your_steps", "Align Your Steps", ("ays",)),
    ScheduleInfo("simple", "Simple"),
    ScheduleInfo("normal", "Normal"),
    ScheduleInfo("ddim", "DDIM"),
    ScheduleInfo("beta", "Beta"),
    ScheduleInfo("turbo", "Turbo"),
    ScheduleInfo("align_your_steps_GITS", "Align Your Steps GITS", ("ays_gits",)),
    ScheduleInfo("align_your_steps_11", "Align Your Steps 11", ("ays_11",)),
    ScheduleInfo("align_your_steps_32", "Align Your Steps 32", ("ays_32",)),
)


def _key(name: str) -> str:
    """The form in which names are compared: case, blanks, ``_`` and ``-`` make no difference."""
    return " ".join(re.split(r"[\s_-]+", name.casefold())).strip()


_SAMPLER_BY_KEY: Final = {_key(text): info for info in SAMPLERS for text in (info.name, *info.aliases)}
_SCHEDULE_BY_KEY: Final = {
    _key(text): info for info in SCHEDULES for text in (info.name, info.label, *info.aliases)
}
_SUFFIXES: Final = sorted(_SCHEDULE_BY_KEY, key=len, reverse=True)
"""Longest first: "Euler SGM Uniform" is not a sampler "Euler SGM" with the schedule "Uniform"."""


def sampler_info(name: str) -> SamplerInfo:
    """The table's line for a canonical name or alias; raises ``EngineError("unknown_sampler")``."""
    info = _SAMPLER_BY_KEY.get(_key(name))
    if info is None:
        raise _unknown("sampler", name, [entry.name for entry in SAMPLERS])
    return info


def schedule_info(name: str) -> ScheduleInfo:
    """The table's line for a canonical name, label or alias; raises ``EngineError("unknown_schedule")``."""
    info = _SCHEDULE_BY_KEY.get(_key(name))
    if info is None:
        raise _unknown("schedule", name, [entry.label for entry in SCHEDULES])
    return info


def resolve_sampler(name: str, schedule: str = AUTOMATIC) -> tuple[str, str]:
    """The canonical sampler and schedule meant by what somebody wrote.

    A sampler name may end in a schedule, which then wins over ``schedule`` ("DPM++ 2M Karras"). "Automatic"
    (or an empty ``schedule``) becomes the sampler's default. A sampler with timesteps of its own always
    resolves to ``automatic``, whichever (known) schedule was asked for. Raises ``EngineError`` with code
    ``unknown_sampler`` or ``unknown_schedule`` and the field's name.
    """
    wanted = schedule_info(schedule or AUTOMATIC)
    key, suffix = _split_suffix(_key(name))
    info = sampler_info(key if suffix else name)
    wanted = suffix or wanted
    if wanted.name == AUTOMATIC or not info.takes_schedule:
        return info.name, info.default_schedule
    return info.name, wanted.name


def _split_suffix(key: str) -> tuple[str, ScheduleInfo | None]:
    if key in _SAMPLER_BY_KEY:
        return key, None
    for suffix in _SUFFIXES:
        sampler = key.removesuffix(f" {suffix}")
        if sampler != key and sampler in _SAMPLER_BY_KEY:
            return sampler, _SCHEDULE_BY_KEY[suffix]
    return key, None


def _unknown(kind: str, name: str, known: list[str]) -> EngineError:
    shown = name if len(name) <= 60 else f"{name[:60]}…"
    by_key = {_key(text): text for text in known}
    near = [by_key[key] for key in difflib.get_close_matches(_key(name[:60]), by_key, n=3)]
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}."
    return EngineError(f"unknown_{kind}", f"There is no {kind} named “{shown}”.", hint=hint, field=kind)
