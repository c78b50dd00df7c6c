"""How programs use chat: prompts of several kinds, caches, settings, histories. For openai 3.x and 1.x.

Each check is a small program of the kind that people write around the API; what it asserts is that the calls behave,
not that the model is clever.
"""

import asyncio
import collections
import dataclasses
import hashlib
import json
import logging
import os
import time

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field, ValidationError

from check import adds_up, contains, cosine, equal, raises, run

client = OpenAI()


def text_of(messages, **options):
    options.setdefault("model", "gpt-4o-mini")
    return client.chat.completions.create(messages=messages, **options).choices[0].message.content


def user(text):
    return {"role": "user", "content": text}


def check_examples_first():
    """Few-shot: labels that were shown are the labels that come."""
    shown = [("A joy from start to end.", "positive"), ("I want my money back.", "negative"), ("It is a chair.", "neutral")]
    messages = [{"role": "system", "content": "Label the mood of the text with one word."}]
    for text, label in shown:
        messages += [user(text), {"role": "assistant", "content": label}]
    label = text_of([*messages, user("The best gift I ever had!")], temperature=0.3, max_tokens=4)
    contains(label, "positive")


def check_examples_as_structure():
    messages = [
        {"role": "system", "content": "Turn orders into JSON."},
        user("2 loaves at 4 euro"),
        {"role": "assistant", "content": '{"count": 2, "item": "loaf", "price": 4}'},
        user("5 eggs at 1 euro"),
    ]
    order = json.loads(text_of(messages, temperature=0, max_tokens=40))
    equal((order["count"], order["price"]), (5, 1))


def check_step_by_step():
    """Chain of thought: a cooler model shows its steps."""
    messages = [
        {"role": "system", "content": "Work in steps, and show each."},
        user("A tank holds 30 litres and loses 5 each hour. How many hours until it is empty?\n\nStep by step:"),
    ]
    steps = text_of(messages, model="gpt-4o", temperature=0.3, max_tokens=32)
    contains(steps, "tank", "hour", "step")


def check_most_common_answer():
    """Self-consistency: several warm answers, and a vote."""
    question = [user("What is 3 + 4? Answer with the number alone.")]
    answers = [text_of(question, model="gpt-4o", temperature=0.7, max_tokens=4).strip(" .") for _ in range(3)]
    together = client.chat.completions.create(model="gpt-4o", messages=question, n=2, temperature=0.7, max_tokens=4)
    answers += [c.message.content.strip(" .") for c in together.choices]
    winner, votes = collections.Counter(answers).most_common(1)[0]
    contains(winner, "7")
    assert votes >= 2, answers


def check_refining():
    """An answer goes back with the wish for a better one."""
    text = ""
    for turn in range(3):
        wish = "Say what a lighthouse is for." if turn == 0 else f"Say this in fewer words:\n\n{text}"
        text = text_of([user(wish)], model="gpt-4o", max_tokens=24)
        assert text.strip(), f"turn {turn} brought nothing"


def check_extraction():
    prompt = "Take name, phone and company out of the text, as JSON.\n\nText: Ask Jon Beck of Rivet Ltd, 555-0100."
    data = json.loads(text_of([user(prompt)], response_format={"type": "json_object"}, temperature=0))
    contains(json.dumps(data), "555-0100")


def check_many_prompts_one_after_another():
    async def all_of(prompts, pause):
        client, results = AsyncOpenAI(), []
        for prompt in prompts:
            answer = await client.chat.completions.create(model="gpt-4o-mini", messages=[user(prompt)], max_tokens=3)
            results.append(answer.choices[0].message.content)
            await asyncio.sleep(pause)
        return results

    results = asyncio.run(all_of(["Say red.", "Say blue."], 0.01))
    assert len(results) == 2 and all(results), results


class Cache:
    """Answers by the hash of what was asked; the oldest goes first."""

    def __init__(self, size):
        self.kept, self.size, self.hits = {}, size, 0

    def ask(self, messages, **options):
        key = hashlib.sha256(json.dumps([messages, options], sort_keys=True).encode()).hexdigest()
        if key in self.kept:
            self.hits += 1
            return self.kept[key]
        if len(self.kept) >= self.size:
            self.kept.pop(next(iter(self.kept)))
        self.kept[key] = client.chat.completions.create(messages=messages, **options)
        return self.kept[key]


