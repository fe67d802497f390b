"""Everything that changes the library."""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from models_hub.hashing import file_sha256, fingerprint, folder_files, folder_sha256, total_size
from models_hub.inspection import NATIVE_SIZES, Inspection, file_inspect, folder_inspect
from models_hub.models import ModelFile, ScanIssue
from models_hub.selectors import models_usable
from models_hub.sources.builtin import BUILTIN_ROOT, builtin_scan, hashes_verify
from models_hub.sources.findings import Candidate, Refusal, refusal
from models_hub.sources.folder import folder_scan
from sdweb.accounts import audit
from sdweb.errors import PortalError, not_found

logger = logging.getLogger(__name__)

NAME_LENGTH: Final = 255
INSPECTION_VERSION: Final = "5"
"""Part of every fingerprint: raise it when inspection learns something, and all are looked at again."""

FACTS: Final = (
    "kind", "family", "variant", "format", "sha256", "fingerprint", "size_bytes", "native_size",
    "trigger_words",
)  # fmt: skip


@dataclass(slots=True)
class ScanResult:
    """What a scan did, by names of models."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def library_scan(*, builtin_root: Path = BUILTIN_ROOT) -> ScanResult:
    """Bring the library in line with the disk: shipped models, and everything under ``MODELS_PATH``.

    Idempotent, and safe to run twice at once. Hashes are computed once per file and remembered by size and
    time of change; reading happens outside any transaction.
    """
    started = timezone.now()
    result = ScanResult()
    seen: list[uuid.UUID] = []
    for finding in (*builtin_scan(builtin_root), *folder_scan(settings.MODELS_PATH)):
        if isinstance(finding, Refusal):
            result.refused.append(finding)
            continue
        try:
            seen.append(_take_in(finding, result))
        except PortalError as error:
            result.refused.append(refusal(finding.source, finding.path, error))
        except OSError as error:
            reason = f"It cannot be read: {error.strerror}."
            result.refused.append(
                Refusal(source=finding.source, path=finding.path, code="unreadable", reason=reason)
            )
    result.missing = _mark_missing(seen, started=started)
    _issues_replace(result.refused)
    _default_ensure()
    return result


def _take_in(candidate: Candidate, result: ScanResult) -> uuid.UUID:
    """The row of a candidate, made or updated where the files changed."""
    files = _files(candidate)
    mark = fingerprint(files, salt=f"{INSPECTION_VERSION} {candidate.said}")
    row = ModelFile.objects.filter(source=candidate.source, path=candidate.path).first()
    if row is not None and row.fingerprint == mark:
        if row.missing_since is None:
            result.unchanged.append(row.name)
        else:
            ModelFile.objects.filter(pk=row.pk).update(missing_since=None)
            result.updated.append(row.name)
        return row.pk
    facts = _examine(candidate, files)
    facts.fingerprint = mark
    saved = _save(row, facts)
    (result.updated if row else result.added).append(saved.name)
    return saved.pk


def _files(candidate: Candidate) -> dict[str, Path]:
    if candidate.location.is_dir():
        return folder_files(candidate.location)
    if not candidate.location.is_file():
        raise PortalError("missing_file", "It is not there.", hint="Restore the folder from the repository.")
    return {candidate.location.name: candidate.location}


def _examine(candidate: Candidate, files: dict[str, Path]) -> ModelFile:
    """An unsaved row with everything that the files say. Raises ``PortalError`` when they are refused."""
    folder = candidate.location.is_dir()
    hashes: dict[str, str] = {}
    if candidate.promise is not None:
        # Before anything else: what is not the file that was released is not even looked at.
        hashes = _hashes(files)
        hashes_verify(hashes, candidate.promise.files, folder=folder)
    found = _inspect(candidate)
    hashes = hashes or _hashes(files)
    return ModelFile(
        name=candidate.name,
        kind=found.kind,
        family=found.family,
        variant=found.variant,
        format=found.format,
        source=candidate.source,
        path=candidate.path,
        sha256=folder_sha256(hashes) if folder else next(iter(hashes.values())),
        size_bytes=total_size(files.values()),
        native_size=candidate.native_size or found.native_size,
        description=candidate.description or found.description,
        license=candidate.license or found.license,
        trigger_words=list(found.trigger_words),
    )


def _hashes(files: dict[str, Path]) -> dict[str, str]:
    return {name: file_sha256(file) for name, file in files.items()}


def _inspect(candidate: Candidate) -> Inspection:
    """What the files say they are, and, where they cannot tell, what was promised."""
    promise = candidate.promise
    if promise is not None and promise.format == ModelFile.Format.ULTRALYTICS:
        # Its hash is known, and so is what it is.
        return Inspection(
            kind=promise.kind,
            family=promise.family,
            format=promise.format,
            native_size=candidate.native_size or NATIVE_SIZES[promise.family],
        )
    folder = candidate.location.is_dir()
    found = folder_inspect(candidate.location) if folder else file_inspect(candidate.location)
    if promise is None:
        return found
    families = {promise.family, ModelFile.Family.UNKNOWN}
    if (found.kind, found.format) != (promise.kind, promise.format) or found.family not in families:
        raise PortalError(
            "wrong_manifest",
            f"The manifest says {promise.kind.label}, {promise.family.label}; it is {found.kind.label}, "
            f"{found.family.label} ({found.format.label}).",
            hint="Write the manifest again.",
            status=422,
        )
    return replace(found, family=promise.family)


def _save(existing: ModelFile | None, facts: ModelFile) -> ModelFile:
    try:
        with transaction.atomic():
            return _insert(facts) if existing is None else _overwrite(existing, facts)
    except IntegrityError:
        # Another scan, started by a person or by the clock, was there first; it saw the same files.
        return ModelFile.objects.get(source=facts.source, path=facts.path)


def _insert(facts: ModelFile) -> ModelFile:
    facts.name = _free_name(facts)
    facts.save(force_insert=True)
    return facts


def _overwrite(existing: ModelFile, facts: ModelFile) -> ModelFile:
    """What is at the path changed; what an administrator decided or wrote about it stays."""
    row = ModelFile.objects.select_for_update().get(pk=existing.pk)
    if row.kind != facts.kind:
        row.is_default = False
    for name in FACTS:
        setattr(row, name, getattr(facts, name))
    for name in ("description", "license"):
        found, written = getattr(facts, name), getattr(row, name)
        # A release knows better what ships with it; a stranger's file knows less than the administrator.
        setattr(
            row, name, (found or written) if row.source == ModelFile.Source.BUILTIN else (written or found)
        )
    row.missing_since = None
    row.name = _free_name(row)
    row.save()
    return row


def _free_name(model: ModelFile) -> str:
    """The model's own name, or, where another of its kind has it, one that says where the file lies."""
    taken = set(ModelFile.objects.filter(kind=model.kind).exclude(pk=model.pk).values_list("name", flat=True))
    places = (model.name, model.path, f"{model.source}: {model.path}", str(model.pk))
    return next(name for name in (place[-NAME_LENGTH:] for place in places) if name not in taken)


