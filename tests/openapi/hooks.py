"""What schemathesis has to be told beside the document: how to make values of
the formats that are dunder's own, which refusals follow from rules that OpenAPI
3.1 has no words for, and that a stream does not end.
"""

import datetime
import io
import re
import string

import requests
import schemathesis
import urllib3
from hypothesis import strategies as st

LETTERS = string.ascii_letters + "äéßøłЖя中文かなעא"
BEGINNING = datetime.datetime(1970, 1, 2)


def texts(characters, most=64):
    return st.text(characters, min_size=1, max_size=most)


FORMATS = {
    "moment": st.one_of(
        st.datetimes(min_value=BEGINNING).map(lambda moment: f"{moment.isoformat()}Z"),
        st.dates(min_value=BEGINNING.date()).map(str),
        # Nine digits are never read as a calendar's date.
        st.integers(100_000_000, 999_999_999).map(str),
        st.sampled_from(["now", "today", "yesterday", "monday", "10:00", "90m", "3d", "1 week ago"]),
    ),
    "hashtag": st.builds("{}{}".format, st.sampled_from(["", "#", "＃"]), texts(f"{LETTERS}{string.digits}_-")),
    "user-name": texts(f"{LETTERS}{string.digits}@.+'-"),
    "message-text": texts(st.characters(exclude_characters="\0", codec="utf-8"), 500).map("x{}".format),
    "aggregation": st.one_of(
        st.sampled_from(["minute", "hour", "day", "week", "month", "year", "1h30m", "2days"]),
        st.integers(1, 10_000).map("{}m".format),
    ),
    "time-zone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "CET-1CEST,M3.5.0,M10.5.0/3"]),
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)

# Rules about several parameters at once, about the present, and about what the
# store holds, each by how its refusal begins.
RULES = re.compile(
    "|".join(
        [
            "after: after, from_date and last each say where to begin",
            "after: it says where to go on",
            "(after|Last-Event-ID): .* is ahead of this store",
            "filter: #.* is asked for and excluded",
            "filter: any=true says that one of several hashtags is enough",
            "(filter|range): from_date .* is not before to_date",
            "from_date: .* is in the future",
            "range: .* buckets",
            "ulid: it names one message and goes with no other filter",
            "width: .* goes with format=text alone",
        ]
    )
)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Leaves out refusals that a rule explains."""
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code != 400:
        return True
    request = response.request
    # A HEAD is refused without a word.
    with requests.get(request.url, headers=request.headers, stream=True, timeout=10) as same:
        return not (same.status_code == 400 and RULES.match(same.json()["error"]))


def so_far(stream):
    """What a stream sends first. For people nothing is said until there is
    something; every other form has something to say at once."""
    is_for_people = stream.headers["content-type"].startswith("text/plain")
    # The connection of an answer that is its last has given its socket away.
    sock = stream.connection.sock or stream._fp.fp.raw._sock
    sock.settimeout(0.3 if is_for_people else 10)
    try:
        return stream.read1(65536)
    except urllib3.exceptions.ReadTimeoutError:
        return b""


send = requests.adapters.HTTPAdapter.send


def send_and_leave(adapter, request, **more):
    """Takes of a stream without an end what it has sent so far."""
    is_stream = request.method == "GET" and request.path_url.startswith("/message/stream")
    response = send(adapter, request, **{**more, "stream": is_stream or more.get("stream", False)})
    if not is_stream or response.status_code != 200:
        return response
    sent = urllib3.HTTPResponse(
        body=io.BytesIO(so_far(response.raw)),
        headers=response.raw.headers,
        status=response.status_code,
        preload_content=False,
    )
    response.raw.close()
    return adapter.build_response(request, sent)


# Sessions are made in several places of schemathesis, and of ours.
requests.adapters.HTTPAdapter.send = send_and_leave
