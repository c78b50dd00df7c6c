"""Streamed chat, plain and asynchronous, and the SDK's own stream helper. For openai 3.x and 1.x."""

from openai import AsyncOpenAI, OpenAI

from check import adds_up, contains, equal, run

client = OpenAI()

GREEDY = {"temperature": 0, "seed": 11}
QUESTION = [{"role": "user", "content": "Name the capitals of France, Italy and Japan, in that order."}]
# Two runs without randomness can still differ by a rounding error, as the engine has the prompt in its cache or not. An
# answer that leaves no doubt at any token comes out the same all the same.
COUNT = [{"role": "user", "content": "Count from 1 to 9 in digits, separated by commas, nothing else."}]
SHORT = [{"role": "user", "content": "Name the capital of France."}]


def start(messages=QUESTION, **options):
    options.setdefault("model", "gpt-4o-mini")
    return client.chat.completions.create(messages=messages, stream=True, **options)


def check_text_until_the_end():
    text = ""
    for chunk in start(SHORT):
        if chunk.choices[0].delta.content:
            text += chunk.choices[0].delta.content
    contains(text, "Paris")


def check_shape_of_chunks():
    chunks = list(start(max_tokens=6, **GREEDY))
    for c in chunks:
        equal((c.object, c.model), ("chat.completion.chunk", "gpt-4o-mini"))
        equal((len(c.choices), c.choices[0].index, c.usage), (1, 0, None))
    for part in ("id", "created", "system_fingerprint"):
        equal(len({getattr(c, part) for c in chunks}), 1, f"different {part} in one stream")
    assert chunks[0].id.startswith("chatcmpl-") and chunks[0].system_fingerprint.startswith("fp_"), chunks[0]
    first, last = chunks[0].choices[0], chunks[-1].choices[0]
    equal((first.delta.role, first.delta.content, first.delta.refusal, first.finish_reason), ("assistant", "", None, None))
    equal((last.delta.content, last.delta.role, last.finish_reason), (None, None, "length"))
    for c in chunks[1:-1]:
        assert c.choices[0].delta.content, c
        equal((c.choices[0].delta.role, c.choices[0].finish_reason), (None, None))
    assert len(chunks) > 3, "an answer of six tokens came in one piece"


def check_same_text_as_without_streaming():
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=COUNT, max_tokens=40, **GREEDY)
    pieces = [c.choices[0].delta.content or "" for c in start(COUNT, max_tokens=40, **GREEDY)]
    equal("".join(pieces), whole.choices[0].message.content)


def check_usage_on_request():
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, max_tokens=6, **GREEDY)
    chunks = list(start(max_tokens=6, stream_options={"include_usage": True}, **GREEDY))
    last = chunks[-1]
    equal(last.choices, [])
    adds_up(last.usage, completion=6)
    equal(last.usage.prompt_tokens, whole.usage.prompt_tokens)
    equal([c.usage for c in chunks[:-1]], [None] * (len(chunks) - 1), "usage before the last chunk")
    equal(chunks[-2].choices[0].finish_reason, "length")
    plain = list(start(max_tokens=6, stream_options={"include_usage": False}, **GREEDY))
    assert all(c.choices and c.usage is None for c in plain), plain


def check_several_answers():
    texts, ends = {0: "", 1: ""}, {}
    for chunk in start([{"role": "user", "content": "Invent a name for a dog."}], n=2, temperature=1.6, max_tokens=8):
        for choice in chunk.choices:
            assert choice.index not in ends, f"choice {choice.index} goes on after its end"
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                ends[choice.index] = choice.finish_reason
    equal(sorted(ends), [0, 1])
    assert all(e in ("stop", "length") for e in ends.values()), ends
    assert texts[0] and texts[1], texts


def check_stop():
    text, end = "", None
    for chunk in start(COUNT, stop=["5"], max_tokens=40, **GREEDY):
        text += chunk.choices[0].delta.content or ""
        end = chunk.choices[0].finish_reason or end
    equal(end, "stop")
    assert "4" in text and "5" not in text, text


def check_logprobs():
    text, tokens = "", []
    for chunk in start(logprobs=True, top_logprobs=2, max_tokens=5, **GREEDY):
        choice = chunk.choices[0]
        text += choice.delta.content or ""
        if choice.logprobs and choice.logprobs.content:
            tokens += choice.logprobs.content
    equal("".join(t.token for t in tokens), text)
    equal(len(tokens), 5)
    assert all(t.logprob <= 0 and len(t.top_logprobs) == 2 for t in tokens), tokens


def check_leaving_early():
    stream = start([{"role": "user", "content": "Tell a long story about a lighthouse."}], max_tokens=2000, timeout=30)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    stream.close()
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, max_tokens=2, timeout=60)
    adds_up(answer.usage, completion=2)


def check_bytes_on_the_wire():
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=QUESTION, max_tokens=2, stream=True
    ) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream"), raw.headers["content-type"]
        assert raw.headers["x-request-id"].startswith("req_")
        lines = [line for line in raw.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines), lines
    equal(lines[-1], "data: [DONE]")


def check_helper():
    text = ""
    # An answer that is cut off is an error to this helper, so this one is short and comes to its own end.
    with client.chat.completions.stream(model="gpt-4o-mini", messages=SHORT, **GREEDY) as stream:
        for event in stream:
            if event.type == "content.delta":
                text += event.delta
                equal(event.snapshot, text)
            if event.type == "content.done":
                equal(event.content, text)
        final = stream.get_final_completion()
    equal(final.choices[0].message.content, text)
    equal(final.choices[0].finish_reason, "stop")
    contains(text, "Paris")


async def check_async():
    text, end = "", None
    stream = await AsyncOpenAI().chat.completions.create(
        model="gpt-4o-mini", messages=SHORT, stream=True, max_tokens=30, **GREEDY
    )
    async for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        end = chunk.choices[0].finish_reason or end
    contains(text, "Paris")
    assert end in ("stop", "length"), end


async def check_async_helper():
    async with AsyncOpenAI().chat.completions.stream(
        model="gpt-4o-mini", messages=SHORT, stream_options={"include_usage": True}, **GREEDY
    ) as stream:
        pieces = [event.delta async for event in stream if event.type == "content.delta"]
        final = await stream.get_final_completion()
    equal(final.choices[0].message.content, "".join(pieces))
    adds_up(final.usage)


if __name__ == "__main__":
    run(globals())