def _mark_missing(seen: Iterable[uuid.UUID], *, started: datetime) -> list[str]:
    # A row that another scan made meanwhile may be of a file that came after this one had passed its folder.
    gone = ModelFile.objects.filter(missing_since=None, created_at__lt=started).exclude(pk__in=list(seen))
    names = list(gone.values_list("name", flat=True))
    gone.update(missing_since=timezone.now())
    return names


def _issues_replace(refused: Iterable[Refusal]) -> None:
    """The list that administrators see is what the last scan found; what it found before keeps its date."""
    kept = []
    for one in refused:
        issue, _ = ScanIssue.objects.update_or_create(
            source=one.source, path=one.path, defaults={"code": one.code, "reason": one.reason}
        )
        kept.append(issue.pk)
    ScanIssue.objects.exclude(pk__in=kept).delete()


def _default_ensure() -> None:
    """Without a default checkpoint the portal cannot serve a request that names none: the shipped one steps
    in.
    """
    kind = ModelFile.Kind.CHECKPOINT
    if ModelFile.objects.filter(kind=kind, is_default=True).exists():
        return
    first = models_usable(kind=kind).first()
    if first is not None:
        model_set_default(model_id=first.pk)


def model_set_default(*, model_id: uuid.UUID) -> ModelFile:
    """Make a model the one that is used when a request names none; the one before it ceases to be.

    Raises ``PortalError`` ``not_found`` or ``model_not_usable``.
    """
    with transaction.atomic():
        model = ModelFile.objects.filter(pk=model_id).first()
        if model is None:
            raise not_found("This model")
        # Locked in one order, so that two administrators cannot both find no default and then clash.
        list(ModelFile.objects.select_for_update().filter(kind=model.kind).order_by("pk"))
        if not models_usable(kind=model.kind).filter(pk=model_id).exists():
            raise PortalError(
                "model_not_usable",
                f"{model.name} cannot be the default: it is disabled, missing, or of a family not run.",
                hint="Enable it first, or choose another one.",
                status=409,
            )
        ModelFile.objects.filter(kind=model.kind, is_default=True).exclude(pk=model_id).update(
            is_default=False
        )
        ModelFile.objects.filter(pk=model_id).update(is_default=True)
        if not model.is_default:
            _record("model.made_default", model)
    model.refresh_from_db()
    return model


def model_set_enabled(*, model_id: uuid.UUID, enabled: bool) -> ModelFile:
    """Let people use a model, or not. Raises ``PortalError`` ``not_found`` or ``model_is_default``."""
    # One conditional update: a model that becomes the default at this moment is not disabled.
    rows = ModelFile.objects.filter(pk=model_id)
    before = rows.values_list("enabled", flat=True).first()
    if not (rows if enabled else rows.filter(is_default=False)).update(enabled=enabled):
        if not rows.exists():
            raise not_found("This model")
        raise PortalError(
            "model_is_default",
            "The default model cannot be disabled.",
            hint="Make another model the default first.",
            status=409,
        )
    model = rows.get()
    if before != enabled:
        _record("model.enabled" if enabled else "model.disabled", model)
    return model


def _record(action: str, model: ModelFile) -> None:
    audit.record(action, actor=audit.current_actor(), target=f"model:{model.pk}", target_name=model.name)


def model_path(model: ModelFile) -> Path:
    """Where the model lies, for a worker about to load it.

    Raises ``PortalError`` ``model_missing``, and ``model_changed`` for a pickle that is not the one that was
    taken in.
    """
    root = BUILTIN_ROOT if model.source == ModelFile.Source.BUILTIN else Path(settings.MODELS_PATH)
    path = (root / model.path).resolve()
    # Checked again after the scan: a folder in between may have been replaced by a link.
    if not path.is_relative_to(root.resolve()) or not path.exists():
        raise PortalError(
            "model_missing",
            f"The files of {model.name} are not there.",
            hint="Choose another model, and tell the administrator.",
            status=409,
        )
    # Loading a pickle runs it, so it is checked now and not only at the last scan.
    if model.format == ModelFile.Format.ULTRALYTICS and file_sha256(path) != model.sha256:
        raise PortalError(
            "model_changed",
            f"The file of {model.name} is not the one that was checked.",
            hint="Tell the administrator: it has to be restored from the repository.",
            status=409,
        )
    return path
