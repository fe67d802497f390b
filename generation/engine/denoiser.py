"""One call of the denoiser for several rows, and what it says of each."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint
    from generation.engine.placement import Placement
    from generation.engine.rows import Row


class Prediction(NamedTuple):
    """The denoiser's output for one row, ``[1, 4, h, w]`` in fp32."""

    guided: torch.Tensor
    unconditional: torch.Tensor | None
    """The half without the prompt; None where the row is not guided."""
    conditional: torch.Tensor | None = None
    """The half with the (first part of the) prompt, as the denoiser said it."""


@dataclass(slots=True, eq=False, kw_only=True)
class DenoiserCall:
    """The arguments of a call, before it is made.

    In the batch come all the negative prompts, then all the first parts, and so on, then the techniques'
    extra places: for plain prompts the order of diffusers' own pipelines.
    """

    checkpoint: "Checkpoint"
    rows: Sequence["Row"]
    """Padding included: the first row again."""
    places: int
    """Evaluations per row; the batch is ``places * len(rows)``."""
    latents: torch.Tensor
    """``[batch, 4, h, w]`` in the denoiser's dtype: the rows' scaled latents. Not to be changed."""
    sample: torch.Tensor
    """What the denoiser gets: ``latents``, unless a technique adds channels."""
    timesteps: torch.Tensor
    """``[batch]``, fp32."""
    text: torch.Tensor
    """``[batch, tokens, width]``."""
    added: dict[str, torch.Tensor]
    """SDXL's ``added_cond_kwargs``; techniques may add entries."""
    options: dict[str, Any] = field(default_factory=dict)
    """More keyword arguments of the denoiser, such as residuals."""

    def spread(self, values: Sequence[float]) -> torch.Tensor:
        """One number per row as ``[batch, 1, 1, 1]``, the same at every place, in the denoiser's dtype."""
        numbers = torch.tensor(values, dtype=self.latents.dtype, device=self.latents.device)
        return numbers.repeat(self.places)[:, None, None, None]

    def run(self, network: Callable[..., Any]) -> torch.Tensor:
        """The output of ``network``, which is the checkpoint's denoiser: ``[batch, 4, h, w]`` in fp32."""
        output: torch.Tensor = network(
            self.sample,
            self.timesteps,
            encoder_hidden_states=self.text,
            added_cond_kwargs=self.added or None,
            return_dict=False,
            **self.options,
        )[0]
        return output.float()


def predict(
    checkpoint: "Checkpoint",
    rows: Sequence["Row"],
    inputs: Sequence[torch.Tensor],
    bucket: int,
    placement: "Placement",
) -> list[Prediction]:
    """One denoiser call for ``rows`` of one key, padded to ``bucket``: the prediction of each.

    ``inputs`` are the rows' scaled latents.
    """
    padding = bucket - len(rows)
    padded = [*rows, *[rows[0]] * padding]
    call = _call(checkpoint, padded, [*inputs, *[inputs[0]] * padding])
    with ExitStack() as stack:
        stack.enter_context(placement.attention())
        for peers in zip(*(row.joining for row in padded), strict=True):
            stack.enter_context(peers[0].patched(call))
            peers[0].join(call, peers)
        output = call.run(placement.network(checkpoint.unet, rows[0].joining))
    by_row = zip(*(place.split(1) for place in output.chunk(call.places)), strict=True)
    return [row.composed(outputs) for row, outputs in zip(rows, by_row, strict=False)]


def _call(checkpoint: "Checkpoint", rows: Sequence["Row"], inputs: Sequence[torch.Tensor]) -> DenoiserCall:
    places = rows[0].key.places
    latents = torch.cat([torch.cat(list(inputs)).to(checkpoint.dtype)] * places)
    timesteps = torch.stack([row.timestep.to(torch.float32) for row in rows]).to(latents.device)
    conditions = list(chain.from_iterable(zip(*(row.conditions() for row in rows), strict=True)))
    added: Mapping[str, torch.Tensor] = {
        name: torch.cat([each.added[name] for each in conditions]) for name in conditions[0].added
    }
    return DenoiserCall(
        checkpoint=checkpoint,
        rows=rows,
        places=places,
        latents=latents,
        sample=latents,
        timesteps=torch.cat([timesteps] * places),
        text=torch.cat([each.text for each in conditions]),
        added=dict(added),
    )
