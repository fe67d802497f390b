"""What inspection says about a model, and how it says no."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models_hub.models import ModelFile
from sdweb.errors import PortalError

Kind = ModelFile.Kind
Family = ModelFile.Family
Format = ModelFile.Format
Variant = ModelFile.Variant

PICKLE_SUFFIXES: Final = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle"})
TORCH_SUFFIXES: Final = frozenset({".pt", ".pth", ".bin"})
"""Pickles that may hold a small model of one of the ``TORCH_KINDS``, many of which exist in no other form."""
TORCH_KINDS: Final = frozenset({Kind.UPSCALER, Kind.FACE_RESTORER, Kind.EMBEDDING})
NATIVE_SIZES: Final[Mapping[Family, int]] = {
    Family.SD15: 512, Family.SD2: 768, Family.SDXL: 1024, Family.SD3: 1024, Family.FLUX: 1024,
    Family.UNKNOWN: 512,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found; the texts are the file's own, cut to what a row holds."""

    kind: Kind
    family: Family
    format: Format
    native_size: int
    """Side in pixels of the pictures it was trained on."""
    variant: Variant = Variant.BASE
    trigger_words: tuple[str, ...] = ()
    description: str = ""
    license: str = ""


def unknown_model(why: str) -> PortalError:
    """It is whole, but nothing that the portal could use."""
    return PortalError(
        "unknown_model_type",
        why,
        hint="Known are checkpoints, LoRAs, VAEs, ControlNets, T2I-Adapters, IP-Adapters and embeddings of "
        "SD 1.5, SD 2, SDXL, SD3 and Flux, CLIP folders, upscalers of the ESRGAN, Compact and DAT kinds, the "
        "face restorers GFPGAN and CodeFormer, and folders of causal language models.",
        status=422,
    )


def wrong_channels(channels: object) -> PortalError:
    """``channels`` is what the UNet of a checkpoint takes."""
    return unknown_model(
        f"Its UNet takes {str(channels)[:20]} channels: 4 draw and 9 inpaint; any other number is made for "
        "something that the portal does not do."
    )


def broken_json(name: str, what: str) -> PortalError:
    """A text file of a model is not what it has to be."""
    return PortalError("broken_file", f"{name} {what}.", hint="Copy or download the model again.", status=422)


def broken_tensor(name: str, what: str) -> PortalError:
    """A tensor that no loader could use."""
    return PortalError(
        "broken_file",
        f"Its tensor {name[:80]!r} {what}.",
        hint="Copy or download the model again.",
        status=422,
    )


def pickle_refused(name: str) -> PortalError:
    """Why a ``.ckpt`` and its like are not taken."""
    return PortalError(
        "unsafe_format",
        f"{name[:80]} is a pickle: loading one can run any program, so it is never opened.",
        hint="Get the model as .safetensors. Upscalers, face restorers and embeddings may be .pt or .pth "
        "files too, where they hold weights alone.",
        status=422,
    )
