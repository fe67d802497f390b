"""Who may call what: one rule for every operation of the API and every action of the socket.

A new one without a rule fails its ``..._has_a_rule`` test. Whatever the rule says, no answer to a stranger
holds anything of Alice's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from sdweb.accounts import rights
from tests.access.world import World
from tests.factories import WorkerFactory
from tests.generation.drawing import encoded, picture

Values = Mapping[str, Any] | Callable[[World], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What comes back to whom. ``stranger`` is signed in and owns nothing of what the call names."""

    owner: int = 200
    stranger: int = 200
    anonymous: int = 401
    right: str = ""
    """The permission that the call needs: with it ``owner`` is what anybody gets, without it 403."""
    path: Callable[[World], Mapping[str, object]] = lambda _world: {}
    """Parameters of the address other than the usual ones."""
    body: Values = field(default_factory=dict)
    query: str = ""
    files: Callable[[], bytes] | None = None
    """What is in the form's file, where the call is a form with one."""

    def body_for(self, world: World) -> dict[str, Any]:
        """What to send."""
        body = dict(self.body(world) if callable(self.body) else self.body)
        return {**body, "file": SimpleUploadedFile("file", self.files())} if self.files else body


def own(owner: int = 200, *, stranger: int = 404, **changes: Any) -> Rule:
    """About one thing of somebody's: it does not exist for anybody else."""
    return Rule(owner=owner, stranger=stranger, **changes)


def mine(status: int = 200, **changes: Any) -> Rule:
    """About whoever asks."""
    return Rule(owner=status, stranger=status, **changes)


def permitted(right: str, status: int = 200, **changes: Any) -> Rule:
    """About everybody, for those with the permission."""
    return Rule(owner=status, stranger=403, right=right, **changes)


def public(**changes: Any) -> Rule:
    """For everybody, signed in or not."""
    return Rule(anonymous=200, **changes)


def _upload(world: World) -> dict[str, str]:
    return {"image": f"upload:{world.upload.pk}"}


def _worker(_world: World) -> dict[str, object]:
    return {"name": WorkerFactory.create().name}


def _waiting(world: World) -> dict[str, str]:
    return {"job_id": str(world.waiting.pk)}


def _picture_file() -> bytes:
    return encoded(picture())


def _styles_file() -> bytes:
    return b"name,prompt,negative_prompt\nwarm,warm light,\n"


PROMPT = {"prompt": "a cat", "steps": 4}
STYLE = {"name": "warm", "prompt": "warm light"}

