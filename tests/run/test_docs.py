"""What the documents say about settings, switches and files must be true."""

import re
from pathlib import Path

import pytest

from sdweb.launcher.paths import ROOT
from sdweb.settings.env import SECRETS, Environment

CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \|([^|]*)\|", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
# Where the page says in words what the default is, as there is no value to show.
IN_WORDS = {"SECRET_KEY", "SDWEB_DATABASE_URL", "SDWEB_REDIS_URL", "SDWEB_ADMIN_PASSWORD"}


def _settings() -> dict[str, str]:
    """Every variable of the portal with its default, as the page should write it."""
    found = {}
    for name, field in Environment.model_fields.items():
        default = field.default
        if isinstance(default, bool):
            text = str(default).lower()
        elif isinstance(default, float) and default.is_integer():
            text = str(int(default))
        else:
            text = "" if default in ((), None) else str(default)
        found[str(field.validation_alias or f"SDWEB_{name.upper()}")] = text
    return found


def test_every_setting_is_described_and_nothing_else() -> None:
    ours = {name for name, _ in ROW.findall(CONFIGURATION.split("## Variables of other programs")[0])}
    assert ours == set(_settings())


@pytest.mark.parametrize("name", sorted(set(_settings()) - IN_WORDS))
def test_the_default_is_the_one_in_the_code(name: str) -> None:
    described = dict(ROW.findall(CONFIGURATION))[name].strip().strip("`").removeprefix("./")
    assert described == _settings()[name]


def test_the_secrets_that_may_stand_in_a_file_are_named() -> None:
    paragraph = CONFIGURATION.split("A secret may stand in a file")[1].split("\n\n")[0]
    assert all(f"`{variable}`" in paragraph for variable in SECRETS.values())


@pytest.mark.parametrize(
    "page", sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]), ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