def check_cache_of_the_caller():
    cache = Cache(size=2)
    first = cache.ask([user("Say one.")], model="gpt-4o-mini", max_tokens=2)
    assert cache.ask([user("Say one.")], model="gpt-4o-mini", max_tokens=2) is first
    equal(cache.hits, 1)
    assert cache.ask([user("Say one.")], model="gpt-4o-mini", max_tokens=1).id != first.id


def check_cache_by_meaning():
    def vector(text):
        return client.embeddings.create(input=[text.replace("\n", " ")], model="text-embedding-ada-002").data[0].embedding

    known = vector("How do I cook rice?")
    assert cosine(known, vector("What is the way to cook rice?")) > 0.8
    assert cosine(known, vector("Who won the chess game?")) < 0.4


@dataclasses.dataclass
class Settings:
    """What a deployment sets in its environment."""

    api_key: str
    model: str = "gpt-4o-mini"
    temperature: float = 0.7
    max_tokens: int = 1000
    timeout: int = 30
    max_retries: int = 3

    @classmethod
    def read(cls):
        return cls(
            api_key=os.getenv("OPENAI_API_KEY", ""),
            model=os.getenv("APP_MODEL", "gpt-4o-mini"),
            temperature=float(os.getenv("APP_TEMPERATURE", "0.7")),
            max_tokens=int(os.getenv("APP_MAX_TOKENS", "4")),
        )


def check_settings_from_the_environment():
    settings = Settings.read()
    own = OpenAI(api_key=settings.api_key, timeout=settings.timeout, max_retries=settings.max_retries)
    answer = own.chat.completions.create(
        model=settings.model,
        messages=[user("Say yes.")],
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
    )
    assert answer.usage.completion_tokens <= settings.max_tokens, answer.usage


class Question(BaseModel):
    """What a caller lets through to the API."""

    text: str = Field(min_length=1, max_length=200)
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=4, ge=1, le=100)


def check_input_validated_by_the_caller():
    raises(ValidationError, lambda: Question(text=""))
    q = Question(text="Say yes.", temperature=0.8)
    assert text_of([user(q.text)], temperature=q.temperature, max_tokens=q.max_tokens)


def check_logging_around_a_call():
    lines = []
    log = logging.getLogger("e2e")
    log.setLevel(logging.INFO)
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log.addHandler(handler)
    began = time.monotonic()
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=[user("Say yes.")], max_tokens=3)
    log.info("model=%s tokens=%d seconds=%.2f", answer.model, answer.usage.total_tokens, time.monotonic() - began)
    assert lines[0].startswith("model=gpt-4o-mini tokens="), lines


def check_history_within_a_budget():
    """The oldest turns are dropped, the system message stays."""

    def shorten(messages, words):
        rules, turns = messages[:1], messages[1:]
        while sum(len(m["content"].split()) for m in rules + turns) > words and len(turns) > 1:
            turns.pop(0)
        return rules + turns

    messages, sizes = [{"role": "system", "content": "You are brief."}], []
    for i in range(4):
        messages.append(user(f"Item {i}: " + "word " * 20))
        messages = shorten(messages, 50)
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages, max_tokens=2)
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
        sizes.append(answer.usage.prompt_tokens)
    assert max(sizes) < sizes[0] * 4, f"the prompt grew without bound: {sizes}"
    equal(messages[0]["role"], "system")


def check_model_by_task():
    for task, model in [("sort", "gpt-4o-mini"), ("reason", "gpt-4o"), ("write", "gpt-4-turbo")]:
        answer = client.chat.completions.create(model=model, messages=[user(f"Say {task}.")], max_tokens=2)
        equal(answer.model, model)


def check_cost_by_usage():
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=[user("Say yes.")], max_tokens=3)
    adds_up(answer.usage)
    cost = (answer.usage.prompt_tokens * 0.15 + answer.usage.completion_tokens * 0.6) / 1e6
    assert 0 < cost < 0.001, cost


def check_from_completion_to_chat():
    """The same short task on the older and the newer endpoint."""
    older = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Good morning in French is:", max_tokens=6)
    newer = text_of([user("How do you say good morning in French?")], max_tokens=16)
    assert older.choices[0].text and newer, (older, newer)


if __name__ == "__main__":
    run(globals())
