"""``./test``: choose stages, install, start servers, run, report."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from sdweb.launcher.console import LaunchError, complain, say, step
from sdweb.launcher.node import interface_build, packages_install
from sdweb.launcher.paths import ROOT
from sdweb.launcher.python_env import environment_install
from tests.stages.packages import POSTGRES, REDIS, browser_path, needs_install
from tests.stages.plan import STAGES, Command, Stage, commands, folders, stages_chosen
from tests.stages.report import Outcome, outcome_of, report
from tests.stages.servers import postgres_running, redis_running

_INTERRUPT_SECONDS = 20.0


def main(argv: Sequence[str]) -> int:
    """Run the chosen stages. Returns 0 when all of them are well."""
    given = _parser().parse_args(_before_dashes(argv))
    extra = tuple(argv[len(_before_dashes(argv)) + 1 :])
    started = time.monotonic()
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        stages = stages_chosen(given.stage)
        with _surroundings(stages) as (env, scratch):
            outcomes = [one for stage in stages for one in _run_stage(stage, env, scratch, extra)]
    except ValueError as error:
        complain(LaunchError(str(error)))
        return 2
    except LaunchError as error:
        complain(error)
        say("\n0 passed, 1 failed")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if report(outcomes, time.monotonic() - started) else 1


@contextmanager
def _surroundings(stages: list[Stage]) -> Iterator[tuple[dict[str, str], Path]]:
    """What the stages need: packages, servers. Gives the environment and a scratch folder."""
    needs = frozenset(need for stage in stages for need in stage.needs)
    environment_install("dev")
    needs_install(needs)
    if any(stage.name == "frontend" or stage.interface for stage in stages):
        packages_install()
    with ExitStack() as stack:
        # Not below /tmp/<private>: PostgreSQL's user has to get through to its folder.
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sdweb-test-")))
        scratch.chmod(0o711)
        env = _environment(scratch)
        if needs & {REDIS, POSTGRES}:
            with step("Servers for the tests: Redis, PostgreSQL"):
                if REDIS in needs:
                    env["TEST_REDIS_URL"] = stack.enter_context(redis_running(scratch))
                if POSTGRES in needs:
                    env["TEST_POSTGRES_URL"] = stack.enter_context(postgres_running(scratch))
        yield env, scratch


def _environment(scratch: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SDWEB_", "PYTHON"))}
    for foreign in ("PORT", "MODELS_PATH", "SECRET_KEY", "DJANGO_SETTINGS_MODULE"):
        env.pop(foreign, None)
    return env | {
        # Threads of several test processes on few cores slow each other down many times.
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TEST_BROWSER": browser_path(),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(scratch),
    }


def _run_stage(stage: Stage, env: dict[str, str], scratch: Path, extra: tuple[str, ...]) -> Iterator[Outcome]:
    if stage.interface:
        try:
            interface_build()
        except LaunchError as error:
            complain(error)
            yield Outcome(stage.name, "build of the interface", good=False, seconds=0.0, passed=0, failed=1)
            return
    for command in commands(stage, scratch=scratch, extra=extra):
        say(f"\n==> {stage.name}: {command.title}")
        yield _run_command(stage, command, env)


def _run_command(stage: Stage, command: Command, env: dict[str, str]) -> Outcome:
    started = time.monotonic()
    chosen = {**env, **command.env}
    if command.on_postgres:
        chosen["SDWEB_DATABASE_URL"] = chosen["TEST_POSTGRES_URL"]
    code = _run_to_its_end(command, chosen)
    seconds = time.monotonic() - started
    return outcome_of(stage.name, command.title, exit_code=code, seconds=seconds, results=command.results)


def _run_to_its_end(command: Command, env: dict[str, str]) -> int:
    process = subprocess.Popen(command.argv, cwd=command.cwd, env=env, stdin=subprocess.DEVNULL)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)  # so that the tests stop what they have started
        try:
            process.wait(_INTERRUPT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        raise


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl+C does: what was started is stopped."""
    raise KeyboardInterrupt


def _before_dashes(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {stage.name:<12} {stage.what}" for stage in STAGES]
    parser = argparse.ArgumentParser(
        prog="./test",
        description="Install what the tests need and run them; all stages, or the named ones.",
        epilog="stages:\n" + "\n".join(lines) + f"\n\nor a folder of tests/: {', '.join(folders())}\n\n"
        "What follows -- goes to pytest:  ./test unit -- -k cancel",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", nargs="*", help="what to run; everything without")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
