"""ComfyUI's graph: the recipe is gathered from the nodes that lead to a sampler.

A graph is ``{id: {"class_type": …, "inputs": {name: value or [id, output]}}}``. Nodes are told by what goes
into them, not by their class: every extension brings classes of its own.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from generation.engine.infotext.bounded import bad_metadata, json_decode
from generation.engine.infotext.recipe import (
    Recipe,
    RecipeLora,
    items,
    mapping,
    real,
    sampling,
    text_of,
    whole,
)

MAX_NODES: Final = 5_000
MAX_INPUTS: Final = 50_000
"""Of all nodes together."""
MAX_SAMPLERS: Final = 16
"""Samplers that are looked at; a graph has one to three."""

_SEEDS: Final = ("seed", "noise_seed")
_TEXTS: Final = ("text", "text_g", "clip_l", "t5xxl", "prompt", "string", "value")
_MODELS: Final = ("ckpt_name", "unet_name", "model_name")
_LATENTS: Final = ("latent_image", "latent", "samples", "latents")
_NOT_TEXT: Final = frozenset(
    {"clip", "model", "vae", "image", "control_net", "mask", "pixels", "style_model"}
)

Inputs = Mapping[str, Any]


def recipe_from_graph(text: str) -> Recipe | None:
    """From the PNG text ``prompt``. None when it is no graph or has no sampler. Raises
    ``EngineError("bad_metadata")``.
    """
    graph = _Graph(mapping(json_decode(text)))
    sampler = graph.first_sampler()
    if sampler is None:
        return None
    values = graph.sampler_values(sampler)
    size = graph.size(sampler)
    return Recipe(
        source="comfyui",
        prompt=graph.text(sampler, "positive"),
        negative_prompt=graph.text(sampler, "negative"),
        steps=whole(values.get("steps")),
        **sampling(_plain(text_of(values.get("sampler_name"))), values.get("scheduler")),
        cfg_scale=real(values.get("cfg")),
        seed=whole(next((values[name] for name in _SEEDS if name in values), None)),
        width=whole(size.get("width")),
        height=whole(size.get("height")),
        model=graph.model(sampler),
        strength=_strength(values),
        loras=tuple(graph.loras(sampler)),
    )


def _plain(sampler: str) -> str:
    """Without what tells variants of the same sampler apart."""
    return sampler.removesuffix("_gpu").removesuffix("_bh2")


def _strength(values: Inputs) -> float | None:
    denoise = real(values.get("denoise"))
    return None if denoise == 1.0 else denoise


class _Graph:
    def __init__(self, nodes: Mapping[str, Any]) -> None:
        if len(nodes) > MAX_NODES:
            raise bad_metadata(f"its graph has more than {MAX_NODES} nodes")
        self._inputs = {name: mapping(mapping(node).get("inputs")) for name, node in nodes.items()}
        if sum(map(len, self._inputs.values())) > MAX_INPUTS:
            raise bad_metadata(f"its graph has more than {MAX_INPUTS} inputs")

    def first_sampler(self) -> str | None:
        """A sampler whose latents come from no other: the base pass, not the hires pass."""
        samplers = [name for name, inputs in self._inputs.items() if _is_sampler(inputs)][:MAX_SAMPLERS]
        known = set(samplers)
        for name in samplers:
            start = self._linked(name, _LATENTS)
            if known.isdisjoint(self._upstream(start)):
                return name
        return next(iter(samplers), None)

    def sampler_values(self, sampler: str) -> dict[str, Any]:
        """The sampler's own settings; those of the helper nodes of a custom sampler where it has none."""
        values: dict[str, Any] = {}
        helpers = self._linked(sampler, ("noise", "guider", "sampler", "sigmas"))
        for name in (sampler, *self._upstream(helpers, through=("sigmas", "guider", "sampler"))):
            for key, value in self._inputs[name].items():
                found = self._scalar(value)
                if key != "sampler" and found is not None:
                    values.setdefault(key, found)
        return values

    def text(self, sampler: str, role: str) -> str:
        """What the encoder behind the sampler's ``positive`` or ``negative`` input was given."""
        starts = self._linked(sampler, (role,))
        if not starts:
            guiders = self._linked(sampler, ("guider",))
            roles = (role, "conditioning") if role == "positive" else (role,)
            starts = [found for guider in guiders for found in self._linked(guider, roles)]
        for name in self._upstream(starts, role=role):
            inputs = self._inputs[name]
            for key in _TEXTS:
                found = self._scalar(inputs.get(key))
                if isinstance(found, str):
                    return found
        return ""

    def size(self, sampler: str) -> Inputs:
        """Inputs of the node that made the empty latents."""
        for name in self._upstream(self._linked(sampler, _LATENTS)):
            inputs = self._inputs[name]
            if "width" in inputs and "height" in inputs:
                return {key: self._scalar(inputs[key]) for key in ("width", "height")}
        return {}

    def model(self, sampler: str) -> str:
        for name in self._models(sampler):
            for key in _MODELS:
                found = self._inputs[name].get(key)
                if isinstance(found, str):
                    return found
        return ""

    def loras(self, sampler: str) -> Iterator[RecipeLora]:
        for name in self._models(sampler):
            inputs = self._inputs[name]
            weight = real(self._scalar(inputs.get("strength_model")))
            if isinstance(inputs.get("lora_name"), str):
                yield RecipeLora(text_of(inputs["lora_name"]), 1.0 if weight is None else weight)

    def _models(self, sampler: str) -> Iterator[str]:
        starts = self._linked(sampler, ("model", "guider"))
        return self._upstream(starts, through=("model", "guider"))

    def _scalar(self, value: object) -> object:
        """A value, through the nodes that do nothing but hold one."""
        for _ in range(16):
            link = self._link(value)
            if link is None:
                return value if isinstance(value, str | int | float) else None
            inputs = self._inputs[link]
            keys = (*_SEEDS, *_TEXTS, "int", "float")
            value = next((inputs[key] for key in keys if key in inputs), None)
        return None

    def _link(self, value: object) -> str | None:
        parts = items(value)
        name = text_of(parts[0]) if len(parts) == 2 else ""
        return name if name in self._inputs else None

    def _linked(self, name: str, keys: Iterable[str]) -> list[str]:
        links = (self._link(self._inputs[name].get(key)) for key in keys)
        return [link for link in links if link is not None]

    def _upstream(
        self, starts: Iterable[str], *, role: str = "", through: tuple[str, ...] = ()
    ) -> Iterator[str]:
        """Every node that leads to ``starts``, nearest first, along the inputs named ``through`` (or all)."""
        waiting = deque(starts)
        seen = set(waiting)
        while waiting:
            name = waiting.popleft()
            yield name
            for link in self._linked(name, through or _followed(self._inputs[name], role)):
                if link not in seen:
                    seen.add(link)
                    waiting.append(link)


def _followed(inputs: Inputs, role: str) -> Iterable[str]:
    """The inputs along which the prompt of a ``role`` is looked for; all, when it is no prompt."""
    if role in inputs:
        return (role,)  # a ControlNet's node takes both prompts
    return [name for name in inputs if name not in _NOT_TEXT] if role else inputs


def _is_sampler(inputs: Inputs) -> bool:
    own = "steps" in inputs and "cfg" in inputs and any(seed in inputs for seed in _SEEDS)
    return own or ("sigmas" in inputs and "sampler" in inputs and "latent_image" in inputs)
