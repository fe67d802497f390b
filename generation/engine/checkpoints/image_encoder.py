"""The image encoders that IP-Adapters look through: CLIP vision models, as transformers saves them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch

from generation.engine.checkpoints.component_folder import component_files
from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import json_read, json_read_if_present
from generation.engine.checkpoints.modules import module_fill
from generation.engine.checkpoints.network_source import network_source
from generation.engine.errors import EngineError
from generation.engine.resident import modules_nbytes

FIELD: Final = "ip_adapter.image_encoder"
_KINDS: Final = frozenset({"clip", "clip_vision_model"})
"""The ``model_type`` of whole CLIPs and of their vision half alone."""


@dataclass(frozen=True, slots=True)
class ImageEncoder:
    """A CLIP vision model and how pictures are prepared for it."""

    module: Any
    """A ``CLIPVisionModelWithProjection``."""
    processor: Any
    """A ``CLIPImageProcessor``."""

    @property
    def nbytes(self) -> int:
        return modules_nbytes([self.module])

    def to(self, device: torch.device) -> Self:
        self.module.to(device)
        return self

    def widths(self) -> tuple[int, int]:
        """Channels of the embedding, and of the hidden states."""
        return self.module.config.projection_dim, self.module.config.hidden_size


def image_encoder_load(path: Path, dtype: torch.dtype) -> ImageEncoder:
    """Load the encoder in a folder on the CPU in ``dtype``.

    Raises ``EngineError`` with field ``ip_adapter.image_encoder`` and code ``model_missing``,
    ``model_unsupported``, ``model_unsafe`` or ``model_corrupt``.
    """
    try:
        return _load(path, dtype)
    except EngineError as error:
        error.field = error.field or FIELD
        raise


def _load(path: Path, dtype: torch.dtype) -> ImageEncoder:
    if not path.is_dir():
        raise EngineError(
            "model_missing" if not path.exists() else "model_unsupported",
            f"The image encoder {path.name} is not a folder with config.json and .safetensors weights.",
            hint="Choose a CLIP vision model as transformers saves it, the one that the IP-Adapter names.",
        )
    component_files(path)
    config = json_read(path / "config.json")
    kind = config.get("model_type")
    if kind not in _KINDS:
        raise EngineError(
            "model_unsupported",
            f"{path.name} is no CLIP vision model, but of the type {kind}.",
            hint="Choose the image encoder that the IP-Adapter names.",
        )
    try:
        module = _empty(config)
        processor = _processor(path, module.config.image_size)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise corrupt(path, f"its configuration makes no sense ({error})") from error
    module_fill(path, "image encoder", module, network_source(path).read(), dtype)
    return ImageEncoder(module, processor)


def _empty(config: Mapping[str, Any]) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    own = dict(config.get("vision_config") or config)
    own["projection_dim"] = config.get("projection_dim", own.get("projection_dim", 512))
    try:
        with torch.device("meta"):
            module = CLIPVisionModelWithProjection(CLIPVisionConfig.from_dict(own))
    except StrictDataclassError as error:
        raise ValueError(str(error)) from error
    # Numbered positions are computed, not loaded.
    embeddings = module.vision_model.embeddings
    embeddings.register_buffer("position_ids", torch.arange(embeddings.num_positions)[None], persistent=False)
    return module


def _processor(path: Path, side: int) -> Any:
    """The folder's own preparation, or CLIP's at the encoder's size."""
    from transformers import CLIPImageProcessor

    said = json_read_if_present(path / "preprocessor_config.json")
    if said is None:
        return CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    return CLIPImageProcessor.from_dict(said)
