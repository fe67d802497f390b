"""Guidance rescaling, against overexposure (Lin et al. 2023, arXiv:2305.08891, section 3.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from generation.engine.techniques.technique import Technique

if TYPE_CHECKING:
    from generation.engine.denoiser import Prediction
    from generation.engine.rows import Row


@dataclass(frozen=True, slots=True)
class GuidanceRescale(Technique):
    """Give the guided prediction the spread of the conditional one, to a share."""

    share: float
    """0 to 1."""

    def guide(self, row: "Row", prediction: "Prediction", extra: Sequence[torch.Tensor]) -> "Prediction":
        if prediction.unconditional is None or prediction.conditional is None:
            return prediction
        guided = prediction.guided
        rescaled = guided * (prediction.conditional.std() / guided.std())
        return prediction._replace(guided=self.share * rescaled + (1 - self.share) * guided)
