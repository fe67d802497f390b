"""Checkpoints: what a path holds, and how it is loaded, offline and without running anybody's code.

Each layout is a module with ``matches``, ``inspect`` and ``open_parts``; a new one joins ``_LAYOUTS``.
``detect`` needs no torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generation.engine.checkpoints import folder, single_file
from generation.engine.checkpoints.families import FAMILY_NAMES, Family
from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import CheckpointInfo, Parts, unsupported
from generation.engine.errors import EngineError

if TYPE_CHECKING:
    import torch

    from generation.engine.checkpoints.components import Checkpoint
    from generation.engine.checkpoints.flow import FlowCheckpoint
    from generation.engine.checkpoints.vae import LoadedVae

__all__ = ["CheckpointInfo", "detect", "flow_load", "load", "vae_load"]

_LAYOUTS: tuple[Any, ...] = (folder, single_file)


def detect(path: Path) -> CheckpointInfo:
    """Family, prediction type, native size and kind of the checkpoint at ``path``; reads no weights.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsupported``, ``model_unsafe`` or
    ``model_corrupt``.
    """
    with _explained(path):
        info: CheckpointInfo = _layout(path).inspect(path)
        return info


def load(path: Path, dtype: "torch.dtype") -> "Checkpoint":
    """Load a checkpoint with a U-Net (SD1.x, 2.x, XL) on the CPU in ``dtype``; raises the errors of
    ``detect``.

    Those of SD3 and Flux (``detect(path).exclusive``) are ``model_unsupported`` here: see ``flow_load``.
    """
    from generation.engine.checkpoints.components import build

    with _explained(path):
        return build(path, _parts(path, exclusive=False), dtype)


def flow_load(path: Path, dtype: "torch.dtype") -> "FlowCheckpoint":
    """Load a checkpoint of SD3 or Flux on the CPU in ``dtype``; raises the errors of ``detect``,
    ``model_incomplete`` for a file whose VAE or text encoders are nowhere, and ``tokenizer_missing``.
    """
    from generation.engine.checkpoints.flow import flow_build

    with _explained(path):
        return flow_build(path, _parts(path, exclusive=True), dtype)


def vae_load(path: Path, family: Family, dtype: "torch.dtype") -> "LoadedVae":
    """Load a VAE for a checkpoint of ``family`` on the CPU in ``dtype`` (fp32 where fp16 would overflow).

    Raises ``EngineError`` with code ``model_missing``, ``model_unsupported``, ``model_unsafe`` or
    ``model_corrupt``, ``field`` ``vae``.
    """
    from generation.engine.checkpoints.vae import build_vae

    try:
        with _explained(path):
            _require_there(path)
            return build_vae(path, family, dtype)
    except EngineError as error:
        error.field = "vae"
        raise


def _parts(path: Path, *, exclusive: bool) -> Parts:
    layout = _layout(path)
    info: CheckpointInfo = layout.inspect(path)
    info.require_runnable(path)
    if info.exclusive != exclusive:
        raise unsupported(path, f"it is {FAMILY_NAMES[info.family]}, which does not fit here")
    parts: Parts = layout.open_parts(path)
    return parts


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """A stranger's configuration can be wrong in more ways than can be listed; all mean the same."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise corrupt(path, f"its configuration makes no sense ({error})") from error


def _layout(path: Path) -> Any:
    _require_there(path)
    return next(layout for layout in _LAYOUTS if layout.matches(path))


def _require_there(path: Path) -> None:
    if not path.exists():
        raise EngineError(
            "model_missing",
            f"There is no model {path.name} where it should be.",
            hint="Choose another model, or put the file back into the models folder and scan it again.",
        )
