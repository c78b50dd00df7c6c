"""Chat without streaming: plain, asynchronous, in turns, and every sampling parameter. For openai 3.x and 1.x."""

import asyncio
import os
import time

from openai import AsyncOpenAI, OpenAI

from check import adds_up, contains, equal, run

client = OpenAI()

# Answers that a model of any size gets right, so that two runs without randomness cannot differ by a rounding error.
COUNT = [{"role": "user", "content": "Count from 1 to 9 in digits, separated by commas, nothing else."}]
GREEDY = {"temperature": 0, "seed": 11}
PARIS = "12650"  # the token " Paris" in the encoding of gpt-4o-mini, o200k_base


def ask(text, **options):
    options.setdefault("model", "gpt-4o-mini")
    return client.chat.completions.create(messages=[{"role": "user", "content": text}], **options)


def check_first_answer():
    before = time.time()
    answer = client.chat.completions.create(
        model="gpt-4",
        messages=[
            {"role": "system", "content": "You answer questions about geography in one sentence."},
            {"role": "user", "content": "Name the capital of Italy."},
        ],
        temperature=0.7,
        max_tokens=100,
    )
    equal(answer.object, "chat.completion")
    equal(answer.model, "gpt-4")
    assert answer.id.startswith("chatcmpl-"), answer.id
    assert before - 5 <= answer.created <= time.time() + 5, answer.created
    assert answer.system_fingerprint.startswith("fp_"), answer.system_fingerprint
    equal(len(answer.choices), 1)
    choice = answer.choices[0]
    equal((choice.index, choice.finish_reason, choice.logprobs), (0, "stop", None))
    equal((choice.message.role, choice.message.refusal, choice.message.tool_calls), ("assistant", None, None))
    contains(choice.message.content, "Rome")
    adds_up(answer.usage)
    assert 1 < answer.usage.completion_tokens < 100, answer.usage
    equal(answer.usage.prompt_tokens_details.audio_tokens, 0)
    equal(answer.usage.completion_tokens_details.reasoning_tokens, 0)


def check_every_name_of_a_chat_model():
    for name in ["gpt-4o-mini", "gpt-4o", "gpt-4", "gpt-4-turbo", "gpt-3.5-turbo"]:
        answer = ask("Hi", model=name, max_tokens=1)
        equal(answer.model, name)
        equal((answer.choices[0].finish_reason, answer.usage.completion_tokens), ("length", 1), name)


def check_explicit_address_key_and_limits():
    own = OpenAI(
        api_key=os.environ["OPENAI_API_KEY"], base_url=os.environ["OPENAI_BASE_URL"], timeout=30.0, max_retries=3
    )
    answer = own.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Say yes."}], max_tokens=4, timeout=30
    )
    adds_up(answer.usage)


class Talk:
    """A conversation that keeps what was said."""

    def __init__(self, rules):
        self.turns = [{"role": "system", "content": rules}]

    def say(self, text):
        self.turns.append({"role": "user", "content": text})
        answer = client.chat.completions.create(model="gpt-3.5-turbo", messages=self.turns, max_tokens=40, **GREEDY)
        self.turns.append({"role": "assistant", "content": answer.choices[0].message.content})
        return answer


def check_conversation_remembers():
    talk = Talk("You are brief.")
    first = talk.say("My parrot is called Bertram. Just say hello to him.")
    second = talk.say("What is my parrot called?")
    contains(second.choices[0].message.content, "Bertram")
    assert second.usage.prompt_tokens > first.usage.prompt_tokens + first.usage.completion_tokens, second.usage
    equal([t["role"] for t in talk.turns], ["system", "user", "assistant", "user", "assistant"])


def check_returned_message_is_taken_back():
    question = {"role": "user", "content": "Name the capital of France, one word."}
    first = client.chat.completions.create(model="gpt-4o-mini", messages=[question], max_tokens=8, **GREEDY)
    contains(first.choices[0].message.content, "Paris")
    second = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[question, first.choices[0].message, {"role": "user", "content": "And of Italy?"}],
        max_tokens=8,
        **GREEDY,
    )
    contains(second.choices[0].message.content, "Rome")


