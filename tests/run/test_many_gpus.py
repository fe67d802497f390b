"""Which workers ``./run`` starts, and what a machine needs to join a portal."""

import os
import stat
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from sdweb.launcher import joining
from sdweb.launcher.console import LaunchError
from sdweb.launcher.gpus import gpus_visible, seats
from sdweb.launcher.joining import require_joinable
from sdweb.launcher.main import main
from sdweb.launcher.options import options_read
from sdweb.launcher.services import gpu_services


class TestGpus:
    @pytest.fixture
    def three_gpus(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An ``nvidia-smi`` that knows three."""
        program = tmp_path / "nvidia-smi"
        program.write_text('#!/bin/sh\n[ "$1" = --query-gpu=index ] && printf "0\\n1\\n2\\n"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    @pytest.mark.usefixtures("three_gpus")
    def test_all_that_nvidia_smi_lists(self) -> None:
        assert gpus_visible("auto", {}) == ("0", "1", "2")
        assert gpus_visible("cuda", {}) == ("0", "1", "2")
        assert gpus_visible("cpu", {}) == ()

    @pytest.mark.usefixtures("three_gpus")
    @pytest.mark.parametrize(
        ("variable", "seen"),
        [("2,0", ("2", "0")), ("GPU-8932f937", ("GPU-8932f937",)), ("", ()), ("1,-1,0", ("1",))],
    )
    def test_the_variable_decides(self, variable: str, seen: tuple[str, ...]) -> None:
        assert gpus_visible("auto", {"CUDA_VISIBLE_DEVICES": variable}) == seen

    def test_a_machine_without(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert gpus_visible("auto", {}) == ()

    def test_a_worker_for_each(self) -> None:
        found = seats(("0", "1"), None, {})
        assert [seat.name for seat in found] == ["gpu0", "gpu1"]
        assert [seat.env["CUDA_VISIBLE_DEVICES"] for seat in found] == ["0", "1"]
        assert {seat.env["CUDA_DEVICE_ORDER"] for seat in found} == {"PCI_BUS_ID"}

    def test_more_workers_than_gpus_share_them(self) -> None:
        found = seats(("0", "1"), 3, {})
        assert [seat.env["CUDA_VISIBLE_DEVICES"] for seat in found] == ["0", "1", "0"]

    def test_workers_on_the_processor_share_its_cores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sdweb.launcher.gpus._cores", lambda: 8)
        assert [seat.env for seat in seats((), 3, {})] == [{"OMP_NUM_THREADS": "2"}] * 3
        assert [seat.env for seat in seats((), 20, {})] == [{"OMP_NUM_THREADS": "1"}] * 20
        assert [seat.env for seat in seats((), 3, {"OMP_NUM_THREADS": "5"})] == [{}] * 3
        assert [(seat.name, seat.env) for seat in seats((), None, {})] == [("gpu", {})]

    def test_each_has_a_name_and_an_environment_of_its_own(self, tmp_path: Path) -> None:
        options = options_read(["--slots", "3", "--data-dir", str(tmp_path)], {})
        env = {"A": "1", "CUDA_VISIBLE_DEVICES": "0,1"}
        services = gpu_services(options, env, seats(("0", "1"), None, env))
        assert [service.name for service in services] == ["gpu0", "gpu1"]
        for index, service in enumerate(services):
            assert f"-Q gpu -P threads -c 3 -n gpu{index}@%h" in " ".join(service.argv)
            assert service.env["CUDA_VISIBLE_DEVICES"] == str(index)
            assert service.env["A"] == "1"

    @pytest.mark.parametrize("workers", ["0", "65", "many"])
    def test_a_number_of_workers_that_is_none(self, workers: str) -> None:
        with pytest.raises(LaunchError, match="--workers has to be a number"):
            options_read(["--workers", workers], {})


class TestJoining:
    @pytest.fixture
    def environ(self, tmp_path: Path) -> dict[str, str]:
        """All that a worker on another machine needs."""
        for name in ("data", "models"):
            (tmp_path / name).mkdir()
        return {
            "SDWEB_DATABASE_URL": "postgres://sdweb@there/sdweb",
            "SDWEB_REDIS_URL": "redis://there:6379/0",
            "SECRET_KEY": "k" * 40,
            "SDWEB_DATA_DIR": str(tmp_path / "data"),
            "MODELS_PATH": str(tmp_path / "models"),
        }

    def test_with_everything_there(self, environ: dict[str, str]) -> None:
        options = options_read(["worker"], environ)
        assert options.only_workers
        require_joinable(options, environ)

    def test_a_secret_may_be_in_a_file(self, environ: dict[str, str]) -> None:
        for name in ("SDWEB_DATABASE_URL", "SDWEB_REDIS_URL", "SECRET_KEY"):
            del environ[name]
            environ[f"{name}_FILE"] = "/run/secrets/x"
        require_joinable(options_read(["worker"], environ), environ)

    @pytest.mark.parametrize(
        ("variable", "value", "sentence"),
        [
            ("SDWEB_DATABASE_URL", "", "SQLite is not shared"),
            ("SDWEB_DATABASE_URL", "sqlite:///data/db.sqlite3", "does not name a PostgreSQL"),
            ("SDWEB_REDIS_URL", "", "serves its own machine only"),
            ("SECRET_KEY", "", "has to be the portal's"),
            ("SDWEB_DATA_DIR", "/nowhere/data", "data folder /nowhere/data is not there"),
            ("MODELS_PATH", "/nowhere/models", "models folder /nowhere/models is not there"),
        ],
    )
    def test_what_is_missing_is_said_in_one_sentence(
        self, environ: dict[str, str], variable: str, value: str, sentence: str
    ) -> None:
        environ[variable] = value
        with pytest.raises(LaunchError, match=sentence) as raised:
            require_joinable(options_read(["worker"], environ), environ)
        assert "docs/machines.md" in raised.value.remedy

    def test_run_worker_says_it_and_starts_nothing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("SDWEB_DATABASE_URL", "SDWEB_DATABASE_URL_FILE"):
            monkeypatch.delenv(name, raising=False)
        assert main(["worker"]) == 1
        assert "SDWEB_DATABASE_URL is not set" in capsys.readouterr().err

    @pytest.mark.django_db
    def test_a_database_of_another_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joining, "_redis_problems", lambda: iter(()))
        assert list(joining.problems_found()) == []
        MigrationRecorder(connection).migration_qs.filter(app="generation").order_by("-id")[:1].get().delete()
        assert [problem[:41] for problem in joining.problems_found()] == [
            "The database is of another version of the"
        ]

    @pytest.mark.django_db
    def test_a_clock_that_is_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joining, "_redis_problems", lambda: iter(()))
        monkeypatch.setattr(joining, "_clock_difference", lambda: 61.0)
        (problem,) = joining.problems_found()
        assert "differ by 61 s" in problem

    @pytest.mark.django_db
    def test_a_redis_that_is_away(self, settings: object) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
        (problem,) = joining.problems_found()
        assert problem.startswith("Redis does not answer")
