"""Folders with one network in them: ``config.json`` says what it should be, the weights have to be that."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models_hub.inspection import metadata
from models_hub.inspection.findings import (
    NATIVE_SIZES,
    Family,
    Format,
    Inspection,
    Kind,
    broken_json,
    unknown_model,
)
from models_hub.inspection.layouts import controlnet, t2i_adapter, vae
from models_hub.inspection.layouts.layout import text_family
from models_hub.safetensors_header import SafetensorsHeader
from sdweb.errors import PortalError

Config = Mapping[str, Any]

CLIP_PARTS: Final = frozenset(
    {"text_projection.weight", "visual_projection.weight", "logit_scale",
     "text_model.embeddings.token_embedding.weight", "vision_model.embeddings.patch_embedding.weight"}
)  # fmt: skip
LANGUAGE_MODEL: Final = re.compile(r"[A-Za-z0-9]{1,60}(ForCausalLM|LMHeadModel)")
"""How transformers names the classes of causal language models."""
LANGUAGE_PARTS: Final = re.compile(
    r"(.+\.)?(wte|embed_tokens|word_embeddings|embed_in|tok_embeddings)\.weight"
)
"""The table of words: every language model has one, under one of these names."""
PARTS_ALONE: Final[Mapping[str, str]] = {
    "UNet2DConditionModel": "the UNet of a checkpoint",
    "CLIPTextModel": "the text encoder of a checkpoint",
    "CLIPTextModelWithProjection": "a text encoder of an SDXL checkpoint",
    "CLIPVisionModel": "the image half of CLIP",
    "CLIPVisionModelWithProjection": "the image half of CLIP",
}
"""Classes that people do put there by themselves, and what to call them."""


@dataclass(frozen=True, slots=True)
class Network:
    """A class of diffusers or transformers, and what its weights must look like."""

    kind: Kind
    format: Format
    matches: Callable[[SafetensorsHeader], bool]
    family: Callable[[Config, SafetensorsHeader], Family]
    native_size: Callable[[Config, Family], int]


def network_inspect(config: Config, weights: Sequence[SafetensorsHeader]) -> Inspection:
    """Recognise a network by what ``config.json`` says and what all the weights beside it have.

    Raises as ``file_inspect`` does.
    """
    name = _class_name(config)
    network = LANGUAGE if LANGUAGE_MODEL.fullmatch(name) else NETWORKS.get(name)
    if network is None:
        alone = PARTS_ALONE.get(name)
        raise unknown_model(
            f"It is {alone} alone." if alone else f"Its class {name[:80]!r} is not one that the portal knows."
        )
    if "auto_map" in config:
        raise code_refused("config.json")
    whole = _joined(weights)
    if not network.matches(whole):
        raise broken_json("config.json", f"says {name}, but the weights beside it are something else")
    family = network.family(config, whole)
    if family is Family.UNKNOWN:
        family = metadata.family_said(whole.metadata)
    return Inspection(
        kind=network.kind,
        family=family,
        format=network.format,
        native_size=network.native_size(config, family),
        description=metadata.description_said(whole.metadata),
        license=metadata.license_said(whole.metadata),
    )


def code_refused(name: str) -> PortalError:
    """A file that names classes which lie beside it."""
    return PortalError(
        "unsafe_format",
        f"Its {name} asks for code that comes with it: that would be run, so it is never loaded.",
        hint="Get the model without code of its own.",
        status=422,
    )


def _class_name(config: Config) -> str:
    """diffusers writes a class, transformers a list of them."""
    classes = config.get("architectures")
    if "_class_name" not in config and isinstance(classes, list) and len(classes) == 1:
        return str(classes[0])
    return str(config.get("_class_name"))


def _joined(weights: Sequence[SafetensorsHeader]) -> SafetensorsHeader:
    """Large networks come in several files, and any of them in two precisions."""
    tensors = {name: tensor for header in weights for name, tensor in header.tensors.items()}
    words = {key: text for header in weights for key, text in header.metadata.items()}
    return SafetensorsHeader(tensors=tensors, metadata=words)


def _controlnet_family(config: Config, header: SafetensorsHeader) -> Family:
    found = controlnet.family(header)
    if found is not Family.UNKNOWN:
        return found
    if config.get("addition_embed_type") == "text_time":
        return Family.SDXL
    # One without attention has no tensor of the text's width, but was made for a UNet that has.
    width = config.get("cross_attention_dim")
    return text_family([width] if type(width) is int else [])


def _usual_size(_config: Config, family: Family) -> int:
    return NATIVE_SIZES[family]


def _clip_size(config: Config, _family: Family) -> int:
    vision = config.get("vision_config")
    side = vision.get("image_size") if isinstance(vision, dict) else None
    return side if type(side) is int and 32 <= side <= 2048 else CLIP_SIDE


def _family_untold(_config: Config, _header: SafetensorsHeader) -> Family:
    return Family.UNKNOWN


def _adapter_family(_config: Config, header: SafetensorsHeader) -> Family:
    return t2i_adapter.family(header)


CLIP_SIDE: Final = 224
LANGUAGE: Final = Network(
    Kind.LANGUAGE_MODEL,
    Format.TRANSFORMERS,
    lambda header: any(LANGUAGE_PARTS.fullmatch(name) for name in header.tensors),
    _family_untold,
    _usual_size,
)
NETWORKS: Final[Mapping[str, Network]] = {
    "ControlNetModel": Network(
        Kind.CONTROLNET, Format.DIFFUSERS, controlnet.matches, _controlnet_family, _usual_size
    ),
    "T2IAdapter": Network(
        Kind.CONTROLNET, Format.DIFFUSERS, t2i_adapter.matches, _adapter_family, _usual_size
    ),
    "AutoencoderKL": Network(Kind.VAE, Format.DIFFUSERS, vae.matches, _family_untold, _usual_size),
    "AutoencoderTiny": Network(
        Kind.PREVIEW_DECODER,
        Format.DIFFUSERS,
        lambda header: header.tensors.keys() >= {"encoder.layers.0.weight", "decoder.layers.0.weight"},
        _family_untold,
        _usual_size,
    ),
    "CLIPModel": Network(
        Kind.CLIP,
        Format.TRANSFORMERS,
        lambda header: header.tensors.keys() >= CLIP_PARTS,
        _family_untold,
        _clip_size,
    ),
}
