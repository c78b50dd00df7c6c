// The calls and helpers of the older releases. For openai 4.x.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { addsUp, contains, cosine, raises, run } from './check.mjs';

const client = new OpenAI({ maxRetries: 0 });
const GREEDY = { temperature: 0, seed: 11 };
const QUESTION = [{ role: 'user', content: 'Count from 1 to 9 in digits, separated by commas, nothing else.' }];

await run({
  async chat() {
    const answer = await client.chat.completions.create({
      model: 'gpt-3.5-turbo',
      messages: [
        { role: 'system', content: 'You answer with one word.' },
        { role: 'user', content: 'Name the capital of Italy.' },
      ],
      temperature: 0.7,
      max_tokens: 100,
    });
    contains(answer.choices[0].message.content, 'Rome');
    assert.deepEqual([answer.model, answer.choices[0].finish_reason], ['gpt-3.5-turbo', 'stop']);
    addsUp(answer.usage);
  },

  async stream() {
    const options = { model: 'gpt-4o-mini', messages: QUESTION, max_tokens: 24, ...GREEDY };
    const whole = (await client.chat.completions.create(options)).choices[0].message.content;
    let text = '';
    for await (const chunk of await client.chat.completions.create({ ...options, stream: true })) {
      text += chunk.choices[0]?.delta?.content || '';
    }
    assert.equal(text, whole);
    const runner = client.beta.chat.completions.stream({ ...options, stream: true });
    assert.equal(await runner.finalContent(), whole);
  },

  async parse() {
    const Point = z.object({ x: z.number().int(), y: z.number().int() });
    const answer = await client.beta.chat.completions.parse({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: 'The point (1, 2).' }],
      response_format: zodResponseFormat(Point, 'point'),
      temperature: 0,
      max_tokens: 60,
    });
    assert.deepEqual(answer.choices[0].message.parsed, { x: 1, y: 2 });
  },

  async completion_embedding_model() {
    const answer = await client.completions.create({
      model: 'gpt-3.5-turbo-instruct',
      prompt: 'The capital of France is',
      max_tokens: 4,
      ...GREEDY,
    });
    contains(answer.choices[0].text, 'Paris');
    const { data } = await client.embeddings.create({
      model: 'text-embedding-ada-002',
      input: ['A dog sleeps by the fire.', 'A hound naps near the hearth.', 'The bank raised its interest rates.'],
    });
    const [first, close, far] = data.map((d) => d.embedding);
    assert.equal(first.length, 1536);
    assert.ok(cosine(first, close) > cosine(first, far) + 0.2);
    assert.equal((await client.models.retrieve('gpt-4')).id, 'gpt-4');
    assert.ok((await client.models.list()).data.length > 5);
  },

  async errors() {
    const stranger = new OpenAI({ apiKey: 'sk-wrong', maxRetries: 0 });
    const chat = (options, asked = client) =>
      asked.chat.completions.create({ model: 'gpt-4o-mini', messages: QUESTION, max_tokens: 2, ...options });
    await raises(OpenAI.AuthenticationError, () => chat({}, stranger));
    await raises(OpenAI.NotFoundError, () => chat({ model: 'gpt-nowhere' }));
    await raises(OpenAI.BadRequestError, () => chat({ temperature: 3 }));
    await raises(OpenAI.RateLimitError, () => chat({ model: 'tired' }));
    await raises(OpenAI.InternalServerError, () => chat({ model: 'broken' }));
  },
});
