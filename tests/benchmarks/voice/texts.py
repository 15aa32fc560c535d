"""What is said: commands that the menu knows, and speech that is no command. Tuning and reporting are kept apart."""

from __future__ import annotations

from holdsvc.calls.menu import SHIPPED, Action, Choice, Menu
from holdsvc.calls.model import Kind

GENRES = ("jazz", "classical", "folk", "ambient")
MENU = Menu(
    (
        *SHIPPED,
        *(Choice(f"music:{name}", Action.PLAY, "", (name, f"play {name}"), Kind.MUSIC, name) for name in GENRES),
        Choice("callback", Action.LEAVE, "", ("call me back", "callback", "call back")),
        Choice("yes", Action.ANSWER, "", ("yes", "yes please")),
    )
)

# What is said -> the entry that is meant.
COMMANDS = {
    "music": "music",
    "play music": "music",
    "podcast": "podcast",
    "a podcast": "podcast",
    "news": "daily",
    "today's updates": "daily",
    "quiz": "quiz",
    "quiet": "quiet",
    "stop": "quiet",
    "no": "quiet",
    "softer": "softer",
    "turn it down": "softer",
    "louder": "louder",
    "turn it up": "louder",
    "next": "next",
    "skip": "next",
    "something else": "next",
    "menu": "menu",
    "help": "menu",
    "start over": "repeat",
    "go back": "back",
    "another language": "language",
    "jazz": "music:jazz",
    "classical": "music:classical",
    "call me back": "callback",
    "yes": "yes",
}

OTHER_SPEECH_TUNING = (
    "I have a question about my last bill.",
    "Are you still there?",
    "Hold on, I am on the phone.",
    "What time is it?",
    "Dinner is ready.",
    "Good morning.",
    "My name is Thomas.",
    "The weather is nice today.",
    "Close the door.",
    "Seventeen",
    "Elephant",
    "Window",
    "I lost my password.",
    "Come here.",
    "Just a second.",
    "Where are my keys?",
    "Thank you very much.",
    "It does not work.",
    "Coffee",
    "Sit down.",
    "They said ten minutes.",
    "Wednesday",
    "Nobody is answering.",
    "Can you hear the dog?",
    "Left or right?",
)
OTHER_SPEECH = (
    "I would like to talk to somebody about an invoice.",
    "How long is this going to take?",
    "Put the kettle on.",
    "She will be here at noon.",
    "Did you feed the cat?",
    "My order never arrived.",
    "I am waiting in a queue.",
    "Happy birthday!",
    "Umbrella",
    "Forty two",
    "Tomorrow",
    "Sandwich",
    "Take the bus to the station.",
    "Give me the blue one.",
    "That is not what I meant.",
    "Excuse me.",
    "Bless you.",
    "I cannot find the number.",
    "Let me write that down.",
    "Mountain",
    "Who is at the door?",
    "Mister Anderson",
    "The meeting starts at four.",
    "Eight five five",
    "Keyboard",
    "Wait for me.",
    "We ran out of milk.",
    "Turn left at the corner.",
    "This is ridiculous.",
    "Pencil",
    "See you on Friday.",
    "Did you hear about the match?",
)
