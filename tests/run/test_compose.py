"""docker-compose.yml, the Dockerfile and .env.example, as far as that goes without a Docker engine."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sdweb.launcher.gpus import seats
from sdweb.launcher.options import options_read
from sdweb.launcher.paths import ROOT, venv_bin
from sdweb.launcher.services import background_services, gpu_services
from sdweb.settings.env import Environment

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy/Dockerfile"
VARIABLE = re.compile(r"\$\{([A-Z_]+)")
KEYS = {
    "image", "build", "environment", "volumes", "restart", "init", "depends_on", "command", "healthcheck",
    "stop_grace_period", "ports", "profiles", "deploy", "shm_size",
}  # fmt: skip


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return parsed


def test_the_services_of_a_portal_are_there(compose: dict[str, Any]) -> None:
    wanted = {"setup", "web", "gpu", "gpu1", "gpu-cpu", "io", "beat", "valkey", "postgres"}
    assert set(compose["services"]) == wanted
    assert compose["name"] == "sdweb"


def test_only_keys_that_compose_knows(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service) <= KEYS, name
        assert ("image" in service) or ("build" in service), name


def test_long_running_services_have_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "setup":
            assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
            assert service["restart"] == "unless-stopped", name


def test_dependencies_exist_and_have_what_is_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in services, name
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in services[other], (name, other)


def test_the_gpu_is_reserved_in_its_profile_alone(compose: dict[str, Any]) -> None:
    gpu, cpu = compose["services"]["gpu"], compose["services"]["gpu-cpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert gpu["profiles"] == ["gpu"]
    assert cpu["profiles"] == ["cpu"]
    assert "deploy" not in cpu


def test_a_second_gpu_has_a_worker_of_its_own(compose: dict[str, Any]) -> None:
    first, second = compose["services"]["gpu"], compose["services"]["gpu1"]
    (device,) = second["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["1"], "capabilities": ["gpu"]}
    assert second["profiles"] == ["gpu1"]
    different = {"profiles", "deploy"}
    assert {name: first[name] for name in first.keys() - different} == {
        name: second[name] for name in second.keys() - different
    }


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or source.startswith(("$", ".", "/")), volume


def test_every_variable_stands_in_the_example() -> None:
    used = set(VARIABLE.findall(COMPOSE.read_text()))
    offered = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == offered


def test_every_setting_passed_is_one_that_the_portal_reads(compose: dict[str, Any]) -> None:
    known = {
        str(field.validation_alias or f"SDWEB_{name.upper()}")
        for name, field in Environment.model_fields.items()
    }
    for name, service in compose["services"].items():
        if name not in ("postgres", "valkey"):
            assert set(service["environment"]) <= known, name


def test_the_workers_are_started_as_run_starts_them(compose: dict[str, Any], tmp_path: Path) -> None:
    """The same queue, pool and name; only addresses and folders differ."""
    options = options_read(["--data-dir", str(tmp_path)], {})
    services = [*gpu_services(options, {}, seats((), None, {})), *background_services(options, {})]
    local = {service.name: service.argv for service in services}
    for name in ("gpu", "io"):
        here = list(local[name][local[name].index("celery") :])
        there = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in compose["services"][name]["command"]]
        assert there == here


def test_the_image_stages_and_files_exist(compose: dict[str, Any]) -> None:
    text = DOCKERFILE.read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\w+)", text, re.MULTILINE))
    for service in compose["services"].values():
        if "build" in service:
            assert service["build"]["target"] in stages
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        words = [word for word in line.split() if not word.startswith("--")]
        if "--from=" not in line:
            assert all((ROOT / word).exists() for word in words[:-1]), line


def test_the_web_image_installs_no_torch() -> None:
    web = DOCKERFILE.read_text().split("FROM base AS web")[1].split("FROM")[0]
    assert "web.txt" in web
    assert "gpu.txt" not in web
    requirements = (ROOT / "requirements/web.txt").read_text()
    assert not re.search(r"^(torch|diffusers|transformers|-r)", requirements, re.MULTILINE)


def test_it_follows_the_compose_specification() -> None:
    """The specification's own schema."""
    command = [str(venv_bin("check-jsonschema")), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_docker_agrees() -> None:
    """The real parser, where this machine has it."""
    version = ["docker", "compose", "version"]
    if not shutil.which("docker") or subprocess.run(version, capture_output=True, check=False).returncode:
        pytest.skip("no docker compose client on this machine")
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "SECRET_KEY": "x" * 40, "POSTGRES_PASSWORD": "y"}
    command = ["docker", "compose", "-f", str(COMPOSE), "--profile", "gpu", "config", "-q"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
