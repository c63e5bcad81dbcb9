// async-openai on tokio's current-thread runtime, over reqwest with rustls; its retries left out.
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::Future;
use std::time::Instant;

use async_openai::types::chat::{
    ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequest, CreateChatCompletionRequestArgs, FinishReason,
};
use async_openai::{config::OpenAIConfig, middleware::ReqwestService, Client};
use clap::{Parser, ValueEnum};
use futures::{future::join_all, StreamExt};
use serde_json::{json, Value};

type Failure = Box<dyn Error>;

#[derive(Clone, ValueEnum)]
enum Scenario {
    Throughput,
    Fanout,
    Reuse,
    Stream,
}

#[derive(Parser)]
struct Options {
    #[arg(long)]
    scenario: Scenario,
    #[arg(long)]
    url: String,
    #[arg(long)]
    ca: String,
    #[arg(long)]
    requests: usize,
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    #[arg(long, default_value_t = 1)]
    waves: usize,
    #[arg(long, default_value_t = 200)]
    chunks: usize,
    #[arg(long)]
    http2: bool,
}

#[derive(Default)]
struct Tally {
    ok: Cell<usize>,
    failed: Cell<usize>,
    latencies_ms: RefCell<Vec<f64>>,
}

impl Options {
    fn connect(&self) -> Result<Client<OpenAIConfig>, Failure> {
        let authority = reqwest::Certificate::from_pem(&std::fs::read(&self.ca)?)?;
        let builder = reqwest::Client::builder().tls_certs_only([authority]);
        let http = if self.http2 { builder } else { builder.http1_only() }.build()?;
        let config = OpenAIConfig::new().with_api_base(&self.url).with_api_key("sk-mock");
        Ok(Client::build(http.clone(), config).with_http_service(ReqwestService::new(http)))
    }
}

fn question(prompt: &str) -> Result<CreateChatCompletionRequest, Failure> {
    let message = ChatCompletionRequestUserMessageArgs::default().content(prompt).build()?;
    Ok(CreateChatCompletionRequestArgs::default().model("mock-model").messages([message.into()]).build()?)
}

/// Fails unless the answer is right.
async fn ask(client: &Client<OpenAIConfig>, prompt: &str) -> Result<(), Failure> {
    let reply = client.chat().create(question(prompt)?).await?;
    let answer = reply.choices.first().and_then(|choice| choice.message.content.as_deref()).unwrap_or_default();
    if answer.strip_prefix("echo: ") != Some(prompt) {
        return Err(format!("the answer to \"{prompt}\" is \"{answer}\"").into());
    }
    Ok(())
}

/// Fails unless the stream is whole: the mock server repeats its echo until it has sent all chunks.
async fn read_stream(client: &Client<OpenAIConfig>, prompt: &str, chunks: usize) -> Result<(), Failure> {
    let mut stream = client.chat().create_stream(question(prompt)?).await?;
    let (mut answer, mut pieces, mut finish_reason) = (String::new(), 0, None);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let choice = chunk.choices.first().ok_or("a chunk without choices")?;
        if let Some(text) = choice.delta.content.as_deref().filter(|text| !text.is_empty()) {
            answer += text;
            pieces += 1;
        }
        finish_reason = choice.finish_reason.or(finish_reason);
    }
    if pieces != chunks || finish_reason != Some(FinishReason::Stop) {
        return Err(format!("a stream of {pieces} chunks that ended with {finish_reason:?}").into());
    }
    let echo = format!("echo: {prompt} ");
    if !echo.repeat(answer.len() / echo.len() + 1).starts_with(&answer) {
        let begin: String = answer.chars().take(100).collect();
        return Err(format!("the stream for \"{prompt}\" brought \"{begin}\"").into());
    }
    Ok(())
}

impl Tally {
    async fn send(&self, client: &Client<OpenAIConfig>, index: usize) {
        self.count(ask(client, &format!("Question number {index}"))).await
    }

    async fn count(&self, exchange: impl Future<Output = Result<(), Failure>>) {
        let started = Instant::now();
        match exchange.await {
            Ok(()) => {
                self.ok.set(self.ok.get() + 1);
                self.latencies_ms.borrow_mut().push(started.elapsed().as_secs_f64() * 1000.0);
            }
            Err(problem) => {
                self.failed.set(self.failed.get() + 1);
                if self.failed.get() <= 5 {
                    eprintln!("failed: {problem:?}");
                }
            }
        }
    }

