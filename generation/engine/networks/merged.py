"""Weights that stand in for a checkpoint's own while somebody's networks are wanted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self
from weakref import ref

import torch
from torch import nn

Place = tuple[str, str]
"""A module's name, and ``weight`` or ``bias``."""
_MARK = "_of_networks"


class Merged:
    """Parameters by component and place; a ``Resident``. They are bound to no module: the checkpoint may be
    dropped and loaded again.
    """

    def __init__(self, weights: Mapping[str, Mapping[Place, nn.Parameter]]) -> None:
        self._weights = weights
        self._places: dict[str, tuple[ref[nn.Module], list[tuple[ref[nn.Module], str]]]] = {}
        for parameter in self._all():
            setattr(parameter, _MARK, True)

    def __contains__(self, component: str) -> bool:
        """Whether a component is changed at all."""
        return component in self._weights

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes."""
        return sum(parameter.numel() * parameter.element_size() for parameter in self._all())

    def to(self, device: torch.device) -> Self:
        """Move everything to ``device``, in place. May raise ``torch.OutOfMemoryError``."""
        for parameter in self._all():
            parameter.data = parameter.data.to(device)
        return self

    @contextmanager
    def applied(self, component: str, root: nn.Module) -> Iterator[None]:
        """``root`` with these weights in place of its own; afterwards its own parameters, the very same
        objects, are back, whatever happened.

        Raises RuntimeError when it holds such weights already: sets are merged, never stacked.
        """
        places = self._resolved(component, root)
        own: list[tuple[nn.Module, str, nn.Parameter | None]] = []
        # Hooks that store weights in 8 bits, or elsewhere, between calls would do so with these too.
        kept = [(fresh, fresh.data) for fresh in self._weights.get(component, {}).values()]
        try:
            for (module, name), fresh in zip(places, self._weights.get(component, {}).values(), strict=True):
                before = module._parameters.get(name)
                if hasattr(before, _MARK):
                    raise RuntimeError("networks are applied to this module already")
                own.append((module, name, before))
                module._parameters[name] = fresh
            yield
        finally:
            for module, name, before in own:
                module._parameters[name] = before
            for fresh, data in kept:
                fresh.data = data

    def _all(self) -> Iterator[nn.Parameter]:
        for component in self._weights.values():
            yield from component.values()

    def _resolved(self, component: str, root: nn.Module) -> list[tuple[nn.Module, str]]:
        """The modules, looked up once: a thousand dotted names take longer than a small step."""
        known = self._places.get(component)
        if known is None or known[0]() is not root:
            found = [(ref(root.get_submodule(name)), kind) for name, kind in self._weights.get(component, {})]
            known = self._places[component] = (ref(root), found)
        return [(module, kind) for place, kind in known[1] if (module := place()) is not None]
