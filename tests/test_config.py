import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.plan import Media
from holdsvc.cli import run
from holdsvc.config import FetchSettings, SubscriberSettings, SynthesiserSettings, load, shipped
from holdsvc.content.daily import UpdateSettings
from holdsvc.content.feeds import PodcastSettings
from holdsvc.engine.personal import PersonalSettings
from holdsvc.errors import ConfigError


def written(folder, text, **queues):
    path = folder / "holdsvc.toml"
    path.write_text(text, "utf-8")
    (folder / "queues").mkdir(exist_ok=True)
    for name, queue in queues.items():
        (folder / "queues" / f"{name}.toml").write_text(queue, "utf-8")
    return path


def test_the_shipped_configuration_loads_and_says_the_defaults():
    settings = load(environ={})

    assert (settings.service.host, settings.service.port) == ("127.0.0.1", 8080)
    assert set(settings.queues) == {"support", "default"}


def test_every_commented_key_of_the_shipped_file_is_a_key_with_that_default(tmp_path):
    shown = (shipped("config") / "holdsvc.toml").read_text("utf-8").splitlines()
    live, section = [], ""
    for line in shown:
        bare = line.removeprefix("# ").strip()
        if line.startswith("[") or bare.startswith(
            ("[directories", "[podcasts", "[updates", "[personal", "[subscribers")
        ):
            section = bare
            live.append(bare)
        elif section and line.startswith("# ") and " = " in line and not bare.startswith(("HOLD", "Direct", "Sec")):
            live.append(bare)

    settings = load(written(tmp_path, "\n".join(live)), environ={})

    assert settings.service == load(environ={}).service
    assert set(settings.directories) == {"customers", "crm"}
    assert settings.podcasts["NAME"] == PodcastSettings("https://example.com/feed.xml", "CC-BY-4.0")
    assert settings.updates["NAME"] == UpdateSettings(path="notes")
    assert settings.personal["NAME"] == PersonalSettings({"en": "Your order {order} {status}."})
    assert settings.subscribers == {"desk": SubscriberSettings("https://desk.example.com/holdsvc")}
    assert (settings.fetch, settings.synthesiser) == (FetchSettings(), SynthesiserSettings())


def test_a_variable_beats_the_file(tmp_path):
    path = written(tmp_path, "[service]\nport = 1000\n")

    settings = load(path, {"HOLDSVC_SERVICE__PORT": "2000", "HOLDSVC_METRICS__ALLOW": "10.0.0.0/8, 192.0.2.0/24"})

    assert settings.service.port == 2000
    assert settings.metrics.allow == ("10.0.0.0/8", "192.0.2.0/24")


def test_a_list_of_numbers_can_be_a_variable():
    assert load(environ={"HOLDSVC_FETCH__PORTS": "443, 8443"}).fetch.ports == (443, 8443)


def test_a_queue_has_a_file_of_its_own(tmp_path):
    path = written(
        tmp_path, "", sales='media = "stream"\nmax_wait = 90\n[menu]\nleave = "6"\n[hand_over]\ndial = "+15005550199"\n'
    )

    queue = load(path, {}).queues["sales"]

    assert (queue.media, queue.max_wait, queue.menu.leave, queue.hand_over.dial) == (
        Media.STREAM,
        90,
        "6",
        "+15005550199",
    )


