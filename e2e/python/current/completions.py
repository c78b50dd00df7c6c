"""The older text completions, plain, streamed and asynchronous. For openai 3.x and 1.x."""

from openai import AsyncOpenAI, OpenAI

from check import adds_up, contains, equal, run

client = OpenAI()

INSTRUCT = "gpt-3.5-turbo-instruct"
GREEDY = {"temperature": 0, "seed": 11}


def complete(prompt, **options):
    options.setdefault("model", INSTRUCT)
    return client.completions.create(prompt=prompt, **options)


def check_first_completion():
    answer = complete("A slogan for a small bakery:", max_tokens=20, temperature=0.8)
    equal((answer.object, answer.model), ("text_completion", INSTRUCT))
    assert answer.id.startswith("cmpl-"), answer.id
    choice = answer.choices[0]
    equal((choice.index, choice.logprobs), (0, None))
    assert choice.text.strip() and choice.finish_reason in ("stop", "length"), choice
    adds_up(answer.usage)
    assert answer.usage.completion_tokens <= 20, answer.usage


def check_code_until_a_stop():
    prompt = 'def double(x):\n    """Twice x."""\n'
    answer = complete(prompt, max_tokens=60, stop=["\n\n", "def "], **GREEDY)
    text = answer.choices[0].text
    contains(text, "return")
    assert "\n\n" not in text and "def " not in text, text
    equal(answer.choices[0].finish_reason, "stop")


def check_sixteen_tokens_unless_told():
    answer = complete("1 2 3 4 5 6 7 8 9 10 11 12", **GREEDY)
    equal(answer.choices[0].finish_reason, "length")
    adds_up(answer.usage, completion=16)


def check_davinci():
    answer = complete("The capital of France is", model="text-davinci-003", max_tokens=4, **GREEDY)
    equal(answer.model, "text-davinci-003")
    contains(answer.choices[0].text, "Paris")


def check_several_prompts():
    prompts = ["The capital of France is", "The capital of Italy is"]
    answer = complete(prompts, n=2, max_tokens=3, temperature=0.01)
    equal([c.index for c in answer.choices], [0, 1, 2, 3])
    for choice, want in zip(answer.choices, ["Paris", "Paris", "Rome", "Rome"]):
        contains(choice.text, want)
    adds_up(answer.usage)
    singles = [complete(p, max_tokens=1).usage.prompt_tokens for p in prompts]
    equal(answer.usage.prompt_tokens, sum(singles))


def check_token_prompts():
    # "One, two, three," in the encodings of the two models, cl100k_base and p50k_base.
    text = complete("One, two, three,", max_tokens=6, **GREEDY)
    tokens = complete([4054, 11, 1403, 11, 2380, 11], max_tokens=6, **GREEDY)
    equal(tokens.choices[0].text, text.choices[0].text)
    equal(tokens.usage.prompt_tokens, text.usage.prompt_tokens)
    lists = complete([[4054, 11, 1403, 11], [4054, 11]], max_tokens=2, **GREEDY)
    equal([c.index for c in lists.choices], [0, 1])
    equal(lists.usage.prompt_tokens, text.usage.prompt_tokens)
    older = complete([3198, 11, 734, 11, 1115, 11], model="text-davinci-003", max_tokens=6, **GREEDY)
    equal(older.choices[0].text, text.choices[0].text)


def check_echo():
    prompt = "One, two, three,"
    answer = complete(prompt, echo=True, max_tokens=4, **GREEDY)
    text = answer.choices[0].text
    assert text.startswith(prompt) and len(text) > len(prompt), text
    contains(text, "four")
    adds_up(answer.usage, completion=4)


def check_echo_alone():
    answer = complete("One, two, three,", echo=True, max_tokens=0)
    equal((answer.choices[0].text, answer.choices[0].finish_reason), ("One, two, three,", "length"))
    adds_up(answer.usage, completion=0)


def check_logprobs():
    answer = complete("One, two, three,", logprobs=2, max_tokens=4, **GREEDY)
    scores = answer.choices[0].logprobs
    equal("".join(scores.tokens), answer.choices[0].text)
    for part in (scores.tokens, scores.token_logprobs, scores.top_logprobs, scores.text_offset):
        equal(len(part), 4)
    assert all(p <= 0 for p in scores.token_logprobs), scores.token_logprobs
    for token, p, top in zip(scores.tokens, scores.token_logprobs, scores.top_logprobs):
        equal(max(top, key=top.get), token, "the greedy token leads its list")
        equal(top[token], p)
    widths = [b - a for a, b in zip(scores.text_offset, scores.text_offset[1:])]
    equal(widths, [len(t) for t in scores.tokens[:-1]], "the distances of the offsets")
    equal(scores.text_offset[0], len("One, two, three,"), "the first offset follows the prompt")


def check_suffix():
    answer = complete("def add(a, b):\n    return ", suffix="\n\nprint(add(1, 2))\n", max_tokens=8, **GREEDY)
    contains(answer.choices[0].text, "a + b", "a+b")
    assert "print(add(1, 2))" not in answer.choices[0].text, answer.choices[0].text


def check_best_of():
    answer = complete("My favourite animal is", best_of=3, n=1, temperature=1.2, max_tokens=5)
    equal(len(answer.choices), 1)
    adds_up(answer.usage)
    assert 3 <= answer.usage.completion_tokens <= 15, f"all three candidates count: {answer.usage}"


def check_n_and_penalties():
    answer = complete(
        "My favourite food is", n=2, temperature=1.5, top_p=0.95, presence_penalty=0.5, frequency_penalty=0.5, max_tokens=6
    )
    equal([c.index for c in answer.choices], [0, 1])
    assert answer.choices[0].text != answer.choices[1].text, answer.choices[0].text


def check_seed():
    def sample(seed):
        return complete("My favourite town is", temperature=1.5, seed=seed, max_tokens=8).choices[0].text

    equal(sample(3), sample(3), "the same seed twice")


def check_stream():
    whole = complete("One, two, three,", max_tokens=6, **GREEDY)
    chunks = list(complete("One, two, three,", max_tokens=6, stream=True, **GREEDY))
    equal("".join(c.choices[0].text for c in chunks), whole.choices[0].text)
    equal({c.object for c in chunks}, {"text_completion"})
    equal(len({c.id for c in chunks}), 1)
    equal(chunks[-1].choices[0].finish_reason, "length")
    assert len(chunks) > 2, "six tokens came in one piece"
    assert all(c.usage is None for c in chunks), chunks


def check_stream_usage():
    chunks = list(
        complete("One, two,", max_tokens=3, stream=True, stream_options={"include_usage": True}, **GREEDY)
    )
    equal(chunks[-1].choices, [])
    adds_up(chunks[-1].usage, completion=3)


async def check_async():
    client = AsyncOpenAI()
    answer = await client.completions.create(model=INSTRUCT, prompt="One, two, three,", max_tokens=4, **GREEDY)
    contains(answer.choices[0].text, "four")
    text = ""
    stream = await client.completions.create(
        model=INSTRUCT, prompt="One, two, three,", max_tokens=4, stream=True, **GREEDY
    )
    async for chunk in stream:
        text += chunk.choices[0].text
    equal(text, answer.choices[0].text)


if __name__ == "__main__":
    run(globals())