def check_roles_names_and_parts():
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "developer", "content": "You answer with one word."},
            {
                "role": "user",
                "name": "ada",
                "content": [{"type": "text", "text": "Which city is the capital "}, {"type": "text", "text": "of France?"}],
            },
        ],
        max_tokens=10,
        **GREEDY,
    )
    contains(answer.choices[0].message.content, "Paris")


def check_null_means_absent():
    answer = ask(
        "Say yes.",
        max_tokens=3,
        tools=None,
        tool_choice=None,
        functions=None,
        stop=None,
        logprobs=None,
        top_logprobs=None,
        logit_bias=None,
        seed=None,
        n=None,
        response_format=None,
        temperature=None,
        stream=None,
        stream_options=None,
    )
    equal(len(answer.choices), 1)
    equal(answer.choices[0].logprobs, None)


def check_harmless_parameters():
    answer = ask("Say yes.", max_tokens=3, user="user-7", store=False, response_format={"type": "text"}, service_tier="auto")
    adds_up(answer.usage)


def check_max_tokens():
    for limit in ["max_tokens", "max_completion_tokens"]:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=COUNT, **{limit: 5}, **GREEDY)
        equal(answer.choices[0].finish_reason, "length", limit)
        adds_up(answer.usage, completion=5)


def check_stop():
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=COUNT, max_tokens=40, **GREEDY)
    text = whole.choices[0].message.content
    assert "4" in text and "7" in text, text
    for stop, first in [("4", "4"), (["7", "4"], "4"), (["zz", "yy", "xx", "7"], "7")]:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=COUNT, max_tokens=40, stop=stop, **GREEDY)
        equal(answer.choices[0].message.content, text[: text.index(first)], f"stop={stop!r}")
        equal(answer.choices[0].finish_reason, "stop")
        assert answer.usage.completion_tokens < whole.usage.completion_tokens, answer.usage


def check_temperature_zero_repeats():
    texts, prints = set(), set()
    for _ in range(2):
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=COUNT, max_tokens=24, **GREEDY)
        texts.add(answer.choices[0].message.content)
        prints.add(answer.system_fingerprint)
    equal(len(texts), 1, f"answers at temperature 0 {texts}")
    equal(len(prints), 1, f"fingerprints {prints}")


def check_seed():
    def sample(seed):
        answer = ask("Invent a name for a planet.", temperature=1.6, seed=seed, max_tokens=12)
        return answer.choices[0].message.content

    equal(sample(5), sample(5), "the same seed twice")
    others = {sample(seed) for seed in (6, 7, 8)}
    assert len(others) > 1, f"three seeds, one answer: {others}"


def check_temperature_is_honoured():
    texts = {ask("Invent a name for a boat.", temperature=1.8, max_tokens=10).choices[0].message.content for _ in range(3)}
    assert len(texts) > 1, f"three answers at temperature 1.8 are one: {texts}"


def check_top_p():
    narrow = client.chat.completions.create(
        model="gpt-4o-mini", messages=COUNT, max_tokens=20, temperature=2, top_p=0.0001, seed=3
    )
    greedy = client.chat.completions.create(model="gpt-4o-mini", messages=COUNT, max_tokens=20, **GREEDY)
    equal(narrow.choices[0].message.content, greedy.choices[0].message.content, "a nucleus of one token")


def check_frequency_penalty():
    def ticks(**penalty):
        line = "Repeat this line exactly: " + " ".join(["tick"] * 10)
        return ask(line, max_tokens=18, **GREEDY, **penalty).choices[0].message.content.count(" tick")

    plain, fewer = ticks(), ticks(frequency_penalty=2.0)
    assert plain > 7, plain
    assert fewer < plain, f"the word came {fewer} times, without the penalty {plain} times"


