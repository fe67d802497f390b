"""The two forms of a PyTorch file: a zip archive (since 1.6), and pickles with the numbers behind them."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from math import prod
from os import SEEK_CUR
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from models_hub.safetensors_header import DTYPE_BITS, SafetensorsHeader, TensorInfo
from models_hub.torch_files.errors import broken, unsafe
from models_hub.torch_files.machine import pickle_follow
from models_hub.torch_files.values import Global, Husk, Storage, Tensor

ZIP: Final = b"PK\x03\x04"
MAX_DIRECTORY_BYTES: Final = 8 * 2**20
"""Of the list of an archive's records; a network of thousands of tensors takes a few hundred kilobytes."""
MAGIC: Final = 0x1950A86A20F9469CFC6C
"""What the first of the bare pickles says."""
VERSION: Final = 1001
WRAPPERS: Final = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model", "net")
"""Under which training programs put the weights into a table of other things."""
DETECTORS: Final = frozenset(
    Global("ultralytics.nn.tasks", name)
    for name in ("DetectionModel", "YOLOv10DetectionModel", "SegmentationModel")
)
DETECTOR_NAMES: Final = re.compile(
    r"ultralytics\.[\w.]+|torch\.nn\.[\w.]+|numpy(\._?core)?(\.multiarray)?\.(scalar|dtype|ndarray|_reconstruct)"
    r"|numpy\.dtypes\.\w+|pathlib(\._local)?\.\w+Path|collections\.defaultdict"
    r"|(builtins|__builtin__)\.(set|getattr|slice|x?range)"
)
"""What files of detectors name; nothing of it is ever imported."""
VECTORS: Final = "string_to_param"
"""Where A1111 and the first textual inversion keep an embedding's vectors, by the word."""


def tensors_read(path: Path) -> SafetensorsHeader:
    """Names, types and shapes of the weights in a file, wrappings taken off.

    Raises ``PortalError`` ``unsafe_format`` for a pickle that would do anything but make tensors, and
    ``broken_file``; ``OSError`` passes.
    """
    content = _content(path)
    tensors = {
        name: _described(value) for name, value in _weights(content).items() if isinstance(value, Tensor)
    }
    return SafetensorsHeader(tensors=tensors, metadata={})


def is_detector(path: Path) -> bool:
    """Whether it is a detection or segmentation model of ultralytics that names nothing but what such files
    name. The worker reads one in the same way: no object of the file is ever made.

    Raises ``PortalError`` as ``tensors_read`` does.
    """
    content = _content(path, expected=DETECTOR_NAMES)
    model = content.get("ema") or content.get("model")
    return isinstance(model, Husk) and model.kind in DETECTORS


def _content(path: Path, *, expected: re.Pattern[str] | None = None) -> dict[Any, Any]:
    with path.open("rb") as file:
        is_zip = file.read(len(ZIP)) == ZIP
        file.seek(0)
        size = path.stat().st_size
        content = _archive(file, expected) if is_zip else _bare(file, expected, size=size)
    if not isinstance(content, dict):
        raise broken("it holds no table of weights")
    return content


def _weights(content: dict[Any, Any]) -> dict[str, Any]:
    vectors = content.get(VECTORS)
    if isinstance(vectors, dict) and len(vectors) == 1:
        return {"emb_params": next(iter(vectors.values()))}
    found = next((content[name] for name in WRAPPERS if isinstance(content.get(name), dict)), content)
    return {name: value for name, value in found.items() if isinstance(name, str)}


def _described(tensor: Tensor) -> TensorInfo:
    return TensorInfo(tensor.dtype, tensor.shape, 0, prod(tensor.shape) * DTYPE_BITS[tensor.dtype] // 8)


# --- Archives
# ---------------------------------------------------------------------------------------------------------


class _BoundedFile:
    """A file for ``zipfile`` that refuses to read a huge list of records into memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_DIRECTORY_BYTES:
            # zipfile looks for the end of the archive in its last 64 KiB by reading to the end.
            rest = self._file.tell()
            self._file.seek(0, 2)
            size = self._file.tell() - rest
            self._file.seek(rest)
        if size > MAX_DIRECTORY_BYTES:
            raise broken("its list of records is longer than any real one")
        return self._file.read(size)


def _archive(file: BinaryIO, expected: re.Pattern[str] | None) -> Any:
    try:
        with zipfile.ZipFile(_BoundedFile(file)) as archive:
            records = _records(archive)
            root = _root(records)
            storages: dict[str, Storage] = {}
            with archive.open(f"{root}/data.pkl") as pickled:
                # Readable, as a file is.
                content = pickle_follow(pickled, storages, expected=expected)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise broken("its archive is damaged") from error
    for storage in storages.values():
        if records.get(f"{root}/data/{storage.key}", -1) < storage.nbytes:
            raise broken("one of its storages is missing or cut off")
    return content


def _records(archive: zipfile.ZipFile) -> dict[str, int]:
    """Sizes by name. What two readers could read in two ways is refused."""
    entries = archive.infolist()
    records = {entry.filename: entry.file_size for entry in entries}
    if len(records) != len(entries):
        raise broken("its archive has two records of one name")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
        raise broken("its archive is compressed or locked, which PyTorch does not do")
    return records


def _root(records: Mapping[str, int]) -> str:
    roots = {PurePosixPath(name).parts[0] for name in records if name.strip("/")}
    root = next(iter(roots), "")
    if len(roots) != 1 or f"{root}/data.pkl" not in records:
        raise broken("its archive is not one of PyTorch")
    if f"{root}/constants.pkl" in records or any(name.startswith(f"{root}/code/") for name in records):
        raise unsafe("it is a program of TorchScript")
    return root


# --- Bare pickles
# ---------------------------------------------------------------------------------------------------------


def _bare(file: BinaryIO, expected: re.Pattern[str] | None, *, size: int) -> Any:
    storages: dict[str, Storage] = {}
    # Followed to its end whatever it is, so that a refusal says what a stranger's pickle imports.
    if pickle_follow(file, {}) != MAGIC:
        raise broken("it is a pickle, but not one of PyTorch")
    if pickle_follow(file, {}) != VERSION or not isinstance(pickle_follow(file, {}), dict):
        raise broken("it is of a version that nobody knows")
    content = pickle_follow(file, storages, expected=expected)
    keys = pickle_follow(file, {})
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise broken("it has no list of its storages")
    if sorted(keys) != sorted(storages):
        raise broken("its list of storages is not that of its tensors")
    _require_storages(file, [storages[key] for key in keys], size=size)
    return content


def _require_storages(file: BinaryIO, storages: Sequence[Storage], *, size: int) -> None:
    """Before each storage eight bytes say how many elements it has."""
    for storage in storages:
        if int.from_bytes(file.read(8), "little") != storage.numel or file.tell() + storage.nbytes > size:
            raise broken("it ends inside its weights: still being copied, or cut off")
        file.seek(storage.nbytes, SEEK_CUR)
