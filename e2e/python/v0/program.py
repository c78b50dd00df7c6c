"""Everything that the last release before 1.0 has for chat, completions, embeddings and models. For openai 0.28."""

import asyncio
import os

import openai

from check import contains, cosine, equal, raises, run

openai.api_key = os.environ["OPENAI_API_KEY"]

GREEDY = {"temperature": 0, "seed": 11}


def user(text):
    return {"role": "user", "content": text}


def chat(messages, **options):
    options.setdefault("model", "gpt-3.5-turbo")
    return openai.ChatCompletion.create(messages=messages, **options)


def adds_up(usage):
    assert usage["prompt_tokens"] > 0, usage
    equal(usage["prompt_tokens"] + usage["completion_tokens"], usage["total_tokens"])


def check_first_answer():
    answer = openai.ChatCompletion.create(
        model="gpt-4",
        messages=[
            {"role": "system", "content": "You answer questions about geography in one sentence."},
            {"role": "user", "content": "Name the capital of Italy."},
        ],
        temperature=0.7,
        max_tokens=100,
    )
    contains(answer["choices"][0]["message"]["content"], "Rome")
    equal((answer["object"], answer["model"]), ("chat.completion", "gpt-4"))
    equal(answer.choices[0].message.role, "assistant")
    equal(answer.choices[0].finish_reason, "stop")
    adds_up(answer["usage"])
    assert answer.response_ms >= 0 and answer.organization, (answer.response_ms, answer.organization)


def check_conversation():
    answer = chat(
        [
            {"role": "system", "content": "You help people to plan trips. Be brief."},
            user("Where is it warm in winter?"),
            {"role": "assistant", "content": "Egypt or Thailand."},
            user("What is the capital of the first one?"),
        ],
        max_tokens=20,
        **GREEDY,
    )
    contains(answer["choices"][0]["message"]["content"], "Cairo")
    again = chat([user("Say yes."), answer["choices"][0]["message"], user("Go on.")], max_tokens=2)
    adds_up(again["usage"])


def check_parameters():
    count = [user("Count from 1 to 9 in digits, separated by commas, nothing else.")]
    text = chat(count, max_tokens=40, stop=["6"], **GREEDY)["choices"][0]["message"]["content"]
    assert "5" in text and "6" not in text, text
    answer = chat(
        [user("Invent a name for a cat.")],
        n=2,
        temperature=1.6,
        top_p=0.95,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        logit_bias={"5": -1},
        max_tokens=6,
        user="user-7",
    )
    equal([c["index"] for c in answer["choices"]], [0, 1])
    short = chat(count, max_tokens=3, **GREEDY)
    equal((short["choices"][0]["finish_reason"], short["usage"]["completion_tokens"]), ("length", 3))


def check_stream():
    question = [user("Count from 1 to 9 in digits, separated by commas, nothing else.")]
    text, roles, ends = "", [], []
    for chunk in chat(question, stream=True, max_tokens=30, **GREEDY):
        equal(chunk["object"], "chat.completion.chunk")
        choice = chunk["choices"][0]
        text += choice["delta"].get("content", "")
        roles += [choice["delta"]["role"]] if "role" in choice["delta"] else []
        ends += [choice["finish_reason"]] if choice["finish_reason"] else []
    equal((roles, len(ends)), (["assistant"], 1))
    equal(text, chat(question, max_tokens=30, **GREEDY)["choices"][0]["message"]["content"])
    contains(text, "5")


async def check_async():
    answers = await asyncio.gather(
        *(
            openai.ChatCompletion.acreate(
                model="gpt-3.5-turbo", messages=[user(f"Name the capital of {c}.")], max_tokens=12, temperature=0
            )
            for c in ("France", "Italy")
        )
    )
    for answer, want in zip(answers, ["Paris", "Rome"]):
        contains(answer["choices"][0]["message"]["content"], want)
    text = ""
    async for chunk in await openai.ChatCompletion.acreate(
        model="gpt-3.5-turbo", messages=[user("Name the capital of France.")], max_tokens=12, temperature=0, stream=True
    ):
        text += chunk["choices"][0]["delta"].get("content", "")
    contains(text, "Paris")


