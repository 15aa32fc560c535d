"""The commands: what they take. What they do stands where it belongs, and is imported when it is asked for.

A command that fails says what happened in one sentence on stderr and ends with a code that is not zero.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from holdsvc import __version__
from holdsvc.errors import ConfigError, HoldsvcError

MOST_PORT = 65535
Command = Callable[[argparse.Namespace], int]


def run(words: Sequence[str]) -> int:
    given = parser().parse_args(words)
    command: Command = given.command
    try:
        return command(given)
    except HoldsvcError as error:
        print(f"holdsvc: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("holdsvc", description="The hold line that callers choose.")
    top.add_argument("--version", action="version", version=f"holdsvc {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (demo, serve, check, media, simulate, report, export, audit, callers, outbox, backup):
        add(commands)
    return top


def command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=text, description=text)
    made.add_argument("--config", type=Path, metavar="FILE", help="the configuration file (default: the shipped one)")
    return made


def demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(
        commands, "demo", "Everything embedded: the service, simulated callers, a phone in the browser, a wallboard."
    )
    one.add_argument("--port", type=a_port, default=8080, help="default: 8080, or a free one where that is taken")
    one.add_argument("--callers", type=int, default=8, metavar="N", help="simulated callers on the line (default: 8)")
    one.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the wait log there (default: forgotten at the end)"
    )
    one.set_defaults(command=lambda given: of("demo").demo(given.config, given.port, given.callers, given.keep))


def serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(commands, "serve", "The service.")
    one.add_argument("--host", help="address to listen on (default: service.host, 127.0.0.1)")
    one.add_argument("--port", type=a_port, help="port to listen on (default: service.port, 8080)")
    one.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes, one a core; more than 1 need Redis"
    )
    one.add_argument("--phone", action="store_true", help="mount the browser phone at /phone (loopback only)")
    one.add_argument("--insecure", action="store_true", help="accept unsigned webhooks (loopback only, for trying out)")
    one.set_defaults(
        command=lambda given: of("serve").serve(
            given.config, given.host, given.port, given.phone, given.insecure, given.workers
        )
    )


def check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(commands, "check", "Look over configuration and media before callers do.")
    one.add_argument("--online", action="store_true", help="see also whether what the settings name answers")
    one.set_defaults(command=lambda given: of("check").check(given.config, given.online))


def media(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    top = commands.add_parser("media", help="Prepare and inspect content.", description="Prepare and inspect content.")
    inner = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    one = command(inner, "list", "What is on the shelves: waveform, length, loudness, licence, plays, what is wrong.")
    one.add_argument("--format", choices=["text", "json"], default="text")
    one.set_defaults(command=lambda given: of("media").list_items(given))
    one = command(inner, "check", "Decode and measure every item.")
    one.set_defaults(command=lambda given: of("media").check(given.config))
    one = command(inner, "add", "Put a file or a folder of yours on a shelf, or subscribe to a podcast.")
    one.add_argument("file", metavar="FILE|FOLDER|URL", help="sound, or the https:// address of a podcast's feed")
    one.add_argument("--id", default="", help="a short name, unique on the shelves (a podcast's is needed)")
    one.add_argument("--kind", choices=["music", "podcast", "daily"], help="of a file; needed")
    one.add_argument("--shelf", default="", help="a genre for music, a series for podcasts (default there: its name)")
    one.add_argument("--title", default="", help="of a file (default: its name); episodes have their own")
    one.add_argument("--artist", default="")
    one.add_argument(
        "--language",
        default="",
        help="as en or de-CH, zxx without words (default: music zxx, else the default queue's)",
    )
    one.add_argument("--licence", default="", help="an SPDX identifier, or the contract's name; needed")
    one.add_argument("--source", default="", help="where it came from; needed (a podcast's default: the feed's host)")
    one.add_argument("--attribution", default="", help="what must be said of it")
    one.add_argument("--rights", default="", help="what was granted and by whom, in your words")
    one.add_argument("--until", default="", metavar="DAY", help="the last day on which it may be played, as 2027-03-31")
    one.add_argument("--territories", default="", metavar="DE,AT", help="where alone it may be played")
    one.add_argument("--mood", default="", help="of music: calm, sober, warm, bright or jolly")
    one.add_argument("--tags", default="", metavar="A,B", help="as advert or comedy: never in a queue with a profile")
    one.add_argument("--queues", default="", metavar="A,B", help="where alone it is heard")
    one.add_argument("--segment", default="", help="of callers, for whom alone it is, as a directory tells it")
    one.add_argument("--days", default="", metavar="mon,tue", help="on which alone it is played")
    one.add_argument("--hours", default="", metavar="08:00-18:00", help="in which alone it is played")
    one.add_argument("--order", choices=["latest", "serial"], default="latest", help="of episodes")
    one.add_argument("--keep", type=int, default=5, metavar="N", help="episodes on the shelf (default: 5)")
    one.set_defaults(command=lambda given: of("media").add(given))
    one = command(inner, "forget", "Take an item of yours off its shelf, or end a subscription.")
    one.add_argument("id")
    one.set_defaults(command=lambda given: of("media").forget(given.config, given.id))


def simulate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(commands, "simulate", "Traffic against a running or embedded service, with a verdict.")
    one.add_argument("--calls", type=int, default=100)
    one.add_argument("--rate", type=float, help="calls a second (default: 0.5 embedded, 10 against a running service)")
    one.add_argument("--duplicate", type=float, default=0.0, metavar="SHARE", help="of webhooks that come twice")
    one.add_argument("--reorder", type=float, default=0.0, metavar="SHARE", help="of status hooks that come late")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--mode", choices=["documents", "stream", "mixed"], default="documents")
    one.add_argument(
        "--queue", help="one, or several with commas between them (default: support, else the first that there is)"
    )
    one.add_argument(
        "--transfers",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of talks after which the agent sends the caller into another",
    )
    one.add_argument("--agents", type=int, metavar="N", help="traffic by the textbook (Erlang A), with the next three:")
    one.add_argument("--arrivals", type=float, metavar="PER_MINUTE", help="calls that come a minute, at random")
    one.add_argument("--handling", type=float, metavar="SECONDS", help="mean length of a talk, exponential")
    one.add_argument("--patience", type=float, metavar="SECONDS", help="mean patience, exponential")
    one.add_argument("--record", type=Path, metavar="FOLDER", help="keep the wait log of the embedded run there")
    one.add_argument("--url", help="a running service; without it one is embedded, on a clock that jumps")
    one.add_argument("--speed", type=float, help="how much faster people live (default: 1 embedded, 12 in real time)")
    one.set_defaults(command=lambda given: of("simulate").simulate(given))


def report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(commands, "report", "Figures and plots out of the wait log.")
    names = [
        "all",
        "service-level",
        "waits",
        "estimates",
        "callbacks",
        "abandonment",
        "patience",
        "choices",
        "plays",
        "law",
    ]
    one.add_argument("report", nargs="?", choices=names, default="all", help="which one (default: all)")
    one.add_argument("--format", choices=["text", "html", "csv", "json"], default="text")
    one.add_argument("--out", type=Path, help="a file (default: standard output)")
    one.add_argument("--since", help="waits that began at or after, ISO 8601")
    one.add_argument("--until", help="waits that began before, ISO 8601")
    one.add_argument("--queue", default="")
    a_ledger(one)
    one.set_defaults(command=lambda given: of("report").report(given))


def export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(commands, "export", "The wait log out, beside a live service or without one.")
    one.add_argument("--format", choices=["csv", "jsonl", "parquet"], default="csv")
    one.add_argument("--out", type=Path, help="a file (default: standard output; Parquet needs one)")
    one.add_argument("--since", help="began at or after, ISO 8601")
    one.add_argument("--until", help="began before, ISO 8601")
    one.add_argument("--queue", default="")
    one.add_argument("--numbers", action="store_true", help="with the callers' telephone numbers")
    a_ledger(one)
    one.set_defaults(command=lambda given: of("log").export(given))


def audit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(commands, "audit", "Prove that every wait is in the log once and that the sums add up.")
    a_ledger(one)
    one.set_defaults(command=lambda given: of("log").audit(given.config, given.ledger))


def callers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    top = commands.add_parser("callers", help="What is kept of callers.", description="What is kept of callers.")
    inner = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    one = command(inner, "forget", "Erase a caller: number, profile and pseudonym. The waits stay, anonymous.")
    one.add_argument("number")
    one.set_defaults(command=lambda given: of("log").forget(given.config, given.number))


def outbox(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "What subscribers could not be told."
    top = commands.add_parser("outbox", help=text, description=text)
    inner = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    one = command(inner, "list", "What is dead, and what is still to be told.")
    one.add_argument("--format", choices=["text", "json"], default="text")
    one.set_defaults(command=lambda given: of("outbox").show(given.config, given.format))
    for do, text in (("retry", "Try again what is dead."), ("discard", "Take out what nobody needs any more.")):
        one = command(inner, do, text)
        one.add_argument("key", nargs="?", default="", metavar="KEY", help="one letter, as the list names it")
        one.add_argument("--to", default="", metavar="NAME", help="all that are dead for this subscriber")
        one.set_defaults(command=lambda given, do=do: of("outbox").see_to(given.config, do, given.key, given.to))


def backup(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = command(commands, "backup", "A copy of all that cannot be made again, beside a live service or without one.")
    one.add_argument(
        "into", type=Path, metavar="FOLDER", help="a new one; a service can start with it as its data folder"
    )
    one.set_defaults(command=lambda given: of("backup").backup(given.config, given.into))


def a_ledger(one: argparse.ArgumentParser) -> None:
    text = "another wait log: sqlite:FILE, or postgresql://HOST/NAME (default: that of the settings)"
    one.add_argument("--ledger", metavar="URL", help=text)


def a_port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 (any free one) to {MOST_PORT}")
    return number


def of(name: str) -> ModuleType:
    """The module of a command, imported now: `--help` needs none of them."""
    return import_module(f"holdsvc.commands.{name}")
