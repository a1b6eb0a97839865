"""The files in `deploy/` are sound, and name only settings and commands that there are."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with pre-commit, without types
from tests.support.cli import TETHER, Room

from tether.hub.settings import PREFIX, TABLE

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMES = {f"{PREFIX}{each.name.upper()}" for each in TABLE}


@pytest.mark.parametrize("name", ["tether-hub", "tether-worker"])
def test_the_unit(tmp_path: Path, name: str) -> None:
    """The reader of systemd finds nothing wrong, and the command in it is one."""
    text = (DEPLOY / f"{name}.service").read_text()
    [line] = [each for each in text.splitlines() if each.startswith("ExecStart=")]
    arguments = line.partition("=")[2].split()[1:]
    assert "--root DIR" in Room(tmp_path / "room").ok(*arguments[:2], "--help")
    assert set(re.findall(rf"{PREFIX}\w+", text)) <= NAMES
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    unit = tmp_path / f"{name}.service"
    unit.write_text(
        text.replace("/opt/tether/bin/tether", str(TETHER)).replace("User=tether-hub", "User=root")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert [each for each in done.stderr.splitlines() if name in each] == []
    assert done.returncode == 0, done.stderr


def test_the_compose_file(tmp_path: Path) -> None:
    """Services and volumes that are named are there, and so are the settings; no secret stands in it."""
    text = (DEPLOY / "compose.yaml").read_text()
    document: dict[str, Any] = yaml.safe_load(text)
    assert set(document) == {"services", "configs", "volumes"}
    services = document["services"]
    for service in services.values():
        assert set(service) <= {
            *("build", "image", "command", "restart", "ports", "environment", "volumes", "configs"),
            *("depends_on", "healthcheck", "stop_grace_period"),
        }
        assert ("image" in service) != ("build" in service)
        for other, wanted in service.get("depends_on", {}).items():
            healthy = wanted["condition"] == "service_healthy"
            assert healthy == ("healthcheck" in services[other])
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in document["volumes"]
    settings = services["hub"]["environment"]
    assert {name for name in settings if name.startswith(PREFIX)} <= NAMES
    assert settings[f"{PREFIX}JOBS"] == "elsewhere"
    worker = services["worker"]
    assert (worker["environment"], worker["volumes"]) == (settings, services["hub"]["volumes"])
    assert worker["build"] == services["hub"]["build"]
    room = Room(tmp_path / "room")
    assert "--root DIR" in room.ok(*worker["command"][:2], "--help")
    secret = [line for line in text.splitlines() if "PASSWORD:" in line or "SECRET" in line]
    assert all("${" in line or line.startswith("#") for line in secret)


def test_docker_reads_the_compose_file() -> None:
    """Docker's own reader takes it, where there is one."""
    plugin = (
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if (shutil.which("docker"))
        else None
    )
    if plugin is None or plugin.returncode != 0:
        pytest.skip("no docker compose on this machine")
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PUBLIC_URL": "https://hub.example.org"}
    environ |= {"DATABASE_PASSWORD": "one", "S3_SECRET": "two"}
    command = ["docker", "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    assert subprocess.run(command, env=environ, check=False).returncode == 0