OPERATIONS: dict[str, Rule] = {
    "me_get": public(),
    "me_totp_picture": mine(404),  # no set-up has begun
    "me_limits": mine(),
    "tokens_list": mine(),
    "tokens_create": mine(201, body={"name": "a script", "scopes": ["read"]}),
    "tokens_revoke": own(204),
    "audit_list": permitted(rights.SEE_AUDIT),
    "audit_csv": permitted(rights.SEE_AUDIT),
    "options_get": mine(),
    "wildcards_list": mine(),
    "models_list": mine(),
    "prompts_enhance": mine(body={"prompt": "a cat"}),
    # --- Jobs
    "jobs_list": mine(),
    "jobs_submit": mine(202, body=PROMPT),
    "jobs_upscale": own(202, body=_upload),
    "jobs_face_restoration": own(202, body=_upload),
    "jobs_adetailer": own(202, body=_upload),
    "jobs_preprocess": own(202, body=lambda world: {**_upload(world), "preprocessor": "canny"}),
    "jobs_quote": mine(body=PROMPT),
    "jobs_get": own(),
    "jobs_cancel": own(),
    "jobs_cancel_all": mine(),
    "jobs_clear": mine(),
    "jobs_hold": own(),
    "jobs_release": own(path=lambda world: {"job_id": world.held.pk}),
    "jobs_move": own(body={"to": "first"}),
    "jobs_retry": own(202, path=lambda world: {"job_id": world.failed.pk}),
    "jobs_expedite": own(403),  # the owner's own right is missing
    "jobs_unexpedite": own(403),
    # --- Everybody's queue
    "queue_get": mine(),
    "queue_jobs": mine(),
    "queue_pause": permitted(rights.MANAGE_QUEUE),
    "queue_resume": permitted(rights.MANAGE_QUEUE),
    "queue_job_cancel": permitted(rights.MANAGE_QUEUE),
    "queue_job_hold": permitted(rights.MANAGE_QUEUE),
    "queue_job_release": permitted(rights.MANAGE_QUEUE, path=lambda world: {"job_id": world.held.pk}),
    "queue_job_requeue": permitted(rights.MANAGE_QUEUE, path=lambda world: {"job_id": world.failed.pk}),
    "queue_job_expedite": permitted(rights.MANAGE_QUEUE),
    "queue_job_unexpedite": permitted(rights.MANAGE_QUEUE, 409),
    "queue_job_move": permitted(rights.MANAGE_QUEUE, body={"to": "first"}),
    # --- Styles
    "styles_list": mine(),
    "styles_create": mine(201, body=STYLE),
    "styles_import": mine(files=_styles_file),
    "styles_update": own(body=STYLE),
    "styles_delete": own(204),
    # --- Pictures sent in
    "uploads_create": mine(201, files=_picture_file),
    "uploads_get": own(),
    "uploads_content": own(),
    "uploads_delete": own(204),
    # --- The machines
    "workers_list": permitted(rights.SEE_WORKERS),
    "workers_drain": permitted(rights.MANAGE_QUEUE, path=_worker),
    "workers_resume": permitted(rights.MANAGE_QUEUE, path=_worker),
    # --- The gallery
    "images_list": mine(),
    "images_read_recipe": mine(422, files=_picture_file),
    "images_get": own(),
    "images_update": own(body={"favourite": True}),
    "images_trash": own(204),
    "images_restore": own(),
    "images_trash_many": mine(body={"ids": ["01890a5d-ac96-774b-bcce-b302099a8057"]}),
    "images_restore_many": mine(body={"ids": ["01890a5d-ac96-774b-bcce-b302099a8057"]}),
    "images_update_many": mine(body={"ids": ["01890a5d-ac96-774b-bcce-b302099a8057"], "favourite": True}),
}
"""By ``operationId``."""

SOCKET_ACTIONS: dict[str, Rule] = {
    "generate": mine(body={"params": PROMPT}),
    "upscale_image": own(body=_upload),
    "face_restoration": own(body=_upload),
    "adetailer": own(body=_upload),
    "preprocess": own(body=lambda world: {**_upload(world), "preprocessor": "canny"}),
    "cancel_generation": own(body=lambda world: {"job_id": str(world.waiting.pk)}),
    "cancel_job": own(body=_waiting),
    "hold_job": own(body=_waiting),
    "release_job": own(body=lambda world: {"job_id": str(world.held.pk)}),
    "move_job": own(body=lambda world: {**_waiting(world), "to": "first"}),
    "retry_job": own(body=lambda world: {"job_id": str(world.failed.pk)}),
    "expedite_job": own(403, body=_waiting),
    "unexpedite_job": own(403, body=_waiting),
    "cancel_all": mine(),
    "clear_finished": mine(),
    "get_queue": mine(),
    "watch_queue": mine(),
    "unwatch_queue": mine(),
    "pause_queue": permitted(rights.MANAGE_QUEUE),
    "resume_queue": permitted(rights.MANAGE_QUEUE),
    "get_models": mine(),
    "get_gallery": mine(),
    "get_limits": mine(),
    "quote": mine(body={"params": PROMPT}),
    "enhance_prompt": mine(body={"prompt": "a cat"}),
}
"""By ``action``; statuses are those of the errors, 200 where there is none."""

__all__ = ["OPERATIONS", "SOCKET_ACTIONS", "Rule", "mine", "own", "permitted", "public", "rights"]
