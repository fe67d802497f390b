"""ControlNet (Zhang, Rao and Agrawala 2023, arXiv:2302.05543) and T2I-Adapter (Mou et al. 2023,
arXiv:2302.08453): what a network makes of a control picture is added to the denoiser's way down.

Rows whose units name the same model share its evaluation, each with its own picture, weight, range and mode.
A row outside of its range has weight 0; when all are, nothing is evaluated.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import torch

from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from PIL.Image import Image

    from generation.engine.checkpoints.control import ControlNet
    from generation.engine.denoiser import DenoiserCall
    from generation.engine.spec import ControlUnit

_FEATURE_SHARES: Final = (0.25, 0.62, 0.825, 1.0)
"""Of a T2I-Adapter's features, from the outermost to the innermost, in the soft modes (A1111's extension)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Control(Technique):
    """One row's share in one unit.

    The modes are those of A1111's ControlNet extension: "control" and "prompt" weaken the outer residuals
    (``soft_shares``), and "control" leaves the half without the prompt alone, so that guidance multiplies
    what the control picture says. diffusers' ``guess_mode`` is "control".
    """

    unit: "ControlUnit"
    model: str
    """The model's key in the model cache."""
    map: "Image"
    """What the control picture became, at the size that is painted."""

    @property
    def key(self) -> Hashable:
        return (type(self).__name__, self.model)

    @property
    def maps(self) -> "tuple[Image, ...]":
        return (self.map,)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ResidualControl(Control):
    """By a ControlNet, evaluated in every call."""

    network: "ControlNet"
    hint: torch.Tensor
    """``[1, 3, height, width]`` on the device, 0 to 1, -1 for holes."""

    def join(self, call: "DenoiserCall", peers: Sequence[Self]) -> None:
        pooled = self.network.pooled
        shares = soft_shares(self.network.residuals)
        weights = weighed(call, peers, shares=[1.0] * len(shares) if pooled else shares, conditional=pooled)
        if weights is None:
            return
        down, middle = self.network.module(
            call.latents,
            call.timesteps,
            encoder_hidden_states=call.text,
            controlnet_cond=torch.cat([peer.hint for peer in peers]).repeat(call.places, 1, 1, 1),
            added_cond_kwargs=call.added or None,
            return_dict=False,
        )
        residuals = [residual * weight for residual, weight in zip((*down, middle), weights, strict=True)]
        if "mid_block_additional_residual" in call.options:
            before = (
                *call.options["down_block_additional_residuals"],
                call.options["mid_block_additional_residual"],
            )
            residuals = [one + other for one, other in zip(before, residuals, strict=True)]
        call.options["down_block_additional_residuals"] = tuple(residuals[:-1])
        call.options["mid_block_additional_residual"] = residuals[-1]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FeatureControl(Control):
    """By a T2I-Adapter, which sees nothing of the denoising and so was evaluated before."""

    features: tuple[torch.Tensor, ...]
    """``[1, c, h, w]`` for every level of the denoiser, from the outermost."""

    def join(self, call: "DenoiserCall", peers: Sequence[Self]) -> None:
        count = len(self.features)
        weights = weighed(call, peers, shares=_FEATURE_SHARES[-count:])
        if weights is None:
            return
        levels = [torch.cat([peer.features[level] for peer in peers]) for level in range(count)]
        added = [
            level.repeat(call.places, 1, 1, 1) * weight for level, weight in zip(levels, weights, strict=True)
        ]
        name = "down_intrablock_additional_residuals"
        if name in call.options:
            added = [one + other for one, other in zip(call.options[name], added, strict=True)]
        # A list: the denoiser takes them out one by one.
        call.options[name] = added


def soft_shares(count: int) -> list[float]:
    """Shares of a ControlNet's residuals from the outermost to the middle block's in the soft modes: from a
    tenth to all, in equal ratios, as in diffusers' ``guess_mode``. For the 13 residuals of SD1.x that is the
    original's ``0.825 ** (12 - i)`` (``lllyasviel/ControlNet``, ``gradio_canny2image.py``) but for rounding.
    """
    return [10.0 ** (index / (count - 1) - 1.0) for index in range(count)]


def weighed(
    call: "DenoiserCall", peers: Sequence[Control], *, shares: Sequence[float], conditional: bool = False
) -> torch.Tensor | None:
    """The weight of each of ``len(shares)`` residuals at every place of the call, ``[n, batch, 1, 1, 1]`` in
    the denoiser's dtype; None where all of them are 0. With ``conditional`` the half without the prompt has 0
    whatever the mode.
    """
    strengths = [
        peer.unit.weight if row.within(peer.unit.start, peer.unit.end) else 0.0
        for peer, row in zip(peers, call.rows, strict=True)
    ]
    if not any(strengths):
        return None
    guided = call.rows[0].key.guided
    table = [
        [
            0.0
            if guided and place == 0 and (conditional or peer.unit.mode == "control")
            else strength * (1.0 if peer.unit.mode == "balanced" else share)
            for place in range(call.places)
            for peer, strength in zip(peers, strengths, strict=True)
        ]
        for share in shares
    ]
    numbers = torch.tensor(table, dtype=call.latents.dtype, device=call.latents.device)
    return numbers[:, :, None, None, None]
