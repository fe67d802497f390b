"""What the fields of requests are made of, and the one error that says what is wrong with them."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from generation.engine import spec
from sdweb.errors import PortalError

RANDOM_SEED: Final = -1


class StrictInput(BaseModel):
    """A number in quotes is refused, and so are NaN and infinity."""

    # Fields we do not know are left alone: the predecessor's clients send more than they mean.
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


def _no_nul(text: str) -> str:
    # PostgreSQL stores no NUL, and no prompt needs one.
    if "\x00" in text:
        raise PydanticCustomError("nul", "it contains a NUL character")
    return text


Text = Annotated[str, Field(max_length=spec.MAX_PROMPT_LENGTH), AfterValidator(_no_nul)]
Name = Annotated[str, Field(max_length=255), AfterValidator(_no_nul)]
Picture = Annotated[
    str,
    Field(
        description="A PNG, JPEG, WebP or AVIF in base64 (also as a data: address), `upload:<id>`, or "
        "`image:<id>` for a picture of mine in the gallery.",
    ),
]
Side = Annotated[int, Field(ge=spec.MIN_SIDE, le=spec.MAX_SIDE, multiple_of=spec.SIDE_MULTIPLE)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seed = Annotated[int, Field(ge=RANDOM_SEED, le=spec.MAX_SEED, description="-1 for a random one.")]


def invalid_input(error: ValidationError) -> PortalError:
    """What pydantic found, in the portal's shape."""
    fields = {field_name(problem["loc"]): problem["msg"] for problem in error.errors(include_input=False)}
    message = "; ".join(f"{name}: {what}" for name, what in fields.items())
    return PortalError("invalid_input", message, fields=fields, status=422)


def field_name(location: tuple[str | int, ...]) -> str:
    """``("controlnet", 0, "weight")`` is ``controlnet.0.weight`` on the wire."""
    return ".".join(map(str, location)) or "message"


def invalid_field(field: str, what: str, *, hint: str = "") -> PortalError:
    """The error of one field that does not go with the others."""
    return PortalError("invalid_input", f"{field}: {what}", hint=hint, fields={field: what}, status=422)
