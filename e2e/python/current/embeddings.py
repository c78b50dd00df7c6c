"""Embeddings and the list of models, plain and asynchronous. For openai 3.x and 1.x."""

import base64
import struct

import openai
from openai import AsyncOpenAI, OpenAI

from check import cosine, equal, raises, run

client = OpenAI()


def embed(text, model="text-embedding-3-small", **options):
    return client.embeddings.create(input=text, model=model, **options)


def norm(vector):
    return sum(x * x for x in vector) ** 0.5


def near(a, b):
    assert cosine(a, b) > 0.9999, f"cosine {cosine(a, b)}"


def check_lengths():
    for model, length in [
        ("text-embedding-ada-002", 1536),
        ("text-embedding-3-small", 1536),
        ("text-embedding-3-large", 3072),
    ]:
        answer = embed("A kettle sings.", model=model)
        equal((answer.object, answer.model), ("list", model))
        equal((answer.data[0].object, answer.data[0].index), ("embedding", 0))
        equal(len(answer.data[0].embedding), length, model)
        assert abs(norm(answer.data[0].embedding) - 1) < 1e-3, norm(answer.data[0].embedding)
        assert answer.usage.prompt_tokens > 2, answer.usage
        equal(answer.usage.prompt_tokens, answer.usage.total_tokens)


def check_meaning():
    texts = ["A dog sleeps by the fire.", "A hound naps near the hearth.", "The bank raised its interest rates."]
    first, close, far = (embed([t]).data[0].embedding for t in texts)
    assert cosine(first, close) > cosine(first, far) + 0.2, (cosine(first, close), cosine(first, far))


def check_list_keeps_its_order():
    texts = ["A green apple.", "A steam engine.", "A sad violin."]
    answer = embed(texts)
    equal([d.index for d in answer.data], [0, 1, 2])
    single = embed(texts[1])
    near(answer.data[1].embedding, single.data[0].embedding)
    assert answer.usage.prompt_tokens > single.usage.prompt_tokens, answer.usage


def check_formats():
    decoded = embed("Salt and pepper.").data[0].embedding  # the SDK asks for base64 and decodes it
    floats = embed("Salt and pepper.", encoding_format="float").data[0].embedding
    packed = embed("Salt and pepper.", encoding_format="base64").data[0].embedding
    assert isinstance(packed, str), type(packed)
    unpacked = struct.unpack(f"<{len(decoded)}f", base64.b64decode(packed))
    assert max(abs(a - b) for a, b in zip(decoded, floats)) < 1e-6
    assert max(abs(a - b) for a, b in zip(unpacked, floats)) < 1e-6


def check_tokens():
    text = embed("Hello world", model="text-embedding-ada-002").data[0].embedding
    near(embed([9906, 1917], model="text-embedding-ada-002").data[0].embedding, text)
    lists = embed([[9906, 1917], [9906]], model="text-embedding-ada-002").data
    equal([d.index for d in lists], [0, 1])
    near(lists[0].embedding, text)


def check_dimensions():
    whole = embed("A quiet harbour.").data[0].embedding
    for length in (256, 512):
        short = embed("A quiet harbour.", dimensions=length).data[0].embedding
        equal(len(short), length)
        assert abs(norm(short) - 1) < 1e-3, norm(short)
        near(short, whole[:length])
    error = raises(openai.BadRequestError, lambda: embed("A harbour.", model="text-embedding-ada-002", dimensions=256))
    assert "dimensions" in error.message, error.message


def check_line_breaks_and_other_writing():
    answer = embed(["two\nlines", "Größe und Maß", "東京の天気"])
    equal(len(answer.data), 3)
    assert all(abs(norm(d.embedding) - 1) < 1e-3 for d in answer.data)


def check_refused_input():
    for text in ["", [], ["fine", ""], ["x"] * 2049]:
        error = raises(openai.BadRequestError, lambda: embed(text))
        equal(error.type, "invalid_request_error")


async def check_async():
    answer = await AsyncOpenAI().embeddings.create(model="text-embedding-3-small", input=["one", "two"], user="user-7")
    equal([len(d.embedding) for d in answer.data], [1536, 1536])


NAMES = [
    "gpt-4o-mini",
    "gpt-4o",
    "gpt-4",
    "gpt-4-turbo",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-instruct",
    "text-davinci-003",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
]


def check_models():
    models = client.models.list()
    ids = [m.id for m in models.data]
    equal(len(ids), len(set(ids)), "one name twice")
    for name in NAMES:
        assert name in ids, f"{name} is not among {ids}"
    assert ids == [m.id for m in models], "iterating gives another list"
    for m in models.data:
        equal((m.object, type(m.created), type(m.owned_by)), ("model", int, str), m.id)


def check_one_model():
    for name in NAMES:
        model = client.models.retrieve(name)
        equal((model.id, model.object), (name, "model"))
    error = raises(openai.NotFoundError, lambda: client.models.retrieve("gpt-nowhere"))
    equal(error.code, "model_not_found")


async def check_models_async():
    client = AsyncOpenAI()
    ids = [m.id async for m in client.models.list()]
    assert "gpt-4o-mini" in ids, ids
    equal((await client.models.retrieve("gpt-4o")).id, "gpt-4o")


if __name__ == "__main__":
    run(globals())
