"""A single file's tensors: described by their shapes, and read one after the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from generation.engine.checkpoints.header import Header, corrupt
from generation.engine.checkpoints.infer import IndescribableError
from generation.engine.checkpoints.info import Tensors, unsupported
from generation.engine.checkpoints.sources import Source

_SCALES: Final = (".scale_weight", ".weight_scale", ".weight_scale_inv", "scaled_fp8")
_QUANTISED: Final = (".absmax", ".quant_map", ".qweight")


def described(path: Path, source: Source, header: Header) -> dict[str, Any]:
    """The configuration of one component, off the shapes.

    Raises ``EngineError`` with code ``model_corrupt`` or ``model_unsupported``.
    """
    try:
        return source.config(source.shapes(header.shapes))
    except IndescribableError as error:
        raise unsupported(path, str(error)) from error
    except (KeyError, IndexError, ValueError) as error:
        raise corrupt(path, f"a tensor that its kind always has is missing ({error})") from error


def require_plain(path: Path, header: Header) -> None:
    """Raise ``EngineError("model_unsupported")`` for numbers that mean something only with others.

    Plain fp8 is fine: it is read like any other dtype.
    """
    for name in header.shapes:
        if name.endswith(_SCALES):
            raise unsupported(path, "its fp8 weights come with scales; get it in fp16, bf16 or plain fp8")
        if name.endswith(_QUANTISED) or ".quant_state." in name:
            raise unsupported(path, "its weights are quantised; get it in fp16, bf16 or plain fp8")


def source_read(path: Path, source: Source, config: Mapping[str, Any]) -> Tensors:
    """The parameters of one component under diffusers' names, in the file's dtype."""
    from safetensors import safe_open

    translate = source.translate(config)
    with safe_open(path, framework="pt", device="cpu") as stream:
        for name in stream.keys():  # noqa: SIM118 - not a mapping
            stripped = source.strip(name)
            if stripped is not None:
                yield from translate(stripped, stream.get_tensor(name))
