"""The one worker of this process, and the life of the Celery worker that it is."""

import atexit
import logging
import os
import threading

from celery import signals
from django.conf import settings

from generation.engine.spec import MAX_SIDE, EngineConfig, GenerationRequest, ModelRef, config_for
from generation.engine.step_engine import StepEngine
from generation.worker.serving import Worker
from models_hub.models import ModelFile
from models_hub.selectors import helpers_path, models_usable
from models_hub.services import model_path

_worker: Worker | None = None
_lock = threading.Lock()


def engine_config() -> EngineConfig:
    """From the settings; nothing else of the engine reads them."""
    return config_for(
        settings.PRESET,
        **settings.ENGINE_SWITCHES,
        device=settings.DEVICE,
        precision=settings.PRECISION,
        min_bucket=settings.MIN_BUCKET,
        preview_interval=settings.PREVIEW_INTERVAL,
        cache_bytes=settings.MODEL_CACHE_MB * 2**20,
        helpers=helpers_path(),
    )


def warm_up(engine: StepEngine) -> None:
    """Let the engine load the default model and compile it before anybody waits for that, for one picture and
    for several: those are the two graphs there are. Fails quietly: the first job then says what is wrong.
    """
    model = next(iter(models_usable(kind=ModelFile.Kind.CHECKPOINT)), None)
    if model is None:
        return
    ref = ModelRef(path=model_path(model), digest=model.sha256, name=model.name)
    side = min(model.native_size, MAX_SIDE)
    for pictures in (1, 2):
        engine.submit(
            GenerationRequest(
                checkpoint=ref, prompt="", width=side, height=side, steps=1, batch_size=pictures
            )
        )


def worker_get(place: str = "") -> Worker:
    """The worker of this process, made when first asked for: after any fork, in the process that will use the
    device. ``place`` is the Celery node's name.
    """
    global _worker  # noqa: PLW0603 - one device, one owner
    with _lock:
        if _worker is None:
            config = engine_config()
            engine = StepEngine(config)
            if config.compile:
                warm_up(engine)
            _worker = Worker(engine, slots=settings.WORKER_SLOTS, place=place)
        return _worker


def worker_stop() -> None:
    """Stop this process's worker, if there is one."""
    if _worker is not None:
        _worker.stop()


def serve_next() -> None:
    """What a doorbell calls: it opens a slot, in which the next job is claimed and run."""
    worker_get().wake()


def worker_begin(place: str) -> None:
    """Start this process's worker and follow the life of the Celery worker that it is, of that node name."""
    signals.worker_shutting_down.connect(_on_shutting_down, weak=False)
    signals.worker_shutdown.connect(_on_shutdown, weak=False)
    atexit.register(_leave_at_once)
    worker_get(place)


def _on_shutting_down(**_kwargs: object) -> None:
    # Called in a signal handler of the main thread, which must not wait for a lock: another thread does it.
    threading.Thread(target=worker_stop, name="worker-stop").start()


def _leave_at_once() -> None:
    """Once all is stopped, skip the interpreter's own end: PyTorch's libraries take seconds to unload."""
    if _worker is not None and _worker.stopped:
        logging.shutdown()
        os._exit(0)


def _on_shutdown(**_kwargs: object) -> None:
    # Also reached when Celery gives up by itself, without a signal.
    worker_stop()
