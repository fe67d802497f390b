"""What people do in the browser, in their words."""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.integration.portal import Portal

DESKTOP: dict[str, object] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, object] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PICTURE_SECONDS = 180.0

# The picture as the browser decoded it: its address says nothing, and may be withdrawn at any moment.
_PIXELS = """image => {
    if (!image.complete || !image.naturalWidth) return '';
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL();
}"""


@dataclass
class Visitor:
    """Somebody with a browser."""

    portal: Portal
    page: Page
    name: str = field(default_factory=lambda: f"visitor-{secrets.token_hex(4)}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    def registers(self) -> None:
        """Makes an account and is signed in."""
        self.page.goto("/")
        self.page.get_by_role("link", name="Make an account").click()
        self.page.get_by_label("User name", exact=True).fill(self.name)
        self.page.locator('input[type="password"]').fill(self.password)
        self.page.get_by_role("button", name="Make an account").click()
        expect(self.prompt).to_be_visible(timeout=30_000)

    def signs_in(self, name: str = "", password: str = "") -> None:
        """Signs in on the sign-in page."""
        self.name, self.password = name or self.name, password or self.password
        self.page.goto("/")
        self.gives_name_and_password()
        expect(self.prompt).to_be_visible(timeout=30_000)

    def signs_out(self) -> None:
        """Signs out by the account menu."""
        self.page.get_by_role("button", name=re.compile("^Account of")).click()
        self.page.get_by_role("menuitem", name="Sign out").click()
        expect(self.page.get_by_label("User name or e-mail")).to_be_visible(timeout=30_000)

    def opens_settings(self, section: str) -> None:
        """A section of the settings, by its name in the list."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Settings").click()
        self.page.get_by_role("navigation", name="Sections of the settings").get_by_role(
            "link", name=section
        ).click()
        expect(self.page.get_by_role("heading", level=1, name=section)).to_be_visible(timeout=30_000)

    def proves_it(self) -> None:
        """Answers the question that comes before what matters, with the password."""
        dialog = self.page.get_by_role("dialog", name="Is it still you?")
        dialog.get_by_label("Password", exact=True).fill(self.password)
        dialog.get_by_role("button", name="Go on").click()

    def keeps_recovery_codes(self) -> list[str]:
        """Reads the codes that came with the second factor and closes their dialog."""
        codes = self.page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
        expect(codes).to_have_count(10, timeout=30_000)
        kept = codes.all_inner_texts()
        self.page.get_by_role("button", name="I have kept them").click()
        return kept

    def gives_name_and_password(self) -> None:
        """The first half of a sign-in."""
        self.page.get_by_label("User name or e-mail").fill(self.name)
        self.page.locator('input[type="password"]').fill(self.password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    @property
    def prompt(self) -> Locator:
        """The field that everything begins with."""
        return self.page.locator("#prompt")

    def chooses(self, model: str) -> None:
        """A model by its name, whatever is chosen now."""
        field = self.page.get_by_role("combobox", name="Model")
        if field.input_value() != model:
            field.click()
            name = self.page.get_by_text(model, exact=True)
            self.page.get_by_role("option").filter(has=name).click()

    def chooses_the_tiny_model(self) -> None:
        """The one that is quick enough for a test."""
        self.chooses("tiny")

    def sets(self, *, steps: int, side: int) -> None:
        """Steps and a square size of its own."""
        self.page.get_by_role("textbox", name="Steps").fill(str(steps))
        self.page.get_by_role("button", name="Custom").click()
        for name in ("Width", "Height"):
            box = self.page.get_by_role("textbox", name=name)
            box.fill(str(side))
            box.press("Enter")

    def opens_section(self, name: str) -> None:
        """A part of the form that is folded away."""
        head = self.page.get_by_role("button", name=re.compile(f"^{name}"))
        if head.get_attribute("aria-expanded") == "false":
            head.click()

    def adds_a_lora(self, name: str) -> None:
        """From the list of those that go with the model."""
        self.opens_section("LoRA")
        self.page.get_by_role("combobox", name="Add a LoRA").click()
        self.page.get_by_role("option", name=name, exact=True).click()

    def starts_from(self, picture: Path) -> None:
        """A picture of their own to begin with."""
        self.opens_section("Start picture")
        self.page.get_by_label("Start picture", exact=True).and_(self.page.locator("input")).set_input_files(
            picture
        )
        expect(self.page.get_by_alt_text("Start picture")).to_have_js_property(
            "complete", True, timeout=30_000
        )

    def generates(self, prompt: str) -> None:
        """Types a prompt and presses the button."""
        self.prompt.fill(prompt)
        form = self.page.get_by_role("region", name="Parameters")
        form.get_by_role("button", name=re.compile("^(Generate|Add to queue)")).click()

    def preview(self, prompt: str) -> Locator:
        """The live preview."""
        return self.page.get_by_alt_text(f"Preview: {prompt}")

    def result(self, prompt: str) -> Locator:
        """The finished picture on the stage."""
        return self.page.get_by_role("region", name="Picture").get_by_alt_text(prompt, exact=True)

    def watches(self, prompt: str, *, wanted: int) -> int:
        """Watches a running job until ``wanted`` different previews or the picture; returns how many."""
        seen: set[str] = set()
        deadline = time.monotonic() + PICTURE_SECONDS
        while len(seen) < wanted and time.monotonic() < deadline and not self.result(prompt).is_visible():
            pixels = self._pixels(self.preview(prompt))
            if pixels:
                seen.add(hashlib.sha256(pixels.encode()).hexdigest())
            self.page.wait_for_timeout(50)
        return len(seen)

    def _pixels(self, image: Locator) -> str:
        handles: list[Any] = image.element_handles()
        return str(handles[0].evaluate(_PIXELS)) if handles else ""

    def opens_the_gallery(self) -> None:
        """By the navigation."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Gallery").click()
        expect(self.page).to_have_url(re.compile("#/gallery"))

    def picture_in_gallery(self, prompt: str) -> Locator:
        """The tile of a picture."""
        return self.page.get_by_role("button", name=f"Open: {prompt}")

    def has_no_sideways_scroll(self) -> bool:
        """Whether the page fits the width of the screen."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        )
