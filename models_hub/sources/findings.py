"""What a source says about its folder: a model that may be taken in, or a refusal with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models_hub.models import ModelFile
from sdweb.errors import PortalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a source that knows its files says they are."""

    kind: ModelFile.Kind
    family: ModelFile.Family
    format: ModelFile.Format
    files: Mapping[str, str]
    """SHA-256 by name relative to the folder; of a single file: by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that looks like a model from outside; nothing of it was opened yet."""

    source: ModelFile.Source
    path: str
    """Inside the source's folder, with forward slashes."""
    location: Path
    """The file or the diffusers folder itself."""
    name: str
    promise: Promise | None = None
    native_size: int | None = None
    description: str = ""
    license: str = ""

    @property
    def said(self) -> str:
        """Everything here that a row repeats or that is checked: a change remakes the row."""
        promise = self.promise
        known = promise and (
            *map(str, (promise.kind, promise.family, promise.format)),
            *sorted(promise.files.items()),
        )
        return repr((self.native_size, self.description, self.license, known))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that is not taken in; ``reason`` is for the administrator."""

    source: ModelFile.Source
    path: str
    code: str
    reason: str


def refusal(source: ModelFile.Source, path: str, error: PortalError) -> Refusal:
    """A refusal that says what the error says."""
    return Refusal(source=source, path=path, code=error.code, reason=f"{error.message} {error.hint}".strip())
