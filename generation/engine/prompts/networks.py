"""Extra networks: ``<lora:name:te:unet>`` and the like are taken out of the prompt and say what to load."""

import math
import re
from dataclasses import dataclass
from typing import Final

from generation.engine.errors import EngineError
from generation.engine.prompts.limits import MAX_NETWORKS, MAX_WEIGHT, prompt_error, shortened
from generation.engine.spec.limits import MAX_LORA_RANK

_NETWORK: Final = re.compile(r"\\.|<(?P<kind>\w+):(?P<arguments>[^>]+)>", re.DOTALL)
_LORA_KINDS: Final = ("lora", "lyco")


@dataclass(frozen=True, slots=True)
class ExtraNetwork:
    """``<kind:name:positional:…:key=value>``, whatever the kind."""

    kind: str
    name: str
    positional: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        arguments = (self.name, *self.positional, *("=".join(pair) for pair in self.named))
        return f"<{self.kind}:{':'.join(arguments)}>"


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA that a prompt asks for: strengths for the text encoder and for the denoiser."""

    name: str
    text_encoder: float = 1.0
    denoiser: float = 1.0
    rank: int | None = None
    """Cut to this rank (``dyn``); None is the whole."""


@dataclass(frozen=True, slots=True)
class HypernetworkUse:
    """A hypernetwork that a prompt asks for."""

    name: str
    strength: float = 1.0


def networks_extract(text: str, *, field: str = "prompt") -> tuple[str, tuple[ExtraNetwork, ...]]:
    """The text without its extra networks, and these in order. Raises the prompt's ``EngineError``."""
    found: list[ExtraNetwork] = []

    def take(match: re.Match[str]) -> str:
        if match["kind"] is None:
            return match[0]  # a backslash: what follows is plain text
        found.append(_network(match["kind"], match["arguments"]))
        return ""

    # Behind the last ">" nothing can match, and looking for it from every "<" would take quadratic time.
    end = text.rfind(">") + 1
    rest = _NETWORK.sub(take, text[:end]) + text[end:]
    if len(found) > MAX_NETWORKS:
        raise prompt_error(
            field,
            f"{field} names {len(found)} extra networks; {MAX_NETWORKS} are allowed.",
            hint="Leave some out.",
        )
    return rest, tuple(found)


def loras(networks: tuple[ExtraNetwork, ...], *, field: str = "prompt") -> tuple[LoraUse, ...]:
    """The LoRAs among ``networks``. Without a strength it is 1; one strength is that of both.

    Raises the prompt's ``EngineError`` for a strength that is no number.
    """
    return tuple(_lora(network, field) for network in networks if network.kind in _LORA_KINDS)


def hypernetworks(
    networks: tuple[ExtraNetwork, ...], *, field: str = "prompt"
) -> tuple[HypernetworkUse, ...]:
    """The hypernetworks among ``networks``. Raises the prompt's ``EngineError``."""
    return tuple(
        HypernetworkUse(network.name, _number(network, (*network.positional, "1")[0], field))
        for network in networks
        if network.kind == "hypernet"
    )


def _network(kind: str, arguments: str) -> ExtraNetwork:
    name, *others = arguments.split(":")
    # With two "=" it is no pair, as in A1111.
    named = tuple(
        (key, value) for key, _, value in (one.partition("=") for one in others if one.count("=") == 1)
    )
    return ExtraNetwork(kind, name, tuple(one for one in others if one.count("=") != 1), named)


def _lora(network: ExtraNetwork, field: str) -> LoraUse:
    named, given = dict(network.named), dict(enumerate(network.positional))
    strength = named.get("te", given.get(0, "1"))
    encoder = _number(network, strength, field)
    denoiser = _number(network, named.get("unet", given.get(1, strength)), field)
    rank = named.get("dyn", given.get(2))
    if rank is None:
        return LoraUse(network.name, encoder, denoiser)
    if not re.fullmatch(r"[0-9]{1,6}", rank.strip()) or not 1 <= int(rank) <= MAX_LORA_RANK:
        raise _bad_number(network, rank, field)
    return LoraUse(network.name, encoder, denoiser, int(rank))


def _number(network: ExtraNetwork, text: str, field: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_WEIGHT:
        raise _bad_number(network, text, field)
    return value


def _bad_number(network: ExtraNetwork, text: str, field: str) -> EngineError:
    return prompt_error(
        field,
        f"“{shortened(text)}” in {shortened(str(network))} is not a usable number.",
        hint=f"Write it like this: <{network.kind}:{shortened(network.name)}:0.8>",
    )
