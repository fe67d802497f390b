"""Everything that reads pictures. Each query is bound to one owner, except where its name says otherwise."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, QuerySet, Sum

from gallery.models import Image
from sdweb.accounts.models import User
from sdweb.errors import not_found

MAX_QUERY_LENGTH: Final = 200
MAX_QUERY_WORDS: Final = 8
MAX_PAGE_LIMIT: Final = 100
UNLISTED_TASKS: Final = ("preprocess",)
"""Control maps: listed only where their task is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPage:
    """A numbered page, for clients of the predecessor's ``get_gallery``; ``page`` counts from 0."""

    images: list[Image]
    page: int
    limit: int
    total: int
    has_next: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much of the storage somebody takes."""

    count: int
    bytes: int
    """Of the PNG files."""


def image_list(
    *, user: User, query: str = "", task: str | None = None, favourite: bool | None = None
) -> QuerySet[Image]:
    """A person's gallery, newest first, without the trash and, unless ``task`` says so, ``UNLISTED_TASKS``.

    ``query``: every word must occur in the prompt, as a part of a word at least, in any case. The words
    filter along the owner's index, so a page costs as many comparisons as it passes over rows of that owner;
    nothing else is read.
    """
    found = Image.objects.filter(owner=user, deleted_at=None)
    found = found.filter(task=task) if task else found.exclude(task__in=UNLISTED_TASKS)
    if favourite is not None:
        found = found.filter(favourite=favourite)
    for word in _query_words(query):
        found = found.filter(prompt_folded__contains=word)
    return found.order_by("-id")


def _query_words(query: str) -> list[str]:
    # PostgreSQL has no text with a NUL in it and would fail instead of finding nothing.
    return query[:MAX_QUERY_LENGTH].replace("\x00", " ").casefold().split()[:MAX_QUERY_WORDS]


def image_get(*, user: User, image_id: uuid.UUID) -> Image:
    """Raises ``not_found`` for what is not in this person's gallery."""
    found = Image.objects.filter(pk=image_id, owner=user, deleted_at=None).first()
    if found is None:
        raise not_found("This picture")
    return found


def images_kept(*, user: User) -> Kept:
    """Everything that this person has, the trash and control maps included."""
    found = Image.objects.filter(owner=user).aggregate(count=Count("pk"), bytes=Sum("bytes", default=0))
    return Kept(count=found["count"], bytes=found["bytes"])


def images_of_job(job_id: uuid.UUID) -> QuerySet[Image]:
    """The pictures of one job in batch order, the trash left out. Whether the job may be seen is the caller's
    check.
    """
    return Image.objects.filter(job_id=job_id, deleted_at=None).order_by("index")


def images_of_jobs(job_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Image]]:
    """The same for a page of jobs, in one query; jobs without pictures map to an empty list."""
    found: defaultdict[uuid.UUID, list[Image]] = defaultdict(list)
    for image in Image.objects.filter(job_id__in=list(job_ids), deleted_at=None).order_by("job_id", "index"):
        found[image.job_id].append(image)
    return found


def gallery_page(*, user: User, page: int, limit: int) -> GalleryPage:
    """One numbered page; numbers out of range are clamped, a page after the last is empty."""
    size = max(1, min(limit, MAX_PAGE_LIMIT))
    images = image_list(user=user)
    total = images.count()
    # Pages after the last hold nothing: clamped, so that a huge number cannot overflow the database's OFFSET.
    number = max(0, min(page, total // size + 1))
    start = number * size
    return GalleryPage(
        images=list(images[start : start + size]),
        page=number,
        limit=size,
        total=total,
        has_next=start + size < total,
    )
