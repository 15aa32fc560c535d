"""The shelf's written music, a file for each kind."""

from score import Piece

from pieces import canon, folk, jazz, prelude, ragtime


def written() -> list[Piece]:
    return [
        prelude.piece(),
        canon.piece(),
        folk.greensleeves(),
        folk.scarborough_fair(),
        jazz.corner_table(),
        jazz.late_ferry(),
        ragtime.piece(),
    ]