    fn figures(&self) -> Value {
        let samples = &mut *self.latencies_ms.borrow_mut();
        json!({"ok": self.ok, "failed": self.failed, "p50_ms": rank(samples, 0.5), "p99_ms": rank(samples, 0.99)})
    }
}

fn rank(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get((samples.len() as f64 * share) as usize).copied().unwrap_or(0.0)
}

fn cpu_us() -> f64 {
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut used) };
    let microseconds = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
    microseconds(used.ru_utime) + microseconds(used.ru_stime)
}

fn memory_kb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// Makes all exchanges, as many at once as wanted, and gives the seconds and the CPU time that they took.
async fn keep_busy(
    options: &Options,
    exchange: impl AsyncFn(&Client<OpenAIConfig>, usize),
) -> Result<(f64, f64), Failure> {
    let client = options.connect()?;
    let next = Cell::new(0);
    let worker = || async {
        while next.get() < options.requests {
            let index = next.replace(next.get() + 1);
            exchange(&client, index).await;
        }
    };
    let (wall, cpu) = (Instant::now(), cpu_us());
    join_all((0..options.concurrency).map(|_| worker())).await;
    Ok((wall.elapsed().as_secs_f64(), cpu_us() - cpu))
}

async fn throughput(options: &Options, tally: &Tally) -> Result<Value, Failure> {
    let (wall_s, cpu_us) = keep_busy(options, async |client, index| tally.send(client, index).await).await?;
    Ok(json!({"concurrency": options.concurrency, "wall_s": wall_s, "requests_per_s": tally.ok.get() as f64 / wall_s,
              "cpu_us_per_request": cpu_us / options.requests as f64}))
}

async fn stream(options: &Options, tally: &Tally) -> Result<Value, Failure> {
    let chunks = options.chunks;
    let read = async |client: &Client<OpenAIConfig>, index: usize| {
        tally.count(read_stream(client, &format!("Question number {index}"), chunks)).await
    };
    let (wall_s, cpu_us) = keep_busy(options, read).await?;
    Ok(json!({"concurrency": options.concurrency, "wall_s": wall_s,
              "chunks_per_s": (tally.ok.get() * chunks) as f64 / wall_s,
              "cpu_us_per_chunk": cpu_us / options.requests as f64 / chunks as f64}))
}

async fn fanout(options: &Options, tally: &Tally) -> Result<Value, Failure> {
    let client = options.connect()?;
    let mut walls = Vec::new();
    let (kb_before, cpu) = (memory_kb("VmRSS:"), cpu_us());
    for wave in 0..options.waves {
        let one = Instant::now();
        join_all((0..options.requests).map(|i| tally.send(&client, wave * options.requests + i))).await;
        walls.push(one.elapsed().as_secs_f64());
    }
    let sent = options.requests as f64;
    Ok(json!({"waves": options.waves, "wall_s": walls.first(), "wall_s_warm": walls.last(),
              "cpu_us_per_request": (cpu_us() - cpu) / sent / options.waves as f64,
              "rss_kb_per_in_flight": (memory_kb("VmHWM:") - kb_before) / sent}))
}

async fn reuse(options: &Options, tally: &Tally) -> Result<Value, Failure> {
    let kept = options.connect()?;
    let (mut cost, sent) = (Vec::new(), options.requests as f64);
    for renew in [false, true] {
        let (mut latencies_ms, cpu) = (Vec::new(), cpu_us());
        for index in 0..options.requests {
            let one = Instant::now();
            if renew {
                tally.send(&options.connect()?, index).await
            } else {
                tally.send(&kept, index).await
            }
            latencies_ms.push(one.elapsed().as_secs_f64() * 1000.0);
        }
        cost.push((rank(&mut latencies_ms, 0.5), (cpu_us() - cpu) / sent));
    }
    Ok(json!({"latency_ms_kept": cost[0].0, "latency_ms_new": cost[1].0,
              "cpu_us_kept": cost[0].1, "cpu_us_new": cost[1].1}))
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let tally = Tally::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(async {
        match options.scenario {
            Scenario::Throughput => throughput(&options, &tally).await,
            Scenario::Fanout => fanout(&options, &tally).await,
            Scenario::Reuse => reuse(&options, &tally).await,
            Scenario::Stream => stream(&options, &tally).await,
        }
    })?;
    let mut figures = tally.figures();
    figures["requests"] = options.requests.into();
    figures.as_object_mut().unwrap().extend(measured.as_object().unwrap().clone());
    println!("{figures}");
    Ok(())
}
