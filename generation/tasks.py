"""Doorbells: each task calls one function of the same name, whose module is imported where the task runs."""

import threading
from typing import Any

from celery import shared_task, signals

_starting: threading.Thread | None = None
"""Imports torch and makes the engine, while the consumer already listens."""


@shared_task(name="generation.tasks.serve_next")
def serve_next() -> None:
    """A job may be waiting: have whichever is next run. In GPU workers only, which import torch here."""
    if _starting is not None and _starting.is_alive():
        return  # it looks into the queue by itself once it is up; waiting here would only hold up a shutdown
    from generation import worker

    worker.serve_next()


@shared_task(name="generation.tasks.continue_prompt", acks_late=False)
def continue_prompt(question: str, model_id: str, prompt: str, seed: int) -> None:
    """Ask a language model. In GPU workers only; a late answer is worth nothing: no other one gets it."""
    from generation import continuing

    continuing.continuation_answer(question, model_id, prompt, seed)


@shared_task(name="generation.tasks.requeue_lost_jobs")
def requeue_lost_jobs() -> None:
    """Give the jobs of dead workers to others."""
    from generation import services

    services.requeue_lost_jobs()


@shared_task(name="generation.tasks.ring_for_waiting_jobs")
def ring_for_waiting_jobs() -> None:
    """Ring again, in case a doorbell was lost."""
    from generation import services

    services.ring_for_waiting_jobs()


@shared_task(name="generation.tasks.forget_workers")
def forget_workers() -> None:
    """Delete the rows of workers that have been gone for a day."""
    from django.utils import timezone

    from generation import services

    services.workers_forget(timezone.now())


@shared_task(name="generation.tasks.purge_jobs")
def purge_jobs() -> None:
    """Let old jobs go, and what is remembered of their use of the GPUs: see ``generation.retention``."""
    from django.utils import timezone

    from generation.retention import RULES

    for rule in RULES:
        rule.apply(timezone.now())


@shared_task(name="generation.tasks.purge_uploads")
def purge_uploads() -> None:
    """End pictures that were sent in and not used for days, and files that lost their row."""
    from django.utils import timezone

    from generation import uploads

    uploads.uploads_purge(timezone.now())
    uploads.orphan_uploads_sweep(timezone.now())


@signals.worker_ready.connect
def gpu_worker_begin(sender: Any, **_kwargs: Any) -> None:
    """A worker that listens to ``gpu`` starts its engine at once, instead of with the first doorbell."""
    if "gpu" in sender.app.amqp.queues.consume_from:
        global _starting  # noqa: PLW0603 - one worker per process
        _starting = threading.Thread(
            target=_gpu_worker_start, args=(str(sender.hostname),), name="worker-start", daemon=True
        )
        _starting.start()


def _gpu_worker_start(place: str) -> None:
    from generation import worker

    worker.worker_begin(place)
