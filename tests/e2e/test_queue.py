"""The queue in two browsers: whoever has jobs in it orders them, whoever manages it pauses it."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.steps import PICTURE_SECONDS, Visitor
from tests.integration.portal import ADMIN_PASSWORD

pytestmark = pytest.mark.e2e

PATIENCE = PICTURE_SECONDS * 1000
_FINISHED = """async () => {
    const answer = await fetch('/api/v1/jobs?state=finished');
    const ended = (await answer.json()).items.filter(job => job.state === 'done');
    ended.sort((a, b) => Date.parse(a.finished_at) - Date.parse(b.finished_at));
    return ended.map(job => job.params.prompt);
}"""


def test_jobs_go_in_the_order_that_their_owner_gave_them(visitor: Visitor, other_visitor: Visitor) -> None:
    page, reason = visitor.page, f"New disks {secrets.token_hex(3)}"
    first, second, held, third = (f"{name} {secrets.token_hex(3)}" for name in ("fox", "hen", "cat", "owl"))
    other_visitor.signs_in("admin", ADMIN_PASSWORD)
    visitor.registers()
    visitor.chooses_the_tiny_model()
    visitor.sets(steps=4, side=64)
    with _one_at_a_time(other_visitor):
        with _paused(other_visitor, reason):
            expect(page.get_by_role("status").filter(has_text=reason)).to_be_visible(timeout=30_000)
            for place, prompt in enumerate((first, second, held, third), start=1):
                visitor.generates(prompt)
                expect(page.get_by_role("button", name=f"{place} in queue")).to_be_visible(timeout=30_000)
            drawer = _opened(page)
            expect(drawer.get_by_text(reason)).to_be_visible()
            mine = drawer.get_by_role("list", name="Mine").get_by_role("listitem")
            drawer.get_by_role("button", name=f"Hold back: {held}").click()
            expect(mine.filter(has_text=held)).to_contain_text("Held back", timeout=30_000)
            for order in ([first, second, third, held], [first, third, second, held]):
                page.get_by_role("button", name=f"More: {third}").click()
                page.get_by_role("menuitem", name="Move up").click()
                expect(mine).to_contain_text(order, timeout=30_000)

        expect(drawer.get_by_text(reason)).to_have_count(0, timeout=30_000)
        expect(mine).to_contain_text([held], timeout=PATIENCE)
        drawer.get_by_role("button", name=f"Let it wait again: {held}").click()
        expect(mine).to_have_count(0, timeout=PATIENCE)
    assert page.evaluate(_FINISHED) == [first, third, second, held]


def _opened(page: Page) -> Locator:
    page.get_by_role("button", name=re.compile("in queue")).click()
    drawer = page.get_by_role("dialog", name="Queue")
    expect(drawer).to_be_visible()
    return drawer


@contextmanager
def _paused(manager: Visitor, reason: str) -> Iterator[None]:
    manager.page.goto("/")
    drawer = _opened(manager.page)
    drawer.get_by_label("Why the queue is paused").fill(reason)
    drawer.get_by_role("button", name="Pause the queue").click()
    resume = drawer.get_by_role("button", name="Resume the queue")
    expect(resume).to_be_visible(timeout=30_000)
    try:
        yield
    finally:
        resume.click()
        expect(resume).to_have_count(0, timeout=30_000)


@contextmanager
def _one_at_a_time(admin: Visitor) -> Iterator[None]:
    """Everybody's jobs one after another, so that they end in the order in which they begin."""
    _set_running(admin, "1")
    try:
        yield
    finally:
        _set_running(admin, "")


def _set_running(admin: Visitor, jobs: str) -> None:
    admin.page.goto("/admin/accounts/sitesettings/")
    admin.page.get_by_label("Jobs running").fill(jobs)
    admin.page.get_by_role("button", name="Save", exact=True).click()
    expect(admin.page.get_by_text(re.compile("was changed successfully"))).to_be_visible(timeout=30_000)
