"""`config/kubernetes/` without a cluster: put together, held to Kubernetes' own schemas, and compared with what the service is."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from prometheus_client import Gauge

from holdsvc import __version__
from holdsvc.commands.check import look
from holdsvc.commands.checks.codes import Level
from holdsvc.config import LEAST_SECRET, load
from holdsvc.content.decoder import Limits
from holdsvc.engine import draining
from holdsvc.engine.metrics import Metrics
from holdsvc.settings import StreamsSettings
from holdsvc.stores.spool import spool_of
from holdsvc.web.access import Access, access_of
from holdsvc.web.server import routes
from tests.commands.workshop import GOOD, NOW, Still
from tests.ops.cluster import (
    FOLDER,
    SECRETS,
    Thing,
    built,
    checkout,
    container,
    laid_out,
    of_kind,
    pods,
    the,
)
from tests.ops.programs import program
from tests.ops.test_compose import of_the_image
from tests.ops.test_dashboards import ROOT

OLDEST = "1.34"  # that we say it is for: preStop and spreading by revision are settled there
SPARE = 30.0  # seconds to part from what is left when the window is over
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


@pytest.fixture(scope="module")
def base() -> Sequence[Thing]:
    return built(FOLDER / "base")


@pytest.fixture(scope="module")
def tryout(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Thing]:
    return built(checkout(tmp_path_factory.mktemp("cluster")) / "tryout")


@pytest.fixture(params=["base", "tryout"])
def things(request: pytest.FixtureRequest) -> Sequence[Thing]:
    found: Sequence[Thing] = request.getfixturevalue(request.param)
    return found


# --- a cluster takes it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_each_thing_is_what_kubernetes_takes(things: Sequence[Thing], version: str) -> None:
    for one in things:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize(("place", "value"), [("replicas", "two"), ("minReadySecond", 5)])
def test_a_slip_would_be_found(base: Sequence[Thing], place: str, value: object) -> None:
    wrong = copy.deepcopy(dict(the(base, "Deployment")))
    wrong["spec"][place] = value

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


@pytest.mark.parametrize("folder", [*sorted(FOLDER.glob("*/")), ROOT / "config" / "queues"], ids=lambda one: one.name)
def test_every_file_is_listed_and_every_listed_file_is_there(folder: Path) -> None:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    generated = [*listed.get("configMapGenerator", ()), *listed.get("secretGenerator", ())]
    named = {name for name in listed.get("resources", ()) if not name.startswith("..")}
    named |= {name for one in generated for name in (*one.get("files", ()), *one.get("envs", ()))}

    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert named - {"secrets.env"} == there - {"kustomization.yaml", "secrets.env"}
    assert all((folder / name).is_dir() for name in listed.get("resources", ()) if name.startswith(".."))


def test_every_image_has_a_version_of_its_own_and_ours_is_this_one(tryout: Sequence[Thing]) -> None:
    compose = yaml.safe_load((ROOT / "config" / "compose.yaml").read_text("utf-8"))["services"]
    images = {one["image"] for pod in pods(tryout) for one in pod["spec"]["containers"]}

    assert images == {f"holdsvc:{__version__}", compose["redis"]["image"], compose["postgres"]["image"]}


def test_whoever_names_another_finds_it(things: Sequence[Thing]) -> None:
    labels = [pod["metadata"]["labels"] for pod in pods(things)]
    ports = {port["name"] for pod in pods(things) for one in pod["spec"]["containers"] for port in one["ports"]}

    for service in of_kind(things, "Service"):
        assert any(service["spec"]["selector"].items() <= one.items() for one in labels), service["metadata"]["name"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    ours = the(things, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert the(things, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= ours.items()
    assert the(things, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= ours.items()
    for spread in the(things, "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"].items() <= ours.items()
    target = the(things, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert the(things, target["kind"], target["name"])["apiVersion"] == target["apiVersion"]
    for policy in of_kind(things, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", ()):
            assert {one["port"] for one in rule["ports"]} <= ports


def test_pods_are_held_to_the_strictest_rules_of_kubernetes(tryout: Sequence[Thing]) -> None:
    for pod in pods(tryout):
        whole = pod["spec"]["securityContext"]
        assert whole["runAsNonRoot"]
        assert whole["runAsUser"] > 0
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
        assert pod["spec"]["automountServiceAccountToken"] is False
        for one in pod["spec"]["containers"]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert one["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert "memory" in one["resources"]["limits"]
        mounted = {mount["name"] for one in pod["spec"]["containers"] for mount in one["volumeMounts"]}
        declared = {volume["name"] for volume in pod["spec"].get("volumes", ())}
        assert declared <= mounted
    (namespace,) = of_kind(tryout, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


# --- it is true to the image and the service --------------------------------------------------------------------------


def test_user_folder_and_ports_are_the_images(base: Sequence[Thing], tryout: Sequence[Thing]) -> None:
    user, group = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE).groups()  # type: ignore[union-attr]  # else it fails
    exposed = re.search(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[1].split()  # type: ignore[index]  # else it fails
    whole = the(base, "Deployment")["spec"]["template"]["spec"]["securityContext"]
    mounts = {one["mountPath"] for one in container(base)["volumeMounts"]}

    assert (whole["runAsUser"], whole["runAsGroup"], whole["fsGroup"]) == (int(user), int(group), int(group))
    assert {of_the_image()["HOLDSVC_SERVICE__DATA_DIR"], "/tmp"} <= mounts  # all else is read-only
    settings = load(environ=of_the_image())
    assert [one["containerPort"] for one in container(base)["ports"]] == [settings.service.port]
    both = [one["containerPort"] for one in container(tryout)["ports"]]
    assert [str(one) for one in both] == exposed
    assert 'ENTRYPOINT ["holdsvc"]' in DOCKERFILE
    assert container(base)["args"][0] == "serve"


def test_the_memory_is_enough_for_the_service_and_a_decoder_at_its_limit(base: Sequence[Thing]) -> None:
    rooms = container(base)["resources"]
    limit, asked = (int(rooms[which]["memory"].removesuffix("Mi")) << 20 for which in ("limits", "requests"))

    assert limit >= asked + Limits().memory


def test_the_check_has_nothing_against_its_settings_but_the_example_address(
    things: Sequence[Thing], tmp_path: Path
) -> None:
    config, variables = laid_out(things, tmp_path)
    environ = {**of_the_image(), **variables, "HOLDSVC_SERVICE__DATA_DIR": str(tmp_path / "data")}

    outcome = look(config, environ, measure=lambda folder, held: GOOD, clock=Still(NOW))

    assert [one.code for one in outcome.found if one.level is not Level.NOTE] == ["HS-128"]
    assert outcome.refusal is None
    assert outcome.queues >= 2
    settings = load(config, environ)
    assert settings.store.url == SECRETS["store-url"]
    assert settings.ledger.url == SECRETS["ledger-url"]
    assert settings.audiosocket.port == (9092 if len(container(things)["ports"]) > 1 else 0)


def test_no_secret_stands_in_it_and_all_come_from_one(base: Sequence[Thing], tryout: Sequence[Thing]) -> None:
    asked = {one["value"].rpartition("/")[2] for one in container(base)["env"] if one["name"].endswith("_FILE")}
    head = (FOLDER / "base" / "kustomization.yaml").read_text("utf-8")

    assert of_kind(base, "Secret") == []
    assert asked == set(SECRETS) == set(re.findall(r"--from-file=([\w-]+)", head))
    (made,) = of_kind(tryout, "Secret")
    assert set(made["data"]) == {*asked, "postgres-password"}
    values = {name: b64decode(value).decode() for name, value in made["data"].items()}
    assert len(set(values.values())) == len(values)
    assert len(values["service-secret"]) >= LEAST_SECRET
    assert urlsplit(values["ledger-url"]).password == values["postgres-password"]
    said = json.dumps([one for one in tryout if one["kind"] != "Secret"])
    assert [value for value in (*values.values(), *SECRETS.values()) if value in said] == []


def test_probes_ask_what_the_service_answers_everybody(base: Sequence[Thing]) -> None:
    public = {one.path for one in routes() if access_of(one.handler) is Access.PUBLIC}
    probes = {name: container(base)[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}

    assert {one["path"] for one in probes.values()} <= public
    assert probes["livenessProbe"]["path"] == "/healthz"  # /readyz is red while it drains
    assert probes["readinessProbe"]["path"] == "/readyz"
    assert {one["port"] for one in probes.values()} == {"http"}


def test_the_world_reaches_what_is_signed_and_nothing_else(base: Sequence[Thing]) -> None:
    (rule,) = the(base, "Ingress")["spec"]["rules"]
    prefixes = tuple(one["path"] + "/" for one in rule["http"]["paths"])
    let_in = {one.path: access_of(one.handler) for one in routes() if one.path.startswith(prefixes)}

    assert {path for path, kind in let_in.items() if kind is not Access.SIGNED} == {"/audio/live/{shelf}"}  # live.allow
    assert [one.path for one in routes() if access_of(one.handler) is Access.SIGNED and one.path not in let_in] == []
    settings = load(FOLDER / "base" / "holdsvc.toml", {})
    assert settings.service.public_url == f"https://{rule['host']}"
    assert the(base, "Ingress")["spec"]["tls"][0]["hosts"] == [rule["host"]]


# --- the end of a pod -------------------------------------------------------------------------------------------------


def pre_stop(things: Sequence[Thing]) -> list[str]:
    return list(container(things)["lifecycle"]["preStop"]["exec"]["command"])


@pytest.mark.parametrize(
    ("looks", "slept"),
    [(0, [5]), (3, [5, 1, 1, 1]), (10_000, [5, *[1] * 300])],
    ids=["nothing is kept here", "kept for three seconds", "kept for ever"],
)
def test_a_pod_stays_while_it_has_news_that_redis_lacks(
    base: Sequence[Thing], tmp_path: Path, looks: int, slept: list[int]
) -> None:
    spool, told = spool_of(tmp_path, 0), tmp_path / "slept"
    if looks:
        spool.write_text("news\n", "utf-8")
    shim = tmp_path / "sleep"
    shim.write_text(f'#!/bin/sh\necho "$1" >> {told}\n[ "$(wc -l < {told})" -le {looks} ] || rm -f {spool}\n', "utf-8")
    shim.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOLDSVC_SERVICE__DATA_DIR": str(tmp_path)}

    done = subprocess.run(pre_stop(base), env=environ, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    assert [int(line) for line in told.read_text("utf-8").split()] == slept


def test_the_grace_is_enough_for_all_that_an_end_may_take(base: Sequence[Thing], tmp_path: Path) -> None:
    given = the(base, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    config, variables = laid_out(base, tmp_path)
    window = load(config, {**of_the_image(), **variables}).service.drain_seconds
    before = sum(int(one) for one in re.findall(r"sleep (\d+);|seq (\d+)", pre_stop(base)[-1]) for one in one if one)
    parting = StreamsSettings().most / draining.AT_ONCE * draining.PAUSE + draining.COME_BACK

    assert before >= draining.LINGER
    assert parting < SPARE
    assert given >= before + (draining.WINDOW if window is None else window) + SPARE
    assert f"grace of {given} s" in (ROOT / "docs" / "scale.md").read_text("utf-8")


# --- the autoscaler ---------------------------------------------------------------------------------------------------


def exported() -> dict[str, str]:
    return {family.name: family.type for family in Metrics(__version__, Still(NOW)).registry.collect()}


def adapter() -> dict[str, list[dict[str, Any]]]:
    rules: dict[str, list[dict[str, Any]]] = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text("utf-8"))[
        "rules"
    ]
    return rules


def test_it_scales_on_calls_streams_and_cpu_by_figures_that_there_are(base: Sequence[Thing]) -> None:
    asked = the(base, "HorizontalPodAutoscaler")["spec"]["metrics"]
    by_pod = {one["pods"]["metric"]["name"]: one["pods"]["target"] for one in asked if one["type"] == "Pods"}
    outside = {one["external"]["metric"]["name"] for one in asked if one["type"] == "External"}

    assert (set(by_pod), outside) == ({"holdsvc_streams"}, {"holdsvc_calls_waiting"})
    assert {exported()[name] for name in (*by_pod, *outside)} == {Gauge("g", "", registry=None)._type}
    assert [one["resource"]["name"] for one in asked if one["type"] == "Resource"] == ["cpu"]
    assert "cpu" in container(base)["resources"]["requests"]
    assert int(by_pod["holdsvc_streams"]["averageValue"]) * 2 <= StreamsSettings().most  # one of two can take it all
    assert [one["name"]["as"] for one in adapter()["custom"]] == list(by_pod)
    assert {one["name"]["as"] for one in adapter()["external"]} == outside
    for rules in (adapter()["custom"], adapter()["external"]):
        assert all(one["seriesQuery"].partition("{")[0] == one["name"]["as"] for one in rules)


def test_prometheus_understands_what_the_adapter_asks(tmp_path: Path) -> None:
    words = {"<<.LabelMatchers>>": 'namespace="holdsvc"', "<<.GroupBy>>": "pod"}
    asked = []
    for one in (*adapter()["custom"], *adapter()["external"]):
        query = one["metricsQuery"].replace("<<.Series>>", one["name"]["as"])
        for word, value in words.items():
            query = query.replace(word, value)
        asked.append({"record": f"asked:{one['name']['as']}", "expr": query})
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "adapter", "rules": asked}]}), "utf-8")

    words_of = [program("promtool", "prometheus"), "check", "rules", str(tmp_path / "rules.yml")]
    done = subprocess.run(words_of, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
