"""Every failure raises the SDK's class for it. For openai 3.x and 1.x.

The models sour, tired and broken are scripted engines that the harness starts, see testdata.
"""

import asyncio
import os
import socket
import time

import openai
from openai import AsyncOpenAI, OpenAI

from check import contains, equal, raises, run

client = OpenAI(max_retries=0)

HELLO = [{"role": "user", "content": "Hello."}]


def chat(messages=HELLO, with_client=client, **options):
    options.setdefault("model", "gpt-4o-mini")
    options.setdefault("max_tokens", 2)
    return with_client.chat.completions.create(messages=messages, **options)


def refused(kind, status, call, param=None, code=None, says=()):
    """Calls call, which must raise a kind with the given status and the vendor's four keys; returns what was raised."""
    error = raises(kind, call)
    equal(type(error), kind)
    equal(error.status_code, status)
    equal(set(error.body), {"message", "type", "param", "code"})
    equal((error.param, error.code), (param, code))
    assert error.request_id.startswith("req_"), error.request_id
    for words in says:
        contains(error.body["message"], words)
    return error


def bad(call, param=None, code=None, says=()):
    error = refused(openai.BadRequestError, 400, call, param, code, says)
    equal(error.type, "invalid_request_error")


def check_wrong_key():
    stranger = OpenAI(api_key="sk-not-a-key-of-this-server-1234")
    error = refused(openai.AuthenticationError, 401, lambda: chat(with_client=stranger), code="invalid_api_key")
    assert "not-a-key-of-this" not in error.body["message"], f"the key is not masked: {error.body['message']}"
    contains(error.body["message"], "1234")
    raises(openai.AuthenticationError, stranger.models.list)
    raises(openai.AuthenticationError, lambda: stranger.embeddings.create(model="text-embedding-3-small", input="x"))


def check_unknown_model():
    refused(openai.NotFoundError, 404, lambda: chat(model="gpt-nowhere"), code="model_not_found", says=["gpt-nowhere"])
    raises(openai.NotFoundError, lambda: client.completions.create(model="gpt-nowhere", prompt="x"))
    raises(openai.NotFoundError, lambda: client.embeddings.create(model="gpt-nowhere", input="x"))


def check_model_of_another_kind():
    error = raises(openai.NotFoundError, lambda: chat(model="gpt-3.5-turbo-instruct"))
    contains(error.message, "not a chat model")
    raises(openai.NotFoundError, lambda: client.completions.create(model="gpt-4o-mini", prompt="x"))
    raises(openai.NotFoundError, lambda: chat(model="text-embedding-3-small"))


def check_unknown_address():
    raises(openai.NotFoundError, lambda: client.get("/nonsense", cast_to=object))


def check_values_out_of_range():
    for name, value in [
        ("temperature", 3),
        ("temperature", -0.1),
        ("top_p", 1.5),
        ("presence_penalty", 2.5),
        ("frequency_penalty", -3),
        ("n", 0),
        ("n", 129),
        ("max_tokens", 0),
        ("stop", ["1", "2", "3", "4", "5"]),
    ]:
        error = raises(openai.BadRequestError, lambda: chat(**{name: value}))
        equal((error.param, error.type), (name, "invalid_request_error"), f"{name}={value}")
    error = raises(openai.BadRequestError, lambda: chat(logprobs=True, top_logprobs=21))
    equal(error.param, "top_logprobs")
    error = raises(openai.BadRequestError, lambda: chat(logit_bias={"5": 101}))
    contains(str(error.param), "logit_bias")


def check_values_of_wrong_types():
    error = raises(openai.BadRequestError, lambda: chat(temperature="warm"))
    equal(error.param, "temperature")
    error = raises(openai.BadRequestError, lambda: chat([{"role": "wizard", "content": "x"}]))
    equal(error.param, "messages[0].role")
    raises(openai.BadRequestError, lambda: chat([]))
    raises(openai.BadRequestError, lambda: chat("Hello."))


def check_unknown_parameter():
    bad(
        lambda: chat(extra_body={"sparkle": 1}),
        param="sparkle",
        code="unknown_parameter",
        says=["sparkle"],
    )


def check_rules_between_parameters():
    raises(openai.BadRequestError, lambda: chat(top_logprobs=2))
    raises(openai.BadRequestError, lambda: chat(max_completion_tokens=5, max_tokens=5))
    raises(openai.BadRequestError, lambda: client.completions.create(model="gpt-3.5-turbo-instruct", prompt="x", n=2, best_of=1))


