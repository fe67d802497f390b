"""Lists: filters, search in any alphabet, pages that neither repeat nor lose a row, and the indexes behind
them.
"""

import uuid

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gallery.models import Image
from gallery.selectors import gallery_page, image_list
from sdweb.accounts.models import User
from sdweb.ids import uuid7
from sdweb.pagination import keyset_page

pytestmark = pytest.mark.django_db


def rows_make(
    owner: User, count: int, *, task: str = "txt2img", favourite: bool = False, prompt: str = "x"
) -> list[Image]:
    """Rows without files, many at once."""
    return Image.objects.bulk_create(
        Image(
            id=uuid7(),
            owner=owner,
            job_id=uuid.uuid4(),
            index=0,
            task=task,
            prompt=prompt,
            prompt_folded=prompt.casefold(),
            favourite=favourite,
            seed=1,
            width=64,
            height=64,
            recipe={},
            bytes=1,
        )
        for _ in range(count)
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("apple", True),
        ("APPLE red", True),
        ("app", True),
        ("apple pear", False),
        ("яблуко", True),
        ("ЯБЛУКО", True),
        ("strasse", True),
        ("100%", True),
        ("1000%", False),
        ("a_b", True),
        ("aXb", False),
        ("\\o/", True),
        ("%", True),
        ("\x00", True),
        ("nul\x00", False),
        ("   ", True),
        ("'; DROP TABLE gallery_image; --", False),
    ],
)
def test_every_word_must_occur_in_the_prompt(alice: User, query: str, found: bool) -> None:
    rows_make(alice, 1, prompt="A red Apple, Червоне Яблуко, Straße, 100% a_b \\o/")
    assert image_list(user=alice, query=query).exists() is found


def test_a_very_long_query_is_cut(alice: User) -> None:
    rows_make(alice, 1, prompt="word " * 40)
    assert image_list(user=alice, query="word " * 10_000).exists()


def test_filters_combine(alice: User, bob: User) -> None:
    rows_make(bob, 1, favourite=True)
    (plain,) = rows_make(alice, 1)
    (loved,) = rows_make(alice, 1, favourite=True)
    (other,) = rows_make(alice, 1, task="inpaint")
    (gone,) = rows_make(alice, 1)
    Image.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    assert list(image_list(user=alice)) == [other, loved, plain]
    assert list(image_list(user=alice, favourite=True)) == [loved]
    assert list(image_list(user=alice, favourite=False)) == [other, plain]
    assert list(image_list(user=alice, task="inpaint")) == [other]
    assert list(image_list(user=alice, task="inpaint", favourite=True)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=st.lists(st.sampled_from(["txt2img", "inpaint"]), max_size=12), limit=st.integers(1, 5))
def test_pages_hold_every_row_once(alice: User, tasks: list[str], limit: int) -> None:
    Image.objects.all().delete()
    for task in tasks:
        rows_make(alice, 1, task=task)
    expected = list(image_list(user=alice, task="txt2img"))
    seen: list[Image] = []
    cursor: str | None = None
    while True:
        page, cursor = keyset_page(image_list(user=alice, task="txt2img"), cursor, limit)
        seen += page
        # New pictures arrive while somebody reads: they must not shift what comes.
        rows_make(alice, 1)
        if cursor is None:
            break
        assert len(page) == limit
    assert seen == expected


@pytest.mark.parametrize(
    ("page", "limit", "count", "has_next"),
    [(0, 3, 3, True), (1, 3, 3, True), (2, 3, 1, False), (3, 3, 0, False), (0, 7, 7, False), (0, 0, 1, True),
     (-5, 3, 3, True), (10**30, 3, 0, False), (0, 10**30, 7, False)],
)  # fmt: skip
def test_numbered_pages(alice: User, page: int, limit: int, count: int, has_next: bool) -> None:
    rows_make(alice, 7)
    found = gallery_page(user=alice, page=page, limit=limit)
    assert (len(found.images), found.total, found.has_next) == (count, 7, has_next)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "image_owner_newest"),
        ({"query": "red"}, "image_owner_newest"),
        ({"favourite": True}, "image_owner_favourite_newest"),
        ({"task": "inpaint"}, "image_owner_task_newest"),
    ],
)
def test_a_page_is_read_along_an_index(alice: User, filters: dict[str, object], index: str) -> None:
    others = User.objects.bulk_create(User(username=f"other{number}") for number in range(40))
    for _ in range(5):
        for owner in (alice, *others):
            rows_make(owner, 13, prompt="red fox")
            rows_make(owner, 2, prompt="red fox", favourite=True, task="inpaint")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            # The few rows of a test lie in a handful of pages, which are cheap to read in any order.
            cursor.execute("SET LOCAL random_page_cost = 1; SET LOCAL enable_bitmapscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    found = image_list(user=alice, **filters)  # type: ignore[arg-type]
    middle = found[5].pk
    plan = str(found.order_by("-pk").filter(pk__lt=middle)[:41].explain())
    assert index in plan, plan
    assert "TEMP B-TREE" not in plan, plan  # SQLite's word for a sort
    assert "Sort" not in plan, plan  # PostgreSQL's
