"""Weights of a checkpoint with LoRAs and LyCORIS networks worked in, computed once per set of networks.

The change of every network at strength 1 is computed from the checkpoint's own weight, so it does not matter
in which order they are named; strengths multiply changes: ``W' = W + sum(strength * change(W))``, in fp32,
and then rounded to the weight's dtype.
"""

import logging
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import torch
from torch import nn

from generation.engine.errors import EngineError
from generation.engine.networks.algebra import MisfitError, bias_change, weight_change
from generation.engine.networks.keys import DENOISER
from generation.engine.networks.layer import Layer
from generation.engine.networks.lora_file import LoraFile
from generation.engine.networks.merged import Merged, Place
from generation.engine.networks.targets import Target, targets
from generation.engine.slices import Portion, Slices

logger = logging.getLogger(__name__)

SLICE_WEIGHTS: Final = 32 * 2**20
"""Weights that are merged between two turns of others."""
_DIGITS: Final = 6
"""Decimals of a strength that count."""


@dataclass(frozen=True, slots=True)
class NetworkUse:
    """A network and its strengths, as one request asks for it."""

    file: LoraFile
    digest: str
    """What tells the file from others."""
    denoiser: float = 1.0
    text_encoder: float = 1.0
    rank: int | None = None
    """Cut LoRAs to this rank; None is the whole."""

    def strength(self, component: str) -> float:
        """The strength in a component of the checkpoint."""
        return self.denoiser if component == DENOISER else self.text_encoder


class _Change(NamedTuple):
    strength: float
    layer: Layer
    target: Target
    network: str


def set_key(uses: Sequence[NetworkUse], *, text_only: bool = False) -> Hashable:
    """What tells this set from others; empty when it changes nothing. With ``text_only``, what tells apart
    what sets make of the text encoders.
    """
    return tuple(
        (use.digest, use.rank, 0.0 if text_only else use.denoiser, use.text_encoder)
        for use in normalised(uses)
        if use.text_encoder or not text_only
    )


def normalised(uses: Sequence[NetworkUse]) -> tuple[NetworkUse, ...]:
    """Each network once, in an order of its own, without those that have no strength."""
    found: dict[tuple[str, int], NetworkUse] = {}
    for use in uses:
        place = (use.digest, use.rank or 0)
        before = found.get(place)
        denoiser = use.denoiser + (before.denoiser if before else 0.0)
        text = use.text_encoder + (before.text_encoder if before else 0.0)
        found[place] = replace(use, denoiser=round(denoiser, _DIGITS), text_encoder=round(text, _DIGITS))
    in_order = (found[place] for place in sorted(found))
    return tuple(use for use in in_order if use.denoiser or use.text_encoder)


def merge(
    modules: Mapping[str, nn.Module], uses: Sequence[NetworkUse], *, dtype: torch.dtype
) -> Slices[Merged]:
    """The weights that ``uses`` change in ``modules``: ``denoiser``, ``text_encoder``, ``text_encoder_2``.

    ``dtype`` is what weights that are stored in 8 bits become. Nothing is changed in ``modules``. Raises
    ``EngineError`` with ``field`` ``loras``: ``model_unsupported`` for a network of another family,
    ``invalid_request`` for strengths that leave the range of the weights' dtype.
    """
    work = [
        (component, block, changes)
        for component, changes in _matched(modules, normalised(uses)).items()
        for block, changes in _blocks(changes).items()
    ]
    weights: dict[str, dict[Place, nn.Parameter]] = {}
    pending = 0
    for done, (component, block, changes) in enumerate(work):
        if pending >= SLICE_WEIGHTS:
            pending = 0
            yield Portion(done, len(work))
        made = _merged(modules[component], block, changes, dtype)
        pending += sum(parameter.numel() for parameter in made.values())
        weights.setdefault(component, {}).update(made)
    _require_finite(weights)
    return Merged(weights)


