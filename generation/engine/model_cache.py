"""Loaded models of every kind, kept by bytes; one in use is never dropped, nor the last checkpoint."""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import torch

from generation.engine import checkpoints
from generation.engine.devices import engine_error, memory_release, memory_retry
from generation.engine.errors import EngineError
from generation.engine.lru import ByteLru
from generation.engine.resident import Resident
from generation.engine.spec import ModelRef

if TYPE_CHECKING:
    from generation.engine.checkpoints.components import Checkpoint

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Resident)


@dataclass(frozen=True, slots=True)
class ModelKind(Generic[R]):
    """One kind of model: how it is read from a path, on the CPU, in a number format. A kind belongs to the
    module that uses it.
    """

    name: str
    """As part of cache keys: the same file may be loaded as two kinds."""
    load: Callable[[Path, torch.dtype], R]
    """May raise ``EngineError``. Called on the cache's reading thread."""


def _checkpoint(path: Path, dtype: torch.dtype) -> "Checkpoint":
    return checkpoints.load(path, dtype)


CHECKPOINT: "Final[ModelKind[Checkpoint]]" = ModelKind("checkpoint", _checkpoint)


def cache_key(ref: ModelRef, kind: str = CHECKPOINT.name) -> str:
    """What tells two contents apart: the digest, or, where none is known, path, size and time of change."""
    return _content_key(ref) if kind == CHECKPOINT.name else f"{kind}:{_content_key(ref)}"


def _content_key(ref: ModelRef) -> str:
    if ref.digest:
        return ref.digest
    files = sorted(ref.path.rglob("*")) if ref.path.is_dir() else [ref.path]
    facts = [file.stat() for file in files if file.is_file()]
    newest = max((fact.st_mtime_ns for fact in facts), default=0)
    return f"{ref.path}@{newest}-{sum(fact.st_size for fact in facts)}"


class ModelCache:
    """Models on the device.

    Files are read by a thread of its own, so that running pictures go on while a model loads; moving it to
    the device (``place``), like every method but ``resident``, belongs to the device thread. ``loaded`` is
    called after each finished load, from that other thread.
    """

    def __init__(
        self,
        *,
        device: torch.device,
        dtype: torch.dtype,
        limit: int,
        loaded: Callable[[], None],
        place: Callable[[Any], Any] | None = None,
    ) -> None:
        self._device = device
        self._dtype = dtype
        self._loaded = loaded
        self._put = place or (lambda model: model.to(device))
        self._entries: ByteLru[str, Resident] = ByteLru(limit)
        self._labels: dict[str, str] = {}
        self._checkpoints: set[str] = set()
        """The keys of checkpoints, loaded or not."""
        self._leases: Counter[str] = Counter()
        self._pending: dict[str, Future[Resident]] = {}
        self._failures: dict[str, EngineError] = {}
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine-load")
        self._lock = threading.Lock()
        self.loads = 0
        """Models read from disk so far."""
        self.checkpoint_loads = 0
        """Checkpoints among them."""

    def acquire(self, key: str, ref: ModelRef, kind: ModelKind[Any] = CHECKPOINT) -> None:
        """Hold the model until ``release``, and begin to load it when it is not there. ``key`` is
        ``cache_key(ref, kind.name)``.
        """
        self._leases[key] += 1
        if key not in self._entries and key not in self._pending:
            self._labels[key] = ref.digest or str(ref.path)
            if kind.name == CHECKPOINT.name:  # whichever family's
                self._checkpoints.add(key)
            self._failures.pop(key, None)
            future = self._pending[key] = self._reader.submit(kind.load, ref.path, self._dtype)
            future.add_done_callback(lambda _: self._loaded())

    def release(self, key: str) -> None:
        self._leases[key] -= 1
        if not self._leases[key]:
            del self._leases[key]
            self._failures.pop(key, None)
            self._shrink(self._entries.limit, keep=self._last_checkpoint())

    def hold(self, key: str) -> bool:
        """Hold until ``release`` what was kept under ``key``; False when it is not there (any more)."""
        if key not in self._entries:
            return False
        self._leases[key] += 1
        return True

    def keep(self, key: str, label: str, model: Resident) -> None:
        """Take in something that was made of models on the device, and hold it until ``release``."""
        self._leases[key] += 1
        if key not in self._entries:
            self._labels[key] = label
            self._place(key, model)

    @property
    def settled(self) -> bool:
        """Whether the reading thread has finished something that ``settle`` has not taken in yet."""
        return any(future.done() for future in self._pending.values())

    def settle(self) -> None:
        """Take in what the reading thread has finished."""
        for key, future in [(key, future) for key, future in self._pending.items() if future.done()]:
            del self._pending[key]
            try:
                self._place(key, future.result())
                self.loads += 1
                self.checkpoint_loads += key in self._checkpoints
            except Exception as error:
                logger.warning("Model %s was not loaded: %s", self._labels[key], error)
                if key in self._leases:
                    self._failures[key] = engine_error(error, f"loading the model {self._labels[key]}")

    def get(self, key: str) -> Any | None:
        """An acquired model, of its kind's type, or None while it loads; raises ``EngineError`` when that
        failed.
        """
        if key in self._failures:
            raise self._failures[key]
        with self._lock:
            return self._entries.get(key)

    def evict_idle(self) -> None:
        """Drop every model that nobody holds and give its memory back."""
        self._shrink(0)
        memory_release(self._device)

    def resident(self) -> tuple[str, ...]:
        """Digests (or paths) of the loaded models, most recently used last. For any thread."""
        with self._lock:
            return tuple(self._labels[key] for key in self._entries)

    def resident_checkpoints(self) -> tuple[str, ...]:
        """Those of ``resident`` that are checkpoints. For any thread."""
        with self._lock:
            return tuple(self._labels[key] for key in self._entries if key in self._checkpoints)

    def close(self) -> None:
        """Forget everything; a load that is under way ends by itself."""
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._leases.clear()
        self._shrink(0)

    def _last_checkpoint(self) -> frozenset[str]:
        """The checkpoint used last, unless another is in use: larger than the cache or not, it was there
        just now, the next job probably wants it, and whatever needs its room can still have it.
        """
        loaded = [key for key in self._entries if key in self._checkpoints]
        return frozenset() if any(key in self._leases for key in loaded) else frozenset(loaded[-1:])

    def _shrink(self, limit: int, *, keep: frozenset[str] = frozenset()) -> None:
        with self._lock:
            dropped = self._entries.shrink(limit, keep=keep | frozenset(self._leases))
        for key in dropped:
            logger.info("Model %s dropped to make room.", self._labels.pop(key))

    def _place(self, key: str, model: Resident) -> None:
        # Room first, so that the old and the new model need not both fit.
        self._shrink(max(0, self._entries.limit - model.nbytes))
        placed = memory_retry(lambda: self._put(model), self.evict_idle)
        with self._lock:
            self._entries.put(key, placed, placed.nbytes)
        logger.info("Model %s loaded (%.0f MB).", self._labels[key], placed.nbytes / 2**20)
