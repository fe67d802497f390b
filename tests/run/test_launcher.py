"""The pieces of ``./run``: switches, port, data folder, Redis, Node.js, the start on a bare Python."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdweb.launcher import machine, node, pip_wheel, python_env, redis_server
from sdweb.launcher.console import LaunchError
from sdweb.launcher.gpus import seats
from sdweb.launcher.options import child_environment, options_read
from sdweb.launcher.paths import ROOT, VENV
from sdweb.launcher.services import background_services, gpu_services, web_service


class TestOptions:
    def test_a_switch_wins_over_its_variable(self) -> None:
        options = options_read(["--port", "8123"], {"PORT": "9000", "SDWEB_HOST": "::1"})
        assert (options.port, options.host) == (8123, "::1")

    def test_defaults(self) -> None:
        options = options_read([], {})
        assert (options.host, options.port, options.data_dir) == ("127.0.0.1", 5000, ROOT / "data")
        assert options.build

    @pytest.mark.parametrize("port", ["0", "65536", "five", "-1", "٥"])
    def test_a_port_that_is_none(self, port: str) -> None:
        with pytest.raises(LaunchError, match="PORT has to be a number"):
            options_read([], {"PORT": port})

    def test_what_the_processes_get(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
        options = options_read(["--port", "8123", "--data-dir", str(tmp_path)], {})
        env = child_environment(options, "redis://there")
        assert env["PORT"] == "8123"
        assert env["SDWEB_DATA_DIR"] == str(tmp_path)
        assert env["SDWEB_REDIS_URL"] == "redis://there"
        assert "PYTHONPATH" not in env

    def test_every_service_runs_in_the_environment(self, tmp_path: Path) -> None:
        options = options_read(["--slots", "3", "--data-dir", str(tmp_path)], {})
        services = {
            service.name: service
            for service in (
                web_service(options, {}),
                *gpu_services(options, {}, seats((), None, {})),
                *background_services(options, {}),
            )
        }
        assert list(services) == ["web", "gpu", "io", "beat"]
        assert all(service.argv[0] == str(VENV / "bin/python") for service in services.values())
        assert "-c 3 -n gpu@%h" in " ".join(services["gpu"].argv)


class TestMachine:
    def test_a_taken_port_is_named_with_a_remedy(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(LaunchError, match=f"Port {port} .* is taken") as raised:
                machine.port_require_free("127.0.0.1", port)
        assert "--port" in raised.value.remedy

    def test_a_free_port_is_fine(self) -> None:
        machine.port_require_free("127.0.0.1", machine.free_port())

    def test_an_address_of_another_machine(self) -> None:
        with pytest.raises(LaunchError, match="Nothing can listen"):
            machine.port_require_free("192.0.2.1", 5000)

    def test_one_portal_per_data_folder(self, tmp_path: Path) -> None:
        holder = (
            "import sys, pathlib; from sdweb.launcher.machine import data_dir_lock\n"
            "with data_dir_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", holder, str(tmp_path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            with (
                pytest.raises(LaunchError, match=f"already runs .* \\(process {other.pid}\\)"),
                machine.data_dir_lock(tmp_path),
            ):
                pass
            other.kill()
        with machine.data_dir_lock(tmp_path):  # the kernel let go of it
            assert (tmp_path / "run.lock").read_text() == f"{os.getpid()}\n"

    def test_a_data_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with (
            pytest.raises(LaunchError, match="cannot be used"),
            machine.data_dir_lock(tmp_path / "file/data"),
        ):
            pass


class TestRedis:
    def test_it_answers_only_with_the_password(self, tmp_path: Path) -> None:
        if redis_server.server_binary() is None:
            pytest.skip("no Redis on this machine")
        redis = redis_server.redis_prepare(tmp_path, machine.free_port())
        with subprocess.Popen(redis.argv, stdout=subprocess.DEVNULL) as process:
            try:
                deadline = time.monotonic() + 20
                while not redis_server.redis_answers(redis.port, redis.password):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                assert redis_server.redis_answers(redis.port, redis.password)
                assert not redis_server.redis_answers(redis.port, "wrong")
                assert _says_without_password(redis.port).startswith(b"-NOAUTH")
            finally:
                process.terminate()

    def test_the_password_is_for_the_owner_alone(self, tmp_path: Path) -> None:
        redis = redis_server.redis_prepare(tmp_path, 7001)
        config = tmp_path / "redis/redis.conf"
        assert config.stat().st_mode & 0o777 == 0o600
        assert redis.password not in " ".join(redis.argv)
        assert redis.url == f"redis://:{redis.password}@127.0.0.1:7001/0"

    def test_without_a_server_it_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_server, "server_binary", lambda: None)
        with pytest.raises(LaunchError, match="no Redis server") as raised:
            redis_server.redis_prepare(tmp_path, 7001)
        assert "apt install" in raised.value.remedy


def _says_without_password(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(100)


class TestNode:
    @pytest.mark.parametrize(
        ("text", "fits"),
        [
            ("v18.20.4", False),
            ("v20.18.1", False),
            ("v20.19.0", True),
            ("v21.7.3", False),
            ("v22.11.0", False),
            ("v22.12.0", True),
            ("v24.19.0", True),
            ("", False),
            ("node: not found", False),
        ],
    )
    def test_which_versions_fit(self, text: str, fits: bool) -> None:
        assert node.node_fits(node.version_of(text)) is fits

    def test_the_hash_follows_the_sources_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(node, "FRONTEND", tmp_path)
        (tmp_path / "src").mkdir()
        (tmp_path / "src/main.ts").write_text("1")
        before = node.source_hash()
        (tmp_path / "node_modules").mkdir()
        (tmp_path / "node_modules/x.js").write_text("2")
        assert node.source_hash() == before
        (tmp_path / "src/main.ts").write_text("3")
        assert node.source_hash() != before


class TestPipWheel:
    def test_the_index_that_pip_would_use(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple/")
        assert pip_wheel.index_url() == "https://mirror.example/simple"
        monkeypatch.delenv("PIP_INDEX_URL")
        (tmp_path / ".config/pip").mkdir(parents=True)
        (tmp_path / ".config/pip/pip.conf").write_text("[global]\nindex-url = https://other.example/simple\n")
        assert pip_wheel.index_url() == "https://other.example/simple"

    def test_the_wheel_is_found_in_an_index_page(self) -> None:
        wheel = pip_wheel.PIP_WHEEL
        page = f'<a href="../../files/pip-9.tar.gz">x</a><a href="../../files/{wheel}#sha256=1">y</a>'
        found = pip_wheel.wheel_link(page, "https://mirror.example/simple/pip/")
        assert found == f"https://mirror.example/files/{wheel}#sha256=1"

    def test_an_index_without_it(self) -> None:
        with pytest.raises(LaunchError, match="does not list"):
            pip_wheel.wheel_link("<html></html>", "https://mirror.example/simple/pip/")


class TestPythonEnvironment:
    def test_the_stamp_follows_the_requirements(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("web", "gpu", "gpu-bare", "embedded", "constraints"):
            (tmp_path / f"{name}.txt").write_text(name)
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/python").write_text("")
        monkeypatch.setattr(python_env, "REQUIREMENTS", tmp_path)
        monkeypatch.setattr(python_env, "VENV", tmp_path)
        monkeypatch.setattr(python_env, "venv_bin", lambda name: tmp_path / "bin" / name)
        assert not python_env.environment_ready("embedded")
        digest = hashlib.sha256(b"webgpugpu-bareembeddedconstraints").hexdigest()
        (tmp_path / ".installed-embedded").write_text(digest)
        assert python_env.environment_ready("embedded")
        (tmp_path / "gpu-bare.txt").write_text("newer")
        assert not python_env.environment_ready("embedded")


def test_everything_up_to_the_installation_runs_on_a_bare_python() -> None:
    """``-S -I``: no site-packages, no environment; what is imported must come from the standard library."""
    program = (
        "import runpy, sys, json; sys.argv = ['boot.py', 'run', '--help']\n"
        "try: runpy.run_path('sdweb/launcher/boot.py', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "foreign = [n for n in sys.modules if n.split('.')[0] in ('django', 'celery', 'torch', 'pydantic')]\n"
        "print(json.dumps(foreign))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert "--data-dir" in done.stdout


def test_an_unsuitable_python_is_refused_with_words(tmp_path: Path) -> None:
    """A machine whose only Python is too new or too old."""
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.13.0' && exit 0\nexit 1\n")
    fake.chmod(0o755)
    for tool in ("dirname", "printf"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    # A copy without a virtual environment beside it, which would be taken otherwise.
    for name in ("run", "sdweb/launcher/find_python.sh"):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_text((ROOT / name).read_text())
    done = subprocess.run(
        ["/bin/sh", str(tmp_path / "copy/run")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or 3.12; this machine has Python 3.13.0" in done.stderr
