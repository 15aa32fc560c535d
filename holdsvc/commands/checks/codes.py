"""Every code that `holdsvc check` can say, its level, and what it finds. A code stays; docs/check.md shows this table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    ERROR = "error"  # callers or operators are let down
    WARNING = "warning"  # it works, and somebody will wish that it had been seen to
    NOTE = "note"  # good to know, nothing to do


class Finding(Struct, frozen=True):
    code: str
    reason: str
    fix: str

    @property
    def level(self) -> Level:
        return CODES[self.code].level

    @property
    def error(self) -> bool:
        return self.level is Level.ERROR

    def __str__(self) -> str:
        return f"{self.level} {self.code}  {self.reason}\n      fix: {self.fix}"


class Rule(Struct, frozen=True):
    level: Level
    finds: str


def errors(**finds: str) -> dict[str, Rule]:
    return {dashed(name): Rule(Level.ERROR, text) for name, text in finds.items()}


def warnings(**finds: str) -> dict[str, Rule]:
    return {dashed(name): Rule(Level.WARNING, text) for name, text in finds.items()}


def notes(**finds: str) -> dict[str, Rule]:
    return {dashed(name): Rule(Level.NOTE, text) for name, text in finds.items()}


def dashed(name: str) -> str:
    return name.replace("_", "-")


ROOMS = {
    "0": "Configuration file",
    "1": "Secrets, network, store and machine",
    "2": "Media, prompts and what comes from outside",
    "3": "Queues",
    "4": "Directories",
    "5": "Reach, with `--online` only",
}

CODES: Mapping[str, Rule] = {
    **errors(
        HS_001="the configuration file is missing, unreadable or not TOML",
        HS_002="a key that does not exist",
        HS_003="a value that will not do",
        HS_004="a secret in the configuration file",
        HS_005="a variable or the file that it names cannot be used",
        HS_006="the shelf or the data folder cannot be opened",
        HS_007="the name of a platform, a store or a kind is not known",
        HS_102="a platform has a secret, and there is no public URL against which to check signatures",
        HS_108="a secret is a placeholder, such as the documentation's",
        HS_111="a directory's secret goes over the network without encryption",
        HS_114="a secret begins or ends with white space",
        HS_121="the public URL is not https",
        HS_123="the public URL has a query or a fragment",
        HS_124="the public URL is no address that a platform could call",
        HS_126="the service cannot listen on its address here",
        HS_133="AudioSocket is open to other machines, and none is named that may connect",
        HS_135="outgoing requests may go anywhere, the cloud's own secrets among it",
        HS_136="AudioSocket and HTTP have the same port",
        HS_140="settings of reports that make no sense",
        HS_152="the machine's clock is far off",
        HS_154="a flush of the data folder takes over a second",
        HS_156="the data folder has less than 100 MB left",
        HS_157="the data folder cannot be written to",
        HS_159="everybody on the machine may change the data folder",
        HS_146="a subscriber's address cannot be read",
        HS_149="a subscriber that outgoing requests may not reach",
        HS_160="the data folder is on a network file system",
        HS_163="SQLite is too old",
        HS_164="the store's folder does not exist",
    ),
    **warnings(
        HS_101="a platform that can reach us has no secret",
        HS_103="a public URL without an API token",
        HS_104="the store is in memory",
        HS_105="the store does not wait for the disk",
        HS_106="the API token is short",
        HS_107="a secret of a platform is short",
        HS_109="the same secret in two places",
        HS_110="a secret's file may be read by everybody",
        HS_112="a key or the store may be read by everybody",
        HS_113="the previous token is the present one",
        HS_115="Redis may fail over, and answers do not wait for its replicas",
        HS_122="the public URL names a port",
        HS_125="the service listens to other machines and has no API token",
        HS_127="a public URL, and a port that changes with each start",
        HS_128="the public URL is the documentation's example",
        HS_129="the public URL is an address in a private network",
        HS_130="the public URL has a path",
        HS_131="everybody may read the metrics",
        HS_132="everybody may listen to the live stream",
        HS_134="everybody may connect to AudioSocket",
        HS_142="short abandons are longer than the target",
        HS_143="queue and report disagree on what a short abandon is",
        HS_145="directories may hold up the first sound",
        HS_147="a subscriber without a secret",
        HS_148="calls are told to a subscriber without encryption",
        HS_151="the machine's clock is not synchronised",
        HS_153="a flush of the data folder takes over 50 ms",
        HS_155="the data folder has less than 1 GB left",
        HS_161="the data folder is in memory",
        HS_165="fewer files may be open than streams are allowed",
    ),
    **notes(
        HS_100="a platform has no secret; it cannot reach us either",
        HS_162="SQLite before the repair of its WAL reset",
        HS_166="io_uring is refused, and AudioSocket is on",
    ),
    **errors(
        HS_201="an item that cannot be heard",
        HS_206="a schedule that never plays",
        HS_211="a podcast or an update, also one of callers' own, that is left out",
        HS_217="the synthesiser is not to be found",
        HS_221="a fault in a quiz bank",
        HS_231="a prompt with a phrase that no caller wants to hear",
        HS_232="an update with a phrase that no caller wants to hear",
    ),
    **warnings(
        HS_202="a queue begins with what is on no shelf",
        HS_203="a queue names shelves that are not there",
        HS_205="a hostile sound file could get out of the decoder",
        HS_207="a licence that has ended",
        HS_208="a queue with nothing to play",
        HS_209="an item without a licence or without its source",
        HS_210="a licence that wants an attribution, and there is none",
        HS_212="a source that fails",
        HS_213="an episode or update that is left out",
        HS_214="a podcast or update for queues that are not there",
        HS_215="an update for some callers or for one, and no directory that tells of them",
        HS_216="texts, and nothing to speak them",
        HS_218="a licence for use without payment only",
        HS_219="a licence that ends within 30 days",
        HS_222="quiz questions without sound",
        HS_223="no house track",
        HS_224="a house track that may not be heard always and everywhere",
        HS_225="prompts that one language lacks",
        HS_226="prompts without a recording",
        HS_229="an item for queues that are not there",
        HS_233="the subscriptions cannot be read",
    ),
    **notes(HS_228="items that are still to be prepared"),
    **errors(
        HS_204="a queue speaks a language without prompts",
        HS_301="a stream queue without an https public URL",
        HS_306="a limit of a queue that makes no sense",
        HS_311="the key to leave is taken, or no key",
        HS_312="a call is closed before its document has ended",
        HS_314="a redirect that is no address",
        HS_315="a number to dial that is none",
        HS_316="a queue that sends its callers back into itself",
        HS_322="a stream queue, and no stream is allowed",
    ),
    **warnings(
        HS_302="a stream queue that does not say where its callers go",
        HS_303="a longest wait without a place for the overflow",
        HS_304="a longest wait that is odd",
        HS_305="silence that is soon taken for the end of a call",
        HS_307="a key to leave without a place to go",
        HS_308="a place to go for callers who leave, and no key",
        HS_309="one word for two choices",
        HS_310="a menu without anything to play",
        HS_313="a language to change to without prompts",
        HS_317="short abandons that are not short",
        HS_318="call-backs on offer, and nobody who may read the numbers",
        HS_319="a place to go behind a call-back, and none on offer",
        HS_320="a queue's name that is awkward in addresses and labels",
        HS_321="more than 50 queues",
        HS_324="overflows that go round in a circle",
    ),
    **errors(
        HS_401="a directory's table cannot be read",
        HS_404="a directory's settings will not do",
        HS_406="a directory that outgoing requests may not reach",
    ),
    **warnings(
        HS_402="a table without a caller",
        HS_403="rows of a table that are left out",
        HS_405="callers' numbers go over the network without encryption",
        HS_408="a table of callers that everybody may read",
    ),
    **errors(HS_501="the public URL does not answer", HS_504="Redis does not answer"),
    **warnings(
        HS_502="a podcast's or update's server does not answer",
        HS_503="a directory does not answer",
        HS_505="the wait log's database does not answer",
    ),
}


def finding(code: str, reason: str, fix: str) -> Finding:
    return Finding(code, reason, fix)


def table(codes: Mapping[str, Rule] = CODES) -> str:
    """The table of docs/check.md."""
    return "\n".join(line for room, title in ROOMS.items() for line in section(room, title, codes))


def section(room: str, title: str, codes: Mapping[str, Rule]) -> Iterable[str]:
    yield from (f"## {title}", "", "| code | level | finds |", "|---|---|---|")
    yield from (f"| {name} | {codes[name].level} | {codes[name].finds} |" for name in sorted(codes) if name[3] == room)
    yield ""
