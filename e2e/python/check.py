"""Runs the checks of a program and prints one JSON line for each.

A check is a function, plain or async, whose name begins with check_. It fails by raising. The line says its name, how long
it took and, when it failed, where and why; e2e_test.go turns it into a subtest. The program's exit status is 1 when any
check failed.
"""

import asyncio
import inspect
import json
import os
import sys
import time
import traceback

BASE_URL = os.environ["OPENAI_BASE_URL"]
API_KEY = os.environ["OPENAI_API_KEY"]


def run(program):
    """Runs the checks in program, the globals() of the caller, in the order in which they are written."""
    wanted = sys.argv[1:]
    failed = False
    for name, function in list(program.items()):
        if not name.startswith("check_") or (wanted and name[6:] not in wanted):
            continue
        began = time.monotonic()
        line = {"check": name[6:]}
        try:
            if inspect.iscoroutinefunction(function):
                asyncio.run(function())
            else:
                function()
        except Exception as e:  # whatever it is, it is reported and the next check runs
            failed = True
            line["error"] = explain(e)
        line["seconds"] = round(time.monotonic() - began, 2)
        print(json.dumps(line), flush=True)
    sys.exit(1 if failed else 0)


def explain(e):
    """Says which lines of the programs led to e, and what e says."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename.startswith(here)]
    where = [f"{os.path.basename(f.filename)}:{f.lineno}: {f.line}" for f in frames if f.name != "run"]
    return "\n".join(where + [f"{type(e).__name__}: {e}"])


def equal(got, want, what=""):
    """Fails, showing both, unless got is want."""
    assert got == want, f"{what + ': ' if what else ''}got {got!r}, want {want!r}"


def contains(text, *words):
    """Fails unless text, in any case, has one of words in it."""
    assert any(w.lower() in text.lower() for w in words), f"none of {words!r} in {text!r}"


def raises(kind, call):
    """Calls call, which must raise exactly a kind or a subclass of it, and returns what was raised."""
    try:
        got = call()
    except kind as e:
        return e
    except Exception as e:
        raise AssertionError(f"raised {type(e).__name__} ({e}), want {kind.__name__}") from e
    raise AssertionError(f"raised nothing, want {kind.__name__}; got {got!r}")


def adds_up(usage, completion=None):
    """Fails unless usage counts a prompt and its sum is right, and its answer has completion tokens, if that is given."""
    assert usage.prompt_tokens > 0, usage
    equal(usage.prompt_tokens + usage.completion_tokens, usage.total_tokens, "prompt and completion tokens together")
    if completion is not None:
        equal(usage.completion_tokens, completion, "completion tokens")


def cosine(a, b):
    """The cosine of the angle between two vectors."""
    dot = sum(x * y for x, y in zip(a, b))
    return dot / (sum(x * x for x in a) ** 0.5 * sum(y * y for y in b) ** 0.5)
