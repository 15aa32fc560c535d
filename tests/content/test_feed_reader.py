"""Feeds as they are found in the world, and as they are made to do harm."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.calls.model import Chapter
from holdsvc.content.feed_reader import Enclosure, clock_seconds, moment, plain, read_chapters, read_feed
from holdsvc.errors import BadContent

URL = "https://example.org/shows/feed.xml"
RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:psc="http://podlove.org/simple-chapters"
  xmlns:podcast="https://podcastindex.org/namespace/1.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/">
 <channel>
  <title>Small   Histories</title><language>en-GB</language><itunes:author>Ann Example</itunes:author>
  <atom:link href="https://example.org/feed" rel="self"/>
  <image><title>A picture</title><url>x.png</url></image>
  <item>
   <title>Tea &amp; &lt;b&gt;clocks&lt;/b&gt;</title><guid isPermaLink="false">ep-2</guid>
   <pubDate>Mon, 02 Mar 2026 13:00:00 +0100</pubDate><itunes:duration>1:02:03</itunes:duration>
   <description>short</description>
   <content:encoded><![CDATA[<p>Long &eacute; text.</p><script>x()</script><p>Two.</p>]]></content:encoded>
   <enclosure url="/audio/2.mp3?a=1&amp;b=2" length="12345" type="audio/mpeg"/>
   <media:title>not this</media:title>
   <psc:chapters><psc:chapter start="00:00:00" title="Intro"/><psc:chapter start="00:05:30.5" title="Tea"/>
     <psc:chapter start="soon" title="Bad"/></psc:chapters>
   <podcast:chapters url="chapters.json" type="application/json+chapters"/>
   <source url="https://example.com/"><title>Other feed</title></source>
  </item>
  <item><title>No sound</title><link>https://example.org/1</link><description>Only words.</description></item>
  <item/>
 </channel>
</rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Notices</title>
 <entry><id>tag:1</id><title type="html">Storm</title><updated>2026-03-02T12:00:00Z</updated>
  <link rel="alternate" href="https://example.org/storm"/><link rel="enclosure" href="storm.opus" length="x"/>
  <summary>Longer waits.</summary></entry></feed>"""


def test_a_podcast_is_read_with_its_chapters_and_all():
    feed = read_feed(RSS, URL)

    first, second = feed.stories
    assert (feed.title, feed.author, feed.language) == ("Small Histories", "Ann Example", "en-GB")
    assert (first.key, first.title) == ("ep-2", "Tea & clocks")
    assert first.published == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert first.enclosure == Enclosure("https://example.org/audio/2.mp3?a=1&b=2", "audio/mpeg", 12345)
    assert first.seconds == 3723.0
    assert first.text == "Long é text.\nTwo."
    assert first.chapters == (Chapter(0.0, "Intro"), Chapter(330.5, "Tea"))
    assert first.chapters_url == "https://example.org/shows/chapters.json"
    assert (second.key, second.enclosure, second.text) == ("https://example.org/1", None, "Only words.")


def test_an_atom_feed_is_read():
    (story,) = read_feed(ATOM, URL).stories

    assert (story.key, story.title, story.text) == ("tag:1", "Storm", "Longer waits.")
    assert story.published == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert story.enclosure == Enclosure("https://example.org/shows/storm.opus")


BOMB = b"""<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rss><channel><title>&b;</title></channel></rss>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        b'<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss/>',
        b'<!DOCTYPE rss [<!ENTITY x SYSTEM "http://127.0.0.1/">]><rss><channel><title>&x;</title></channel></rss>',
        b'<!-- feed --> <!DOCTYPE rss PUBLIC "x" "y"><rss/>',
    ],
)
def test_a_document_type_is_refused_in_every_encoding(document, encoding):
    with pytest.raises(BadContent, match="DOCTYPE"):
        read_feed(document.decode().encode(encoding), URL)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not XML"),
        (b"{}", "not XML"),
        (b"<rss><channel>", "not XML"),
        (b"#EXTM3U\nhttp://127.0.0.1/", "not XML"),
        (b"<html><body>Sign in</body></html>", "begins with <html>"),
        (b"<rss>" + b"<a>" * 100, "deep"),
        (b'<?xml version="1.0" encoding="klingon"?><rss/>', "not XML"),
        (b"<rss><channel><title>&nope;</title></channel></rss>", "not XML"),
        (b"\x00\x01\x02", "not XML"),
    ],
)
def test_what_is_no_feed_is_refused_in_one_sentence(document, reason):
    with pytest.raises(BadContent, match=reason) as caught:
        read_feed(document, URL)

    assert "\n" not in str(caught.value)


def test_of_a_feed_without_end_so_much_is_read_and_no_more():
    many = b"<rss><channel>" + b"<item><guid>x</guid></item>" * 5000 + b"<item><title>" + b"x" * 10**6

    assert len(read_feed(many, URL).stories) == 1000


def test_a_text_without_end_is_cut():
    long = (
        b"<rss><channel><item><guid>1</guid><description>" + b"word " * 10**5 + b"</description></item></channel></rss>"
    )

    assert 0 < len(read_feed(long, URL).stories[0].text) <= 20_000


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(RSS)), st.integers(0, 60))
def test_a_broken_feed_is_read_or_refused_and_nothing_else(junk, at, gone):
    with suppress(BadContent):
        read_feed(RSS[:at] + junk + RSS[at + gone :], URL)


@given(st.text())
def test_plain_text_has_no_controls(text):
    assert all(sign.isprintable() or sign == "\n" for sign in plain(text))


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("90", 90),
        ("1:30", 90),
        ("1:01:01.5", 3661.5),
        ("", None),
        ("x", None),
        ("1:2:3:4", None),
        ("-5", None),
        ("nan", None),
    ],
)
def test_durations(words, seconds):
    assert clock_seconds(words) == seconds


@given(st.text(max_size=40))
def test_a_date_is_a_moment_with_a_zone_or_none(words):
    found = moment(words)

    assert found is None or found.tzinfo is not None


def test_chapters_of_a_file_come_in_order_and_without_what_is_not_to_be_shown():
    file = b"""{"version": "1.2.0", "chapters": [{"startTime": 60, "title": "Two", "img": "x"},
        {"startTime": 0, "title": "One"}, {"startTime": 9, "title": "", "toc": false}]}"""

    assert read_chapters(file) == (Chapter(0.0, "One"), Chapter(60.0, "Two"))


@pytest.mark.parametrize("file", [b"", b"[]", b"<html>", b'{"chapters":[{"startTime":"x"}]}', b"[" * 10**5, b"\xff"])
def test_chapters_that_are_none_are_refused(file):
    with pytest.raises(BadContent):
        read_chapters(file)
