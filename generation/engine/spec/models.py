"""How a request names model files."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Where a model of any kind lies, and how caches tell it from others."""

    path: Path
    """A single file, or a folder as diffusers or transformers save it."""
    digest: str = ""
    """SHA-256 of the content in hex, or empty when unknown; part of every cache key and of the infotext."""
    name: str = ""
    """The name people know the model by, for the infotext."""