def check_completion():
    answer = openai.Completion.create(model="text-davinci-003", prompt="One, two, three,", max_tokens=4, **GREEDY)
    equal((answer["object"], answer["model"]), ("text_completion", "text-davinci-003"))
    contains(answer["choices"][0]["text"], "four")
    adds_up(answer["usage"])
    both = openai.Completion.create(
        model="gpt-3.5-turbo-instruct", prompt=["One, two,", "Red, green,"], max_tokens=3, logprobs=2, echo=False, best_of=1
    )
    equal([c["index"] for c in both["choices"]], [0, 1])
    assert all(p <= 0 for c in both["choices"] for p in c["logprobs"]["token_logprobs"]), both
    pieces = openai.Completion.create(
        model="text-davinci-003", prompt="One, two, three,", max_tokens=4, stream=True, **GREEDY
    )
    equal("".join(p["choices"][0]["text"] for p in pieces), answer["choices"][0]["text"])


async def check_completion_async():
    answer = await openai.Completion.acreate(
        model="text-davinci-003", prompt="The capital of Italy is", max_tokens=4, temperature=0
    )
    contains(answer["choices"][0]["text"], "Rome")


def check_embedding():
    answer = openai.Embedding.create(
        model="text-embedding-ada-002",
        input=["A dog sleeps by the fire.", "A hound naps near the hearth.", "The bank raised its interest rates."],
    )
    first, close, far = (d["embedding"] for d in answer["data"])
    equal([len(v) for v in (first, close, far)], [1536] * 3)
    assert cosine(first, close) > cosine(first, far) + 0.2, (cosine(first, close), cosine(first, far))
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 10, answer["usage"]
    floats = openai.Embedding.create(
        model="text-embedding-ada-002", input="A dog sleeps by the fire.", encoding_format="float"
    )
    assert cosine(floats["data"][0]["embedding"], first) > 0.9999


async def check_embedding_async():
    answer = await openai.Embedding.acreate(model="text-embedding-ada-002", input="one")
    equal(len(answer["data"][0]["embedding"]), 1536)


def check_models():
    ids = [m["id"] for m in openai.Model.list()["data"]]
    assert {"gpt-4", "gpt-3.5-turbo", "text-davinci-003", "text-embedding-ada-002"} <= set(ids), ids
    equal(openai.Model.retrieve("gpt-3.5-turbo")["id"], "gpt-3.5-turbo")
    raises(openai.error.InvalidRequestError, lambda: openai.Model.retrieve("gpt-nowhere"))


def check_wrong_key():
    error = raises(openai.error.AuthenticationError, lambda: chat([user("x")], api_key="sk-wrong"))
    equal((error.http_status, error.json_body["error"]["code"]), (401, "invalid_api_key"))


def check_bad_requests():
    error = raises(openai.error.InvalidRequestError, lambda: chat([user("x")], model="gpt-nowhere"))
    equal((error.http_status, error.code), (404, "model_not_found"))
    error = raises(openai.error.InvalidRequestError, lambda: chat([user("x")], temperature=3))
    equal((error.http_status, error.param), (400, "temperature"))
    assert error.user_message and error.headers.get("x-request-id"), error.headers
    raises(openai.error.InvalidRequestError, lambda: chat([]))
    raises(openai.error.InvalidRequestError, lambda: list(chat([user("x")], temperature=3, stream=True)))


def check_engine_failures():
    error = raises(openai.error.RateLimitError, lambda: chat([user("Hello.")], model="tired"))
    equal(error.http_status, 429)
    error = raises(openai.error.APIError, lambda: chat([user("Hello.")], model="broken"))
    equal(error.http_status, 500)
    raises(openai.error.APIError, lambda: list(chat([user("Hello.")], model="sour", stream=True)))


def check_timeout_and_connection():
    raises(openai.error.Timeout, lambda: chat([user("Tell a long story.")], request_timeout=0.02))
    raises(openai.error.APIConnectionError, lambda: chat([user("x")], api_base="http://127.0.0.1:9/v1"))


if __name__ == "__main__":
    run(globals())
