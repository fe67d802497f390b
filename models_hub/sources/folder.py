"""The folder ``MODELS_PATH``: files, and folders as diffusers saves them, in subfolders or not, as in other
image UIs.

Nothing outside the folder is ever taken in: a link that leads out is refused, one that stays inside is passed
over, because its target is found by itself.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from models_hub.inspection import PICKLE_SUFFIXES, TORCH_SUFFIXES, is_model_folder, pickle_refused
from models_hub.models import ModelFile
from models_hub.sources.findings import Candidate, Refusal, refusal

MAX_DEPTH: Final = 6
NOT_MODELS: Final = frozenset({"helpers", "wildcards"})
"""Folders at the top with other things than models: what preprocessors and face restoration need, and lists
of words.
"""
COMPANION: Final = re.compile(r"(clip_l|clip_g|t5xxl)([._-].*)?\.safetensors")
"""Text encoders alone, which the engine finds by these names for checkpoints that lack them."""
MAX_PATH_LENGTH: Final = 1024
"""Characters, as the database column."""

SOURCE: Final = ModelFile.Source.FOLDER


def folder_scan(root: Path) -> Iterator[Candidate | Refusal]:
    """Everything under ``root`` that is or claims to be a model, by name; hidden files are passed over."""
    real = root.resolve()
    if real.is_dir():
        yield from _walk(real, root=real, depth=0)


def _walk(folder: Path, *, root: Path, depth: int) -> Iterator[Candidate | Refusal]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _refuse(folder, root, "unreadable", f"The folder cannot be read: {error.strerror}.")
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or (depth == 0 and entry.name in NOT_MODELS):
            continue
        if entry.is_symlink():
            if not _stays_inside(path, root):
                yield _refuse(path, root, "link_escapes", "It is a link that leads out of the models folder.")
        elif entry.is_dir():
            if not _belongs_to_a_file(path):
                yield from _folder(path, root=root, depth=depth)
        elif entry.is_file() and not COMPANION.fullmatch(path.name):
            yield from _file(path, root=root)


def _belongs_to_a_file(folder: Path) -> bool:
    """``NAME.config`` beside ``NAME.safetensors`` has parts of that checkpoint, not models."""
    return folder.suffix == ".config" and folder.with_suffix(".safetensors").is_file()


def _folder(path: Path, *, root: Path, depth: int) -> Iterator[Candidate | Refusal]:
    try:
        is_model = is_model_folder(path)
    except OSError as error:
        yield _refuse(path, root, "unreadable", f"The folder cannot be read: {error.strerror}.")
        return
    if not is_model:
        if depth < MAX_DEPTH:
            yield from _walk(path, root=root, depth=depth + 1)
        return
    escaping = [link for link in path.rglob("*") if link.is_symlink() and not _stays_inside(link, root)]
    if escaping:
        yield _refuse(
            path,
            root,
            "link_escapes",
            f"{escaping[0].name} in it is a link that leads out of the models folder.",
        )
        return
    yield _take(path, root, name=path.name)


def _file(path: Path, *, root: Path) -> Iterator[Candidate | Refusal]:
    suffix = path.suffix.lower()
    if suffix == ".safetensors" or suffix in TORCH_SUFFIXES:
        yield _take(path, root, name=path.stem)
    elif suffix in PICKLE_SUFFIXES:
        yield refusal(SOURCE, _relative(path, root), pickle_refused(path.name))


def _take(path: Path, root: Path, *, name: str) -> Candidate | Refusal:
    relative = path.relative_to(root).as_posix()
    if _relative(path, root) != relative:
        return _refuse(path, root, "bad_name", "Its name is too long or is not UTF-8. Give it a plain name.")
    return Candidate(source=SOURCE, path=relative, location=path, name=name)


def _refuse(path: Path, root: Path, code: str, reason: str) -> Refusal:
    return Refusal(source=SOURCE, path=_relative(path, root), code=code, reason=reason)


def _relative(path: Path, root: Path) -> str:
    """The path inside ``root``, made fit for the database: file names may be any bytes, and long."""
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()[:MAX_PATH_LENGTH]


def _stays_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link to itself
        return False
