"""Databases move only in their maintenance window; everything else moves when it likes.

A claim is a database's when its label says so. The window is in UTC, and may go past midnight: then it belongs to the day on
which it opens.
"""

import json

from pvmigrate_policy import abstain, ballots, info, label, settings_of, skip, spoken, undecided, warning
from wit_world.exports.settings import Problem

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DEFAULTS = {
    "label": "app.kubernetes.io/component",
    "values": ["database"],
    "days": ["Sat", "Sun"],
    "from": "22:00",
    "to": "04:00",
    "leastMinutes": 60,
}
DAY = 24 * 60
TIME = "^([01][0-9]|2[0-3]):[0-5][0-9]$"

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "label": {"type": "string", "minLength": 1, "description": "The label that tells what a claim is for."},
        "values": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": "Values of the label that mean a database.",
        },
        "days": {
            "type": "array",
            "items": {"enum": DAYS},
            "minItems": 1,
            "uniqueItems": True,
            "description": "Days on which the window opens.",
        },
        "from": {"type": "string", "pattern": TIME, "description": "When it opens, in UTC."},
        "to": {"type": "string", "pattern": TIME, "description": "When it closes, in UTC; before `from` means on the next day."},
        "leastMinutes": {
            "type": "integer",
            "minimum": 0,
            "maximum": DAY,
            "description": "With less time than this left, a run with databases gets a warning.",
        },
    },
}
for key, value in DEFAULTS.items():
    SCHEMA["properties"][key]["default"] = value

CODES = {
    "outside-window": "the claim is a database's, and the maintenance window is closed",
    "window-closes": "databases are to move, and the maintenance window closes soon",
    "time-unknown": "the host gave no time, so nobody knows whether the window is open",
}


def minutes(text):
    hours, rest = text.split(":")
    return int(hours) * 60 + int(rest)


def left(now, settings):
    """Returns for how many minutes the window is open still, or None when it is closed."""
    minute = now // 60 % DAY
    # The first of January 1970 was a Thursday.
    today = (now // (DAY * 60) + 3) % 7
    opens, closes = minutes(settings["from"]), minutes(settings["to"])
    length = (closes - opens) % DAY
    for day, since in ((today, minute - opens), ((today - 1) % 7, minute + DAY - opens)):
        if DAYS[day] in settings["days"] and 0 <= since < length:
            return length - since
    return None


def read(request):
    if request.now == 0:
        raise undecided("time-unknown", "the request has no time")
    return {**DEFAULTS, **settings_of(request)}


def is_database(volume, settings):
    return label(volume, settings["label"]) in settings["values"]


class Manifest:
    @spoken
    def describe(self):
        return info(
            name="db-window",
            version="0.1.0",
            summary="moves databases only in their maintenance window",
            codes=CODES,
            settings=SCHEMA,
        )


class Settings:
    @spoken
    def validate(self, settings):
        settings = {**DEFAULTS, **json.loads(settings)}
        if settings["from"] == settings["to"]:
            return [Problem("/to", "the window closes when it opens, so it is never open")]
        return []


class Selection:
    @spoken
    def select(self, request):
        settings = read(request)
        is_open = left(request.now, settings) is not None

        def vote(volume):
            if is_open or not is_database(volume, settings):
                return abstain()
            window = f"{', '.join(settings['days'])} from {settings['from']} to {settings['to']} UTC"
            return skip("outside-window", f"databases move only in their window: {window}")

        return ballots(request, vote)


class Preflight:
    @spoken
    def check(self, request, plan):
        settings = read(request)
        remaining = left(request.now, settings)
        if remaining is None or remaining >= settings["leastMinutes"]:
            return []
        moving = {planned.volume for planned in plan}
        databases = [volume for volume in request.volumes if volume.id in moving and is_database(volume, settings)]
        if not databases:
            return []
        message = f"{len(databases)} claims of databases are to move, and the window closes in {remaining} minutes"
        remedy = "wait for the next window, or be ready to press Ctrl-C: the same command goes on from there"
        return [warning("window-closes", None, message, remedy, minutes=remaining)]
