"""Asking a language model that is installed: the web tier rings for it, a GPU worker answers.

No job and no row: an answer that comes late or gets lost costs nothing, the person gets the embedded
enhancer's. So the way is the shortest there is: a task to the workers, and the answer in the cache.
"""

import logging
import secrets
import threading
import time
import uuid
from typing import Any, Final

from django.core.cache import cache
from kombu.exceptions import OperationalError

from generation import presence, tasks
from generation.engine.errors import EngineError
from models_hub.models import ModelFile
from models_hub.services import model_path
from sdweb.errors import PortalError

logger = logging.getLogger(__name__)

WAIT_SECONDS: Final = 25.0
"""Longer than a model may talk; the first question also waits for it to be loaded."""
LOOK_SECONDS: Final = 0.1
KEEP_SECONDS: Final = 60


# --- In the web tier
# ---------------------------------------------------------------------------------------------------------


def continuation_ask(model: ModelFile, prompt: str, *, seed: int) -> tuple[str, ...]:
    """What the model would put behind the prompt; empty when nobody answers in time."""
    question = secrets.token_urlsafe(16)
    try:
        if not presence.workers_alive():
            return ()
        tasks.continue_prompt.apply_async(
            (question, str(model.pk), prompt, seed), expires=WAIT_SECONDS, retry=False
        )
        return _awaited(question)
    except (OperationalError, OSError) as error:
        logger.warning("No language model could be asked: %s", error)
        return ()


def _awaited(question: str) -> tuple[str, ...]:
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        answer = cache.get(_key(question))
        if answer is not None:
            cache.delete(_key(question))
            return tuple(answer)
        time.sleep(LOOK_SECONDS)
    logger.warning("A language model did not answer within %s seconds.", WAIT_SECONDS)
    return ()


def _key(question: str) -> str:
    return f"continuation:{question}"


# --- In a GPU worker
# ---------------------------------------------------------------------------------------------------------

_one_at_a_time = threading.Lock()
_loaded: dict[str, Any] = {}
"""The last model that was asked for, by its hash: on the processor, where it is in nobody's way."""


def continuation_answer(question: str, model_id: str, prompt: str, seed: int) -> None:
    """Leave the answer where it is looked for: at once an empty one when somebody else is being answered."""
    phrases: tuple[str, ...] = ()
    if _one_at_a_time.acquire(blocking=False):
        try:
            phrases = _continued(uuid.UUID(model_id), prompt, seed)
        except (EngineError, PortalError) as error:
            logger.warning("The language model cannot be used: %s %s", error.message, error.hint)
        except Exception:
            logger.exception("A language model failed.")
        finally:
            _one_at_a_time.release()
    cache.set(_key(question), list(phrases), KEEP_SECONDS)


def _continued(model_id: uuid.UUID, prompt: str, seed: int) -> tuple[str, ...]:
    from generation.engine.language_models import language_model_load, prompt_continue

    model = ModelFile.objects.filter(pk=model_id, kind=ModelFile.Kind.LANGUAGE_MODEL, enabled=True).first()
    if model is None:
        return ()
    if model.sha256 not in _loaded:
        _loaded.clear()
        _loaded[model.sha256] = language_model_load(model_path(model))
    return prompt_continue(_loaded[model.sha256], prompt, seed=seed)
