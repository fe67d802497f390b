"""What somebody may use and what a request would cost, over the socket."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from generation import events
from generation.actions.connection import Action, Connection, parse
from generation.quotes import job_quote, my_limits
from generation.schemas import generate_in
from sdweb.accounts.models import ApiToken


class _Quote(BaseModel):
    model_config = ConfigDict(strict=True)

    params: dict[str, Any]


def get_limits(connection: Connection, _data: dict[str, Any]) -> list[events.WireMessage]:
    """My limits and my usage."""
    return [{"type": "limits", "data": my_limits(connection.user).model_dump(mode="json")}]


def quote(connection: Connection, data: dict[str, Any]) -> list[events.WireMessage]:
    """What a request would cost; changes nothing."""
    request = generate_in(parse(_Quote, data).params)
    return [
        {"type": "quote", "data": job_quote(user=connection.user, request=request).model_dump(mode="json")}
    ]


LIMIT_ACTIONS: Final[dict[str, Action]] = {"get_limits": get_limits, "quote": quote}
LIMIT_SCOPES: Final[dict[str, ApiToken.Scope]] = {
    "get_limits": ApiToken.Scope.READ,
    "quote": ApiToken.Scope.GENERATE,
}