def check_json_mode_without_the_word():
    bad(lambda: chat(response_format={"type": "json_object"}), param="messages", says=["json", "response_format"])


def check_pictures_for_a_model_without_eyes():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "high"}}
    error = raises(
        openai.BadRequestError,
        lambda: chat([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}], model="gpt-4o"),
    )
    contains(error.message, "image_url")


def check_too_long():
    bad(
        lambda: chat([{"role": "user", "content": "word " * 60000}]),
        param="messages",
        code="context_length_exceeded",
        says=["maximum context length", "reduce the length of the messages"],
    )
    error = raises(
        openai.BadRequestError,
        lambda: client.completions.create(model="gpt-3.5-turbo-instruct", prompt="word " * 60000),
    )
    contains(error.message, "maximum context length")


def check_rate_limit():
    error = refused(openai.RateLimitError, 429, lambda: chat(model="tired"), code="rate_limit_exceeded")
    assert isinstance(error, openai.APIStatusError) and isinstance(error, openai.APIError)


def check_server_error():
    error = raises(openai.InternalServerError, lambda: chat(model="broken"))
    equal(error.status_code, 500)
    equal(error.type, "server_error")
    assert isinstance(error, openai.APIStatusError) and isinstance(error, openai.APIError)


def check_error_in_a_stream():
    text = ""

    def read():
        nonlocal text
        for chunk in chat(model="sour", stream=True, max_tokens=50):
            text += chunk.choices[0].delta.content or ""

    error = raises(openai.APIError, read)
    assert text, "nothing came before the error"
    assert error.message and not isinstance(error, openai.APIConnectionError), error


def check_errors_before_a_stream_begins():
    raises(openai.NotFoundError, lambda: chat(model="gpt-nowhere", stream=True))
    raises(openai.BadRequestError, lambda: chat(temperature=3, stream=True))


def check_retry_loops_of_callers():
    """The two loops that callers write: give up at once on a wrong key, wait and try again on the rest."""

    def stubborn(model, key, tries=2):
        own = OpenAI(api_key=key, max_retries=0)
        for attempt in range(tries):
            try:
                return own.chat.completions.create(model=model, messages=HELLO, max_tokens=2, timeout=30)
            except openai.AuthenticationError:
                return "wrong key"
            except openai.RateLimitError:
                if attempt == tries - 1:
                    return "too often"
            except openai.APIConnectionError:
                return "no connection"
            except openai.APIError as e:
                if e.status_code >= 500 and attempt < tries - 1:
                    continue
                return f"status {e.status_code}"
            time.sleep(0.05 * 2**attempt)

    key = os.environ["OPENAI_API_KEY"]
    equal(stubborn("gpt-4o-mini", "sk-wrong"), "wrong key")
    equal(stubborn("tired", key), "too often")
    equal(stubborn("broken", key), "status 500")
    equal(stubborn("gpt-nowhere", key), "status 404")
    equal(stubborn("gpt-4o-mini", key).object, "chat.completion")


def check_retries_of_the_sdk():
    began = time.monotonic()
    raises(openai.InternalServerError, lambda: chat(model="broken", with_client=OpenAI(max_retries=1)))
    assert time.monotonic() - began > 0.3, "the SDK did not wait between two tries"


def check_timeout():
    raises(openai.APITimeoutError, lambda: chat(max_tokens=1000, timeout=0.02))
    raises(openai.APITimeoutError, lambda: chat(max_tokens=1000, with_client=client.with_options(timeout=0.02)))


def check_no_connection():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    nobody = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
    error = raises(openai.APIConnectionError, lambda: chat(with_client=nobody))
    assert isinstance(error, openai.APIError) and not isinstance(error, openai.APITimeoutError)


async def check_async():
    async with AsyncOpenAI(max_retries=0) as client:

        async def kind(model, **options):
            try:
                await client.chat.completions.create(model=model, messages=HELLO, max_tokens=2, **options)
            except openai.APIError as e:
                return type(e)

        kinds = await asyncio.gather(
            kind("gpt-nowhere"), kind("tired"), kind("broken"), kind("gpt-4o-mini", temperature=5), kind("gpt-4o-mini")
        )
    equal(kinds, [openai.NotFoundError, openai.RateLimitError, openai.InternalServerError, openai.BadRequestError, None])


if __name__ == "__main__":
    run(globals())
