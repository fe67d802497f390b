"""What a person does with the portal, from signing in to finding the picture again."""

import re
import secrets
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.steps import PICTURE_SECONDS, Visitor
from tests.integration.portal import ADMIN_PASSWORD

pytestmark = pytest.mark.e2e

PATIENCE = PICTURE_SECONDS * 1000


def a_prompt() -> str:
    """Words that no other test uses."""
    return f"a red apple on a blue background {secrets.token_hex(3)}"


def test_from_signing_in_to_the_gallery(visitor: Visitor, other_visitor: Visitor) -> None:
    prompt = a_prompt()
    visitor.registers()
    visitor.signs_out()
    visitor.signs_in()
    visitor.sets(steps=40, side=128)
    visitor.generates(prompt)
    assert visitor.watches(prompt, wanted=3) >= 3, "different previews"
    expect(visitor.result(prompt)).to_be_visible(timeout=PATIENCE)
    expect(visitor.result(prompt)).to_have_js_property("naturalWidth", 128, timeout=30_000)

    visitor.page.reload()
    visitor.opens_the_gallery()
    visitor.picture_in_gallery(prompt).click(timeout=30_000)
    panel = visitor.page.get_by_role("complementary", name="Recipe")
    if not panel.is_visible():
        visitor.page.get_by_role("button", name="Recipe").click()
    for text in (prompt, "128 × 128", "40", "Euler"):
        expect(panel.get_by_text(text, exact=True).first).to_be_visible()

    other_visitor.registers()
    other_visitor.opens_the_gallery()
    expect(other_visitor.page.get_by_text("Nothing here yet")).to_be_visible(timeout=30_000)
    expect(other_visitor.picture_in_gallery(prompt)).to_have_count(0)


def test_a_picture_by_a_model_of_another_family(visitor: Visitor) -> None:
    prompt = a_prompt()
    visitor.registers()
    visitor.chooses("Demo emoji XL")
    visitor.generates(prompt)
    expect(visitor.result(prompt)).to_be_visible(timeout=PATIENCE)
    # The size follows the model as long as nobody says otherwise.
    expect(visitor.result(prompt)).to_have_js_property("naturalWidth", 128, timeout=30_000)


def test_a_lora_and_a_picture_to_start_from(visitor: Visitor, tmp_path: Path) -> None:
    prompt, start = a_prompt(), tmp_path / "start.png"
    Image.new("RGB", (128, 128), (40, 90, 200)).save(start)
    visitor.registers()
    visitor.chooses("Demo emoji")
    visitor.adds_a_lora("Demo line art")
    visitor.starts_from(start)
    visitor.generates(prompt)
    expect(visitor.result(prompt)).to_be_visible(timeout=PATIENCE)
    recipe = visitor.page.evaluate(
        "fetch('/api/v1/images?limit=1').then(answer => answer.json()).then(page => page.items[0].recipe)"
    )
    assert recipe["task"] == "img2img"
    assert [(slot["name"], slot["weight"]) for slot in recipe["loras"]] == [("Demo line art", 1.0)]
    assert recipe["image"].startswith("upload:")
    # The form still says it after a reload.
    visitor.page.reload()
    expect(visitor.page.get_by_role("button", name=re.compile("^LoRA"))).to_be_visible(timeout=30_000)
    expect(visitor.page.get_by_alt_text("Start picture")).to_be_visible()


def test_the_wand_says_more_and_gives_the_words_back(visitor: Visitor) -> None:
    visitor.registers()
    visitor.prompt.fill("a cat")
    visitor.page.get_by_role("button", name="Enhance the prompt").click()
    expect(visitor.prompt).to_have_value(re.compile(r"^a cat, .+, .+"))
    first = visitor.prompt.input_value()
    visitor.page.get_by_role("button", name="Enhance it another way").click()
    expect(visitor.prompt).not_to_have_value(first)
    expect(visitor.prompt).to_have_value(re.compile(r"^a cat, .+, .+"))
    visitor.page.get_by_role("button", name="Back to my own words").click()
    expect(visitor.prompt).to_have_value("a cat")
    expect(visitor.page.get_by_role("button", name="Back to my own words")).to_have_count(0)


def test_a_job_is_cancelled(visitor: Visitor) -> None:
    prompt = a_prompt()
    visitor.registers()
    visitor.chooses_the_tiny_model()
    visitor.sets(steps=150, side=256)
    visitor.generates(prompt)
    expect(visitor.preview(prompt)).to_be_visible(timeout=PATIENCE)
    visitor.page.get_by_role("button", name="Cancel", exact=True).click()
    expect(visitor.preview(prompt)).to_have_count(0, timeout=30_000)
    visitor.opens_the_gallery()
    expect(visitor.page.get_by_text("Nothing here yet")).to_be_visible(timeout=30_000)


def test_a_reload_in_the_middle_of_a_job_loses_nothing(visitor: Visitor) -> None:
    prompt = a_prompt()
    visitor.registers()
    visitor.chooses_the_tiny_model()
    visitor.sets(steps=100, side=128)
    visitor.generates(prompt)
    expect(visitor.preview(prompt)).to_be_visible(timeout=PATIENCE)
    visitor.page.reload()
    visitor.opens_the_gallery()
    expect(visitor.picture_in_gallery(prompt)).to_be_visible(timeout=PATIENCE)


def test_an_empty_prompt_is_refused_with_words(visitor: Visitor) -> None:
    visitor.registers()
    visitor.generates("")
    expect(visitor.page.get_by_text("Describe what you want to see.")).to_be_visible()


def test_registration_is_closed_and_opened_by_an_administrator(
    visitor: Visitor, other_visitor: Visitor
) -> None:
    visitor.signs_in("admin", ADMIN_PASSWORD)
    _set_registration(visitor, opened=False)
    other_visitor.page.goto("/")
    expect(other_visitor.page.get_by_text("Registration is closed")).to_be_visible(timeout=30_000)
    expect(other_visitor.page.get_by_role("link", name="Make an account")).to_have_count(0)
    _set_registration(visitor, opened=True)
    other_visitor.registers()


def _set_registration(admin: Visitor, *, opened: bool) -> None:
    admin.page.goto("/admin/accounts/sitesettings/")
    box = admin.page.get_by_label("Registration open")
    box.set_checked(opened)
    admin.page.get_by_role("button", name="Save", exact=True).click()
    expect(admin.page.get_by_text(re.compile("was changed successfully"))).to_be_visible(timeout=30_000)


def test_a_picture_on_a_phone(phone: Visitor) -> None:
    prompt = a_prompt()
    phone.registers()
    assert phone.has_no_sideways_scroll()
    phone.chooses_the_tiny_model()
    phone.sets(steps=20, side=64)
    phone.generates(prompt)
    expect(phone.result(prompt)).to_be_visible(timeout=PATIENCE)
    phone.opens_the_gallery()
    expect(phone.picture_in_gallery(prompt)).to_be_visible(timeout=30_000)
    assert phone.has_no_sideways_scroll()


def test_the_theme_and_the_language_are_remembered(visitor: Visitor) -> None:
    visitor.registers()
    root = visitor.page.locator("html")
    before = root.get_attribute("data-mantine-color-scheme")
    visitor.page.get_by_role("button", name=re.compile("^Switch to the (light|dark) theme")).click()
    expect(root).not_to_have_attribute("data-mantine-color-scheme", before or "")
    after = root.get_attribute("data-mantine-color-scheme")
    visitor.page.reload()
    expect(root).to_have_attribute("data-mantine-color-scheme", after or "")
