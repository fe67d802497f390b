"""``/api/v1/workers``: for those who look after the machines."""

from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Path, Router

from generation import fleet, services
from generation.schemas.workers import FleetOut, WorkerOut
from sdweb.accounts.models import User

router = Router(tags=["workers"])

Name = Annotated[str, Path(max_length=100, pattern=r"^[\w.@:+-]+$")]


@router.get("", response=FleetOut, operation_id="workers_list", summary="Workers, queue and rates")
def workers_list(request: HttpRequest) -> FleetOut:
    """For staff and for those with `generation.view_worker` or `generation.manage_queue`; else 403."""
    return fleet.fleet_status(user=_user(request))


@router.post(
    "/{name}/drain",
    response=WorkerOut,
    operation_id="workers_drain",
    summary="Let a worker finish and take nothing more",
)
def workers_drain(request: HttpRequest, name: Name) -> WorkerOut:
    """With `generation.manage_queue`. It stays so after a restart, until it is resumed."""
    return fleet.worker_out(services.worker_drain(user=_user(request), name=name))


@router.post(
    "/{name}/resume",
    response=WorkerOut,
    operation_id="workers_resume",
    summary="Let a worker take jobs again",
)
def workers_resume(request: HttpRequest, name: Name) -> WorkerOut:
    """With `generation.manage_queue`."""
    return fleet.worker_out(services.worker_resume(user=_user(request), name=name))


def _user(request: HttpRequest) -> User:
    # The API's authentication has let in nobody else.
    return cast("User", request.user)
