"""Bad configurations, one fault each, with the code that has to be found. Every code has one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from holdsvc.calls.model import Airing, Licence
from holdsvc.content.confine import Confinement
from holdsvc.content.fetched import FetchedShelf, Refused, State
from tests.commands.workshop import HOUSE, OTHER, PUBLIC, SECRETS, TOKEN, Seed, item, shelf

MADE = "made for this test"
STREAM = '[queues.sales]\nmedia = "stream"\n[queues.sales.hand_over]\nenqueue = "agents"\n'
HTTP = '[directories.crm]\nkind = "http"\nfields = { name = "name" }\n'


def file(name: str, text: str = "", mode: int = 0o600):
    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(mode)

    return prepare


def media(*entries, prompts=None):
    return lambda folder: shelf(folder / "media", *(entries or (HOUSE,)), prompts=prompts)


def unprepared(folder: Path) -> None:
    shelf(folder / "media", HOUSE, item("new"))
    (folder / "media" / "new.bin").write_bytes(b"not prepared yet")


def gone(folder: Path) -> None:
    shelf(folder / "media", HOUSE, item("lost"))
    (folder / "media" / "lost.bin").unlink()


def fetched(folder: Path) -> None:
    there = FetchedShelf(folder / "data" / "fetched")
    there.states["stories"] = State(fault="HTTP 500", refused=(Refused("k", "Part 2", "no sound"),))
    there.save()


def public(url: str) -> str:
    return f'[service]\npublic_url = "{url}"\n'


def queue(text: str) -> str:
    return f"[queues.sales]\n{text}\n"


def overflow(name: str, onward: str) -> str:
    redirect = f'overflow = {{ redirect = "/hooks/twilio/call?queue={onward}" }}'
    return f"[queues.{name}]\nmax_wait = 600\ndepartures = {{ {redirect} }}\n"


def token(value: str) -> dict[str, str]:
    return {**SECRETS, "HOLDSVC_API__TOKEN": value}


def table(text: str, mode: int = 0o600) -> dict[str, object]:
    return {"toml": '[directories.customers]\npath = "{tmp}/callers.csv"\n', "prepare": file("callers.csv", text, mode)}


def subscriber(url: str, more: str = "") -> str:
    return f'[subscribers.desk]\nurl = "{url}"\n{more}\n'


def crm(url: str) -> str:
    return f'{HTTP}url = "{url}"\n'


SETTINGS = [
    Seed("HS-001", "\0"),  # no file
    Seed("HS-001", "[service\n"),
    Seed("HS-001", prepare=file("queues/sales.toml", "[menu\n")),
    Seed("HS-002", '[service]\nhots = "127.0.0.1"\n'),
    Seed("HS-003", "[service]\nport = 70000\n"),
    Seed("HS-003", '[metrics]\nallow = ["ten"]\n'),
    Seed("HS-003", queue('timezone = "Mars/Olympus"')),
    Seed("HS-004", f'[api]\ntoken = "{TOKEN}"\n'),
    Seed("HS-005", environ={"HOLDSVC_API__TOKEN_FILE": "{tmp}/none"}),
    Seed("HS-005", environ={"HOLDSVC_API__TOKEN_FILE": "{tmp}/empty"}, prepare=file("empty")),
    Seed("HS-006", environ={"HOLDSVC_MEDIA__FOLDER": "{tmp}/nowhere"}),
    Seed("HS-006", environ={"HOLDSVC_SERVICE__DATA_DIR": "{tmp}/holdsvc.toml"}),
    Seed("HS-007", "[platforms.twillio]\n"),
    Seed("HS-007", '[store]\nurl = "mysql:"\n'),
    Seed("HS-007", '[callers]\nregion = "Mars"\n'),
    Seed("HS-007", '[directories.x]\nkind = "ldap"\n'),
    Seed("HS-140", '[reports]\ncontract = "V9"\n'),
    Seed("HS-140", "[reports]\ntarget_seconds = 0\n"),
    Seed("HS-142", "[reports]\ntarget_seconds = 5\n"),
    Seed("HS-145", "[callers]\nbudget = 4\n"),
]

SECRET = [
    Seed("HS-100"),
    Seed("HS-101", PUBLIC, {"HOLDSVC_API__TOKEN": TOKEN}),
    Seed("HS-102", environ=SECRETS),
    Seed("HS-103", PUBLIC, {"HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": OTHER}),
    Seed("HS-106", PUBLIC, token("kR7q-mZ2x")),
    Seed("HS-107", PUBLIC, {**SECRETS, "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": "b52f1c9e"}),
    Seed("HS-108", PUBLIC, token("changeme-changeme-changeme")),
    Seed("HS-108", PUBLIC, token("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")),
    Seed("HS-109", PUBLIC, token(OTHER)),
    Seed(
        "HS-110",
        PUBLIC,
        {"HOLDSVC_API__TOKEN_FILE": "{tmp}/token", "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": OTHER},
        prepare=file("token", TOKEN, 0o644),
    ),
    Seed("HS-111", crm("http://crm.acme.eu/?phone={number}"), {"HOLDSVC_DIRECTORIES__CRM__SECRET": TOKEN}),
    Seed("HS-113", PUBLIC, {**SECRETS, "HOLDSVC_PLATFORMS__TWILIO__PREVIOUS_AUTH_TOKEN": OTHER}),
    Seed("HS-114", PUBLIC, token(f"{TOKEN}\n")),
]

NETWORK = [
    Seed("HS-121", public("http://hold.acme-phones.eu"), SECRETS),
    Seed("HS-122", public("https://hold.acme-phones.eu:8443"), SECRETS),
    Seed("HS-123", public("https://hold.acme-phones.eu/?a=1"), SECRETS),
    Seed("HS-124", public("https://hold_acme/"), SECRETS),
    Seed("HS-124", public("hold.acme-phones.eu"), SECRETS),
    Seed("HS-124", public("https://u:p@hold.acme-phones.eu"), SECRETS),
    Seed("HS-124", public("https://[oops"), SECRETS),
    Seed("HS-125", '[service]\nhost = "0.0.0.0"\n'),
    Seed("HS-126", '[service]\nhost = "198.51.100.7"\n', SECRETS),
    Seed("HS-127", f"{PUBLIC}port = 0\n", SECRETS),
    Seed("HS-128", public("https://hold.example.com"), SECRETS),
    Seed("HS-129", public("https://10.1.2.3"), SECRETS),
    Seed("HS-130", public("https://hold.acme-phones.eu/hold"), SECRETS),
    Seed("HS-131", '[metrics]\nallow = ["0.0.0.0/0"]\n'),
    Seed("HS-132", '[live]\nallow = ["::/0"]\n'),
    Seed("HS-133", '[audiosocket]\nhost = "0.0.0.0"\nport = 9092\n'),
    Seed("HS-134", '[audiosocket]\nport = 9092\nallow = ["0.0.0.0/0"]\n'),
    Seed("HS-135", '[service]\nallow_outgoing = ["169.254.0.0/16"]\n'),
    Seed("HS-135", '[fetch]\nallow = ["0.0.0.0/0"]\n'),
    Seed("HS-136", "[audiosocket]\nport = 8080\n"),
]

MACHINE = [
    Seed("HS-104", '[store]\nurl = "memory:"\n'),
    Seed("HS-105", '[store]\nsynchronous = "NORMAL"\n'),
    Seed("HS-115", '[store]\nurl = "redis+sentinel://a.acme.eu,b.acme.eu/holdsvc"\n'),
    Seed("HS-112", machine={"modes": {"": 0o755, "callers.key": 0o644}}),
    Seed("HS-151", PUBLIC, SECRETS, machine={"synchronised": False}),
    Seed("HS-152", now=datetime(1970, 1, 2, tzinfo=UTC)),
    Seed("HS-152", machine={"newest": datetime(2027, 3, 1, tzinfo=UTC)}),
    Seed("HS-153", machine={"flush": 0.12}),
    Seed("HS-154", machine={"flush": 1.4}),
    Seed("HS-155", machine={"room": 700 << 20}),
    Seed("HS-156", machine={"room": 20 << 20}),
    Seed("HS-157", machine={"writable": False}),
    Seed("HS-159", machine={"modes": {"": 0o777}}),
    Seed("HS-160", machine={"filesystem": "nfs4"}),
    Seed("HS-161", machine={"filesystem": "tmpfs"}),
    Seed("HS-162", machine={"sqlite": (3, 51, 2)}),
    Seed("HS-163", machine={"sqlite": (3, 31, 1)}),
    Seed("HS-164", '[store]\nurl = "sqlite:{tmp}/none/holdsvc.sqlite3"\n'),
    Seed("HS-165", "[audiosocket]\nport = 9092\n", machine={"open_files": 1024}),
    Seed("HS-166", "[audiosocket]\nport = 9092\n", machine={"no_ring": "Operation not permitted"}),
    Seed("HS-205", machine={"confinement": Confinement(doors=("open a socket",))}),
]

BANK = """
[[question]]
id = "legs"
ask = "How many legs does a spider have?"
options = [{ text = "Six" }, { text = "Eight", right = true }, { text = "Ten" }]
tell = "A spider has eight legs."
"""

MEDIA = [
    Seed("HS-222", prepare=file("media/quiz/en/animals.toml", BANK)),
    Seed("HS-201", prepare=gone),
    Seed("HS-206", prepare=media(HOUSE, item("odd", airing=Airing(hours=("8-8",))))),
    Seed("HS-207", prepare=media(HOUSE, item("old", licence=Licence("own", MADE, until=date(2026, 10, 31))))),
    Seed("HS-209", prepare=media(HOUSE, item("found", licence=Licence("unknown", MADE)))),
    Seed("HS-209", prepare=media(HOUSE, item("found", licence=Licence("CC0-1.0", "")))),
    Seed("HS-210", prepare=media(HOUSE, item("by", licence=Licence("CC-BY-4.0", MADE)))),
    Seed("HS-218", prepare=media(HOUSE, item("nc", licence=Licence("CC-BY-NC-4.0", MADE, "Ann")))),
    Seed("HS-219", prepare=media(HOUSE, item("soon", licence=Licence("own", MADE, until=date(2026, 11, 20))))),
    Seed("HS-221", prepare=file("media/quiz/en/animals.toml", "[question\n")),
    Seed("HS-223", prepare=media(item("music"))),
    Seed("HS-224", prepare=media(item("house", house=True, licence=Licence("own", MADE, territories=("US",))))),
    Seed("HS-225", prepare=media(prompts={"en": {"hello": "Hello.", "bye": "Bye."}, "es": {"hello": "Hola."}})),
    Seed("HS-226", prepare=media(prompts={"en": {"mute": "Hello."}})),
    Seed("HS-228", prepare=unprepared),
    Seed("HS-229", prepare=media(HOUSE, item("theirs", queues=("nobody",)))),
    Seed("HS-231", prepare=media(prompts={"en": {"welcome": "Your call is very important to us."}})),
]

OUTSIDE = [
    Seed("HS-211", '[podcasts.a]\nurl = "example.org/feed"\nlicence = "x"\n'),
    Seed("HS-212", prepare=fetched),
    Seed("HS-213", prepare=fetched),
    Seed("HS-214", '[podcasts.a]\nurl = "https://feeds.acme.eu/"\nlicence = "x"\nqueues = ["no"]\n'),
    Seed("HS-215", '[updates.a]\nurl = "https://feeds.acme.eu/"\nsegment = "gold"\n'),
    Seed("HS-216", '[updates.a]\nurl = "https://feeds.acme.eu/"\n'),
    Seed("HS-217", '[synthesiser]\ncommand = ["no-such-program"]\n'),
    Seed(
        "HS-232",
        '[updates.a]\npath = "{tmp}/notes"\n',
        prepare=file("notes/today.txt", "Your call is important to us."),
    ),
    Seed("HS-211", '[personal.a]\ntexts = { en = "{a.__class__}" }\n'),
    Seed("HS-215", '[personal.a]\ntexts = { en = "Your order {order}." }\n'),
    Seed("HS-216", '[personal.a]\ntexts = { en = "Your order {order}." }\n'),
    Seed("HS-233", prepare=file("data/feeds.json", "{")),
]

QUEUES = [
    Seed("HS-202", queue('default_choice = "opera"')),
    Seed("HS-203", queue('shelves = ["jazz", "opera"]')),
    Seed("HS-204", queue('language = "fr"')),
    Seed("HS-208", queue('shelves = ["opera"]')),
    Seed("HS-143", queue("short_abandon = 8")),
    Seed("HS-301", STREAM),
    Seed("HS-302", f'{PUBLIC}[queues.sales]\nmedia = "stream"\n', SECRETS),
    Seed("HS-303", queue("max_wait = 600")),
    Seed("HS-304", queue('max_wait = 5\n[queues.sales.departures.overflow]\nenqueue = "late"')),
    Seed("HS-305", queue("silence_limit = 80")),
    Seed("HS-306", queue("short_abandon = -1")),
    Seed("HS-307", queue('menu = { leave = "6" }')),
    Seed("HS-308", queue('departures = { choice = { enqueue = "voicemail" } }')),
    Seed("HS-318", queue("callback = { offer = true }")),
    Seed("HS-319", queue('departures = { callback = { redirect = "https://pbx.example.com/thanks" } }')),
    Seed("HS-309", queue('menu = { words = { podcast = ["Music"] } }')),
    Seed("HS-310", queue('menu = { off = ["music", "podcast", "daily", "quiz"] }')),
    Seed("HS-311", queue('menu = { leave = "1" }')),
    Seed("HS-311", queue('menu = { leave = "A" }')),
    Seed("HS-312", queue("silence_limit = 30")),
    Seed("HS-313", queue('languages = ["en", "fr"]')),
    Seed("HS-314", queue('hand_over = { redirect = "http://acme.eu/next" }')),
    Seed("HS-315", queue('hand_over = { dial = "555 0100" }')),
    Seed("HS-316", queue('max_wait = 600\ndepartures = { overflow = { enqueue = "sales" } }')),
    Seed("HS-317", queue("short_abandon = 60")),
    Seed("HS-320", '[queues."Sales Desk"]\n'),
    Seed("HS-321", "".join(f"[queues.q{n}]\n" for n in range(51))),
    Seed("HS-322", f"{PUBLIC}[streams]\nmost = 0\n{STREAM}", SECRETS),
    Seed("HS-324", overflow("sales", "support") + overflow("support", "sales")),
    Seed("HS-324", overflow("sales", "sales")),
]

DIRECTORIES = [
    Seed("HS-007", subscriber("desk.acme.eu")),
    Seed("HS-007", subscriber("https://desk.acme.eu/", 'tells = ["waits"]')),
    Seed("HS-007", subscriber("https://desk.acme.eu/", "most_age = -1")),
    Seed("HS-007", subscriber("https://desk.acme.eu/").replace("desk]", "'the desk']")),
    Seed("HS-007", subscriber("https://desk.acme.eu/"), {"HOLDSVC_SUBSCRIBERS__DESK__SECRET": "kR7q-mZ2x"}),
    Seed("HS-109", subscriber("https://desk.acme.eu/"), {**SECRETS, "HOLDSVC_SUBSCRIBERS__DESK__SECRET": TOKEN}),
    Seed("HS-146", subscriber("https://[desk/")),
    Seed("HS-147", subscriber("https://desk.acme.eu/")),
    Seed("HS-148", subscriber("http://desk.acme.eu/")),
    Seed("HS-149", subscriber("https://10.1.2.3/")),
    Seed("HS-401", '[directories.customers]\npath = "{tmp}/none.csv"\n'),
    Seed("HS-401", **table("phone,who\n1,Ann\n")),
    Seed("HS-402", **table("number,name\n")),
    Seed("HS-403", **table("number,name\n+15005550101,Ann\nnobody,Bob\n")),
    Seed("HS-408", **table("number,name\n+15005550101,Ann\n", 0o644)),
    Seed("HS-404", crm("https://crm.acme.eu/")),
    Seed("HS-405", crm("http://crm.acme.eu/?phone={number}")),
    Seed("HS-406", crm("https://10.1.2.3/?phone={number}")),
]

SEEDS = [*SETTINGS, *SECRET, *NETWORK, *MACHINE, *MEDIA, *OUTSIDE, *QUEUES, *DIRECTORIES]
ONLINE = ("HS-501", "HS-502", "HS-503", "HS-504", "HS-505")  # tried against sockets of the test's own
