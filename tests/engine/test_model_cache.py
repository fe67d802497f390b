"""Models are kept by bytes, the least recently used go first, and one in use never goes."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.engine.checkpoints import load
from generation.engine.errors import EngineError
from generation.engine.lru import ByteLru
from generation.engine.model_cache import CHECKPOINT, ModelCache, ModelKind, cache_key
from generation.engine.spec import ModelRef, Refiner
from generation.engine.step_engine import StepEngine
from tests.engine.conftest import TIMEOUT, MakeEngine, MakeRequest
from tests.engine.tiny import tiny_folder
from tests.engine.tiny_flow import tiny_flux_folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("three")
    return [tiny_folder(root / name, seed=seed) for seed, name in enumerate("abc")]


@pytest.fixture
def size(models: list[Path]) -> int:
    return load(models[0], torch.float32).nbytes


class Watched:
    """A cache, and a way to wait for its reading thread."""

    def __init__(self, limit: int, kind: ModelKind[Any] = CHECKPOINT) -> None:
        self._loaded = threading.Event()
        self._kind = kind
        self.cache = ModelCache(
            device=torch.device("cpu"), dtype=torch.float32, limit=limit, loaded=self._loaded.set
        )

    def take(self, path: Path) -> str:
        ref = ModelRef(path=path)
        key = cache_key(ref, self._kind.name)
        self._loaded.clear()
        self.cache.acquire(key, ref, self._kind)
        if self.cache.get(key) is None:
            assert self._loaded.wait(TIMEOUT)
            self.cache.settle()
        return key


@pytest.fixture
def watched(size: int) -> Iterator[Watched]:
    watched = Watched(2 * size)
    yield watched
    watched.cache.close()


def names(cache: ModelCache) -> list[str]:
    return [Path(label).name for label in cache.resident()]


def test_the_least_recently_used_goes_first(watched: Watched, models: list[Path]) -> None:
    a, b, c = models
    for path in (a, b, a, c):
        watched.cache.release(watched.take(path))
    assert names(watched.cache) == ["a", "c"]
    assert watched.cache.loads == 3


def test_a_leased_model_stays_whatever_the_limit(watched: Watched, models: list[Path]) -> None:
    keys = [watched.take(path) for path in models]
    assert names(watched.cache) == ["a", "b", "c"]
    assert all(watched.cache.get(key) is not None for key in keys)
    watched.cache.release(keys[1])
    assert names(watched.cache) == ["a", "c"]


def test_a_checkpoint_larger_than_the_cache_is_loaded_once_for_many_jobs(models: list[Path]) -> None:
    watched = Watched(1)
    for _ in range(3):
        key = watched.take(models[0])
        assert watched.cache.get(key) is not None
        watched.cache.release(key)
    assert names(watched.cache) == ["a"]
    assert watched.cache.loads == 1


def test_a_checkpoint_larger_than_the_cache_makes_room_for_the_next(models: list[Path]) -> None:
    watched = Watched(1)
    first, second = (watched.take(path) for path in models[:2])
    watched.cache.release(first)
    assert names(watched.cache) == ["b"]
    watched.cache.release(second)
    watched.cache.release(watched.take(models[2]))
    assert names(watched.cache) == ["c"]
    watched.cache.evict_idle()
    assert names(watched.cache) == []


def test_other_models_larger_than_the_cache_serve_their_request_and_go(models: list[Path]) -> None:
    watched = Watched(1, ModelKind("other", load))
    key = watched.take(models[0])
    assert watched.cache.get(key) is not None
    watched.cache.release(key)
    assert watched.cache.resident() == ()


@pytest.mark.parametrize("folder", [tiny_folder, tiny_flux_folder])
def test_checkpoints_of_every_family_are_reported_and_stay(
    make_engine: MakeEngine, make_request: MakeRequest, tmp_path: Path, folder: Callable[[Path], Path]
) -> None:
    """Other workers leave jobs to this one because of what it reports."""
    engine = make_engine(cache_bytes=1)
    request = make_request(model=folder(tmp_path / "model"))
    for _ in range(2):
        engine.submit(request).result(TIMEOUT)
    stats = engine.stats()
    assert stats.checkpoints == (str(request.checkpoint.path),)
    assert (stats.checkpoint_loads, stats.loads) == (1, 1)


def test_after_a_refiner_the_checkpoint_that_jobs_are_chosen_by_stays(
    make_engine: MakeEngine, make_request: MakeRequest, models: list[Path]
) -> None:
    engine = make_engine(cache_bytes=1)
    refiner = Refiner(checkpoint=ModelRef(path=models[1]))
    engine.submit(replace(make_request(model=models[0]), refiner=refiner)).result(TIMEOUT)
    assert engine.stats().checkpoints == (str(models[0]),)


def test_idle_models_can_be_evicted(watched: Watched, models: list[Path]) -> None:
    watched.cache.release(watched.take(models[0]))
    watched.take(models[1])
    watched.cache.evict_idle()
    assert names(watched.cache) == ["b"]


def test_running_out_of_memory_while_loading_evicts_and_tries_once_more(models: list[Path]) -> None:
    moves: list[str] = []

    class Crowded:
        """A checkpoint that fits only on its second move to the device."""

        nbytes = 1

        def to(self, device: torch.device) -> "Crowded":
            moves.append(str(device))
            if len(moves) == 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self

    watched = Watched(10, ModelKind("crowded", lambda *_: Crowded()))
    key = watched.take(models[0])
    assert watched.cache.get(key) is not None
    assert len(moves) == 2


def test_a_model_that_never_fits_is_explained(models: list[Path]) -> None:
    def too_large(*_: object) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    watched = Watched(10, ModelKind("giant", too_large))
    key = watched.take(models[0])
    with pytest.raises(EngineError) as caught:
        watched.cache.get(key)
    assert caught.value.code == "out_of_memory"
    assert caught.value.hint


def test_the_key_is_the_digest_or_changes_with_the_content(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"1")
    known = ModelRef(path=file, digest="abc")
    unknown = replace(known, digest="")
    assert cache_key(known) == "abc"
    before = cache_key(unknown)
    file.write_bytes(b"22")
    assert cache_key(unknown) != before


def test_one_file_as_two_kinds_is_two_entries(tmp_path: Path) -> None:
    ref = ModelRef(path=tmp_path, digest="abc")
    assert cache_key(ref, "lora") == "lora:abc" != cache_key(ref)


def test_resident_tells_digests(engine: StepEngine, make_request: MakeRequest) -> None:
    request = make_request()
    request = replace(request, checkpoint=replace(request.checkpoint, digest="d" * 64))
    engine.submit(request).result(TIMEOUT)
    assert engine.resident() == engine.stats().resident == ("d" * 64,)


def test_an_engine_evicts_and_loads_again(
    make_engine: MakeEngine, make_request: MakeRequest, models: list[Path], size: int
) -> None:
    engine = make_engine(cache_bytes=2 * size)
    first = engine.submit(make_request(model=models[0])).result(TIMEOUT)
    for path in models[1:]:
        engine.submit(make_request(model=path)).result(TIMEOUT)
    again = engine.submit(make_request(model=models[0])).result(TIMEOUT)
    assert again.images[0].tobytes() == first.images[0].tobytes()
    assert engine.stats().loads == 4
    assert [Path(label).name for label in engine.resident()] == ["c", "a"]


def test_byte_lru_pins_and_reports() -> None:
    lru: ByteLru[str, int] = ByteLru(10)
    for key in "abc":
        lru.put(key, 0, 4)
    assert lru.get("a") == 0
    assert lru.shrink(keep=frozenset("b")) == ["c"]
    assert (list(lru), lru.nbytes, lru.get("c")) == (["b", "a"], 8, None)
