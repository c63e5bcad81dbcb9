// The official openai package on Node, with undici's fetch (the one that Node has built in) and an Agent of undici that
// trusts the authority, as its README shows. An Agent opens as many connections as there are requests.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import OpenAI from 'openai';
import { Agent, fetch as undiciFetch } from 'undici';

const text = { type: 'string' };
const { values: options } = parseArgs({
  options: { scenario: text, url: text, ca: text, requests: text, http2: { type: 'boolean' },
             concurrency: { ...text, default: '64' }, waves: { ...text, default: '1' },
             chunks: { ...text, default: '200' } },
});
const requests = Number(options.requests);
const chunks = Number(options.chunks);

const ca = readFileSync(options.ca, 'utf8');

/** A client with connections of its own, and a way to close them. */
function connect() {
  const dispatcher = new Agent({ connect: { ca, timeout: 600_000 }, allowH2: options.http2 === true });
  const openai = new OpenAI({
    baseURL: options.url, apiKey: 'sk-mock', maxRetries: 0, fetch: undiciFetch, fetchOptions: { dispatcher },
  });
  return { openai, close: () => dispatcher.close() };
}

const tally = { ok: 0, failed: 0, latencies: [] };

/** Throws unless the answer is right. */
async function ask({ openai }, prompt) {
  const completion = await openai.chat.completions.create({
    model: 'mock-model', messages: [{ role: 'user', content: prompt }],
  });
  const answer = completion.choices[0].message.content;
  if (answer !== `echo: ${prompt}`) throw new Error(`the answer to "${prompt}" is "${answer}"`);
}

/** Throws unless the stream is whole: the mock server repeats its echo until it has sent all chunks. */
async function readStream({ openai }, prompt) {
  const stream = await openai.chat.completions.create({
    model: 'mock-model', messages: [{ role: 'user', content: prompt }], stream: true,
  });
  let answer = '';
  let pieces = 0;
  let finishReason = null;
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    if (choice.delta.content) {
      answer += choice.delta.content;
      pieces += 1;
    }
    finishReason = choice.finish_reason ?? finishReason;
  }
  if (pieces !== chunks || finishReason !== 'stop') {
    throw new Error(`a stream of ${pieces} chunks that ended with "${finishReason}"`);
  }
  const echo = `echo: ${prompt} `;
  if (!echo.repeat(Math.ceil(answer.length / echo.length)).startsWith(answer)) {
    throw new Error(`the stream for "${prompt}" brought "${answer.slice(0, 100)}"`);
  }
}

async function send(client, index, exchange = ask) {
  const started = performance.now();
  try {
    await exchange(client, `Question number ${index}`);
    tally.ok += 1;
    tally.latencies.push(performance.now() - started);
  } catch (problem) {
    tally.failed += 1;
    if (tally.failed <= 5) console.error('failed:', problem.message, problem.cause?.message ?? '');
  }
}

function stopwatch() {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  return {
    wallMs: () => performance.now() - wall,
    cpuUs: () => { const used = process.cpuUsage(cpu); return used.user + used.system; },
  };
}

const memoryKb = (name) => Number(readFileSync('/proc/self/status', 'utf8').match(`${name}:\\s*(\\d+)`)[1]);
const median = (samples) => samples.sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;

/** Makes all exchanges, as many at once as wanted, and gives the stopwatch that ran meanwhile. */
async function keepBusy(concurrency, exchange) {
  const client = connect();
  let next = 0;
  const worker = async () => { while (next < requests) await send(client, next++, exchange); };
  const all = stopwatch();
  await Promise.all(Array.from({ length: concurrency }, worker));
  return all;
}

async function throughput() {
  const concurrency = Number(options.concurrency);
  const all = await keepBusy(concurrency, ask);
  const wallS = all.wallMs() / 1000;
  return { concurrency, wall_s: wallS, requests_per_s: tally.ok / wallS, cpu_us_per_request: all.cpuUs() / requests };
}

async function stream() {
  const concurrency = Number(options.concurrency);
  const all = await keepBusy(concurrency, readStream);
  const wallS = all.wallMs() / 1000;
  return {
    concurrency, wall_s: wallS, chunks_per_s: tally.ok * chunks / wallS,
    cpu_us_per_chunk: all.cpuUs() / requests / chunks,
  };
}

async function fanout() {
  const client = connect();
  const waves = Number(options.waves);
  const walls = [];
  const kbBefore = memoryKb('VmRSS');
  const all = stopwatch();
  for (let wave = 0; wave < waves; ++wave) {
    const one = stopwatch();
    await Promise.all(Array.from({ length: requests }, (_, i) => send(client, wave * requests + i)));
    walls.push(one.wallMs() / 1000);
  }
  return {
    waves, wall_s: walls[0], wall_s_warm: walls.at(-1), cpu_us_per_request: all.cpuUs() / requests / waves,
    rss_kb_per_in_flight: (memoryKb('VmHWM') - kbBefore) / requests,
  };
}

async function reuse() {
  const inSequence = async (sendOne) => {
    const latencies = [];
    const all = stopwatch();
    for (let index = 0; index < requests; ++index) {
      const one = stopwatch();
      await sendOne(index);
      latencies.push(one.wallMs());
    }
    return [median(latencies), all.cpuUs() / requests];
  };
  const client = connect();
  const [keptMs, keptUs] = await inSequence((index) => send(client, index));
  const [newMs, newUs] = await inSequence(async (index) => {
    const once = connect();
    await send(once, index);
    await once.close();
  });
  return { latency_ms_kept: keptMs, latency_ms_new: newMs, cpu_us_kept: keptUs, cpu_us_new: newUs };
}

const figures = await { throughput, fanout, reuse, stream }[options.scenario]();
tally.latencies.sort((a, b) => a - b);
const rank = (share) => tally.latencies[Math.floor(tally.latencies.length * share)] ?? 0;
console.log(JSON.stringify({
  requests, ok: tally.ok, failed: tally.failed, p50_ms: rank(0.5), p99_ms: rank(0.99), ...figures,
}));
process.exit();
