"""Additions to a checkpoint's weights and words: LoRA and LyCORIS networks, textual inversions.

``lora_load`` reads a network file, ``merge`` computes a checkpoint's weights with a set of them worked in,
and ``Merged.applied`` puts those in place for the length of a ``with``; nothing of it stays.
``embedding_load`` reads a textual inversion, and ``vectors_in_place`` lets a text encoder read it.
"""

from generation.engine.networks.embedding_file import EmbeddingVectors, embedding_load
from generation.engine.networks.keys import DENOISER
from generation.engine.networks.lora_file import LoraFile, lora_load
from generation.engine.networks.merged import Merged
from generation.engine.networks.merging import NetworkUse, merge, set_key
from generation.engine.networks.texts import TextAdditions
from generation.engine.networks.vectors import token_ids, vectors_in_place

__all__ = [
    "DENOISER",
    "EmbeddingVectors",
    "LoraFile",
    "Merged",
    "NetworkUse",
    "TextAdditions",
    "embedding_load",
    "lora_load",
    "merge",
    "set_key",
    "token_ids",
    "vectors_in_place",
]