def _matched(modules: Mapping[str, nn.Module], uses: Sequence[NetworkUse]) -> dict[str, list[_Change]]:
    """The changes of each component. Raises ``EngineError`` for a network that has nothing for any."""
    known = {component: targets(root) for component, root in modules.items()}
    changes: defaultdict[str, list[_Change]] = defaultdict(list)
    for use in uses:
        fitting = 0
        for (component, name), layer in use.file.layers.items():
            target = known.get(component, {}).get(name)
            if target is not None:
                fitting += 1
                if strength := use.strength(component):
                    changes[component].append(_Change(strength, layer.cut(use.rank), target, use.file.name))
        if not fitting:
            raise _foreign(use.file.name)
        if left := len(use.file.layers) - fitting:
            logger.warning("%d of %d layers of %s are not in this model", left, left + fitting, use.file.name)
    return dict(changes)


def _blocks(changes: Sequence[_Change]) -> dict[tuple[str, ...], list[_Change]]:
    """Changes by the modules that have to be worked on together."""
    widest: dict[str, tuple[str, ...]] = {}
    for change in sorted(changes, key=lambda one: -len(one.target.modules)):
        for module in change.target.modules:
            widest.setdefault(module, change.target.modules)
    blocks: defaultdict[tuple[str, ...], list[_Change]] = defaultdict(list)
    for change in changes:
        blocks[widest[change.target.modules[0]]].append(change)
    return dict(blocks)


def _merged(
    root: nn.Module, block: Sequence[str], changes: Sequence[_Change], dtype: torch.dtype
) -> dict[Place, nn.Parameter]:
    # Ordinary tensors even where the caller infers: compiled code tells the two kinds apart.
    with torch.inference_mode(mode=False), torch.no_grad():
        before = {place: tensor.float() for place, tensor in _parameters(root, block)}
        sums: dict[Place, torch.Tensor] = {}
        for change in changes:
            for place, addition in _additions(change, before):
                sums[place] = sums[place] + addition if place in sums else addition
        return {
            place: nn.Parameter((before[place] + added).to(_stored(root, place, dtype)), requires_grad=False)
            for place, added in sums.items()
        }


def _parameters(root: nn.Module, block: Sequence[str]) -> Iterator[tuple[Place, torch.Tensor]]:
    """Weights and biases; zeros for a bias that a module could have and has not."""
    for name in block:
        weight = root.get_parameter(f"{name}.weight")
        bias = root.get_submodule(name)._parameters.get("bias")
        yield (name, "weight"), weight
        yield (name, "bias"), torch.zeros(len(weight), device=weight.device) if bias is None else bias


def _additions(change: _Change, before: Mapping[Place, torch.Tensor]) -> Iterator[tuple[Place, torch.Tensor]]:
    modules, swapped = change.target.modules, change.target.swapped
    weight = _swapped(torch.cat([before[name, "weight"] for name in modules]), swapped=swapped)
    layer = change.layer.to(weight.device)
    try:
        made = {"weight": weight_change(layer, weight), "bias": bias_change(layer, len(weight))}
    except MisfitError as error:
        raise _foreign(change.network) from error
    sizes = [len(before[name, "weight"]) for name in modules]
    for parameter, whole in made.items():
        if whole is not None:
            pieces = (_swapped(whole, swapped=swapped) * change.strength).split(sizes)
            yield from (((name, parameter), piece) for name, piece in zip(modules, pieces, strict=True))


def _swapped(tensor: torch.Tensor, *, swapped: bool) -> torch.Tensor:
    return torch.cat(tensor.chunk(2)[::-1]) if swapped else tensor


def _stored(root: nn.Module, place: Place, dtype: torch.dtype) -> torch.dtype:
    weight = root.get_parameter(f"{place[0]}.weight")
    return dtype if weight.element_size() == 1 else weight.dtype


def _require_finite(weights: Mapping[str, Mapping[Place, torch.Tensor]]) -> None:
    flags = [each.isfinite().all() for component in weights.values() for each in component.values()]
    if flags and not bool(torch.stack(flags).all()):
        raise EngineError(
            "invalid_request",
            "With these strengths the LoRAs leave the range of the model's numbers.",
            hint="Lower the strengths of the LoRAs.",
            field="loras",
        )


def _foreign(network: str) -> EngineError:
    return EngineError(
        "model_unsupported",
        f"The LoRA {network} does not fit this model: it is for another family.",
        hint="Choose a LoRA that was made for the family of the checkpoint.",
        field="loras",
    )
