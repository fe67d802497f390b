"""The models that come with the portal: listed with their hashes in ``models_hub/demo/manifest.json``."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError

from models_hub.hashing import LOADED_SUFFIXES
from models_hub.models import ModelFile
from models_hub.sources.findings import Candidate, Refusal
from sdweb.errors import PortalError

BUILTIN_ROOT: Final = Path(__file__).resolve().parents[1] / "demo"
MANIFEST: Final = "manifest.json"

SOURCE: Final = ModelFile.Source.BUILTIN


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in value:
        raise ValueError("must lie inside the folder")
    return value


InsidePath = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ManifestModel(BaseModel):
    """One entry: ``files`` maps names relative to ``path`` (of a single file: its name) to their SHA-256."""

    name: str = Field(min_length=1, max_length=255)
    kind: ModelFile.Kind
    family: ModelFile.Family
    format: ModelFile.Format
    path: InsidePath
    license: str = Field(max_length=255)
    native_size: int = Field(ge=64, le=2048)
    description: str = ""
    files: dict[InsidePath, Sha256] = Field(min_length=1)


class Manifest(BaseModel):
    """The whole file."""

    version: Literal[1]
    models: list[ManifestModel]


def builtin_scan(root: Path = BUILTIN_ROOT) -> Iterator[Candidate | Refusal]:
    """The models of the manifest; a copy of the portal without one has none."""
    file = root / MANIFEST
    if not file.is_file():
        return
    try:
        manifest = Manifest.model_validate(json.loads(file.read_bytes()))
    except (ValidationError, ValueError) as error:
        yield Refusal(source=SOURCE, path=MANIFEST, code="broken_manifest", reason=str(error))
        return
    for model in manifest.models:
        yield Candidate(
            source=SOURCE,
            path=model.path,
            location=root / model.path,
            name=model.name,
            expected=model.files,
            native_size=model.native_size,
            description=model.description,
            license=model.license,
        )


def hashes_verify(found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Compare what would be loaded with the manifest: no file may differ, lack or be too many.

    Raises ``PortalError("hash_mismatch")`` naming the first one. Readmes and pictures are not looked at.
    """
    wanted = {
        name: digest for name, digest in expected.items() if PurePosixPath(name).suffix in LOADED_SUFFIXES
    }
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise PortalError(
                "hash_mismatch",
                f"{name} is not the file that the portal was released with.",
                hint="Restore the folder from the repository.",
                status=422,
            )
