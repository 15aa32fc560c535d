"""The shelf's written music, a file for each kind."""

from score import Piece

from pieces import canon, classics, combo, folk, jazz, keys, latin, prelude, ragtime, songs


def written() -> list[Piece]:
    return [
        prelude.piece(),
        canon.piece(),
        folk.greensleeves(),
        folk.scarborough_fair(),
        jazz.corner_table(),
        jazz.late_ferry(),
        ragtime.piece(),
        ragtime.ticket_window(),
        classics.minuet(),
        classics.ode_to_joy(),
        classics.jesu(),
        classics.lullaby(),
        classics.morning_mood(),
        classics.going_home(),
        songs.londonderry(),
        songs.aura_lee(),
        songs.jasmine(),
        songs.sakura(),
        combo.third_coffee(),
        combo.rain_on_seven(),
        combo.coat_check(),
        latin.patio_at_four(),
        latin.long_crossing(),
        latin.sugar_and_lime(),
        keys.paper_boats(),
        keys.window_seat(),
        keys.snow_on_the_line(),
    ]
