"""Which rows share a tick."""

from types import SimpleNamespace
from typing import cast

import pytest

from generation.engine.rows import Row, bucket_for, choose


def row(owner: str, step: int = 0, served: int = -1) -> Row:
    # choose() looks at nothing else of a row.
    return cast("Row", SimpleNamespace(owner=owner, step=step, served=served))


@pytest.mark.parametrize(
    ("rows", "minimum", "bucket"),
    [(1, 1, 1), (2, 1, 2), (3, 1, 4), (5, 1, 8), (9, 1, 16), (1, 8, 8), (3, 3, 4)],
)
def test_buckets_are_powers_of_two(rows: int, minimum: int, bucket: int) -> None:
    assert bucket_for(rows, minimum) == bucket


def test_owners_take_turns() -> None:
    rows = [row("batch") for _ in range(6)] + [row("single"), row("pair"), row("pair")]
    assert [chosen.owner for chosen in choose(rows, 5)] == ["batch", "single", "pair", "batch", "pair"]


def test_whoever_waited_longest_comes_first() -> None:
    rows = [row("a", served=7), row("b", served=5), row("c", served=6)]
    assert [chosen.owner for chosen in choose(rows, 2)] == ["b", "c"]


def test_the_least_advanced_row_of_an_owner_comes_first() -> None:
    rows = [row("a", step=3), row("a", step=1), row("a", step=2)]
    assert [chosen.step for chosen in choose(rows, 2)] == [1, 2]
