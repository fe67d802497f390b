"""What a checkpoint was trained on: the noise level of every timestep, and what its output means."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from diffusers import EulerDiscreteScheduler
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from generation.engine.errors import EngineError

SD_DEFAULTS: Final[Mapping[str, Any]] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "trained_betas": None,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "clip_sample": False,
}
"""Stable Diffusion's training, for configs that leave something out."""
_BETAS: Final = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas")


def complete_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's ``scheduler_config.json`` with the gaps filled.

    Values that diffusers marks as mere defaults of the class it was saved from are gaps too: another class
    has other defaults.
    """
    defaults_of_another_class = set(config.get("_use_default_values") or ())
    stated = {key: value for key, value in config.items() if key not in defaults_of_another_class}
    return {**SD_DEFAULTS, **stated}


@dataclass(frozen=True)
class NoiseLevels:
    """The levels a model was trained on. ``sigma`` is noise to signal, ``sqrt((1 - a) / a)`` of the
    cumulative a.
    """

    sigmas: NDArray[np.float64]
    """One per training timestep, ascending, all finite and above 0."""
    prediction_type: str = "epsilon"
    """``epsilon``, ``v_prediction`` or ``sample``."""
    timestep_spacing: str = "linspace"
    """How evenly spaced timesteps are chosen: ``linspace``, ``leading`` or ``trailing``."""
    steps_offset: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "NoiseLevels":
        """Read a completed config. Raises ``EngineError("unsupported_checkpoint")`` for flow models."""
        prediction_type = str(config["prediction_type"])
        if prediction_type not in {"epsilon", "v_prediction", "sample"}:
            raise EngineError(
                "unsupported_checkpoint", f"Checkpoints that predict “{prediction_type}” are not supported."
            )
        zero_snr = bool(config.get("rescale_betas_zero_snr", False))
        betas = {key: config[key] for key in _BETAS}
        # Any class would do, all make the same levels of the same betas.
        scheduler_class: Any = EulerDiscreteScheduler
        trained = scheduler_class(**betas, rescale_betas_zero_snr=zero_snr)
        alphas = trained.alphas_cumprod.double().numpy()
        return cls(
            sigmas=np.sqrt((1 - alphas) / alphas),
            prediction_type=prediction_type,
            timestep_spacing=str(config.get("timestep_spacing") or "linspace"),
            steps_offset=int(config["steps_offset"]),
        )

    @cached_property
    def log_sigmas(self) -> NDArray[np.float64]:
        return np.log(self.sigmas)

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    @property
    def last_time(self) -> int:
        """The noisiest timestep."""
        return len(self.sigmas) - 1

    def sigma_at(self, time: float) -> float:
        """The level at a (fractional) timestep; logarithms are interpolated, as k-diffusion does."""
        return math.exp(float(np.interp(time, np.arange(len(self.sigmas)), self.log_sigmas)))

    def time_at(self, sigma: float) -> float:
        """The (fractional) timestep of a level above 0; levels outside the training range take its ends."""
        return float(self.times_at(sigma))

    def times_at(self, sigmas: ArrayLike) -> NDArray[np.float64]:
        """``time_at`` for any number of levels, of which 0 takes the lowest timestep."""
        log_sigmas = np.log(np.maximum(np.asarray(sigmas, dtype=np.float64), 1e-10))
        return np.asarray(np.interp(log_sigmas, self.log_sigmas, np.arange(len(self.sigmas))))

    def denoised(self, output: Tensor, x: Tensor, sigma: float) -> Tensor:
        """The clean latents that a model output predicts at ``x`` = clean + ``sigma`` * noise."""
        if self.prediction_type == "epsilon":
            return x - sigma * output
        if self.prediction_type == "v_prediction":
            return x / (sigma**2 + 1) - output * (sigma / math.sqrt(sigma**2 + 1))
        return output

    def betas(self) -> list[float]:
        """The same levels as betas, for scheduler classes that cannot rescale to zero terminal SNR
        themselves.
        """
        alphas = 1 / (self.sigmas**2 + 1)
        steps = alphas / np.concatenate([[1.0], alphas[:-1]])
        return torch.from_numpy(1 - steps).tolist()
