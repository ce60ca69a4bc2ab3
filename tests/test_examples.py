"""The examples in docs/operating for proxies and containers: names, ports, paths and probes are those of the code."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.commands.servers import KEEP_ALIVE_SECONDS, MOST_SECONDS_TO_END
from app.http.routes import RESOURCES
from app.listener.limits import ListenerLimits
from app.settings import SECRETS, SETTINGS, Settings, load
from tests.support.shown import ROOT
from tests.test_image import the_only

FOLDER = ROOT / "docs/operating"
SCALE = (FOLDER / "scale.conf").read_text(encoding="utf-8")
NGINX = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
CADDY = (FOLDER / "Caddyfile").read_text(encoding="utf-8")
MANIFEST: dict[str, dict[str, Any]] = {
    part["kind"]: part for part in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8"))
}
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
POD: dict[str, Any] = MANIFEST["Deployment"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
FACADE: dict[str, Any] = COMPOSE["services"]["facade"]
NAMES = {row.name for row in SETTINGS} | {f"CXF_{name.upper()}_FILE" for name in SECRETS}
GIVEN: dict[str, dict[str, str]] = {"kubernetes": MANIFEST["ConfigMap"]["data"], "compose": FACADE["environment"]}
PORT = Settings.model_fields["port"].default


@pytest.mark.parametrize("path", [path for path in FOLDER.rglob("*") if path.is_file()], ids=lambda path: path.name)
def test_every_setting_named_is_one(path: Path) -> None:
    assert set(re.findall(r"CXF_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) <= NAMES


@pytest.mark.parametrize("example", GIVEN)
def test_with_the_settings_given_and_secrets_as_they_are_mounted_the_service_would_start(
    example: str, tmp_path: Path
) -> None:
    """The image's own setting beside them, and files of the mode that they have there."""
    environ = {
        **dict(part.split("=", 1) for part in the_only("ENV").split() if part.startswith("CXF_")),
        **GIVEN[example],
    }
    for name, value in environ.items():
        if name.endswith("_FILE"):
            mounted = tmp_path / Path(value).name
            mounted.write_text("invented-secret-of-a-test-0")
            mounted.chmod(0o440)
            environ[name] = str(mounted)
    settings = load(environ=environ, env_file=None)
    settings.require_access()
    settings.require_upstream()
    assert settings.warnings == ()
    assert settings.client_keys_file
    assert settings.pseudonym_secret
    assert not settings.anonymous_allowed
    assert settings.port == PORT


def test_the_probes_ask_for_what_there_is_and_within_the_time_it_takes() -> None:
    [port] = CONTAINER["ports"]
    assert port["containerPort"] == PORT == int(the_only("EXPOSE"))
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = CONTAINER[probe]["httpGet"]
        assert asked["port"] == port["name"]
        assert asked["path"].startswith("/health/")
        assert asked["path"] in {resource.path for resource in RESOURCES}
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert POD["terminationGracePeriodSeconds"] > MOST_SECONDS_TO_END + 1
    assert int(FACADE["stop_grace_period"].removesuffix("s")) > MOST_SECONDS_TO_END + 1


def test_the_parts_of_the_manifest_name_each_other() -> None:
    deployment, service = MANIFEST["Deployment"]["spec"], MANIFEST["Service"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == service["selector"]
    assert service["ports"][0]["targetPort"] == CONTAINER["ports"][0]["name"]
    assert CONTAINER["envFrom"] == [{"configMapRef": {"name": MANIFEST["ConfigMap"]["metadata"]["name"]}}]
    [mount], [volume] = CONTAINER["volumeMounts"], POD["volumes"]
    assert mount["name"] == volume["name"]
    assert all(
        Path(value).parent == Path(mount["mountPath"])
        for name, value in GIVEN["kubernetes"].items()
        if name.endswith("_FILE")
    )
    assert volume["secret"]["defaultMode"] == 0o440
    assert CONTAINER["args"] == ["serve"]


@pytest.mark.threat("T63")
def test_the_pod_has_no_more_rights_than_it_needs() -> None:
    user = int(the_only("USER").partition(":")[0])
    ids = {key: POD["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")}
    assert set(ids.values()) == {user}
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert CONTAINER["resources"]["limits"]["memory"] == "768Mi"


@pytest.mark.threat("T63")
def test_the_tenants_own_service_has_the_rights_of_the_demonstration_and_secrets_as_files() -> None:
    model: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["facade"]
    for key in ("user", "read_only", "cap_drop", "security_opt", "tmpfs", "mem_limit", "pids_limit", "cpus", "ulimits"):
        assert FACADE[key] == model[key]
    assert (ROOT / "docs/operating" / FACADE["build"]).resolve() == ROOT
    assert FACADE["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    files = {Path(value).name for name, value in GIVEN["compose"].items() if name.endswith("_FILE")}
    assert set(FACADE["secrets"]) == set(COMPOSE["secrets"]) == files
    assert not {"CXF_PASSWORD", "CXF_PSEUDONYM_SECRET"} & set(GIVEN["compose"])


def seconds(pattern: str, text: str) -> int:
    """The one figure that a line of an example gives."""
    [figure] = re.findall(pattern, text)
    return int(figure)


def test_the_proxies_reach_the_service_and_wait_as_long_as_it_may_take() -> None:
    wait = Settings.model_fields["wait_seconds"].default
    assert seconds(r"server 127\.0\.0\.1:(\d+);", NGINX) == seconds(r"reverse_proxy 127\.0\.0\.1:(\d+) ", CADDY) == PORT
    assert seconds(r"keepalive_timeout (\d+)s;", NGINX) < KEEP_ALIVE_SECONDS
    assert seconds(r"keepalive (\d+)s\n", CADDY) < KEEP_ALIVE_SECONDS
    assert seconds(r"proxy_read_timeout (\d+)s;", NGINX) > wait
    assert seconds(r"response_header_timeout (\d+)s\n", CADDY) > wait
    limits = ListenerLimits()
    assert seconds(r"client_max_body_size (\d+)k;", NGINX) * 1024 == limits.body_bytes
    assert seconds(r"large_client_header_buffers 4 (\d+)k;", NGINX) * 1024 > limits.target_bytes


def test_in_turn_nginx_is_as_for_one_but_for_tls_and_the_prefix() -> None:
    lines = [{line.strip() for line in text.splitlines() if line.startswith("    ")} for text in (NGINX, SCALE)]
    assert {line for line in lines[0] - lines[1] if not re.search(r"ssl|cx\b|listen|server_name|127", line)} == {
        "proxy_pass http://cxfacade/;  # with this slash the prefix is taken off"
    }


def test_both_proxies_say_what_the_service_needs_to_know() -> None:
    """The nginx example is run; of Caddy, which is not at hand, the lines are read."""
    settings = [sorted(re.findall(r"^#\s+(CXF_\w+=\S+)$", text, re.MULTILINE)) for text in (NGINX, CADDY)]
    assert settings[0] == settings[1] != []
    assert re.search(r"handle_path /cx/\* \{", CADDY), "takes the prefix off"
    assert re.search(r"header_up X-Forwarded-Prefix /cx\n", CADDY)
    assert CADDY.count("{") == CADDY.count("}")
