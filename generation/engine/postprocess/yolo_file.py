"""What is in a ``.pt`` file of ultralytics, without running any of it.

Such a file is a pickle of the network's Python objects, which would be made, filled and called by whoever
loads it. Here PyTorch's restricted unpickler reads it with a stand-in for every class that such files name: a
``Husk``, which keeps what the file says about the object and can do nothing. The network is then made anew
from the layout and the tensors found in the husks, so that no object of the file is ever used as one.
"""

import pickle
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch

from generation.engine.checkpoints.header import corrupt
from generation.engine.errors import EngineError

WANTED: Final = "a detection or segmentation model of ultralytics (YOLO)"
DETECTION: Final = frozenset({"DetectionModel", "YOLOv10DetectionModel"})
SEGMENTATION: Final = frozenset({"SegmentationModel"})
EXPECTED: Final = re.compile(
    r"ultralytics\.[\w.]+|torch\.nn\.[\w.]+|numpy(\._?core)?(\.multiarray)?\.(scalar|dtype|ndarray|_reconstruct)"
    r"|numpy\.dtypes\.\w+|pathlib(\._local)?\.\w+Path|collections\.defaultdict|builtins\.(getattr|slice|range)"
)
"""Names that real files hold. Of the functions among them nothing but a husk is made either."""
DEFAULT_SIDE: Final = 640
MAX_SIDE: Final = 1280
MAX_MODULES: Final = 20_000
MAX_DEPTH: Final = 16
"""Of modules within modules; real networks need eight."""

_registering = threading.Lock()


class Husk:
    """Stands for an object of the file."""

    state: Mapping[str, Any]

    def __new__(cls, *_: object, **__: object) -> Self:
        husk = super().__new__(cls)
        husk.state = {}
        return husk

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, Mapping) else {}

    def table(self, key: str) -> Mapping[Any, Any]:
        """The table under ``key`` of the state, or an empty one."""
        found = self.state.get(key)
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class YoloFile:
    """A network of ultralytics as plain data."""

    segments: bool
    """Whether it draws outlines, and not only boxes."""
    layout: Mapping[str, Any]
    """Its layers, as in the library's YAML files; from the file, not checked."""
    labels: tuple[str, ...]
    side: int
    """Pixels of the longer side that it was trained at."""
    tensors: Mapping[str, torch.Tensor]


def yolo_read(path: Path) -> YoloFile:
    """Read ``path``. Raises ``EngineError`` with code ``model_missing``, ``model_unsafe``, ``model_corrupt``
    or ``model_unsupported``.
    """
    if not path.is_file():
        raise EngineError(
            "model_missing",
            f"The model file {path.name} is not there.",
            hint="Check that the file is still in the models folder and readable by the worker.",
        )
    content = _unpickle(path)
    model = (content.get("ema") or content.get("model")) if isinstance(content, Mapping) else None
    name = type(model).__name__.rpartition(".")[2]
    if not isinstance(model, Husk) or name not in DETECTION | SEGMENTATION:
        found = name if isinstance(model, Husk) else "another kind of file"
        raise EngineError(
            "model_unsupported",
            f"{path.name} is not {WANTED}: it holds {found}.",
            hint="Choose a model that was trained to detect or to segment, such as face_yolov8n.pt.",
        )
    labels = model.table("names")
    return YoloFile(
        segments=name in SEGMENTATION,
        layout=model.table("yaml"),
        labels=tuple(str(labels[number])[:100] for number in sorted(labels) if isinstance(number, int)),
        side=_side(content.get("train_args")),
        tensors=dict(_tensors(path, model)),
    )


def _unpickle(path: Path) -> Any:
    try:
        with _nothing_but_husks():
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            foreign = sorted(name for name in names if not EXPECTED.fullmatch(name))
            if foreign:
                raise pickle.UnpicklingError(f"it names {foreign[0]}")
            torch.serialization.add_safe_globals([(type(name, (Husk,), {}), name) for name in names])
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise EngineError(
            "model_unsafe",
            f"{path.name} holds more than a detector: loading it could run a program on this machine, so it "
            "is refused.",
            hint="Get the model from its author's own page, and compare its SHA-256.",
        ) from error
    except (
        RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError
    ) as error:  # fmt: skip
        raise corrupt(path, "it is no file of PyTorch, or is cut off") from error


@contextmanager
def _nothing_but_husks() -> Iterator[None]:
    """PyTorch has one list of further classes for the whole process: what else is in it shall not be made of
    this file's data. Other threads that load weights meanwhile may meet husks: they are harmless.
    """
    with _registering:
        before = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            yield
        finally:
            torch.serialization.clear_safe_globals()
            torch.serialization.add_safe_globals(before)


def _side(arguments: object) -> int:
    side = arguments.get("imgsz") if isinstance(arguments, Mapping) else None
    if isinstance(side, list) and side:
        side = side[0]
    return min(max(side, 32), MAX_SIDE) if isinstance(side, int) else DEFAULT_SIDE


def _tensors(path: Path, root: Husk) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers as ``Module.state_dict`` names them."""
    waiting = [("", root)]
    for _ in range(MAX_MODULES):
        if not waiting:
            return
        prefix, husk = waiting.pop()
        passing = husk.state.get("_non_persistent_buffers_set") or ()
        for name, tensor in (*husk.table("_parameters").items(), *husk.table("_buffers").items()):
            if isinstance(tensor, torch.Tensor) and name not in passing:
                yield f"{prefix}{name}", tensor.detach()
        children = husk.table("_modules").items()
        waiting += [(f"{prefix}{name}.", child) for name, child in children if isinstance(child, Husk)]
        if prefix.count(".") > MAX_DEPTH:
            break
    raise corrupt(path, "its modules contain each other")
