"""The GPU worker: the one bridge between the queue and the engine. Only GPU worker processes import it.

Threads of such a process:

- *Celery's threads* hear the doorbells. They only open a slot and go on: a message that is held while a
  picture is made would be unacknowledged when Redis goes away, and kombu 5.7 then fails to restore it and
  takes the whole worker down. The claim's lease does what the late acknowledgement was for.
- *Slots*, ``WORKER_SLOTS`` of them: claim, hand to the engine, wait, store, finish, until nothing waits.
- *The pulse* keeps every lease alive, notices cancelled and lost jobs within ``PULSE_SECONDS``, and every
  ``RECOVERY_SECONDS`` looks into the queue by itself and writes the worker's row (``models.Worker``). So a
  flushed Redis, or a consumer that silently stops after a reconnect (celery #8030), costs seconds of waiting
  and never a job.
- *The engine's thread* owns the device. It never touches the database or Redis: it leaves progress in
  memory, from where the *publisher's thread* sends the newest.
"""

from generation.worker.process import engine_config, serve_next, worker_begin, worker_get, worker_stop
from generation.worker.serving import Worker

__all__ = ["Worker", "engine_config", "serve_next", "worker_begin", "worker_get", "worker_stop"]
