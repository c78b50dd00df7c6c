// Runs the checks of a program and prints one JSON line for each, like check.py.
//
// A check is a function, named in the object that run is given. It fails by throwing. The exit status is 1 when any failed.

import assert from 'node:assert/strict';

export async function run(checks) {
  const wanted = process.argv.slice(2);
  for (const [name, check] of Object.entries(checks)) {
    if (wanted.length && !wanted.includes(name)) continue;
    const began = performance.now();
    const line = { check: name };
    try {
      await check();
    } catch (e) {
      process.exitCode = 1;
      const place = String(e.stack).split('\n').find((l) => l.includes('.mjs:') && !l.includes('check.mjs')) ?? '';
      line.error = `${place.trim()}\n${e.constructor.name}: ${e.message}`;
    }
    line.seconds = Math.round((performance.now() - began) / 10) / 100;
    console.log(JSON.stringify(line));
  }
}

// Fails unless text, in any case, has word in it.
export function contains(text, word) {
  assert.ok(text.toLowerCase().includes(word.toLowerCase()), `no ${word} in ${JSON.stringify(text)}`);
}

// Awaits the promise that call returns, which must reject with a kind, and returns that.
export async function raises(kind, call) {
  let got;
  try {
    got = await call();
  } catch (e) {
    assert.ok(e instanceof kind, `threw ${e.constructor.name} (${e.message}), want ${kind.name}`);
    return e;
  }
  assert.fail(`threw nothing, want ${kind.name}; got ${JSON.stringify(got)}`);
}

// Fails unless usage counts a prompt and its sum is right, and its answer has completion tokens, if that is given.
export function addsUp(usage, completion) {
  assert.ok(usage.prompt_tokens > 0, JSON.stringify(usage));
  assert.equal(usage.prompt_tokens + usage.completion_tokens, usage.total_tokens);
  if (completion !== undefined) assert.equal(usage.completion_tokens, completion);
}

// The cosine of the angle between two vectors.
export function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