def test_a_secret_comes_from_the_file_that_a_variable_names(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("0123456789\n")

    settings = load(written(tmp_path, ""), {"HOLDSVC_API__TOKEN_FILE": str(secret)})

    assert settings.api.token == "0123456789"


WRONG = {
    "unknown key": ("[service]\nprot = 1\n", {}, "service.prot: there is no such key; did you mean port?"),
    "unknown section": ("[servce]\nport = 1\n", {}, "servce: there is no such key; did you mean service?"),
    "wrong type": ('[service]\nport = "many"\n', {}, "service.port: 'many' will not do: expected int"),
    "a value for a section": ("log = 3\n", {}, "log: 3 will not do: this is a section with keys of its own"),
    "no TOML": ("[service\n", {}, "is not valid TOML"),
    "secret in the file": (
        '[api]\ntoken = "s"\n',
        {},
        "api.token: secrets do not belong into holdsvc.toml",
    ),
    "unknown variable": ("", {"HOLDSVC_SERVICE__HOTS": "x"}, "service.hots: there is no such key; did you mean host?"),
    "wrong variable": ("", {"HOLDSVC_SERVICE__PORT": "x"}, "service.port: 'x' will not do"),
    "missing secret file": (
        "",
        {"HOLDSVC_API__TOKEN_FILE": "nowhere"},
        "HOLDSVC_API__TOKEN_FILE: the file nowhere cannot be read",
    ),
    "two secrets": ("", {"HOLDSVC_API__TOKEN_FILE": "{empty}", "HOLDSVC_API__TOKEN": "x"}, "is empty"),
    "empty secret file": (
        "",
        {"HOLDSVC_API__TOKEN_FILE": "{empty}"},
        "is empty; put the secret into it, or unset the variable",
    ),
    "a port that is none": ("[service]\nport = 99999\n", {}, "service.port: 99999 will not do: a port is 0 to 65535"),
    "a level that is none": ('[log]\nlevel = "loud"\n', {}, "log.level: 'loud' will not do: one of debug"),
    "a network that is none": ('[metrics]\nallow = ["office"]\n', {}, "metrics.allow: 'office' is no network"),
    "replicas of a store that has none": (
        "[store]\nwait_replicas = 1\n",
        {},
        "store.wait_replicas: only Redis has replicas: set store.url to redis+sentinel://…, or it to 0",
    ),
    "more replicas than there can be": (
        "[store]\nwait_replicas = -1\n",
        {},
        "store.wait_replicas: -1 will not do: 0 to 5",
    ),
    "a wait as long as an answer": (
        "[store]\nwait_seconds = 2.0\n",
        {},
        "store.wait_seconds: 2 will not do: 0.01 to 0.4",
    ),
    "waits that are kept for a day": (
        "[ledger]\nkeep_days = 1\n",
        {},
        "ledger.keep_days: 1 will not do: 7 or more, or 0 to keep all",
    ),
    "a ledger we lack": (
        '[ledger]\nurl = "oracle://x"\n',
        {},
        "ledger.url: 'oracle' is not known; there is sqlite: and",
    ),
    "a ledger apart from the embedded store": (
        '[ledger]\nurl = "postgresql://x"\n',
        {},
        "ledger.url: the embedded store keeps the wait log in its own file; one elsewhere goes with store.url = redis://",
    ),
    "a password in an address": (
        '[store]\nurl = "redis://me:s3cret@redis.acme.eu"\n',
        {},
        "store.url: a password does not belong into holdsvc.toml; set HOLDSVC_STORE__URL or HOLDSVC_STORE__URL_FILE",
    ),
    "a key that is taken": (
        '[queues.sales.menu]\nleave = "1"\n',
        {},
        "queues.sales.menu.leave: '1' is the key for music",
    ),
    "an entry that is none": ('[queues.sales.menu]\noff = ["muzic"]\n', {}, "'muzic' will not do: did you mean music?"),
    "a departure that is none": ('[queues.sales.departures.overflew]\ndial = "1"\n', {}, "did you mean overflow?"),
    "a silence too short": ("[queues.sales]\nsilence_limit = 30\n", {}, "shorter than a document; at least 75"),
    "wrong queue key": (
        "[queues.sales]\nmediums = 1\n",
        {},
        "queues.sales.mediums: there is no such key; did you mean media?",
    ),
    "wrong queue value": ('[queues.sales]\nmedia = "radio"\n', {}, "queues.sales.media: 'radio' will not do"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_bad_setting_is_told_in_one_sentence_that_names_it(case, tmp_path):
    text, environ, sentence = WRONG[case]
    (tmp_path / "empty").write_text("")
    environ = {name: value.format(empty=tmp_path / "empty") for name, value in environ.items()}

    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, text), environ)

    assert sentence in str(error.value)
    assert "\n" not in str(error.value).strip() or case == "no TOML"


def test_no_message_and_no_repr_shows_a_secret(tmp_path):
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, ""), {"HOLDSVC_API__TOKEN__X": "hush-hush"})
    settings = load(written(tmp_path, ""), {"HOLDSVC_API__TOKEN": "hush-hush"})

    assert "hush" not in str(error.value) + repr(settings) + repr(settings.api)


def test_variables_of_a_container_platform_for_a_service_of_our_name_are_left_alone(tmp_path):
    environ = {"HOLDSVC_PORT": "tcp://10.0.0.1:8080", "HOLDSVC_SERVICE_HOST": "10.0.0.1"}

    assert load(written(tmp_path, ""), environ).service.port == 8080


STARTS = {
    "no configuration file": (["serve", "--config", "{tmp}/none.toml"], "there is no configuration file"),
    "unknown platform": (
        ["check", "--config", "{tmp}/platform.toml"],
        "'twillio' is not known; did you mean twilio?",
    ),
    "unknown store": (["check", "--config", "{tmp}/store.toml"], "store.url: 'mysql' is not known"),
    "missing directory file": (["check", "--config", "{tmp}/table.toml"], "customers.csv"),
    "no shelf": (["check", "--config", "{tmp}/shelf.toml"], "media.folder: the shelf in"),
    "broken shelf": (["serve", "--config", "{tmp}/broken.toml"], "media.folder: the shelf in"),
    "insecure in public": (["serve", "--insecure", "--config", "{tmp}/public.toml"], "service.public_url: --insecure"),
    "insecure for all": (["serve", "--insecure", "--host", "0.0.0.0"], "service.host: --insecure"),
    "no log yet": (["audit", "--config", "{tmp}/plain.toml"], "there is no wait log"),
}


@pytest.mark.parametrize("case", STARTS)
def test_a_command_that_cannot_start_says_why_in_one_sentence_and_fails(case, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "index.toml").write_text("[[item]\n")
    files = {
        "platform": "[platforms.twillio]\nx = 1\n",
        "store": '[store]\nurl = "mysql:"\n',
        "table": f'[directories.customers]\nkind = "table"\npath = "{tmp_path}/customers.csv"\n',
        "shelf": f'[media]\nfolder = "{tmp_path}/nowhere"\n',
        "broken": f'[media]\nfolder = "{tmp_path}/broken"\n',
        "public": '[service]\npublic_url = "https://hold.example.com"\n',
        "plain": "",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    words, sentence = STARTS[case]

    code = run([word.format(tmp=tmp_path) for word in words])

    said = capsys.readouterr().err
    assert code != 0
    assert said.startswith("holdsvc: ")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_taken_port_is_told_in_one_sentence(tmp_path, monkeypatch, capsys, unused_tcp_port):
    import socket

    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path / "data"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", unused_tcp_port))
        taken.listen()

        code = run(["serve", "--port", str(unused_tcp_port)])

    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("holdsvc:")]
    assert code != 0
    assert said == [
        f"holdsvc: service.port: cannot listen on 127.0.0.1:{unused_tcp_port}: "
        "another process listens there; stop it or give another --port"
    ]


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.none(), st.booleans(), st.integers(), st.text()), max_size=4))
def test_whatever_stands_in_the_environment_either_loads_or_is_named(values):
    environ = {f"HOLDSVC_{name.upper()}": str(value) for name, value in values.items()}

    with contextlib.suppress(ConfigError):
        load(environ=environ)
