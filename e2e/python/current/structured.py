"""JSON mode, answers by a schema, and the SDK's helpers that parse them. For openai 3.x and 1.x."""

import enum
import json
from typing import List, Optional

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from check import adds_up, equal, raises, run

client = OpenAI()


def check_json_mode():
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": "Reply with a small JSON object, nothing else."},
            {"role": "user", "content": "Describe the moon with the keys name and kind."},
        ],
        response_format={"type": "json_object"},
    )
    equal(answer.choices[0].finish_reason, "stop")
    equal(answer.choices[0].message.refusal, None)
    assert isinstance(json.loads(answer.choices[0].message.content), dict), answer.choices[0].message.content


def check_json_mode_extracts():
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {
                "role": "user",
                "content": "Return JSON with the fields name and email.\n\nWrite to Mira Novak, mira@example.org, about the keys.",
            }
        ],
        response_format={"type": "json_object"},
        temperature=0,
    )
    data = json.loads(answer.choices[0].message.content)
    assert "mira@example.org" in json.dumps(data), data


def check_json_mode_streamed():
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": 'Give {"ok": true} back as JSON.'}],
        response_format={"type": "json_object"},
        temperature=0,
        stream=True,
    )
    json.loads("".join(c.choices[0].delta.content or "" for c in stream))


def check_json_mode_cut_short_says_so():
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "List ten rivers as JSON."}],
        response_format={"type": "json_object"},
        max_tokens=6,
    )
    equal(answer.choices[0].finish_reason, "length")


SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "level": {"type": "string", "enum": ["low", "middle", "high"]},
        "sizes": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
        "note": {"type": ["string", "null"]},
        "owner": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "adult": {"type": "boolean"}},
            "required": ["name", "adult"],
            "additionalProperties": False,
        },
    },
    "required": ["title", "level", "sizes", "note", "owner"],
    "additionalProperties": False,
}


def check_schema():
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Invent a task: a title of one word, a level, one size, no note, an owner."}],
        response_format={"type": "json_schema", "json_schema": {"name": "task", "strict": True, "schema": SCHEMA}},
        temperature=0,
    )
    equal(answer.choices[0].finish_reason, "stop")
    data = json.loads(answer.choices[0].message.content)
    equal(sorted(data), sorted(SCHEMA["required"]))
    assert data["level"] in ("low", "middle", "high"), data
    assert 1 <= len(data["sizes"]) <= 3 and all(isinstance(s, int) for s in data["sizes"]), data
    assert data["note"] is None or isinstance(data["note"], str), data
    equal(sorted(data["owner"]), ["adult", "name"])
    equal((type(data["owner"]["name"]), type(data["owner"]["adult"])), (str, bool))
    adds_up(answer.usage)


class Mood(str, enum.Enum):
    good = "good"
    bad = "bad"


class Review(BaseModel):
    mood: Mood
    stars: int
    words: List[str]
    reply: Optional[str]


def check_parse():
    answer = client.chat.completions.parse(
        model="gpt-4o-mini",
        messages=[
            {"role": "system", "content": "Sum up the review; at most two words, a short reply or none."},
            {"role": "user", "content": "Lovely bread, friendly people. Five stars!"},
        ],
        response_format=Review,
        temperature=0,
        max_tokens=160,
    )
    review = answer.choices[0].message.parsed
    assert isinstance(review, Review), review
    assert isinstance(review.mood, Mood) and isinstance(review.stars, int), review
    equal(answer.choices[0].message.refusal, None)


class Point(BaseModel):
    x: int
    y: int


class Line(BaseModel):
    start: Point
    end: Point


async def check_parse_async():
    answer = await AsyncOpenAI().chat.completions.parse(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "A line from (1, 2) to (3, 4)."}],
        response_format=Line,
        temperature=0,
        max_tokens=100,
    )
    equal(answer.choices[0].message.parsed, Line(start=Point(x=1, y=2), end=Point(x=3, y=4)))


def check_parse_cut_short():
    error = raises(
        openai.LengthFinishReasonError,
        lambda: client.chat.completions.parse(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "A line from (1, 2) to (3, 4)."}],
            response_format=Line,
            max_tokens=3,
        ),
    )
    equal(error.completion.usage.completion_tokens, 3)


def check_parse_streamed():
    with client.chat.completions.stream(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "A line from (1, 2) to (3, 4)."}],
        response_format=Line,
        temperature=0,
        max_tokens=100,
    ) as stream:
        kinds = {event.type for event in stream}
        line = stream.get_final_completion().choices[0].message.parsed
    assert {"chunk", "content.delta", "content.done"} <= kinds, kinds
    equal(line, Line(start=Point(x=1, y=2), end=Point(x=3, y=4)))


def check_bad_schema():
    error = raises(
        openai.BadRequestError,
        lambda: client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "Anything."}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "open", "strict": True, "schema": {"type": "object", "properties": {}}},
            },
        ),
    )
    equal((error.type, error.param), ("invalid_request_error", "response_format"))
    assert "additionalProperties" in error.message, error.message


if __name__ == "__main__":
    run(globals())
