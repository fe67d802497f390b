"""A VAE as a model of its own, for the request's ``vae`` field."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from generation.engine.checkpoints import ldm_layout
from generation.engine.checkpoints.component_folder import component_config, component_files, component_read
from generation.engine.checkpoints.families import FAMILIES, Family
from generation.engine.checkpoints.header import header_read
from generation.engine.checkpoints.info import Tensors, unsupported
from generation.engine.checkpoints.modules import module_empty, module_fill
from generation.engine.checkpoints.reading import described, require_plain, source_read
from generation.engine.checkpoints.sources import vae_source
from generation.engine.errors import EngineError
from generation.engine.resident import modules_nbytes

_PREFIXES: Final = (ldm_layout.VAE_PREFIX, "vae.", "")
"""Of a whole checkpoint, of others' all-in-one files, and of a VAE alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedVae:
    """A VAE in evaluation mode; it belongs to the device thread."""

    vae: Any
    """An ``AutoencoderKL``."""

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes."""
        return modules_nbytes((self.vae,))

    def to(self, device: torch.device) -> "LoadedVae":
        """Move it to ``device``, in place. May raise ``torch.OutOfMemoryError``."""
        self.vae.to(device)
        return self

    def require_fit(self, latent_channels: int) -> None:
        """Raise ``EngineError("model_unsupported")`` for one that reads other latents than a checkpoint's."""
        own = self.vae.config["latent_channels"]
        if own != latent_channels:
            raise EngineError(
                "model_unsupported",
                f"This VAE reads latents of {own} channels, the checkpoint makes {latent_channels}.",
                hint="Choose a VAE of the checkpoint's family, or leave the field empty.",
                field="vae",
            )


def build_vae(path: Path, family: Family, dtype: torch.dtype) -> LoadedVae:
    """The VAE at ``path`` on the CPU: a folder of diffusers (of the VAE or of a whole checkpoint) or one
    file, under the original names or those of diffusers, alone or inside a checkpoint.

    ``family`` is the checkpoint's: a file does not say how its latents are scaled. Where the family's VAEs
    overflow in fp16 it is loaded in fp32 instead. Raises ``EngineError`` with code ``model_corrupt``,
    ``model_unsafe`` or ``model_unsupported``.
    """
    config, tensors = _from_folder(path) if path.is_dir() else _from_file(path, family)
    overflows = FAMILIES[family].fp16_overflows and config.get("force_upcast", True)
    module = module_empty("autoencoder", config)
    wide = torch.float32 if dtype == torch.float16 and overflows else dtype
    module_fill(path, "vae", module, tensors, wide)
    return LoadedVae(vae=module)


def _from_folder(path: Path) -> tuple[dict[str, Any], Tensors]:
    folder = path / "vae" if (path / "vae").is_dir() else path
    config = component_config(folder.parent, folder.name)
    if config.get("_class_name", "AutoencoderKL") != "AutoencoderKL":
        raise unsupported(path, f"it is an {config['_class_name']}, not an AutoencoderKL")
    return config, component_read(component_files(folder), "autoencoder")


def _from_file(path: Path, family: Family) -> tuple[dict[str, Any], Tensors]:
    header = header_read(path)
    require_plain(path, header)
    source = vae_source(family, header.shapes, _PREFIXES)
    shapes = source.shapes(header.shapes)
    if not any(name.startswith("decoder.") for name in shapes):
        raise unsupported(path, "it holds no VAE")
    if "encoder.conv_in.weight" not in shapes:
        raise unsupported(path, "it holds a VAE's decoder alone, which cannot read pictures")
    config = described(path, source, header)
    return config, source_read(path, source, config)
