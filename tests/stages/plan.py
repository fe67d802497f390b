"""Which stages there are, what they run and what they need."""

from dataclasses import dataclass, field
from pathlib import Path

from sdweb.launcher.node import npm_command
from sdweb.launcher.paths import FRONTEND, ROOT, venv_bin
from tests.stages.packages import CHROMIUM, EMOJI, POSTGRES, REDIS, Need

DATABASE_TESTS = ("access", "accounts", "gallery", "generation", "models_hub")
REAL_PROCESSES = ("integration", "faults", "e2e")
BOTH_DATABASES = ("integration", "faults")


@dataclass(frozen=True)
class Command:
    """One line of a stage. ``results`` is the JUnit file that it writes, if it does."""

    title: str
    argv: tuple[str, ...]
    cwd: Path = ROOT
    results: Path | None = None
    env: dict[str, str] = field(default_factory=dict)
    on_postgres: bool = False
    """Whether it runs on the PostgreSQL server of the test run; otherwise on SQLite."""


@dataclass(frozen=True)
class Stage:
    """A named part of the test run."""

    name: str
    what: str
    needs: frozenset[Need] = frozenset()
    interface: bool = False
    """Whether the browser interface has to be built first."""


SERVERS = frozenset({REDIS, POSTGRES})
STAGES = (
    Stage("lint", "ruff: rules and formatting"),
    Stage("types", "mypy --strict"),
    Stage("contracts", "import-linter: who may import whom"),
    Stage("frontend", "API schema, eslint, prettier, tsc, vitest, build"),
    Stage("unit", "everything that needs no server, on SQLite", frozenset({EMOJI}), interface=True),
    Stage("postgres", "the database code again, on PostgreSQL", frozenset({POSTGRES})),
    Stage("integration", "the whole portal with real workers, on both databases", SERVERS, interface=True),
    Stage("faults", "kill -9, a flushed Redis, a full disk, a clock that is set", SERVERS, interface=True),
    Stage("e2e", "a person with a browser (Chromium)", SERVERS | {CHROMIUM}, interface=True),
)


def stages_chosen(names: list[str]) -> list[Stage]:
    """The stages of these names in their usual order; all without names.

    A folder of ``tests/`` is a stage too. Raises ValueError for a name that is neither.
    """
    if not names:
        return list(STAGES)
    known = {stage.name: stage for stage in STAGES} | {
        name: Stage(name, f"tests/{name}") for name in folders()
    }
    for name in names:
        if name not in known:
            raise ValueError(f"There is no stage {name!r}. There are: {', '.join(known)}.")
    return [stage for name, stage in known.items() if name in names]


def folders() -> list[str]:
    """Folders of ``tests/`` that are not stages by themselves."""
    others = {stage.name for stage in STAGES} | {"stages", "__pycache__"}
    return sorted(
        path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name not in others
    )


def commands(stage: Stage, *, scratch: Path, extra: tuple[str, ...]) -> list[Command]:
    """What a stage runs, in order. ``scratch`` takes result files; ``extra`` goes to pytest."""
    python = str(venv_bin("python"))
    if stage.name == "lint":
        ruff = str(venv_bin("ruff"))
        return [
            Command("ruff check", (ruff, "check", ".")),
            Command("ruff format", (ruff, "format", "--check", ".")),
        ]
    if stage.name == "types":
        return [Command("mypy", (python, "-m", "mypy", "."))]
    if stage.name == "contracts":
        return [Command("lint-imports", (str(venv_bin("lint-imports")),))]
    if stage.name == "frontend":
        return _frontend(python, scratch)
    if stage.name in BOTH_DATABASES:
        return [_pytest(stage.name, scratch, extra), _pytest(stage.name, scratch, extra, on_postgres=True)]
    return [_pytest(stage.name, scratch, extra, on_postgres=stage.name == "postgres")]


def _frontend(python: str, scratch: Path) -> list[Command]:
    npm, env = npm_command()
    results = scratch / "vitest.xml"
    reporters = ("--reporter=default", "--reporter=junit", f"--outputFile.junit={results}")
    return [
        Command("API schema is current", (python, "-m", "tests.stages.schema"), env=env),
        Command("eslint, prettier", (*npm, "run", "--silent", "lint"), FRONTEND, env=env),
        Command("tsc", (*npm, "run", "--silent", "typecheck"), FRONTEND, env=env),
        Command("vitest", (*npm, "run", "--silent", "test", "--", *reporters), FRONTEND, results, env),
        Command("build", (python, "-m", "tests.stages.interface"), env=env),
    ]


def _pytest(name: str, scratch: Path, extra: tuple[str, ...], *, on_postgres: bool = False) -> Command:
    database = "PostgreSQL" if on_postgres else "SQLite"
    results = scratch / f"{name}-{database}.xml"
    arguments: tuple[str, ...] = (f"tests/{name}",)
    if name == "unit":
        arguments = ("tests", *(f"--ignore=tests/{folder}" for folder in REAL_PROCESSES), "-n", "2")
    elif name == "postgres":
        arguments = (*(f"tests/{folder}" for folder in DATABASE_TESTS), "-n", "2")
    marks = "not gpu and not postgres"
    if on_postgres:
        # Once is enough for what never meets this server: tests without a database, portals that keep SQLite.
        marks = "not gpu and django_db" if name == "postgres" else "not gpu and not sqlite"
    python = str(venv_bin("python"))
    command = (python, "-m", "pytest", "-q", *arguments, "-m", marks, f"--junitxml={results}", *extra)
    return Command(f"pytest on {database}", command, ROOT, results, on_postgres=on_postgres)