def check_presence_penalty():
    def rain(penalty):
        return ask("Describe rain.", max_tokens=18, presence_penalty=penalty, **GREEDY).choices[0].message.content

    assert rain(2.0) != rain(-2.0), "the penalty changed nothing"


def check_n():
    answer = ask("Invent a name for a cat.", n=3, temperature=1.6, max_tokens=8)
    equal([c.index for c in answer.choices], [0, 1, 2])
    texts = {c.message.content for c in answer.choices}
    assert len(texts) > 1, f"three answers are one: {texts}"
    adds_up(answer.usage)
    assert 3 <= answer.usage.completion_tokens <= 24, answer.usage
    single = ask("Invent a name for a cat.", max_tokens=1)
    equal(answer.usage.prompt_tokens, single.usage.prompt_tokens, "the prompt counts once")


def check_logprobs():
    answer = ask("Name the capital of France.", logprobs=True, top_logprobs=3, max_tokens=5, **GREEDY)
    choice = answer.choices[0]
    equal(choice.finish_reason, "length")
    equal(choice.logprobs.refusal, None)
    tokens = choice.logprobs.content
    equal(len(tokens), 5)
    equal(answer.usage.completion_tokens, 5)
    equal("".join(t.token for t in tokens), choice.message.content)
    equal(bytes(b for t in tokens for b in t.bytes).decode(), choice.message.content)
    for t in tokens:
        assert t.logprob <= 0, t
        equal(len(t.top_logprobs), 3)
        falling = [c.logprob for c in t.top_logprobs]
        equal(falling, sorted(falling, reverse=True))
        equal((t.top_logprobs[0].token, t.top_logprobs[0].logprob), (t.token, t.logprob), "the greedy token leads its list")


def check_logprobs_without_alternatives():
    answer = ask("Say yes.", logprobs=True, max_tokens=2, **GREEDY)
    for t in answer.choices[0].logprobs.content:
        equal(t.top_logprobs, [])


def check_logit_bias():
    free = ask("Name the capital of France.", max_tokens=8, **GREEDY).choices[0].message.content
    contains(free, "Paris")
    bound = ask("Name the capital of France.", max_tokens=8, logit_bias={PARIS: -100}, **GREEDY)
    assert " Paris" not in bound.choices[0].message.content, bound.choices[0].message.content
    forced = ask("Name the capital of France.", max_tokens=3, logit_bias={PARIS: 100}, **GREEDY)
    equal(forced.choices[0].message.content, " Paris Paris Paris")


def check_headers():
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Say yes."}], max_tokens=2
    )
    equal(raw.status_code, 200)
    assert raw.headers["x-request-id"].startswith("req_"), raw.headers["x-request-id"]
    assert raw.headers["content-type"].startswith("application/json"), raw.headers["content-type"]
    equal(raw.headers["openai-version"], "2020-10-01")
    assert int(raw.headers["openai-processing-ms"]) >= 0
    answer = raw.parse()
    equal(answer._request_id, raw.headers["x-request-id"])
    other = ask("Say yes.", max_tokens=2)
    assert other._request_id.startswith("req_") and other._request_id != answer._request_id, other._request_id
    assert other.id != answer.id, other.id


async def check_async():
    answer = await AsyncOpenAI().chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Name the capital of France."}], max_tokens=12
    )
    contains(answer.choices[0].message.content, "Paris")


async def check_async_gather():
    client = AsyncOpenAI()

    async def city(country):
        answer = await client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": f"Name the capital of {country}."}],
            max_tokens=12,
            temperature=0,
        )
        return answer.choices[0].message.content

    cities = await asyncio.gather(*(city(c) for c in ["France", "Italy", "Japan", "Egypt"]))
    for text, want in zip(cities, ["Paris", "Rome", "Tokyo", "Cairo"]):
        contains(text, want)


if __name__ == "__main__":
    run(globals())
