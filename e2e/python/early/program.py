"""The first releases of the client style of 1.x: fewer parameters and helpers, the same calls. For openai 1.3."""

import asyncio
import json
import os

import openai
from openai import AsyncOpenAI, OpenAI

from check import adds_up, contains, cosine, equal, raises, run

client = OpenAI()

GREEDY = {"temperature": 0, "seed": 11}
COUNT = "Count from 1 to 9 in digits, separated by commas, nothing else."


def user(text):
    return {"role": "user", "content": text}


def chat(text, with_client=client, **options):
    options.setdefault("model", "gpt-3.5-turbo")
    return with_client.chat.completions.create(messages=[user(text)], **options)


def check_chat():
    answer = client.chat.completions.create(
        model="gpt-4",
        messages=[{"role": "system", "content": "You answer with one word."}, user("Name the capital of Italy.")],
        temperature=0.7,
        max_tokens=100,
    )
    contains(answer.choices[0].message.content, "Rome")
    equal((answer.model, answer.object), ("gpt-4", "chat.completion"))
    equal(answer.choices[0].finish_reason, "stop")
    assert answer.system_fingerprint, answer
    adds_up(answer.usage)


def check_parameters():
    answer = chat(
        "Invent a name for a cat.",
        n=2,
        temperature=1.6,
        top_p=0.95,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        logit_bias={"5": -1},
        max_tokens=6,
        stop=["\n\n"],
        user="user-7",
    )
    equal([c.index for c in answer.choices], [0, 1])
    # Parameters that came later than this release.
    later = chat("Say yes.", extra_body={"max_completion_tokens": 2, "logprobs": True, "top_logprobs": 2})
    assert later.usage.completion_tokens <= 2, later.usage


def check_json_mode():
    answer = chat('Give {"ok": true} back as JSON.', response_format={"type": "json_object"}, temperature=0)
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def check_stream():
    whole = chat(COUNT, max_tokens=30, **GREEDY)
    chunks = list(chat(COUNT, max_tokens=30, stream=True, **GREEDY))
    equal("".join(c.choices[0].delta.content or "" for c in chunks), whole.choices[0].message.content)
    equal(chunks[0].choices[0].delta.role, "assistant")
    assert chunks[-1].choices[0].finish_reason in ("stop", "length"), chunks[-1]


async def check_async():
    client = AsyncOpenAI()

    async def city(country):
        answer = await client.chat.completions.create(
            model="gpt-4-turbo", messages=[user(f"Name the capital of {country}.")], max_tokens=12, temperature=0
        )
        return answer.choices[0].message.content

    for text, want in zip(await asyncio.gather(city("France"), city("Japan")), ["Paris", "Tokyo"]):
        contains(text, want)
    text = ""
    async for chunk in await client.chat.completions.create(
        model="gpt-4-turbo", messages=[user("Name the capital of France.")], max_tokens=12, stream=True
    ):
        text += chunk.choices[0].delta.content or ""
    contains(text, "Paris")


def check_completions():
    answer = client.completions.create(
        model="gpt-3.5-turbo-instruct", prompt="One, two, three,", max_tokens=4, logprobs=1, **GREEDY
    )
    contains(answer.choices[0].text, "four")
    equal("".join(answer.choices[0].logprobs.tokens), answer.choices[0].text)
    pieces = client.completions.create(
        model="gpt-3.5-turbo-instruct", prompt="One, two, three,", max_tokens=4, stream=True, **GREEDY
    )
    equal("".join(p.choices[0].text for p in pieces), answer.choices[0].text)


def check_embeddings():
    answer = client.embeddings.create(
        model="text-embedding-ada-002",
        input=["A dog sleeps by the fire.", "A hound naps near the hearth.", "The bank raised its interest rates."],
    )
    first, close, far = (d.embedding for d in answer.data)  # without numpy the SDK asks for floats
    equal(len(first), 1536)
    assert cosine(first, close) > cosine(first, far) + 0.2


def check_models():
    assert "gpt-4" in [m.id for m in client.models.list()]
    equal(client.models.retrieve("gpt-4").id, "gpt-4")


def check_errors():
    quick = OpenAI(max_retries=0)
    stranger = OpenAI(api_key="sk-wrong", max_retries=0)
    for kind, status, call in [
        (openai.AuthenticationError, 401, lambda: chat("x", stranger)),
        (openai.NotFoundError, 404, lambda: chat("x", quick, model="gpt-nowhere")),
        (openai.BadRequestError, 400, lambda: chat("x", quick, temperature=3)),
        (openai.RateLimitError, 429, lambda: chat("x", quick, model="tired")),
        (openai.InternalServerError, 500, lambda: chat("x", quick, model="broken")),
    ]:
        error = raises(kind, call)
        equal((type(error), error.status_code), (kind, status))
        assert error.response.headers["x-request-id"], kind
    raises(openai.APIError, lambda: list(chat("x", quick, model="sour", stream=True)))
    raises(openai.APITimeoutError, lambda: chat("Tell a long story.", quick, timeout=0.02))
    nobody = OpenAI(base_url="http://127.0.0.1:9/v1", api_key=os.environ["OPENAI_API_KEY"], max_retries=0)
    raises(openai.APIConnectionError, lambda: chat("x", nobody))


def check_raw_answer():
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[user("Say yes.")], max_tokens=2)
    assert raw.headers["x-request-id"].startswith("req_"), raw.headers
    adds_up(raw.parse().usage)


if __name__ == "__main__":
    run(globals())
