// Chat: plain, streamed, by the SDK's helpers, and answers by a schema. For openai 7.x.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { LengthFinishReasonError } from 'openai/error';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { addsUp, contains, raises, run } from './check.mjs';

const client = new OpenAI();
const GREEDY = { temperature: 0, seed: 11 };
const QUESTION = [{ role: 'user', content: 'Name the capitals of France, Italy and Japan, in that order.' }];

// An answer that leaves no doubt at any token, so that two runs of it are alike.
const COUNT = 'Count from 1 to 9 in digits, separated by commas, nothing else.';

const chat = (messages, options = {}) =>
  client.chat.completions.create({
    model: 'gpt-4o-mini',
    messages: typeof messages === 'string' ? [{ role: 'user', content: messages }] : messages,
    ...options,
  });

const Line = z.object({
  start: z.object({ x: z.number().int(), y: z.number().int() }),
  end: z.object({ x: z.number().int(), y: z.number().int() }),
});

await run({
  async first_answer() {
    const before = Date.now() / 1000;
    const answer = await client.chat.completions.create({
      model: 'gpt-4',
      messages: [
        { role: 'system', content: 'You answer questions about geography in one sentence.' },
        { role: 'user', content: 'Name the capital of Italy.' },
      ],
      temperature: 0.7,
      max_tokens: 100,
    });
    contains(answer.choices[0].message.content, 'Rome');
    assert.deepEqual(
      [answer.object, answer.model, answer.choices.length, answer.choices[0].finish_reason],
      ['chat.completion', 'gpt-4', 1, 'stop'],
    );
    assert.deepEqual([answer.choices[0].message.role, answer.choices[0].message.refusal], ['assistant', null]);
    assert.match(answer.id, /^chatcmpl-/);
    assert.match(answer._request_id, /^req_/);
    assert.match(answer.system_fingerprint, /^fp_/);
    assert.ok(answer.created >= before - 5 && answer.created <= Date.now() / 1000 + 5);
    addsUp(answer.usage);
  },

  async conversation() {
    const talk = [{ role: 'user', content: 'My parrot is called Bertram. Just say hello to him.' }];
    const first = await chat(talk, { max_tokens: 30, ...GREEDY });
    talk.push(first.choices[0].message, { role: 'user', content: 'What is my parrot called?' });
    const second = await chat(talk, { max_tokens: 20, ...GREEDY });
    contains(second.choices[0].message.content, 'Bertram');
    assert.ok(second.usage.prompt_tokens > first.usage.prompt_tokens);
  },

  async limits_and_stop() {
    for (const limit of ['max_tokens', 'max_completion_tokens']) {
      const answer = await chat(COUNT, { [limit]: 4, ...GREEDY });
      assert.equal(answer.choices[0].finish_reason, 'length');
      addsUp(answer.usage, 4);
    }
    const text = (await chat(COUNT, { max_tokens: 40, stop: ['6', 'zz'], ...GREEDY })).choices[0];
    assert.equal(text.finish_reason, 'stop');
    assert.ok(text.message.content.includes('5') && !text.message.content.includes('6'), text.message.content);
  },

  async several_answers() {
    const answer = await chat('Invent a name for a cat.', {
      n: 3,
      temperature: 1.6,
      top_p: 0.98,
      presence_penalty: 0.5,
      frequency_penalty: 0.5,
      max_tokens: 6,
      user: 'user-7',
    });
    assert.deepEqual(answer.choices.map((c) => c.index), [0, 1, 2]);
    assert.ok(new Set(answer.choices.map((c) => c.message.content)).size > 1);
    addsUp(answer.usage);
  },

  async seed() {
    const sample = async (seed) =>
      (await chat('Invent a name for a planet.', { temperature: 1.6, seed, max_tokens: 10 })).choices[0].message.content;
    assert.equal(await sample(5), await sample(5));
  },

  async logprobs() {
    const answer = await chat('Name the capital of France.', { logprobs: true, top_logprobs: 2, max_tokens: 4, ...GREEDY });
    const { content } = answer.choices[0].logprobs;
    assert.equal(content.map((t) => t.token).join(''), answer.choices[0].message.content);
    assert.equal(content.length, answer.usage.completion_tokens);
    for (const t of content) {
      assert.ok(t.logprob <= 0);
      assert.equal(t.top_logprobs.length, 2);
      assert.equal(t.top_logprobs[0].token, t.token);
    }
  },

  async logit_bias() {
    // The token " Paris" in the encoding of gpt-4o-mini, o200k_base.
    const answer = await chat('Name the capital of France.', { logit_bias: { 12650: 100 }, max_tokens: 3, ...GREEDY });
    assert.equal(answer.choices[0].message.content, ' Paris Paris Paris');
  },

  async stream() {
    const whole = (await chat(COUNT, { max_tokens: 30, ...GREEDY })).choices[0].message.content;
    const chunks = [];
    for await (const chunk of await chat(COUNT, { max_tokens: 30, stream: true, ...GREEDY })) chunks.push(chunk);
    assert.equal(chunks.map((c) => c.choices[0].delta.content ?? '').join(''), whole);
    assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '', refusal: null });
    assert.deepEqual(chunks.at(-1).choices[0].delta, {});
    assert.ok(['stop', 'length'].includes(chunks.at(-1).choices[0].finish_reason));
    assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
  },

  async stream_usage() {
    let last;
    const stream = await chat(QUESTION, { max_tokens: 3, stream: true, stream_options: { include_usage: true } });
    for await (const chunk of stream) last = chunk;
    assert.deepEqual(last.choices, []);
    addsUp(last.usage, 3);
  },

  async stream_left_early() {
    const stream = await chat('Tell a long story about a lighthouse.', { stream: true, max_tokens: 2000 });
    for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
    addsUp((await chat('Say yes.', { max_tokens: 2 })).usage);
  },

  async stream_aborted() {
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { model: 'gpt-4o-mini', messages: QUESTION, stream: true, max_tokens: 2000 },
      { signal: controller.signal },
    );
    let n = 0;
    for await (const _ of stream) if (++n === 2) controller.abort();
    assert.ok(n < 100);
  },

  async stream_helper() {
    const pieces = [];
    const runner = client.chat.completions.stream({ model: 'gpt-4o-mini', messages: QUESTION, max_tokens: 20, ...GREEDY });
    runner.on('content', (piece) => pieces.push(piece));
    const final = await runner.finalChatCompletion();
    assert.equal(await runner.finalContent(), pieces.join(''));
    assert.equal(final.choices[0].message.content, pieces.join(''));
  },

  async json_mode() {
    const answer = await chat('Give {"ok": true} back as JSON.', { response_format: { type: 'json_object' }, temperature: 0 });
    assert.equal(typeof JSON.parse(answer.choices[0].message.content), 'object');
    const error = await raises(OpenAI.BadRequestError, () => chat('Hello.', { response_format: { type: 'json_object' } }));
    assert.equal(error.param, 'messages');
  },

  async parse() {
    const answer = await client.chat.completions.parse({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'A line from (1, 2) to (3, 4).' }],
      response_format: zodResponseFormat(Line, 'line'),
      temperature: 0,
      max_tokens: 100,
    });
    assert.deepEqual(answer.choices[0].message.parsed, { start: { x: 1, y: 2 }, end: { x: 3, y: 4 } });
  },

  async parse_enums_lists_and_nulls() {
    const Review = z.object({
      mood: z.enum(['good', 'bad']),
      words: z.array(z.string()),
      reply: z.string().nullable(),
      paid: z.boolean(),
    });
    const answer = await client.chat.completions.parse({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: 'Sum up the review; at most two words, a short reply or none.' },
        { role: 'user', content: 'Lovely bread, friendly people, I paid gladly.' },
      ],
      response_format: zodResponseFormat(Review, 'review'),
      temperature: 0,
      max_tokens: 120,
    });
    const { mood, words, reply, paid } = Review.parse(answer.choices[0].message.parsed);
    assert.ok(mood && words && reply !== undefined && typeof paid === 'boolean');
  },

  async parse_streamed() {
    const runner = client.chat.completions.stream({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'A line from (1, 2) to (3, 4).' }],
      response_format: zodResponseFormat(Line, 'line'),
      temperature: 0,
      max_tokens: 100,
    });
    const final = await runner.finalChatCompletion();
    assert.deepEqual(final.choices[0].message.parsed, { start: { x: 1, y: 2 }, end: { x: 3, y: 4 } });
  },

  async parse_cut_short() {
    await raises(LengthFinishReasonError, () =>
      client.chat.completions.parse({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: 'A line from (1, 2) to (3, 4).' }],
        response_format: zodResponseFormat(Line, 'line'),
        max_tokens: 3,
      }),
    );
  },

  async headers() {
    const { data, response } = await client.chat.completions
      .create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Say yes.' }], max_tokens: 2 })
      .withResponse();
    assert.equal(response.headers.get('x-request-id'), data._request_id);
    assert.equal(response.headers.get('openai-version'), '2020-10-01');
    assert.ok(Number(response.headers.get('openai-processing-ms')) >= 0);
  },

  async several_at_once() {
    const cities = await Promise.all(
      ['France', 'Italy', 'Japan'].map(async (country) => {
        const answer = await chat(`Name the capital of ${country}.`, { max_tokens: 12, temperature: 0 });
        return answer.choices[0].message.content;
      }),
    );
    ['Paris', 'Rome', 'Tokyo'].forEach((want, i) => contains(cities[i], want));
  },
});
