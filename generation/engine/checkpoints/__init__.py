"""Checkpoints: what a path holds, and how it is loaded, offline and without running anybody's code.

Each layout is a module with ``matches``, ``inspect`` and ``open_parts``; a new one joins ``_LAYOUTS``.
``detect`` needs no torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generation.engine.checkpoints import folder, single_file
from generation.engine.checkpoints.header import corrupt
from generation.engine.checkpoints.info import CheckpointInfo
from generation.engine.errors import EngineError

if TYPE_CHECKING:
    import torch

    from generation.engine.checkpoints.components import Checkpoint

__all__ = ["CheckpointInfo", "detect", "load"]

_LAYOUTS: tuple[Any, ...] = (folder, single_file)


def detect(path: Path) -> CheckpointInfo:
    """Family, prediction type and native size of the checkpoint at ``path``; reads no weights.

    Raises ``EngineError`` with code ``model_missing``, ``model_unsupported``, ``model_unsafe`` or
    ``model_corrupt``.
    """
    with _explained(path):
        info: CheckpointInfo = _layout(path).inspect(path)
        return info


def load(path: Path, dtype: "torch.dtype") -> "Checkpoint":
    """Load the checkpoint at ``path`` on the CPU in ``dtype``; raises the errors of ``detect``."""
    from generation.engine.checkpoints.components import build

    with _explained(path):
        return build(path, _layout(path).open_parts(path), dtype)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """A stranger's configuration can be wrong in more ways than can be listed; all mean the same."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise corrupt(path, f"its configuration makes no sense ({error})") from error


def _layout(path: Path) -> Any:
    if not path.exists():
        raise EngineError(
            "model_missing",
            f"There is no model {path.name} where it should be.",
            hint="Choose another model, or put the file back into the models folder and scan it again.",
        )
    return next(layout for layout in _LAYOUTS if layout.matches(path))
