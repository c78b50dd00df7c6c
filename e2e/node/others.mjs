// Completions, embeddings, models and errors. For openai 7.x.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { addsUp, contains, cosine, raises, run } from './check.mjs';

const client = new OpenAI({ maxRetries: 0 });
const GREEDY = { temperature: 0, seed: 11 };
const INSTRUCT = 'gpt-3.5-turbo-instruct';

const chat = (options = {}, asked = client) =>
  asked.chat.completions.create({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Hello.' }],
    max_tokens: 2,
    ...options,
  });

await run({
  async completion() {
    const answer = await client.completions.create({
      model: INSTRUCT,
      prompt: 'The capital of France is',
      max_tokens: 4,
      logprobs: 2,
      ...GREEDY,
    });
    assert.deepEqual([answer.object, answer.model], ['text_completion', INSTRUCT]);
    contains(answer.choices[0].text, 'Paris');
    assert.equal(answer.choices[0].logprobs.tokens.join(''), answer.choices[0].text);
    assert.ok(answer.choices[0].logprobs.token_logprobs.every((p) => p <= 0));
    addsUp(answer.usage);
  },

  async completion_of_lists_and_tokens() {
    const texts = await client.completions.create({
      model: INSTRUCT,
      prompt: ['The capital of France is', 'The capital of Italy is'],
      max_tokens: 3,
      ...GREEDY,
    });
    contains(texts.choices[0].text, 'Paris');
    contains(texts.choices[1].text, 'Rome');
    // "One, two, three," in cl100k_base, the encoding of this model.
    const tokens = await client.completions.create({ model: INSTRUCT, prompt: [4054, 11, 1403, 11, 2380, 11], max_tokens: 5, ...GREEDY });
    const words = await client.completions.create({ model: INSTRUCT, prompt: 'One, two, three,', max_tokens: 5, ...GREEDY });
    assert.equal(tokens.choices[0].text, words.choices[0].text);
  },

  async completion_echo_suffix_best_of() {
    const echoed = await client.completions.create({ model: INSTRUCT, prompt: 'One, two,', echo: true, max_tokens: 2, ...GREEDY });
    assert.ok(echoed.choices[0].text.startsWith('One, two,'), echoed.choices[0].text);
    const filled = await client.completions.create({
      model: INSTRUCT,
      prompt: 'def add(a, b):\n    return ',
      suffix: '\n\nprint(add(1, 2))\n',
      max_tokens: 6,
      ...GREEDY,
    });
    contains(filled.choices[0].text, 'a + b');
    const best = await client.completions.create({ model: INSTRUCT, prompt: 'My cat is called', best_of: 2, max_tokens: 3 });
    assert.equal(best.choices.length, 1);
    addsUp(best.usage);
  },

  async completion_stream() {
    const options = { model: INSTRUCT, prompt: 'One, two, three,', max_tokens: 6, stop: ['\n'], ...GREEDY };
    const whole = await client.completions.create(options);
    let text = '';
    for await (const chunk of await client.completions.create({ ...options, stream: true })) text += chunk.choices[0].text;
    assert.equal(text, whole.choices[0].text);
  },

  async embeddings() {
    for (const [model, length] of [
      ['text-embedding-ada-002', 1536],
      ['text-embedding-3-small', 1536],
      ['text-embedding-3-large', 3072],
    ]) {
      const answer = await client.embeddings.create({ model, input: 'A kettle sings.' });
      assert.equal(answer.data[0].embedding.length, length, model);
      assert.ok(Math.abs(cosine(answer.data[0].embedding, answer.data[0].embedding) - 1) < 1e-6);
      assert.equal(answer.usage.prompt_tokens, answer.usage.total_tokens);
    }
    const { data } = await client.embeddings.create({
      model: 'text-embedding-3-small',
      input: ['A dog sleeps by the fire.', 'A hound naps near the hearth.', 'The bank raised its interest rates.'],
    });
    const [first, close, far] = data.map((d) => d.embedding);
    assert.ok(cosine(first, close) > cosine(first, far) + 0.2);
  },

  async embedding_formats() {
    const ask = (options) =>
      client.embeddings.create({ model: 'text-embedding-3-small', input: 'Salt and pepper.', ...options });
    const decoded = (await ask({})).data[0].embedding; // the SDK asks for base64 and decodes it
    const floats = (await ask({ encoding_format: 'float' })).data[0].embedding;
    assert.ok(decoded.every((v, i) => Math.abs(v - floats[i]) < 1e-6));
    assert.equal(typeof (await ask({ encoding_format: 'base64' })).data[0].embedding, 'string');
    assert.equal((await ask({ dimensions: 256 })).data[0].embedding.length, 256);
    const tokens = await ask({ input: [9906, 1917] });
    const words = await ask({ input: 'Hello world' });
    assert.ok(cosine(tokens.data[0].embedding, words.data[0].embedding) > 0.9999);
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    for (const name of ['gpt-4o-mini', 'gpt-4', INSTRUCT, 'text-embedding-3-small']) {
      assert.ok(ids.includes(name), `${name} is not among ${ids}`);
      assert.equal((await client.models.retrieve(name)).id, name);
    }
    await raises(OpenAI.NotFoundError, () => client.models.retrieve('gpt-nowhere'));
  },

  async errors() {
    const stranger = new OpenAI({ apiKey: 'sk-wrong', maxRetries: 0 });
    for (const [kind, status, code, call] of [
      [OpenAI.AuthenticationError, 401, 'invalid_api_key', () => chat({}, stranger)],
      [OpenAI.NotFoundError, 404, 'model_not_found', () => chat({ model: 'gpt-nowhere' })],
      [OpenAI.RateLimitError, 429, 'rate_limit_exceeded', () => chat({ model: 'tired' })],
      [OpenAI.InternalServerError, 500, null, () => chat({ model: 'broken' })],
      [OpenAI.BadRequestError, 400, 'unknown_parameter', () => chat({ sparkle: 1 })],
    ]) {
      const error = await raises(kind, call);
      assert.deepEqual([error.status, error.code, error.constructor], [status, code, kind]);
      assert.match(error.requestID, /^req_/);
    }
    const error = await raises(OpenAI.BadRequestError, () => chat({ temperature: 3 }));
    assert.deepEqual([error.param, error.type], ['temperature', 'invalid_request_error']);
  },

  async error_in_a_stream() {
    let text = '';
    await raises(OpenAI.APIError, async () => {
      for await (const chunk of await chat({ model: 'sour', stream: true, max_tokens: 50 })) {
        text += chunk.choices[0].delta.content ?? '';
      }
    });
    assert.ok(text, 'nothing came before the error');
    await raises(OpenAI.BadRequestError, () => chat({ temperature: 3, stream: true }));
  },

  async timeout_and_connection() {
    const hurried = new OpenAI({ timeout: 20, maxRetries: 0 });
    await raises(OpenAI.APIConnectionTimeoutError, () => chat({ max_tokens: 1000 }, hurried));
    const nobody = new OpenAI({ baseURL: 'http://127.0.0.1:9/v1', maxRetries: 0 });
    await raises(OpenAI.APIConnectionError, () => chat({}, nobody));
  },
});
