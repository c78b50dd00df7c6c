"""Records what all-MiniLM-L6-v2 answers in plain float arithmetic, for the test of the converted model.

Usage: python3 record.py FOLDER > vectors.json
FOLDER holds the publisher's model.safetensors and vocab.txt. Needs numpy and nothing else.
"""

import json
import struct
import sys
import unicodedata

import numpy as np

TEXTS = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Où est la bibliothèque, s'il vous plaît ? Le café est fermé à Noël.",
    "Ångström, naïve coöperation, Łódź, São Paulo and Škoda!",
    "東京は日本の首都です。",
    "机器学习改变世界, 2026年.",
    "def add(a, b):\n    return a + b  # unbelievably straightforward",
    "Привет, как дела?",
    "x",
]


def load(path):
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[e["data_offsets"][0] : e["data_offsets"][1]], "<f4").reshape(e["shape"]).astype(np.float64)
        for name, e in header.items()
        if e["dtype"] == "F32"
    }


def is_cjk(c):
    c = ord(c)
    return any(lo <= c <= hi for lo, hi in [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0xF900, 0xFAFF)])


def is_punctuation(c):
    return (c.isascii() and c.isprintable() and not c.isalnum() and c != " ") or unicodedata.category(c).startswith("P")


def words(text):
    """Lower case without accents, cut at spaces, at punctuation and around every CJK character."""
    out, word = [], ""
    for c in unicodedata.normalize("NFD", text.lower()):
        if unicodedata.category(c) == "Mn":
            continue
        if c.isspace() or is_punctuation(c) or is_cjk(c):
            out += [word] if word else []
            out += [] if c.isspace() else [c]
            word = ""
        else:
            word += c
    return out + ([word] if word else [])


def pieces(word, vocab):
    """The longest known beginning, then the longest known continuation, and so on."""
    out, start = [], 0
    while start < len(word):
        end = len(word)
        while end > start and ("##" if start else "") + word[start:end] not in vocab:
            end -= 1
        if end == start:
            return ["[UNK]"]
        out.append(("##" if start else "") + word[start:end])
        start = end
    return out


def norm(x, w, name):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * w[name + ".weight"] + w[name + ".bias"]


def dense(x, w, name):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def erf(x):
    """By its series, which converges fast enough for the values that occur."""
    x = np.clip(x, -5, 5)
    total, term = x.copy(), x.copy()
    for n in range(1, 120):
        term = -term * x * x / n
        total += term / (2 * n + 1)
    return total * 2 / np.sqrt(np.pi)


def embed(ids, w, layers=6, heads=12):
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm")
    for i in range(layers):
        p = f"encoder.layer.{i}."
        q, k, v = (
            dense(x, w, p + "attention.self." + n).reshape(len(ids), heads, -1).transpose(1, 0, 2) for n in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        mixed = mixed.transpose(1, 0, 2).reshape(len(ids), -1)
        x = norm(x + dense(mixed, w, p + "attention.output.dense"), w, p + "attention.output.LayerNorm")
        h = dense(x, w, p + "intermediate.dense")
        h = h * (1 + erf(h / np.sqrt(2))) / 2
        x = norm(x + dense(h, w, p + "output.dense"), w, p + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def main(folder):
    with open(folder + "/vocab.txt", encoding="utf-8") as f:
        vocab = {t: i for i, t in enumerate(f.read().split("\n"))}
    w = load(folder + "/model.safetensors")
    rows = []
    for text in TEXTS:
        tokens = ["[CLS]"] + [p for word in words(text) for p in pieces(word, vocab)] + ["[SEP]"]
        ids = [vocab[t] for t in tokens]
        rows.append({"text": text, "tokens": ids, "vector": [round(float(v), 6) for v in embed(ids, w)]})
    print("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]")


main(sys.argv[1])
