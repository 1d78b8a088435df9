"""The composition: who runs, who holds which secret, who reaches whom."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import yaml

from cfx_flow.settings import Settings
from tests.deploy.conftest import VARIABLE, Stack, required_variables
from tests.support.processes import HOUSE

OWNER, DATABASE = "CFX_DB_PASSWORD", "CFX_APP_PASSWORD"
PEPPER, REDIS, LITELLM = "CFX_HASH_SALT", "CFX_REDIS_PASSWORD", "CFX_LITELLM_KEY"
PROVIDERS = {"ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_API_KEY"}
SECRETS = {
    "traefik": set(),
    "dashboard": set(),
    "api": {DATABASE, PEPPER, REDIS, LITELLM},
    "worker": {DATABASE, PEPPER, REDIS, LITELLM},
    "migrate": {OWNER, DATABASE},
    "litellm": {LITELLM, *PROVIDERS},
    "postgres": {OWNER},
    "redis": {REDIS},
}


def secrets_of(service: Any) -> set[str]:
    """The required variables that appear anywhere in a service."""
    names = {match["name"] for match in VARIABLE.finditer(yaml.safe_dump(service, width=10_000))}
    return names & required_variables().keys()


def test_each_container_holds_its_own_secrets_and_no_other(raw: Stack) -> None:
    assert {name: secrets_of(service) for name, service in raw["services"].items()} == SECRETS


def test_no_container_gets_a_whole_env_file(raw: Stack) -> None:
    assert [name for name, service in raw["services"].items() if "env_file" in service] == []


def test_dashboard_knows_supabase_s_public_address_alone(raw: Stack) -> None:
    assert raw["services"]["dashboard"]["environment"].keys() == {"SUPABASE_URL"}


def test_the_secret_of_supabase_s_tokens_is_held_by_the_api_alone(raw: Stack) -> None:
    holders = [name for name, service in raw["services"].items() if "SUPABASE_JWT_SECRET" in str(service)]
    assert holders == ["api"]


def test_api_and_worker_are_told_former_peppers_and_how_long_things_are_kept(raw: Stack) -> None:
    fields = Settings.model_fields.values()
    names = {str(field.validation_alias) for field in fields}
    wanted = {name for name in names if re.match("CFX_KEEP_|CFX_PRUNE_|CFX_HASH_SALT_PREVIOUS", name)}
    assert len(wanted) >= 7
    for service in ("api", "worker"):
        assert wanted - raw["services"][service]["environment"].keys() == set()


def test_no_provider_s_key_reaches_the_api_by_any_name(stack: Stack) -> None:
    given = yaml.safe_dump(stack["services"]["api"]).lower()
    assert not any(name.lower() in given for name in PROVIDERS)


def test_every_required_variable_says_what_it_is() -> None:
    assert all(len(message) > 20 for message in required_variables().values())
    assert set().union(*SECRETS.values()) == required_variables().keys()


def test_every_variable_is_explained_in_the_example() -> None:
    example = (HOUSE / ".env.example").read_text()
    names = {match["name"] for match in VARIABLE.finditer((HOUSE / "docker-compose.yml").read_text())}
    assert sorted(name for name in names if f"{name}=" not in example) == []


def test_no_secret_stands_in_the_files() -> None:
    for path in (HOUSE / "docker-compose.yml", HOUSE / ".env.example", *(HOUSE / "infra").rglob("*.*")):
        assert not re.search(r"sk-[A-Za-z0-9]{8}|cfx_[a-z0-9]{8,}_[A-Za-z0-9]{20}", path.read_text()), path


def test_images_are_pinned_to_a_whole_version(stack: Stack) -> None:
    for name, service in stack["services"].items():
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"]), (name, service["image"])


def test_litellm_is_the_version_that_the_tests_run(stack: Stack) -> None:
    lock = (HOUSE / "requirements" / "litellm.lock").read_text()
    locked = re.search(r"^litellm==(\S+)", lock, re.MULTILINE)
    assert locked
    assert stack["services"]["litellm"]["image"].endswith(f":v{locked[1]}")
    assert tuple(map(int, locked[1].split("."))) >= (1, 106)


def test_litellm_s_configuration_asks_for_exactly_the_keys_it_is_given(raw: Stack) -> None:
    asked = set(re.findall(r"os\.environ/(\w+)", (HOUSE / "config" / "litellm.yaml").read_text()))
    assert asked <= raw["services"]["litellm"]["environment"].keys()
    assert asked - {"LITELLM_MASTER_KEY"} == PROVIDERS


def test_only_traefik_is_reachable_from_outside_and_on_loopback_by_default(stack: Stack) -> None:
    published = {name: service["ports"] for name, service in stack["services"].items() if "ports" in service}
    assert published.keys() == {"traefik"}
    assert "127.0.0.1" in str(published["traefik"])


def networks_of(stack: Stack, service: str) -> set[str]:
    return set(stack["services"][service]["networks"])


def test_networks_let_each_service_reach_only_its_neighbours(stack: Stack) -> None:
    services = stack["services"]
    pairs = {
        frozenset({a, b})
        for a in services
        for b in services
        if a != b and networks_of(stack, a) & networks_of(stack, b)
    }
    behind = [{"api", "postgres"}, {"api", "redis"}, {"api", "migrate"}]
    behind += [{"migrate", "postgres"}, {"migrate", "redis"}, {"postgres", "redis"}]
    behind += [{"worker", other} for other in ("api", "litellm", "postgres", "redis", "migrate")]
    assert pairs == {
        frozenset(pair)
        for pair in [{"traefik", "api"}, {"traefik", "dashboard"}, {"api", "litellm"}, *behind]
    }


def test_only_traefik_and_litellm_stand_on_open_networks(stack: Stack) -> None:
    open_networks = {
        name for name, network in stack["networks"].items() if not (network or {}).get("internal")
    }
    outside = {name for name in stack["services"] if networks_of(stack, name) & open_networks}
    assert outside == {"traefik", "litellm"}


def test_everything_that_stays_up_is_watched(stack: Stack) -> None:
    for name, service in stack["services"].items():
        if name == "migrate":
            continue
        in_image = "build" in service and "HEALTHCHECK" in (HOUSE / "infra" / "api.Dockerfile").read_text()
        assert "healthcheck" in service or in_image, name
        assert service["restart"] == "unless-stopped", name


def test_every_file_and_volume_that_is_mentioned_exists(raw: Stack) -> None:
    for service in raw["services"].values():
        if "build" in service:
            assert (HOUSE / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (HOUSE / source).exists(), source
                assert mount.endswith(":ro"), mount
            else:
                assert source in raw["volumes"], source
        assert set(service["networks"]) <= raw["networks"].keys()
        assert set(service.get("depends_on", ())) <= raw["services"].keys()


def test_worker_is_asked_for_its_health_where_the_image_asks(stack: Stack) -> None:
    command = stack["services"]["worker"]["command"]
    asked = re.search(r"127\.0\.0\.1:(\d+)/healthz", (HOUSE / "infra" / "api.Dockerfile").read_text())
    assert asked
    assert command == ["cfx", "worker", "--port", asked[1]]


def test_worker_may_let_its_calls_end(stack: Stack) -> None:
    grace = str(stack["services"]["worker"]["stop_grace_period"])
    parts = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", grace)  # `docker compose config` writes 1m10s
    assert parts
    minutes, seconds = (int(part or 0) for part in parts.groups())
    assert 60 * minutes + seconds > Settings.load({}).worker_drain_s


def test_traefik_leads_v1_to_the_api_and_all_else_to_the_dashboard(stack: Stack) -> None:
    routes = yaml.safe_load((HOUSE / "infra" / "traefik" / "dynamic" / "cfx.yaml").read_text())["http"]
    rules = {router["service"]: router["rule"] for router in routes["routers"].values()}
    assert rules == {"api": "PathPrefix(`/v1/`) || Path(`/healthz`)", "dashboard": "PathPrefix(`/`)"}
    (pages,) = routes["services"]["dashboard"]["loadBalancer"]["servers"]
    assert pages["url"] == "http://dashboard:8000"
    (server,) = routes["services"]["api"]["loadBalancer"]["servers"]
    assert server["url"] == f"http://api:{stack['services']['api']['environment']['CFX_PORT']}"


def test_traefik_reads_the_mounted_files_and_listens_on_the_published_port(stack: Stack, raw: Stack) -> None:
    static = yaml.safe_load((HOUSE / "infra" / "traefik" / "traefik.yaml").read_text())
    targets = [mount.split(":")[1] for mount in raw["services"]["traefik"]["volumes"]]
    assert str(PurePosixPath(static["providers"]["file"]["directory"])) in targets
    assert "docker" not in static["providers"]
    assert static["entryPoints"]["web"]["address"].removeprefix(":") in str(
        stack["services"]["traefik"]["ports"]
    )
    assert static["ping"]["entryPoint"] in static["entryPoints"]
