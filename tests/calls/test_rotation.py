from collections import Counter
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.model import Airing, ContentId, ContentItem, Kind
from holdsvc.calls.rotation import DAY, MOST_PLAYS, STILL, Freshness, Past, in_order, played, seed_of, shuffled
from tests.plans import NOON, after

RULES = Freshness()


def piece(name, artist="", title="", **airing):
    return ContentItem(ContentId(name), Kind.MUSIC, "jazz", title or name, 100.0, artist, airing=Airing(**airing))


def shelf_of(count, artists=0):
    return tuple(piece(f"piece-{n}", f"artist-{n % artists}" if artists else "") for n in range(count))


def heard_through(shelf, turns, seed=7, rules=RULES, minutes=3.0, plays=()):
    """The names in the order in which they come, each heard to its end."""
    names = []
    for turn in range(turns):
        at = after(turn * minutes * 60)
        item = shuffled(shelf, Past(plays, seed, at), rules)
        plays = played(plays, item.id, at)
        names.append(item.id)
    return names


def runs(artists):
    return [one for one, other in pairwise(artists) if one == other]


@given(st.integers(1, 40), st.integers(0, 2**64 - 1), st.integers(0, 7))
def test_the_bag_is_emptied_before_anything_comes_twice(count, seed, artists):
    shelf = shelf_of(count, artists)

    names = heard_through(shelf, 2 * count, seed)

    assert set(names[:count]) == {item.id for item in shelf}


@given(st.integers(1, 20), st.integers(0, 2**64 - 1))
def test_an_empty_bag_gives_the_longest_unheard(count, seed):
    names = heard_through(shelf_of(count), 3 * count, seed)

    assert names[count:] == 2 * names[:count]


@given(st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 8), min_size=2), st.integers(0, 2**64 - 1))
def test_no_artist_comes_twice_in_a_row_where_the_shelf_can_be_heard_otherwise(counts, seed):
    shelf = tuple(piece(f"{artist}{n}", artist) for artist, count in counts.items() for n in range(count))

    artists = [name[0] for name in heard_through(shelf, len(shelf), seed)]

    most = max(counts.values())
    assert len(runs(artists)) == max(0, most - 1 - (len(shelf) - most))


def test_two_of_the_same_title_are_kept_apart():
    shelf = (piece("a", "X", "Greensleeves"), piece("b", "Y", "greensleeves"), *shelf_of(4))

    for seed in range(200):
        names = heard_through(shelf, 6, seed)
        assert abs(names.index("a") - names.index("b")) > 1


def test_each_caller_has_a_shuffle_of_his_own_and_always_the_same():
    shelf = shelf_of(6)
    firsts = Counter(heard_through(shelf, 1, seed_of(f"caller-{n}", "music"))[0] for n in range(3000))

    assert len(firsts) == 6
    assert all(abs(count - 500) < 110 for count in firsts.values()), firsts  # five standard deviations of a fair draw
    assert heard_through(shelf, 6, seed_of("ada", "music")) == heard_through(shelf, 6, seed_of("ada", "music"))


def test_every_order_of_a_shelf_comes():
    orders = Counter(tuple(heard_through(shelf_of(3), 3, seed_of(str(n)))) for n in range(3000))

    assert len(orders) == 6
    assert all(abs(count - 500) < 110 for count in orders.values()), orders


def test_what_weighs_more_tends_to_come_first():
    shelf = (piece("heavy", weight=3.0), piece("light"))
    firsts = Counter(heard_through(shelf, 1, seed_of(str(n)))[0] for n in range(2000))

    assert 1400 < firsts["heavy"] < 1600


def test_after_the_window_a_piece_comes_back_into_a_bag_that_is_shuffled_anew():
    shelf, month = shelf_of(8), RULES.window
    seen = set()
    for months in range(6):
        plays = tuple((item.id, int(NOON.timestamp() - months * month)) for item in shelf)
        seen.add(shuffled(shelf, Past(plays, 7, after(DAY * 31)), RULES).id)

    assert len(seen) > 2


@given(st.floats(0, 60 * DAY))
def test_the_window_alone_decides_what_is_new(age):
    old, new = shelf_of(2)
    plays = ((old.id, int(NOON.timestamp())),)

    drawn = {shuffled((old, new), Past(plays, seed, after(int(age))), RULES).id for seed in range(40)}

    assert (old.id in drawn) == (int(age) >= RULES.window)


def test_what_is_to_be_put_between_comes_after_so_many_others_and_never_first_or_twice():
    shelf = (*shelf_of(30), piece("jingle", every_items=4))

    assert shuffled(shelf, Past((), 7, NOON, opening=True), RULES).id != "jingle"
    names = heard_through(shelf, 20)

    assert [index for index, name in enumerate(names) if name == "jingle"] == [4, 9, 14, 19]


def test_once_an_hour_is_once_an_hour():
    shelf = (*shelf_of(60), piece("notice", every_minutes=60))

    names = heard_through(shelf, 60, minutes=3)

    at = [index * 3 for index, name in enumerate(names) if name == "notice"]
    assert at[0] == 3
    assert all(60 <= later - earlier < 66 for earlier, later in pairwise(at))


def test_of_several_that_are_due_the_one_heard_longest_ago_comes_first():
    shelf = (*shelf_of(30), piece("one", every_items=2), piece("two", every_items=2))

    counts = Counter(heard_through(shelf, 30))

    assert abs(counts["one"] - counts["two"]) <= 1


def test_an_item_off_its_hours_is_left_out_and_nothing_is_played_if_all_are():
    night = piece("night", hours=("22:00-06:00",))
    day = piece("day")

    assert shuffled((night, day), Past((), 1, NOON), RULES) == day
    assert shuffled((night,), Past((), 1, NOON), RULES) is None
    assert shuffled((night,), Past((), 1, NOON + timedelta(hours=11)), RULES) == night


def test_what_has_an_order_keeps_it():
    shelf = tuple(replace(one, kind=Kind.PODCAST) for one in shelf_of(4))
    names = [item.id for item in shelf]
    plays, place, order = (), None, []
    for turn in range(6):
        item = in_order(shelf, Past(plays, 1, after(turn * 100)), RULES, place)
        plays, place = played(plays, item.id, after(turn * 100)), item.id
        order.append(item.id)

    assert order == [*names, *names[:2]]


def test_a_new_episode_comes_before_an_old_one():
    shelf = tuple(replace(one, kind=Kind.PODCAST) for one in shelf_of(4))
    plays = ((shelf[0].id, int(NOON.timestamp())), (shelf[2].id, int(NOON.timestamp())))

    assert in_order(shelf, Past(plays, 1, after(9)), RULES, shelf[2].id) == shelf[3]
    assert in_order(shelf, Past(plays, 1, after(9)), RULES, None) == shelf[1]
    assert in_order((), Past(plays, 1, after(9)), RULES, None) is None


def test_a_checkpoint_changes_nothing_and_a_profile_stays_small():
    plays = played((), ContentId("a"), NOON)

    assert played(plays, ContentId("a"), after(STILL - 1)) is plays
    assert played(plays, ContentId("a"), after(STILL)) == (("a", int(NOON.timestamp()) + STILL),)
    for n in range(2 * MOST_PLAYS):
        plays = played(plays, ContentId(f"piece-{n % 700}"), after(n))
    assert len(plays) == MOST_PLAYS
    assert len({content for content, _ in plays}) == MOST_PLAYS
