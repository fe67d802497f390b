"""The models that come with the portal: listed with their hashes in ``models_hub/demo/manifest.json``."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError, model_validator

from models_hub.hashing import LOADED_SUFFIXES
from models_hub.models import ModelFile
from models_hub.sources.findings import Candidate, Promise, Refusal
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

    @model_validator(mode="after")
    def _only_detectors_are_pickles(self) -> Self:
        """Everything else has a format that is no program."""
        is_detector = self.kind == ModelFile.Kind.DETECTOR
        is_pickle = PurePosixPath(self.path).suffix == ".pt"
        if (self.format == ModelFile.Format.ULTRALYTICS) != is_pickle or is_pickle != is_detector:
            raise ValueError("a detector is a .pt file of ultralytics, and nothing else is one")
        return self


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
            promise=Promise(kind=model.kind, family=model.family, format=model.format, files=model.files),
            native_size=model.native_size,
            description=model.description,
            license=model.license,
        )


def hashes_verify(found: Mapping[str, str], promised: Mapping[str, str], *, folder: bool) -> None:
    """Compare what would be loaded with the manifest: no file may differ, lack or be too many.

    Raises ``PortalError("hash_mismatch")`` naming the first one. Readmes and pictures in a folder are not
    looked at.
    """
    wanted = {
        name: digest
        for name, digest in promised.items()
        if not folder or PurePosixPath(name).suffix in LOADED_SUFFIXES
    }
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise PortalError(
                "hash_mismatch",
                f"{name} is not the file that the portal was released with.",
                hint="Restore the folder from the repository.",
                status=422,
            )
